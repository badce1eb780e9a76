#include "sim/traffic/own_ways.h"

#include <algorithm>

#include "common/check.h"

namespace starling::sim {

OwnWays::OwnWays(const City& city) : city_(city) {
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
  std::vector<std::uint32_t> at = first_;
  for (LaneIndex lane = 0; lane < city.lanes().size(); ++lane) {
    if (city.lane(lane).street != kNoStreet) lanes_[at[city.lane(lane).street]++] = lane;
  }
}

std::span<const LaneIndex> OwnWays::LanesOf(StreetIndex street) const {
  if (street + std::size_t{1} >= first_.size()) return {};
  return {lanes_.data() + first_[street], first_[street + 1] - first_[street]};
}

bool OwnWays::Leads(LaneIndex lane, StreetIndex next) const {
  const Lane& from = city_.lane(lane);
  for (std::uint32_t i = 0; i < from.connection_count; ++i) {
    if (city_.lane(city_.connection(from.connection_first + i).to_lane).street == next) return true;
  }
  return false;
}

// How many changes of lanes it takes to come from it to a lane that leads to `next`.
int OwnWays::ChangesBefore(LaneIndex lane, StreetIndex next) const {
  if (Leads(lane, next)) return 0;
  int least = kNever;
  for (const auto beside : {&Lane::left, &Lane::right}) {
    int changes = 1;
    for (LaneIndex other = city_.lane(lane).*beside; other != kNoLane; other = city_.lane(other).*beside) {
      if (Leads(other, next)) least = std::min(least, changes);
      ++changes;
    }
  }
  return least;
}

// The changes on the next street, of who comes there from this lane.
int OwnWays::Effort(std::span<const StreetIndex> way, std::size_t at, LaneIndex lane) const {
  const Lane& from = city_.lane(lane);
  int least = kNever;
  for (std::uint32_t i = 0; i < from.connection_count; ++i) {
    const LaneIndex to = city_.connection(from.connection_first + i).to_lane;
    if (city_.lane(to).street != way[at + 1]) continue;
    least = std::min(least, at + 2 < way.size() ? ChangesBefore(to, way[at + 2]) : 0);
  }
  return least;
}

ConnectionIndex OwnWays::Next(std::span<const StreetIndex> way, std::size_t at, LaneIndex lane) const {
  const Lane& from = city_.lane(lane);
  STARLING_CHECK(from.connection_count > 0);
  ConnectionIndex best = from.connection_first;
  if (at + 1 >= way.size()) return best;
  int least = 2 * kNever;
  for (std::uint32_t i = 0; i < from.connection_count; ++i) {
    const LaneIndex to = city_.connection(from.connection_first + i).to_lane;
    if (city_.lane(to).street != way[at + 1]) continue;
    const int changes = at + 2 < way.size() ? ChangesBefore(to, way[at + 2]) : 0;
    if (changes >= least) continue;
    least = changes;
    best = from.connection_first + i;
  }
  return best;
}

LaneIndex OwnWays::Better(std::span<const StreetIndex> way, std::size_t at, LaneIndex lane) const {
  if (at + 1 >= way.size()) return kNoLane;
  int least = Effort(way, at, lane);
  LaneIndex better = kNoLane;
  if (least == 0) return better;
  for (const auto beside : {&Lane::left, &Lane::right}) {
    int changes = 1;
    for (LaneIndex other = city_.lane(lane).*beside; other != kNoLane; other = city_.lane(other).*beside) {
      const int effort = changes + Effort(way, at, other);
      if (effort < least) {
        least = effort;
        better = city_.lane(lane).*beside;
      }
      ++changes;
    }
  }
  return better;
}

}  // namespace starling::sim
