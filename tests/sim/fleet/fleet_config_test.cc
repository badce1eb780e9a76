#include "sim/fleet/fleet_config.h"

#include <gtest/gtest.h>

namespace starling::sim {
namespace {

TEST(VehicleName, GoesBothWays) {
  EXPECT_EQ(VehicleName(0), "veh-00001");
  EXPECT_EQ(VehicleName(9'999), "veh-10000");
  for (const std::size_t index : {0u, 1u, 41u, 9'999u}) {
    EXPECT_EQ(VehicleIndexOf(VehicleName(index), 10'000), index);
  }
}

TEST(VehicleName, OthersNamesAreNoIndex) {
  for (const char* name : {"", "veh-", "veh-00000", "veh-10001", "veh-0001", "veh-000001", "car-00001",
                           "veh-00a01", "veh--0001"}) {
    EXPECT_EQ(VehicleIndexOf(name, 10'000), 10'000u) << name;
  }
}

TEST(CitySide, KeepsTheDensityOfTheDefaultFleet) {
  EXPECT_EQ(CitySideFor(10'000), 7400);
  EXPECT_EQ(CitySideFor(2'500), 3700);
  EXPECT_EQ(CitySideFor(300), 1300);      // 1281.7, rounded up
}

TEST(CitySide, StaysWithinWhatCanBeGenerated) {
  EXPECT_EQ(CitySideFor(1), 1000);
  EXPECT_EQ(CitySideFor(99'999), 20'000);
}

TEST(FleetConfig, NamesTheFieldThatIsOutOfRange) {
  EXPECT_TRUE(FleetConfig().Validate().ok());
  FleetConfig config;
  config.vehicles = 0;
  EXPECT_NE(config.Validate().message().find("vehicles"), std::string_view::npos);
  config = FleetConfig();
  config.cut_vehicles = 10;
  EXPECT_NE(config.Validate().message().find("cut_at_s"), std::string_view::npos);
  config.cut_at_s = 10;
  EXPECT_TRUE(config.Validate().ok());
  config.cut_at_s = config.seconds;
  EXPECT_FALSE(config.Validate().ok());
}

TEST(FleetConfig, EveryKillHasToComeBeforeTheEnd) {
  FleetConfig config;
  config.seconds = 60;
  config.kills = 3;
  config.kill_pid_file = "cloud.pid";
  EXPECT_TRUE(config.Validate().ok());  // at 10, 30 and 50 s
  config.kills = 4;
  EXPECT_FALSE(config.Validate().ok());
  config.kills = 1;
  config.kill_pid_file.clear();
  EXPECT_NE(config.Validate().message().find("kill_pid_file"), std::string_view::npos);
}

}  // namespace
}  // namespace starling::sim
