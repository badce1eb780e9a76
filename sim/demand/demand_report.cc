#include "sim/demand/demand_report.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cstdarg>
#include <cstdio>

#include "sim/demand/departure_stream.h"

namespace starling::sim {
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

std::vector<double> RouteLengths(const Demand& demand, const cloud::StreetNetwork& network) {
  std::vector<double> lengths_m(demand.routes.size());
  for (RouteIndex route = 0; route < demand.routes.size(); ++route) {
    for (const cloud::EdgeIndex edge : demand.edges(route)) {
      lengths_m[route] += network.lanes()[network.edges()[edge].lane_first].length_m;
    }
  }
  return lengths_m;
}

}  // namespace

DemandReport MakeDemandReport(const Demand& demand, const cloud::StreetNetwork& network,
                              const DemandReportConfig& config) {
  DemandReport report;
  report.vehicles = demand.departures.size();
  report.flows = demand.flows.size();
  report.types = demand.types.size();
  report.type_mixes = demand.type_mixes.size();
  report.routes = demand.routes.size();
  report.route_mixes = demand.route_mixes.size();
  report.stops = demand.stops.size();
  report.begin_s = config.begin_s;
  report.end_s = config.end_s;
  report.unsupported = demand.unsupported;

  const std::vector<double> lengths_m = RouteLengths(demand, network);
  std::vector<std::uint64_t> by_type(demand.types.size());
  DepartureStream stream(demand, config.seed);
  std::uint64_t looked_at = 0;
  while (const std::optional<Departing> next = stream.Next()) {
    if (next->time_s >= config.end_s) break;
    if (looked_at++ == config.departures_max) {
      report.more = true;
      break;
    }
    if (next->time_s < config.begin_s) continue;
    if (report.departures++ == 0) report.first_s = next->time_s;
    report.last_s = next->time_s;
    report.route_mean_m += lengths_m[next->route];
    report.edges_mean += demand.routes[next->route].edge_count;
    ++by_type[next->type];
  }
  const auto count = static_cast<double>(std::max<std::uint64_t>(report.departures, 1));
  report.route_mean_m /= count;
  report.edges_mean /= count;
  for (TypeIndex type = 0; type < by_type.size(); ++type) {
    if (by_type[type] > 0) report.departures_by_type[demand.types[type].id] = by_type[type];
  }
  return report;
}

std::string DemandReport::ToText() const {
  std::string text;
  Print(&text, "vehicles       %llu one by one; %llu flows\n", Wide(vehicles), Wide(flows));
  Print(&text, "types          %llu, %llu mixes of them\n", Wide(types), Wide(type_mixes));
  Print(&text, "routes         %llu, %llu mixes of them\n", Wide(routes), Wide(route_mixes));
  Print(&text, "stops          %llu\n", Wide(stops));
  Print(&text, "departures     %s%llu from %g s to before %g s", more ? "more than " : "", Wide(departures), begin_s,
        end_s);
  if (departures > 0) {
    Print(&text, "; the first at %.2f s, the last at %.2f s\n", first_s, last_s);
    Print(&text, "  route        %.1f m in the mean, %.2f edges\n", route_mean_m, edges_mean);
    text += "  by type      ";
    bool begun = false;
    for (const auto& [type, count] : departures_by_type) {
      text += (begun ? ", " : "") + type + " " + std::to_string(count);
      begun = true;
    }
  }
  text += '\n';
  if (unsupported.empty()) return text + "unsupported    nothing\n";
  text += "unsupported    (is in the files, and not taken over)\n";
  for (const cloud::Unsupported& thing : unsupported) {
    Print(&text, "%10llu  ", Wide(thing.count));
    text += thing.what + "\n";
  }
  return text;
}

std::string DemandReport::ToJson() const {
  boost::json::array skipped;
  for (const cloud::Unsupported& thing : unsupported) skipped.push_back({{"what", thing.what}, {"count", thing.count}});
  boost::json::object by_type;
  for (const auto& [type, count] : departures_by_type) by_type[type] = count;
  const boost::json::object json = {
      {"vehicles", vehicles},
      {"flows", flows},
      {"types", types},
      {"type_mixes", type_mixes},
      {"routes", routes},
      {"route_mixes", route_mixes},
      {"stops", stops},
      {"begin_s", begin_s},
      {"end_s", end_s},
      {"departures", departures},
      {"more", more},
      {"first_s", first_s},
      {"last_s", last_s},
      {"route_mean_m", route_mean_m},
      {"edges_mean", edges_mean},
      {"departures_by_type", by_type},
      {"unsupported", skipped},
  };
  return boost::json::serialize(json) + "\n";
}

}  // namespace starling::sim
