#include "sim/edge_data.h"

#include <cinttypes>
#include <cstdio>
#include <memory>

#include "sim/xml_attribute.h"

namespace starling::sim {
namespace {

constexpr int kBetweenMax = 3;

}  // namespace

EdgeData::EdgeData(const cloud::StreetNetwork& network, const StreetCity& streets, const Traffic& traffic)
    : network_(network), traffic_(traffic), edges_(network.edges().size()), places_(traffic.size()) {
  for (const cloud::LaneIndex lane : streets.lane_of) edge_of_.push_back(network.lanes()[lane].edge);
}

void EdgeData::AddStep() {
  until_ = traffic_.time();
  for (VehicleIndex vehicle = 0; vehicle < traffic_.size(); ++vehicle) {
    Place& place = places_[vehicle];
    const bool here = traffic_.OnRoad(vehicle);
    if (place.edge != kNowhere && (!here || traffic_.TripOf(vehicle) != place.trip)) {
      ++edges_[place.edge].arrived;
      place.edge = kNowhere;
    }
    if (!here) continue;
    const LaneIndex lane = traffic_.LaneOf(vehicle);
    if (lane != kNoLane && edge_of_[lane] != place.edge) {
      Edge& edge = edges_[edge_of_[lane]];
      if (place.edge == kNowhere) {
        ++edge.departed;
      } else {
        ++edges_[place.edge].left;
        for (const cloud::EdgeIndex passed : Between(place.edge, edge_of_[lane])) {
          ++edges_[passed].entered;
          ++edges_[passed].left;
        }
        ++edge.entered;
      }
      place = {traffic_.TripOf(vehicle), edge_of_[lane]};
    }
    if (place.edge == kNowhere) continue;
    ++edges_[place.edge].steps;
    edges_[place.edge].speed_sum_mps += traffic_.Truth(vehicle, traffic_.time()).speed_mps;
  }
}

const std::vector<cloud::EdgeIndex>& EdgeData::Between(cloud::EdgeIndex from, cloud::EdgeIndex to) {
  const auto [at, is_new] = between_.try_emplace({from, to});
  if (!is_new) return at->second;
  // The fewest streets; who strays farther within a step is no vehicle.
  std::map<cloud::EdgeIndex, cloud::EdgeIndex> came_from{{from, from}};
  std::vector<cloud::EdgeIndex> reached = {from};
  for (int hops = 0; hops < kBetweenMax + 1 && !came_from.contains(to); ++hops) {
    std::vector<cloud::EdgeIndex> next;
    for (const cloud::EdgeIndex edge : reached) {
      const cloud::StreetEdge& of = network_.edges()[edge];
      for (std::uint32_t i = 0; i < of.lane_count; ++i) {
        for (const cloud::StreetConnection& way : network_.ways_on(of.lane_first + i)) {
          const cloud::EdgeIndex onto = network_.lanes()[way.to].edge;
          if (came_from.try_emplace(onto, edge).second) next.push_back(onto);
        }
      }
    }
    reached = std::move(next);
  }
  if (!came_from.contains(to)) return at->second;
  for (cloud::EdgeIndex edge = came_from[to]; edge != from; edge = came_from[edge]) at->second.push_back(edge);
  return at->second;
}

Status EdgeData::WriteTo(const std::string& path) const {
  struct CloseFile {
    void operator()(std::FILE* file) const { (void)std::fclose(file); }
  };
  std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "w"));
  const Status failed(ErrorCode::kIoError, path + " cannot be written");
  if (file == nullptr) return failed;
  std::fprintf(file.get(), "<meandata>\n    <interval begin=\"0.00\" end=\"%.2f\" id=\"all\">\n", SecondsOf(until_));
  for (std::size_t i = 0; i < edges_.size(); ++i) {
    const Edge& edge = edges_[i];
    if (edge.steps + edge.entered == 0) continue;
    std::fprintf(file.get(),
                 "        <edge id=\"%s\" sampledSeconds=\"%.2f\" speed=\"%.2f\" departed=\"%" PRIu64 "\" arrived=\"%" PRIu64
                 "\" entered=\"%" PRIu64 "\" left=\"%" PRIu64 "\"/>\n",
                 XmlAttribute(network_.edges()[i].id).c_str(), 0.1 * static_cast<double>(edge.steps),
                 edge.steps > 0 ? edge.speed_sum_mps / static_cast<double>(edge.steps) : 0, edge.departed, edge.arrived, edge.entered, edge.left);
  }
  std::fputs("    </interval>\n</meandata>\n", file.get());
  const bool bad = std::ferror(file.get()) != 0;
  return std::fclose(file.release()) != 0 || bad ? failed : Status();
}

}  // namespace starling::sim
