#include "sim/traffic/own_ways.h"

#include <algorithm>

#include "common/check.h"
#include "sim/city/router.h"

namespace starling::sim {
OwnWays::OwnWays(const City& city, const Demand& demand) : city_(city), demand_(demand) {
  StreetIndex streets = 0;
  for (const Lane& lane : city.lanes()) {
    if (lane.street != kNoStreet) streets = std::max(streets, lane.street + 1);
  }
  first_.assign(std::size_t{streets} + 1, 0);
  for (const Lane& lane : city.lanes()) {
    if (lane.street != kNoStreet) ++first_[lane.street + 1];
  }
  for (std::size_t i = 0; i < streets; ++i) first_[i + 1] += first_[i];
  lanes_.resize(first_.back());
  number_.resize(city.lanes().size());
  std::vector<std::uint32_t> at = first_;
  for (LaneIndex lane = 0; lane < city.lanes().size(); ++lane) {
    const StreetIndex street = city.lane(lane).street;
    if (street == kNoStreet) continue;
    number_[lane] = static_cast<std::uint8_t>(at[street] - first_[street]);
    lanes_[at[street]++] = lane;
  }
  effort_first_.reserve(demand.route_edges.size());
  std::uint64_t entries = 0;
  for (const cloud::EdgeIndex street : demand.route_edges) {
    effort_first_.push_back(entries);
    entries += LanesOf(street).size();
  }
  efforts_.resize(entries, kNever);
  for (RouteIndex route = 0; route < demand.routes.size(); ++route) FindEfforts(route);
}

std::span<const LaneIndex> OwnWays::LanesOf(StreetIndex street) const {
  if (street + std::size_t{1} >= first_.size()) return {};
  return {lanes_.data() + first_[street], first_[street + 1] - first_[street]};
}

bool OwnWays::IsDriven(RouteIndex route) const {
  if (StreetsOf(route).size() > kStreetsMax) return false;
  const std::uint64_t first = effort_first_[demand_.routes[route].edge_first];
  const std::size_t lanes = LanesOf(StreetsOf(route).front()).size();
  return std::any_of(efforts_.begin() + static_cast<std::ptrdiff_t>(first),
                     efforts_.begin() + static_cast<std::ptrdiff_t>(first + lanes),
                     [](float effort) { return effort < kNever; });
}

void OwnWays::FindEfforts(RouteIndex route) {
  const std::span<const StreetIndex> way = StreetsOf(route);
  const std::uint64_t first = demand_.routes[route].edge_first;
  for (std::size_t at = way.size(); at-- > 0;) {
    const std::span<const LaneIndex> lanes = LanesOf(way[at]);
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      float least = EffortFrom(route, at, lanes[i]);
      for (const auto beside : {&Lane::left, &Lane::right}) {
        float changes = 0;
        for (LaneIndex other = city_.lane(lanes[i]).*beside; other != kNoLane; other = city_.lane(other).*beside) {
          changes += static_cast<float>(LaneChangeS(city_.track(other).length_m));
          least = std::min(least, changes + EffortFrom(route, at, other));
        }
      }
      efforts_[effort_first_[first + at] + i] = least;
    }
  }
}

float OwnWays::EffortOn(std::uint64_t place, LaneIndex lane) const {
  return efforts_[effort_first_[place] + number_[lane]];
}

// Of one who stays on the lane.
float OwnWays::EffortFrom(RouteIndex route, std::size_t at, LaneIndex lane) const {
  const std::span<const StreetIndex> way = StreetsOf(route);
  if (at + 1 == way.size()) return 0;
  const Lane& from = city_.lane(lane);
  float least = kNever;
  for (std::uint32_t i = 0; i < from.connection_count; ++i) {
    const Connection& connection = city_.connection(from.connection_first + i);
    if (city_.lane(connection.to_lane).street != way[at + 1]) continue;
    // Before it ends one had better be in the lane beside it.
    const float joining = connection.joins ? 2 * static_cast<float>(LaneChangeS(city_.track(lane).length_m)) : 0;
    least = std::min(least, joining + EffortOn(demand_.routes[route].edge_first + at + 1, connection.to_lane));
  }
  return least;
}

ConnectionIndex OwnWays::Next(RouteIndex route, std::size_t at, LaneIndex lane) const {
  const std::span<const StreetIndex> way = StreetsOf(route);
  const Lane& from = city_.lane(lane);
  STARLING_CHECK(from.connection_count > 0);
  ConnectionIndex best = from.connection_first;
  if (at + 1 >= way.size()) return best;
  float least = 2 * kNever;
  for (std::uint32_t i = 0; i < from.connection_count; ++i) {
    const LaneIndex to = city_.connection(from.connection_first + i).to_lane;
    if (city_.lane(to).street != way[at + 1]) continue;
    const float effort = EffortOn(demand_.routes[route].edge_first + at + 1, to);
    if (effort >= least) continue;
    least = effort;
    best = from.connection_first + i;
  }
  return best;
}

LaneIndex OwnWays::Better(RouteIndex route, std::size_t at, LaneIndex lane) const {
  // Off the route there is no better lane.
  if (at + 1 >= StreetsOf(route).size() || city_.lane(lane).street != StreetsOf(route)[at]) return kNoLane;
  float least = EffortFrom(route, at, lane);
  LaneIndex better = kNoLane;
  for (const auto beside : {&Lane::left, &Lane::right}) {
    float changes = 0;
    for (LaneIndex other = city_.lane(lane).*beside; other != kNoLane; other = city_.lane(other).*beside) {
      changes += static_cast<float>(LaneChangeS(city_.track(other).length_m));
      const float effort = changes + EffortFrom(route, at, other);
      if (effort >= least) continue;
      least = effort;
      better = city_.lane(lane).*beside;
    }
  }
  return better;
}

}  // namespace starling::sim
