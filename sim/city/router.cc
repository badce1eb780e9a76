#include "sim/city/router.h"

#include <algorithm>
#include <limits>

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
constexpr double kClosedS = 1e5;             // For going in all the same.
constexpr int kRounds = 3;
constexpr std::size_t kSecondsMax = 4096;    // Told apart when ways are looked for.

// Vehicles per second that a lane can send through.
constexpr double kSaturation = 0.45;         // On green.
constexpr double kYieldCapacity = 0.2;
constexpr double kJoinCapacity = 0.15;
constexpr double kCrossCapacity = 0.08;
constexpr double kOverloadMax = 2;
constexpr float kForgotten = 0.01f;          // Of an empty lane's queue at each refresh.

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
  STARLING_CHECK(places > 0 && places <= kPlacesMax);
  Random random(seed);
  DrawPlaces(places, random);
  ExpectTimes();
  noise_ = random.Next();
  std::vector<double> load(delay_s_.size(), 0);
  for (int round = 1;; ++round) {
    for (PlaceIndex place = 0; place < places; ++place) FillTable(place);
    if (round == kRounds) break;
    // What a lane sends out is one queue; each of its vehicles uses up a share of
    // the capacity of its own movement.
    const std::vector<double> volume = Volumes(vehicles);
    for (const Lane& lane : city.lanes()) {
      double used = 0;
      for (std::uint32_t k = 0; k < lane.connection_count; ++k) {
        used += volume[lane.connection_first + k] / PassageOf(city, lane.connection_first + k).capacity;
      }
      for (std::uint32_t k = 0; k < lane.connection_count; ++k) {
        const ConnectionIndex i = lane.connection_first + k;
        load[i] += (used - load[i]) / round;
        const double over = std::min(load[i], kOverloadMax);
        delay_s_[i] = (PassageOf(city, i).delay_s + 4) * (1 + 2 * over * over * over * over) - 4;
      }
    }
  }
}

Router::Router(const City& city, std::vector<LaneIndex> places, std::uint64_t seed)
    : city_(city), lane_count_(city.lanes().size()), lanes_(std::move(places)), noise_(seed) {
  STARLING_CHECK(lanes_.size() <= kPlacesMax);
  for (const LaneIndex lane : lanes_) {
    positions_.push_back(city.PoseAt(lane, city.track(lane).length_m / 2).position);
  }
  ExpectTimes();
}

void Router::ExpectTimes() {
  for (ConnectionIndex i = 0; i < city_.connections().size(); ++i) {
    const Passage passage = PassageOf(city_, i);
    drive_s_.push_back(passage.drive_s);
    delay_s_.push_back(passage.delay_s);
  }
  observed_s_.resize(lane_count_, 0);
  tables_.resize(places());
  open_.resize(kSecondsMax);
}

PlaceIndex Router::PlaceOf(LaneIndex lane) const {
  const auto at = std::lower_bound(lanes_.begin(), lanes_.end(), lane);
  STARLING_CHECK(at != lanes_.end() && *at == lane);
  return static_cast<PlaceIndex>(at - lanes_.begin());
}

void Router::Find(PlaceIndex place) {
  if (tables_[place].empty()) FillTable(place);
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

void Router::Refresh(const std::vector<float>& waits_s) {
  for (LaneIndex lane = 0; lane < lane_count_; ++lane) {
    float& observed = observed_s_[lane];
    if (observed == 0) continue;
    if (waits_s[lane] == 0) {
      const Track& track = city_.track(lane);
      observed += kForgotten * (static_cast<float>(track.length_m / track.speed_limit_mps) - observed);
    } else {
      observed = std::max(observed, waits_s[lane]);
    }
  }
  FillTable(next_refreshed_);
  next_refreshed_ = static_cast<PlaceIndex>((next_refreshed_ + 1u) % places());
}

std::vector<double> Router::Volumes(std::uint32_t vehicles) const {
  std::vector<double> volume(drive_s_.size(), 0);
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
        if (const LaneIndex better = Better(to, lane); better != kNoLane) {
          lane = better;
          continue;
        }
        const ConnectionIndex next = Next(to, lane);
        volume[next] += weight;
        under_way += weight * (drive_s_[next] + delay_s_[next] + city_.track(lane).length_m /
                                                  city_.track(lane).speed_limit_mps);
        lane = city_.connection(next).to_lane;
      }
    }
  }
  const double scale = under_way > 0 ? vehicles / under_way : 0;
  for (double& value : volume) value *= scale;
  return volume;
}

Router::LaneTime Router::TimeOn(LaneIndex number, std::uint64_t noise) const {
  const Lane& lane = city_.lane(number);
  const Track& track = city_.track(number);
  LaneTime time{.own_s = track.length_m / track.speed_limit_mps};
  if (observed_s_[number] > 0) {
    time.own_s = std::max<double>(observed_s_[number], time.own_s);
    const auto first = delay_s_.begin() + lane.connection_first;
    if (lane.connection_count > 0) time.common_s = *std::min_element(first, first + lane.connection_count);
  }
  // The same for lanes beside each other.
  const std::uint64_t street = (std::uint64_t{lane.from_junction} << 32) | lane.to_junction;
  time.factor = 1 - kSpread + 2 * kSpread * static_cast<double>(MixHash(noise, street) >> 11) * 0x1p-53;
  return time;
}

void Router::FillTable(PlaceIndex place) {
  std::vector<std::uint8_t>& table = tables_[place];
  table.resize(lane_count_);
  std::vector<LaneTime> times(lane_count_);
  for (LaneIndex lane = 0; lane < lane_count_; ++lane) times[lane] = TimeOn(lane, MixHash(noise_, place));
  // Dijkstra from the place backwards: from the start of a lane on, with changes of lanes
  // and without one on this lane.  Those that are reached within one second are looked at in any
  // order, and again if they turn out to be nearer: cheaper than a heap.
  constexpr double kNeverS = std::numeric_limits<double>::infinity();
  std::vector<double> time_s(lane_count_, kNeverS);
  std::vector<double> straight_s(lane_count_, kNeverS);
  std::vector<double> looked_from_s(lane_count_, kNeverS);
  const auto reach = [&](LaneIndex lane, double time) {
    if (time >= time_s[lane]) return;
    time_s[lane] = time;
    open_[time < kSecondsMax - 1 ? static_cast<std::size_t>(time) : kSecondsMax - 1].push_back(lane);
  };
  // For one who has still to come there.
  const auto entered_s = [&](LaneIndex lane) {
    return time_s[lane] + (closed_.empty() || closed_[lane] == 0 ? 0 : kClosedS);
  };
  const auto look_from = [&](LaneIndex lane) {
    const double before_s = entered_s(lane);
    for (const ConnectionIndex number : city_.arriving(lane)) {
      const LaneIndex from = city_.connection(number).from_lane;
      const LaneTime& on = times[from];
      const double time = before_s + drive_s_[number] + on.factor * (on.own_s + delay_s_[number] - on.common_s);
      if (time >= straight_s[from]) continue;
      straight_s[from] = time;
      table[from] =
          static_cast<std::uint8_t>(number - city_.lane(from).connection_first);
      reach(from, time);
    }
    for (const LaneIndex beside : {city_.lane(lane).left, city_.lane(lane).right}) {
      if (beside != kNoLane) reach(beside, before_s + LaneChangeS(city_.track(beside).length_m));
    }
  };
  reach(lanes_[place], 0);
  for (std::vector<LaneIndex>& second : open_) {
    for (std::size_t i = 0; i < second.size(); ++i) {
      const LaneIndex lane = second[i];
      if (looked_from_s[lane] == time_s[lane]) continue;
      looked_from_s[lane] = time_s[lane];
      look_from(lane);
    }
    second.clear();
  }
  for (LaneIndex lane = 0; lane < lane_count_; ++lane) {
    if (lane == lanes_[place] || !(time_s[lane] < straight_s[lane])) continue;
    const LaneIndex left = city_.lane(lane).left;
    const LaneIndex right = city_.lane(lane).right;
    const bool to_left = left != kNoLane && (right == kNoLane || entered_s(left) < entered_s(right));
    table[lane] |= to_left ? kLeft : kRight;
  }
}

}  // namespace starling::sim
