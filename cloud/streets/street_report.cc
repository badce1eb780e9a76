#include "cloud/streets/street_report.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cstdarg>
#include <cstdio>
#include <limits>

#include "cloud/streets/sumo_words.h"

namespace starling::cloud {
namespace {

[[gnu::format(printf, 2, 3)]] void Print(std::string* text, const char* format, ...) {
  char line[256];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line, sizeof(line), format, arguments);
  va_end(arguments);
  *text += line;
}

unsigned long long Wide(std::uint64_t count) { return count; }

// "name 3, other 1"
std::string List(const std::map<std::string, std::uint64_t>& counts) {
  std::string text;
  for (const auto& [name, count] : counts) text += (text.empty() ? "" : ", ") + name + " " + std::to_string(count);
  return text.empty() ? "none" : text;
}

boost::json::object ToObject(const std::map<std::string, std::uint64_t>& counts) {
  boost::json::object object;
  for (const auto& [name, count] : counts) object[name] = count;
  return object;
}

}  // namespace

StreetReport MakeStreetReport(const StreetNetwork& network) {
  StreetReport report;
  for (const StreetEdge& edge : network.edges()) {
    if (edge.function == EdgeFunction::kInternal) report.internal_lanes += edge.lane_count;
    if (edge.function != EdgeFunction::kNormal) continue;
    ++report.edges;
    report.bidi_edges += edge.bidi != kNone;
    report.lanes += edge.lane_count;
    for (const StreetLane& lane : network.lanes().subspan(edge.lane_first, edge.lane_count)) {
      report.lane_km += lane.length_m / 1000;
      if ((lane.allowed & kPassenger) == 0) continue;
      ++report.passenger_lanes;
      report.passenger_lane_km += lane.length_m / 1000;
    }
  }
  constexpr double kFar = std::numeric_limits<double>::infinity();
  report.south_west = {kFar, kFar};
  report.north_east = {-kFar, -kFar};
  for (LaneIndex lane = 0; lane < network.lanes().size(); ++lane) {
    for (const Vec2 point : network.shape(lane)) {
      report.south_west = {std::min(report.south_west.x, point.x), std::min(report.south_west.y, point.y)};
      report.north_east = {std::max(report.north_east.x, point.x), std::max(report.north_east.y, point.y)};
    }
  }
  for (const StreetConnection& connection : network.connections()) {
    const EdgeFunction from = network.edges()[network.lanes()[connection.from].edge].function;
    ++(from == EdgeFunction::kInternal ? report.internal_connections : report.connections);
    report.signal_links += connection.signal != kNone;
  }
  for (const StreetJunction& junction : network.junctions()) {
    if (junction.kind == JunctionKind::kInternal) continue;
    ++report.junctions;
    ++report.junctions_by_kind[std::string(WordFor(junction.kind))];
  }
  report.roundabouts = network.roundabouts().size();
  report.signals = network.signals().size();
  for (const StreetSignal& signal : network.signals()) {
    report.programmes += signal.programmes.size();
    report.phases += signal.in_force().phases.size();
    ++report.programmes_in_force[signal.in_force().id];
  }
  report.left_hand = network.left_hand();
  report.projection = network.projection();
  report.unsupported.assign(network.unsupported().begin(), network.unsupported().end());
  return report;
}

std::string StreetReport::ToText() const {
  std::string text;
  Print(&text, "edges          %llu", Wide(edges));
  if (bidi_edges > 0) Print(&text, "; %llu of them on the same ground as another one", Wide(bidi_edges));
  Print(&text, "\nlanes          %llu, %.3f lane-km; for cars %llu, %.3f lane-km\n", Wide(lanes), lane_km,
        Wide(passenger_lanes), passenger_lane_km);
  Print(&text, "in junctions   %llu lanes\n", Wide(internal_lanes));
  Print(&text, "connections    %llu, %llu within junctions\n", Wide(connections), Wide(internal_connections));
  Print(&text, "junctions      %llu: ", Wide(junctions));
  text += List(junctions_by_kind);
  Print(&text, "\nroundabouts    %llu\n", Wide(roundabouts));
  Print(&text, "signals        %llu for %llu connections; %llu programmes\n", Wide(signals), Wide(signal_links),
        Wide(programmes));
  if (signals > 0) {
    Print(&text, "  in force     %llu phases; ", Wide(phases));
    text += "signals by programme: " + List(programmes_in_force) + "\n";
  }
  Print(&text, "traffic        keeps %s\n", left_hand ? "left" : "right");
  text += "projection     " + (projection.proj.empty() ? "none" : projection.proj) + "\n";
  Print(&text, "  offset       %.2f, %.2f m\n", projection.offset.x, projection.offset.y);
  Print(&text, "extent         %.2f, %.2f to %.2f, %.2f m\n", south_west.x, south_west.y, north_east.x, north_east.y);
  if (unsupported.empty()) return text + "unsupported    nothing\n";
  text += "unsupported    (is in the file, and not taken over)\n";
  for (const Unsupported& thing : unsupported) {
    Print(&text, "%10llu  ", Wide(thing.count));
    text += thing.what + "\n";
  }
  return text;
}

std::string StreetReport::ToJson() const {
  boost::json::array skipped;
  for (const Unsupported& thing : unsupported) skipped.push_back({{"what", thing.what}, {"count", thing.count}});
  const boost::json::object json = {
      {"edges", edges},
      {"bidi_edges", bidi_edges},
      {"lanes", lanes},
      {"lane_km", lane_km},
      {"passenger_lanes", passenger_lanes},
      {"passenger_lane_km", passenger_lane_km},
      {"internal_lanes", internal_lanes},
      {"connections", connections},
      {"internal_connections", internal_connections},
      {"junctions", junctions},
      {"junctions_by_kind", ToObject(junctions_by_kind)},
      {"roundabouts", roundabouts},
      {"signals", signals},
      {"signal_links", signal_links},
      {"programmes", programmes},
      {"phases", phases},
      {"programmes_in_force", ToObject(programmes_in_force)},
      {"left_hand", left_hand},
      {"projection", {{"proj", projection.proj}, {"offset_m", {projection.offset.x, projection.offset.y}}}},
      {"extent_m", {south_west.x, south_west.y, north_east.x, north_east.y}},
      {"unsupported", skipped},
  };
  return boost::json::serialize(json) + "\n";
}

}  // namespace starling::cloud
