#include "sim/fleet/traffic_thread.h"

#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace starling::sim {
namespace {

constexpr std::uint32_t kVehicles = 50;
constexpr std::uint64_t kRounds = 8;
constexpr nanoseconds kPast = seconds(3600);  // All turns are due at once.

class TrafficThreadTest : public testing::Test {
 protected:
  TrafficThreadTest() {
    CityConfig city_config;
    city_config.side_m = CitySideFor(kVehicles);
    city_ = std::make_unique<City>(City::Generate(city_config));
    TrafficConfig config;
    config.vehicles = kVehicles;
    traffic_ = std::make_unique<Traffic>(*city_, config);
    twin_ = std::make_unique<Traffic>(*city_, config);
  }

  std::unique_ptr<TrafficThread> Make() {
    return std::make_unique<TrafficThread>(traffic_.get(), &schedule_, &clock_, &exchange_, std::chrono::microseconds(500));
  }

  // Waits for the next step; none if it does not come.
  std::optional<VehicleTruth> Next(TrafficThread* driving) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (driving->ready() == 0) {
      if (std::chrono::steady_clock::now() > limit) return std::nullopt;
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    return driving->Take();
  }

  const Schedule schedule_{kVehicles};
  const FleetClock clock_;
  FleetExchange exchange_;
  std::unique_ptr<City> city_;
  std::unique_ptr<Traffic> traffic_;
  std::unique_ptr<Traffic> twin_;  // the same, stepped by the test
};

TEST_F(TrafficThreadTest, HandsOverEveryStepInTheOrderOfTheSchedule) {
  const auto driving = Make();
  driving->Start(clock_.Now() - kPast, kVehicles * kRounds, CloudTime::max());
  for (std::uint64_t turn = 0; turn < kVehicles * kRounds; ++turn) {
    const std::optional<VehicleTruth> truth = Next(driving.get());
    ASSERT_TRUE(truth) << "no step for turn " << turn;
    const Schedule::Turn at = schedule_.At(turn);
    twin_->AdvanceTo(SimTime(at.instant));
    const VehicleTruth expected = twin_->Truth(at.vehicle, SimTime(at.instant));
    ASSERT_EQ(truth->time, SimTime(at.instant));
    ASSERT_EQ(truth->position.x, expected.position.x);
    ASSERT_EQ(truth->position.y, expected.position.y);
  }
  driving->Stop();
  EXPECT_EQ(driving->ready(), 0U);
  EXPECT_EQ(traffic_->Digest(), twin_->Digest());
}

TEST_F(TrafficThreadTest, ALimitHoldsFromAStepOn) {
  const auto driving = Make();
  for (VehicleIndex vehicle = 0; vehicle < kVehicles; ++vehicle) ASSERT_TRUE(driving->SetLimit(vehicle, 0.0, 8.0));
  constexpr std::uint64_t kTurns = kVehicles * 40;  // 4 s: from any speed to a stand
  driving->Start(clock_.Now() - kPast, kTurns, CloudTime::max());
  for (std::uint64_t turn = 0; turn < kTurns; ++turn) ASSERT_TRUE(Next(driving.get()));
  driving->Stop();
  EXPECT_EQ(traffic_->StoppedVehicles(), kVehicles);
}

// Nobody takes what it hands over, and much is still to come.
TEST_F(TrafficThreadTest, StopsWhileItWaitsForRoom) {
  const auto driving = Make();
  driving->Start(clock_.Now() - kPast, std::uint64_t{kVehicles} * 36'000, CloudTime::max());
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (driving->ready() < TrafficThread::kStepsMax && std::chrono::steady_clock::now() < limit) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ASSERT_EQ(driving->ready(), TrafficThread::kStepsMax);
  driving->Stop();
  EXPECT_EQ(driving->ready(), TrafficThread::kStepsMax);
}

}  // namespace
}  // namespace starling::sim
