// What drivers do who have stopped in each other's way.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <vector>

#include "sim/city/random.h"
#include "sim/traffic/traffic.h"
#include "sim/truth/encounters.h"

namespace starling::sim {
namespace {

City SmallCity() {
  CityConfig config;
  config.side_m = 2000;
  return City::Generate(config);
}

// Of vehicles both of which had stood within the last five seconds, and went again.
class ContactsAfterStops {
 public:
  explicit ContactsAfterStops(const Traffic& traffic) : traffic_(traffic), stood_(traffic.size(), -1e9), encounters_(Config()) {}

  void AddStep() {
    const double now_s = SecondsOf(traffic_.time());
    states_.clear();
    for (VehicleIndex vehicle = 0; vehicle < traffic_.size(); ++vehicle) {
      const VehicleTruth truth = traffic_.Truth(vehicle, traffic_.time());
      states_.push_back({vehicle, FrontOf(truth.position, truth.heading_rad, truth.length_m), truth.heading_rad,
                         truth.speed_mps, truth.accel_mps2, static_cast<float>(truth.length_m),
                         static_cast<float>(truth.width_m)});
      if (truth.speed_mps < 0.3) stood_[vehicle] = now_s;
    }
    encounters_.Add(traffic_.time(), states_);
    (void)encounters_.TakeEncounters();
    for (const Collision& each : encounters_.TakeCollisions()) {
      ++contacts_;
      const double since_s = SecondsOf(each.time) - std::min(stood_[each.first], stood_[each.second]);
      after_stops_ += since_s < 5;
    }
  }

  int contacts() const { return contacts_; }
  int after_stops() const { return after_stops_; }

 private:
  static EncounterConfig Config() {
    EncounterConfig config;
    config.range_m = 20;
    config.extra_time_s = 0;
    config.delay_s = 0;
    return config;
  }

  const Traffic& traffic_;
  std::vector<double> stood_;
  Encounters encounters_;
  std::vector<VehicleState> states_;
  int contacts_ = 0;
  int after_stops_ = 0;
};

// They see whom they had overlooked.
TEST(CommandedStops, WhoHasStoppedForSomebodyDoesNotThenDriveIntoHim) {
  const City city = SmallCity();
  TrafficConfig config;
  config.vehicles = 600;
  config.places = 32;
  config.faults.inattentive_share = 0.8;
  config.faults.forcing_share = 0.3;
  Traffic traffic(city, config);
  ContactsAfterStops contacts(traffic);
  for (int step = 0; step < 6000; ++step) {
    contacts.AddStep();
    traffic.AdvanceTo(traffic.time() + Traffic::kStep);
  }
  std::printf("%d contacts, %d of them after stops\n", contacts.contacts(), contacts.after_stops());
  EXPECT_GT(traffic.TakeMistakes().size(), 500u);  // Without looking, 28 contacts came of as many, 15 of them after stops.
  EXPECT_LE(contacts.after_stops(), 1);
  EXPECT_EQ(traffic.StandingVehicles(300), 0u);
}

// As a fleet's commands do: they have to find their way out of where they were stopped.
TEST(CommandedStops, LawfulDriversWhoAreStoppedInJunctionsTouchNobody) {
  const City city = SmallCity();
  TrafficConfig config = TrafficConfig::PerfectDrivers();
  config.vehicles = 800;
  config.places = 32;
  Traffic traffic(city, config);
  Random random(7);
  std::vector<VehicleIndex> stopped;
  int stops = 0;
  for (int step = 1; step <= 6000; ++step) {
    if (step % 25 == 0) {
      for (const VehicleIndex vehicle : stopped) traffic.SetLimit(vehicle, std::nullopt, 2);
      stopped.clear();
      for (VehicleIndex vehicle = 0; vehicle < traffic.size(); ++vehicle) {
        if (traffic.LaneOf(vehicle) != kNoLane || !random.Chance(0.2)) continue;
        traffic.SetLimit(vehicle, 0, 7);
        stopped.push_back(vehicle);
        ++stops;
      }
    }
    traffic.AdvanceTo(SimTime(step * Traffic::kStep));
  }
  EXPECT_GT(stops, 1000);
  EXPECT_EQ(traffic.counters().collisions, 0u);
  EXPECT_EQ(traffic.StandingVehicles(300), 0u);
}

// Contacts of two who had stood in each other's way for a minute are scrapes, and no others are.
TEST(CommandedStops, OnlyWhatEndsADeadlockIsAScrape) {
  const City city = SmallCity();
  TrafficConfig config;
  config.vehicles = 900;
  config.places = 32;
  config.faults.inattentive_share = 0.8;
  config.faults.forcing_share = 0.5;
  Traffic traffic(city, config);
  Random random(3);
  std::vector<double> moved_s(traffic.size(), 0);
  std::uint64_t scrapes = 0;
  for (int step = 1; step <= 12'000; ++step) {
    if (step % 50 == 0) {
      for (VehicleIndex vehicle = 0; vehicle < traffic.size(); ++vehicle) {
        const bool stops = traffic.LaneOf(vehicle) == kNoLane && random.Chance(0.2);
        traffic.SetLimit(vehicle, stops ? std::optional<double>(0) : std::nullopt, 7);
      }
    }
    traffic.AdvanceTo(SimTime(step * Traffic::kStep));
    const double now_s = SecondsOf(traffic.time());
    for (VehicleIndex vehicle = 0; vehicle < traffic.size(); ++vehicle) {
      if (traffic.Truth(vehicle, traffic.time()).speed_mps > 0.5) moved_s[vehicle] = now_s;
    }
    if (traffic.counters().scrapes == scrapes) continue;
    scrapes = traffic.counters().scrapes;
    std::uint64_t found = 0;
    for (VehicleIndex a = 0; a < traffic.size(); ++a) {
      for (VehicleIndex b = a + 1; b < traffic.size(); ++b) {
        if (!traffic.Scraped(a, b, traffic.time()) || traffic.Scraped(a, b, traffic.time() - 2 * Traffic::kStep)) continue;
        ++found;
        EXPECT_GT(now_s - moved_s[a], 50) << a;
        EXPECT_GT(now_s - moved_s[b], 50) << b;
        EXPECT_FALSE(traffic.Scraped(a, b, traffic.time() + seconds(31)));
      }
    }
    EXPECT_GE(found, 1u);
  }
  std::printf("%llu contacts, %llu scrapes\n", static_cast<unsigned long long>(traffic.counters().collisions),
              static_cast<unsigned long long>(scrapes));
  EXPECT_GE(scrapes, 1u);
  EXPECT_GT(traffic.counters().collisions, scrapes);
}

}  // namespace
}  // namespace starling::sim
