#include "sim/city/router.h"

#include <algorithm>
#include <limits>
#include <queue>

#include "common/check.h"
#include "common/geo/trigonometry.h"

namespace starling::sim {
namespace {

constexpr double kPlaceLaneMinM = 80;
constexpr double kQueueFactor = 0.9;         // Of half the red time, weighted by who meets it.
constexpr double kYieldDelayS = 6;           // To another side street.
constexpr double kJoinDelayS = 9;            // To an arterial's traffic, turning right,
constexpr double kCrossDelayS = 25;          // and across it.
constexpr double kSpread = 0.2;
constexpr int kRounds = 3;

// Vehicles per second that a lane can send through.
constexpr double kSaturation = 0.45;         // On green.
constexpr double kYieldCapacity = 0.2;
constexpr double kJoinCapacity = 0.15;
constexpr double kCrossCapacity = 0.08;
constexpr double kOverloadMax = 2;

struct Passage {
  double drive_s;
  double delay_s;           // To be expected before it on a quiet day.
  double capacity;
};

Passage PassageOf(const City& city, ConnectionIndex number) {
  const Connection& connection = city.connection(number);
  const Track& track = city.track(city.TrackOf(number));
  const Junction& junction = city.junction(connection.junction);
  const double drive_s = track.length_m / track.speed_limit_mps;
  if (connection.signal != kNoSignal) {
    const double cycle_s = city.signal(connection.signal).cycle_s;
    const double green_s = city.signal(connection.signal).green_s();
    const double red_s = cycle_s - green_s;
    return {drive_s, kQueueFactor * red_s * red_s / (2 * cycle_s), kSaturation * green_s / cycle_s};
  }
  if (!connection.yields) return {drive_s, 0, kSaturation};
  if (junction.control != Control::kPriority) return {drive_s, kYieldDelayS, kYieldCapacity};
  if (connection.turn == Turn::kRight) return {drive_s, kJoinDelayS, kJoinCapacity};
  return {drive_s, kCrossDelayS, kCrossCapacity};
}

}  // namespace

Router::Router(const City& city, std::uint32_t places, std::uint32_t vehicles, std::uint64_t seed)
    : city_(city), lane_count_(city.lanes().size()) {
  STARLING_CHECK(places > 0);
  Random random(seed);
  DrawPlaces(places, random);
  std::vector<Passage> passages;
  std::vector<double> cost_s;
  for (ConnectionIndex i = 0; i < city.connections().size(); ++i) {
    passages.push_back(PassageOf(city, i));
    cost_s.push_back(passages[i].drive_s + passages[i].delay_s);
  }
  table_.resize(places * lane_count_);
  const std::uint64_t noise = random.Next();
  std::vector<double> load(cost_s.size(), 0);
  for (int round = 1;; ++round) {
    for (PlaceIndex place = 0; place < places; ++place) {
      FillTable(place, cost_s, MixHash(noise, place));
    }
    if (round == kRounds) break;
    // What a lane sends out is one queue; each of its vehicles uses up a share of
    // the capacity of its own movement.
    const std::vector<double> volume = Volumes(cost_s, vehicles);
    for (const Lane& lane : city.lanes()) {
      double used = 0;
      for (std::uint32_t k = 0; k < lane.connection_count; ++k) {
        used += volume[lane.connection_first + k] / passages[lane.connection_first + k].capacity;
      }
      for (std::uint32_t k = 0; k < lane.connection_count; ++k) {
        const ConnectionIndex i = lane.connection_first + k;
        load[i] += (used - load[i]) / round;
        const double over = std::min(load[i], kOverloadMax);
        cost_s[i] = passages[i].drive_s +
                    (passages[i].delay_s + 4) * (1 + 2 * over * over * over * over) - 4;
      }
    }
  }
}

void Router::DrawPlaces(std::uint32_t places, Random& random) {
  std::vector<LaneIndex> quiet;
  for (LaneIndex lane = 0; lane < lane_count_; ++lane) {
    if (!city_.lane(lane).arterial && city_.track(lane).length_m >= kPlaceLaneMinM) quiet.push_back(lane);
  }
  // Of streets that nobody drew there may be none.
  for (LaneIndex lane = 0; quiet.empty() && lane < lane_count_; ++lane) quiet.push_back(lane);
  while (lanes_.size() < places) {
    const LaneIndex lane = quiet[random.Below(static_cast<std::uint32_t>(quiet.size()))];
    lanes_.push_back(lane);
    positions_.push_back(city_.PoseAt(lane, city_.track(lane).length_m / 2).position);
  }
}

std::vector<double> Router::Volumes(const std::vector<double>& cost_s,
                                    std::uint32_t vehicles) const {
  std::vector<double> volume(cost_s.size(), 0);
  const Vec2 size = city_.north_east() - city_.south_west();
  double under_way = 0;  // Vehicles on the road with one trip per second in all.
  for (PlaceIndex from = 0; from < places(); ++from) {
    for (PlaceIndex to = 0; to < places(); ++to) {
      if (to == from) continue;
      const double nearer = std::min(
          1.0, kPi * NormSquared(positions_[to] - positions_[from]) / (size.x * size.y));
      const double weight = (1 - nearer) * (1 - nearer) * (1 - nearer);
      if (weight < 0.02) continue;
      LaneIndex lane = lanes_[from];
      // A route has no circle in it.
      for (std::size_t hop = 0; hop < lane_count_ && lane != lanes_[to]; ++hop) {
        const ConnectionIndex next = Next(to, lane);
        volume[next] += weight;
        under_way += weight * (cost_s[next] + city_.track(lane).length_m /
                                                  city_.track(lane).speed_limit_mps);
        lane = city_.connection(next).to_lane;
      }
    }
  }
  const double scale = under_way > 0 ? vehicles / under_way : 0;
  for (double& value : volume) value *= scale;
  return volume;
}

void Router::FillTable(PlaceIndex place, const std::vector<double>& cost_s, std::uint64_t seed) {
  // Dijkstra from the place backwards: time_s[l] is from the start of lane l on.
  std::vector<double> time_s(lane_count_, std::numeric_limits<double>::infinity());
  std::vector<bool> done(lane_count_, false);
  using Open = std::pair<double, LaneIndex>;
  std::priority_queue<Open, std::vector<Open>, std::greater<>> open;
  const LaneIndex goal = lanes_[place];
  time_s[goal] = 0;
  open.push({0, goal});
  double round_trip_s = std::numeric_limits<double>::infinity();
  while (!open.empty()) {
    const LaneIndex lane = open.top().second;
    open.pop();
    if (done[lane]) continue;
    done[lane] = true;
    for (const ConnectionIndex number : city_.arriving(lane)) {
      const LaneIndex from = city_.connection(number).from_lane;
      const double noise = static_cast<double>(MixHash(seed, from) >> 11) * 0x1p-53;
      const double time =
          time_s[lane] + cost_s[number] +
          (1 - kSpread + 2 * kSpread * noise) * city_.track(from).length_m /
              city_.track(from).speed_limit_mps;
      double& best = from == goal ? round_trip_s : time_s[from];
      if (time >= best) continue;
      best = time;
      table_[place * lane_count_ + from] =
          static_cast<std::uint8_t>(number - city_.lane(from).connection_first);
      if (from != goal) open.push({time, from});
    }
  }
}

}  // namespace starling::sim
