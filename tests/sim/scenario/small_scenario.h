// A square kilometre with 150 vehicles, for 15 s; nobody looks where he should, so that there are commands.
#pragma once

#include <gtest/gtest.h>

#include "sim/scenario/scenario_reader.h"
#include "sim/scenario/scenario_run.h"

namespace starling::sim {

inline constexpr std::uint64_t kSmallSeed = 3;

// With sections of its own, in the file's format.
inline Scenario SmallScenario(const std::string& more = "", std::uint64_t seed = kSmallSeed) {
  const Result<Scenario> read = ParseScenario(
      "name = \"small\"\ndescription = \"of a test\"\nseconds = 15\n"
      "[city]\nside_m = 1000\n[traffic]\nvehicles = 150\nwarm_up_s = 20\n"
      "[drivers]\ninattentive_share = 1\nlook_away_chance = 1\nlate_brake_share = 1\nlate_brake_chance = 1\n" +
          more,
      "small");
  EXPECT_TRUE(read.ok()) << read.status().message();
  return WithSeed(read.value(), seed);
}

inline City SmallCity(const Scenario& scenario) {
  std::string remark;
  Result<City> city = CityOf(scenario, &remark);
  EXPECT_TRUE(city.ok()) << city.status().message();
  EXPECT_EQ(remark, "");
  return std::move(city).value();
}

}  // namespace starling::sim
