#include "sim/demand/street_ways.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <queue>
#include <utility>

namespace starling::sim {
namespace {

using cloud::EdgeIndex;
using cloud::VehicleClasses;

constexpr double kFar = std::numeric_limits<double>::infinity();
// A street where nobody may move is still a way.
constexpr double kSpeedMinMps = 0.1;

}  // namespace

StreetWays::StreetWays(const cloud::StreetNetwork& network)
    : network_(network), seconds_(network.edges().size(), kFar), before_(network.edges().size(), cloud::kNone) {}

bool StreetWays::Drivable(EdgeIndex edge, VehicleClasses classes) const {
  const cloud::StreetEdge& of = network_.edges()[edge];
  const auto lanes = network_.lanes().subspan(of.lane_first, of.lane_count);
  return std::any_of(lanes.begin(), lanes.end(),
                     [classes](const cloud::StreetLane& lane) { return (lane.allowed & classes) != 0; });
}

template <typename Visit>
void StreetWays::EachNext(EdgeIndex from, VehicleClasses classes, const Visit& visit) const {
  const auto lanes = network_.lanes();
  const cloud::StreetEdge& edge = network_.edges()[from];
  for (cloud::LaneIndex lane = edge.lane_first; lane < edge.lane_first + edge.lane_count; ++lane) {
    if ((lanes[lane].allowed & classes) == 0) continue;
    for (const cloud::StreetConnection& way : network_.ways_on(lane)) {
      if ((lanes[way.to].allowed & classes) == 0) continue;
      if (way.via != cloud::kNone && (lanes[way.via].allowed & classes) == 0) continue;
      visit(lanes[way.to].edge);
    }
  }
}

bool StreetWays::Connected(EdgeIndex from, EdgeIndex to, VehicleClasses classes) const {
  bool connected = false;
  EachNext(from, classes, [&](EdgeIndex next) { connected |= next == to; });
  return connected;
}

double StreetWays::SecondsOn(EdgeIndex edge, VehicleClasses classes) const {
  const cloud::StreetEdge& of = network_.edges()[edge];
  double least_s = kFar;
  for (const cloud::StreetLane& lane : network_.lanes().subspan(of.lane_first, of.lane_count)) {
    if ((lane.allowed & classes) == 0) continue;
    least_s = std::min(least_s, lane.length_m / std::max(lane.speed_mps, kSpeedMinMps));
  }
  return least_s;
}

std::optional<std::vector<EdgeIndex>> StreetWays::Fastest(EdgeIndex from, EdgeIndex to, VehicleClasses classes) {
  if (!Drivable(from, classes)) return std::nullopt;
  for (const EdgeIndex edge : reached_) seconds_[edge] = kFar;
  reached_.clear();
  using Entry = std::pair<double, EdgeIndex>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> open;
  const auto reach = [&](EdgeIndex edge, EdgeIndex over, double at_s) {
    if (at_s >= seconds_[edge]) return;
    if (seconds_[edge] == kFar) reached_.push_back(edge);
    seconds_[edge] = at_s;
    before_[edge] = over;
    open.emplace(at_s, edge);
  };
  reach(from, cloud::kNone, 0);
  while (!open.empty() && open.top().second != to) {
    const auto [at_s, edge] = open.top();
    open.pop();
    if (at_s > seconds_[edge]) continue;  // A better way was found since.
    EachNext(edge, classes, [&, over = edge, so_far_s = at_s](EdgeIndex next) {
      reach(next, over, so_far_s + SecondsOn(next, classes));
    });
  }
  if (open.empty()) return std::nullopt;
  std::vector<EdgeIndex> edges;
  for (EdgeIndex edge = to; edge != cloud::kNone; edge = before_[edge]) edges.push_back(edge);
  std::reverse(edges.begin(), edges.end());
  return edges;
}

}  // namespace starling::sim
