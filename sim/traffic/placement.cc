#include <algorithm>
#include <cmath>
#include <string>

#include "common/check.h"
#include "sim/traffic/traffic.h"

namespace starling::sim {
namespace {

constexpr std::int64_t kStepNs = 100'000'000;
constexpr double kSpacingM = 10;              // Centre to centre at the start.
constexpr double kToLineM = 8;
constexpr double kArterialWeight = 1.6;       // Arterials are busier.

Status ShareInRange(const char* name, double value) {
  if (value >= 0 && value <= 1) return {};
  return {ErrorCode::kInvalidArgument,
          std::string("traffic ") + name + " is " + std::to_string(value) + ", not in 0 to 1"};
}

}  // namespace

Status TrafficConfig::Validate() const {
  if (vehicles < 1 || vehicles > 100000) {
    return {ErrorCode::kInvalidArgument,
            "traffic vehicles is " + std::to_string(vehicles) + ", not in 1 to 100000"};
  }
  if (places < 2 || places > 4096) {
    return {ErrorCode::kInvalidArgument,
            "traffic places is " + std::to_string(places) + ", not in 2 to 4096"};
  }
  if (!(warm_up_s >= 0 && warm_up_s <= 600)) {
    return {ErrorCode::kInvalidArgument,
            "traffic warm_up_s is " + std::to_string(warm_up_s) + ", not in 0 to 600"};
  }
  for (const auto& [name, value] :
       {std::pair{"inattentive_share", inattentive_share},
        std::pair{"look_away_chance", look_away_chance}, std::pair{"runner_share", runner_share},
        std::pair{"late_brake_share", late_brake_share},
        std::pair{"late_brake_chance", late_brake_chance},
        std::pair{"reroute_chance", reroute_chance}}) {
    if (Status status = ShareInRange(name, value); !status.ok()) return status;
  }
  return {};
}

void Traffic::Place() {
  std::vector<std::vector<double>> placed(city_.lanes().size());
  double weight_total = 0;
  std::vector<double> weights;
  for (LaneIndex lane = 0; lane < city_.lanes().size(); ++lane) {
    weight_total += city_.track(lane).length_m * (city_.lane(lane).arterial ? kArterialWeight : 1);
    weights.push_back(weight_total);
  }
  for (std::uint32_t i = 0, tries = 0; i < config_.vehicles; ++tries) {
    STARLING_CHECK(tries < 100 * config_.vehicles + 1000);  // The city is far too small.
    const double draw = random_.Between(0, weight_total);
    const auto lane = static_cast<LaneIndex>(
        std::upper_bound(weights.begin(), weights.end(), draw) - weights.begin());
    const double along = random_.Between(kToLineM, city_.track(lane).length_m - kToLineM);
    std::vector<double>& row = placed[lane];
    const auto at = std::lower_bound(row.begin(), row.end(), along);
    if (at != row.end() && *at - along < kSpacingM) continue;
    if (at != row.begin() && along - *(at - 1) < kSpacingM) continue;
    row.insert(at, along);
    ++i;
  }
  // Vehicles are numbered in random order, so that neighbours do not step together.
  std::vector<VehicleIndex> order(config_.vehicles);
  for (VehicleIndex i = 0; i < order.size(); ++i) order[i] = i;
  for (VehicleIndex i = static_cast<VehicleIndex>(order.size()); i > 1; --i) {
    std::swap(order[i - 1], order[random_.Below(i)]);
  }
  vehicles_.resize(config_.vehicles);
  poses_.resize(config_.vehicles);
  std::size_t next = 0;
  const auto start_ns = -static_cast<std::int64_t>(config_.warm_up_s * 1e9);
  for (LaneIndex lane = 0; lane < placed.size(); ++lane) {
    double room_m = city_.track(lane).length_m - kToLineM;
    for (std::size_t i = placed[lane].size(); i-- > 0;) {
      const VehicleIndex vehicle = order[next++];
      Vehicle& me = vehicles_[vehicle];
      me.random = Random(MixHash(config_.seed, 1000 + vehicle));
      me.along_m = placed[lane][i];
      me.eagerness = static_cast<float>(me.random.Between(0.9, 1.08));
      me.inattentive = me.random.Chance(config_.inattentive_share);
      me.runner = me.random.Chance(config_.runner_share);
      me.late_braker = me.random.Chance(config_.late_brake_share);
      const double free_m = std::max(0.0, room_m - me.along_m);
      me.speed_mps = std::min(0.8 * city_.track(lane).speed_limit_mps, std::sqrt(2 * free_m));
      room_m = me.along_m - kSpacingM + 2;
      me.time_ns = start_ns + kStepNs * vehicle / config_.vehicles - kStepNs;
      const Pose pose = city_.PoseAt(lane, me.along_m);
      me.position = pose.position;
      me.heading_rad = pose.heading_rad;
      // Under way already: what is left of a trip is shorter than a trip.
      me.goal = DrawGoal(me, me.position);
      for (std::uint32_t draws = me.random.Below(6); draws > 0; --draws) {
        const PlaceIndex other = DrawGoal(me, me.position);
        if (NormSquared(router_.PositionOf(other) - me.position) <
            NormSquared(router_.PositionOf(me.goal) - me.position)) {
          me.goal = other;
        }
      }
      me.goal_after = DrawGoal(me, router_.PositionOf(me.goal));
      me.intent = static_cast<Intent>(me.random.Below(3));
      Append(vehicle, lane);
      me.through = NextAfter(me, lane);
      poses_[vehicle].Push({me.time_ns, static_cast<float>(pose.position.x),
                            static_cast<float>(pose.position.y),
                            static_cast<float>(pose.heading_rad),
                            static_cast<float>(me.speed_mps)});
    }
  }
}

void Traffic::WarmUp() {
  const auto rounds = static_cast<std::int64_t>(config_.warm_up_s * 1e9) / kStepNs;
  for (std::int64_t round = -rounds; round < 0; ++round) {
    for (VehicleIndex i = 0; i < size(); ++i) {
      Step(i, FirstStep(i) + nanoseconds(round * kStepNs));
    }
  }
  counters_ = {};
}

}  // namespace starling::sim
