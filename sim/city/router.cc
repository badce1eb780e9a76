#include "sim/city/router.h"

#include <limits>
#include <queue>

#include "common/check.h"

namespace starling::sim {
namespace {

constexpr double kPlaceLaneMinM = 80;
constexpr double kQueueFactor = 0.9;         // The queue before one comes on top of the red.
constexpr double kYieldDelayS = 6;           // To another side street.
constexpr double kJoinDelayS = 9;            // To an arterial's traffic, turning right,
constexpr double kCrossDelayS = 30;          // and across it.
constexpr double kSpread = 0.2;

// Seconds that a connection takes, with the wait to be expected before it.
double CostOf(const City& city, ConnectionIndex number) {
  const Connection& connection = city.connection(number);
  const Track& track = city.track(city.TrackOf(number));
  double cost = track.length_m / track.speed_limit_mps;
  if (connection.signal_group != kNoSignal) {
    // Half the red time, weighted by the share of arrivals that meet it.
    const SignalProgramme& programme = city.junction(connection.junction).programme;
    const double red_s = programme.cycle_s - programme.green_s[connection.signal_group];
    cost += kQueueFactor * red_s * red_s / (2 * programme.cycle_s);
  } else if (connection.yields) {
    const bool joins = city.junction(connection.junction).control == Control::kPriority;
    cost += !joins ? kYieldDelayS : connection.turn == Turn::kRight ? kJoinDelayS : kCrossDelayS;
  }
  return cost;
}

}  // namespace

Router::Router(const City& city, std::uint32_t places, std::uint64_t seed)
    : city_(city), lane_count_(city.lanes().size()) {
  STARLING_CHECK(places > 0);
  Random random(seed);
  while (lanes_.size() < places) {
    const LaneIndex lane = random.Below(static_cast<std::uint32_t>(lane_count_));
    if (city.lane(lane).arterial || city.track(lane).length_m < kPlaceLaneMinM) continue;
    lanes_.push_back(lane);
    positions_.push_back(city.PoseAt(lane, city.track(lane).length_m / 2).position);
  }
  arriving_first_.assign(lane_count_ + 1, 0);
  for (const Connection& connection : city.connections()) ++arriving_first_[connection.to_lane + 1];
  for (std::size_t i = 0; i < lane_count_; ++i) arriving_first_[i + 1] += arriving_first_[i];
  arriving_.resize(city.connections().size());
  std::vector<std::uint32_t> at = arriving_first_;
  std::vector<double> cost_s;
  for (ConnectionIndex i = 0; i < city.connections().size(); ++i) {
    arriving_[at[city.connection(i).to_lane]++] = i;
    cost_s.push_back(CostOf(city, i));
  }
  table_.resize(places * lane_count_);
  for (PlaceIndex place = 0; place < places; ++place) FillTable(place, cost_s, random.Next());
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
    for (std::uint32_t i = arriving_first_[lane]; i < arriving_first_[lane + 1]; ++i) {
      const ConnectionIndex number = arriving_[i];
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
