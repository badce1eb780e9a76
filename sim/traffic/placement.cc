#include <algorithm>
#include <cmath>

#include "common/check.h"
#include "sim/traffic/traffic.h"

namespace starling::sim {
namespace {

constexpr double kSpacingM = 10;              // Centre to centre at the start.
constexpr double kToLineM = 8;
// Drawn one after the other, at random: lanes are full at about three quarters, and arterials
// first.
// Source: A. Renyi, On a one-dimensional problem concerning random space filling (1958).
constexpr double kFilled = 0.4;
constexpr double kArterialWeight = 1.6;       // Arterials are busier.
constexpr std::uint64_t kFaultsSalt = 4;

// Vehicles side by side, as close as they may be.
double PlacesIn(const City& city, LaneIndex lane) {
  const double room_m = city.track(lane).length_m - 2 * kToLineM;
  return room_m > 0 ? 1 + room_m / kSpacingM : 0;
}

}  // namespace

std::uint32_t Traffic::RoomIn(const City& city) {
  double room = 0;
  for (LaneIndex lane = 0; lane < city.lanes().size(); ++lane) room += kFilled * PlacesIn(city, lane);
  return static_cast<std::uint32_t>(room);
}

// Of a driver whose own numbers have begun; `number` is his among all.
void Traffic::DrawFaults(VehicleIndex vehicle, std::uint64_t number) {
  const DriverFaults& faults = config_.faults;
  Vehicle& me = vehicles_[vehicle];
  Driver& driver = drivers_[vehicle];
  driver.inattentive = driver.random.Chance(faults.inattentive_share);
  me.runner = driver.random.Chance(faults.runner_share);
  driver.late_braker = driver.random.Chance(faults.late_brake_share);
  // From numbers of their own: whoever has none of them drives as if there were none.
  Random random(MixHash(MixHash(config_.seed, kFaultsSalt), number));
  driver.red_runner = random.Chance(faults.red_runner_share);
  me.tailgates = random.Chance(faults.tailgater_share);
  driver.forceful = random.Chance(faults.forcing_share);
}

void Traffic::Place() {
  STARLING_CHECK(config_.vehicles <= RoomIn(city_));
  std::vector<std::vector<double>> placed(city_.lanes().size());
  double weight_total = 0;
  std::vector<double> weights;
  for (LaneIndex lane = 0; lane < city_.lanes().size(); ++lane) {
    weight_total += PlacesIn(city_, lane) * (city_.lane(lane).arterial ? kArterialWeight : 1);
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
  std::size_t next = 0;
  for (LaneIndex lane = 0; lane < placed.size(); ++lane) {
    double room_m = city_.track(lane).length_m - kToLineM;
    for (std::size_t i = placed[lane].size(); i-- > 0;) {
      const VehicleIndex vehicle = order[next++];
      Vehicle& me = vehicles_[vehicle];
      Driver& driver = drivers_[vehicle];
      driver.random = Random(MixHash(config_.seed, 1000 + vehicle));
      Random& random = driver.random;
      me.along_m = placed[lane][i];
      me.eagerness = static_cast<float>(random.Between(0.9, 1.08));
      DrawFaults(vehicle, vehicle);
      const double free_m = std::max(0.0, room_m - me.along_m);
      me.speed_mps = static_cast<float>(
          std::min(0.8 * city_.track(lane).speed_limit_mps, std::sqrt(2 * free_m)));
      room_m = me.along_m - kSpacingM + 2;
      const Vec2 here = city_.PoseAt(lane, me.along_m).position;
      // Under way already: what is left of a trip is shorter than a trip.
      me.route.goal = DrawGoal(&random, here);
      for (std::uint32_t draws = random.Below(6); draws > 0; --draws) {
        const PlaceIndex other = DrawGoal(&random, here);
        if (NormSquared(router_.PositionOf(other) - here) <
            NormSquared(router_.PositionOf(me.route.goal) - here)) {
          me.route.goal = other;
        }
      }
      me.route.goal_after = DrawGoal(&random, router_.PositionOf(me.route.goal));
      me.intent = static_cast<Intent>(random.Below(3));
      driver.since_step = step_;
      Insert(vehicle, lane);
      Goals route = me.route;
      me.through = Follow(vehicle, &route, lane);
      for (std::int64_t step = 0; step < kMoments; ++step) Remember(vehicle, step);
    }
  }
}

}  // namespace starling::sim
