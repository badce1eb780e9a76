#include "sim/scenario/scenario_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <set>
#include <tuple>

#include "sim/fleet/schedule.h"
#include "sim/scenario/scenario_report.h"
#include "tests/sim/scenario/small_scenario.h"

namespace starling::sim {
namespace {

constexpr const char* kBadWeather =
    "[fleet]\npenetration = 0.9\ncompliance = 0.9\n"
    "[link]\nmodel = \"cellular\"\nloss = 0.02\ntimeout_s = 2\n"
    "[coverage]\nhole_share = 0.03\nextra_delay_mean_s = 0.01\nloss_mean = 0.02\n"
    "outages_per_hour = 20\noutage_mean_s = 3\n"
    "[[hole]]\nx_m = 100\nradius_m = 150\n"
    "[gnss]\nmodel = \"built-in\"\n[sky]\ncanyon_share = 0.2\ntunnel_share = 0.05\n"
    "[clock]\nrate_error_max_ppm = 50\n[restarts]\nper_hour = 60\n";

ScenarioOutcome Drive(const Scenario& scenario) {
  const ScenarioOutcome outcome =
      RunScenario(scenario, SmallCity(scenario), [](const ScenarioProgress&) { return true; });
  EXPECT_THAT(outcome.failures, testing::IsEmpty());
  return outcome;
}

std::string Document(const Scenario& scenario) { return ScenarioDocument(scenario, kSmallSeed, Drive(scenario)); }

TEST(ScenarioRun, TheSameScenarioGivesTheSameReportOnAnyNumberOfThreads) {
  for (const char* more : {"", kBadWeather}) {
    Scenario scenario = SmallScenario(more);
    const std::string once = Document(scenario);
    EXPECT_EQ(Document(scenario), once);
    scenario.fleet.threads = 3;
    EXPECT_EQ(Document(scenario), once);
  }
}

TEST(ScenarioRun, AnotherSeedIsAnotherRun) {
  const ScenarioOutcome one = Drive(SmallScenario());
  const ScenarioOutcome other = Drive(SmallScenario("", kSmallSeed + 1));
  EXPECT_NE(one.digest, other.digest);
  EXPECT_NE(one.mean_speed_mps, other.mean_speed_mps);
}

TEST(ScenarioRun, OneSeedForEverythingMakesAllSeedsDifferent) {
  const Scenario scenario = SmallScenario();
  const VirtualFleetConfig& fleet = scenario.fleet;
  const std::set<std::uint64_t> seeds = {
      scenario.city.seed, scenario.traffic.seed, fleet.seed,        fleet.gnss.seed,       fleet.clock.seed,
      fleet.link.seed,    fleet.restarts.seed,   scenario.sky.seed, scenario.coverage.seed};
  EXPECT_EQ(seeds.size(), 9u);
}

// What happened on the streets, without what the cloud did.
auto StreetsOf(const ScenarioOutcome& outcome) {
  return std::tuple(outcome.mean_speed_mps, outcome.speeds_mps, outcome.trips, outcome.mean_trip_s, outcome.mean_loss_s,
                    outcome.encounters, outcome.collisions.size(), outcome.near_misses.size(), outcome.mistakes,
                    outcome.traffic.hard_brakings, outcome.traffic.lane_changes, outcome.traffic.updates);
}

TEST(ScenarioRun, CommandsChangeTheTrafficAndNothingElseDoes) {
  Scenario scenario = SmallScenario();
  const ScenarioOutcome obeying = Drive(scenario);
  ASSERT_GT(obeying.acted, 5u);
  EXPECT_GT(obeying.fleet.complying, 100u);
  scenario.fleet.obey = false;
  const ScenarioOutcome alone = Drive(scenario);
  EXPECT_NE(StreetsOf(obeying), StreetsOf(alone));
  EXPECT_GT(alone.acted, 5u);

  const Scenario nobody = SmallScenario("[fleet]\ncompliance = 0\n");
  ASSERT_TRUE(nobody.fleet.obey);
  const ScenarioOutcome deaf = Drive(nobody);
  EXPECT_EQ(StreetsOf(deaf), StreetsOf(alone));
  EXPECT_EQ(deaf.digest, alone.digest);
  EXPECT_EQ(deaf.fleet.complying, 0u);

  const ScenarioOutcome unheard = Drive(SmallScenario("[fleet]\npenetration = 0\n"));
  EXPECT_EQ(StreetsOf(unheard), StreetsOf(alone));
  EXPECT_EQ(unheard.fleet.vehicles.samples, 0u);
  EXPECT_EQ(unheard.acted, 0u);
}

TEST(ScenarioRun, EachVehicleIsSampledInEachRoundFromItsFirstOne) {
  const Scenario scenario = SmallScenario();
  const ScenarioOutcome outcome = Drive(scenario);
  const Schedule schedule(scenario.traffic.vehicles);
  std::uint64_t samples = 0;
  for (std::uint32_t vehicle = 0; vehicle < scenario.traffic.vehicles; ++vehicle) {
    samples += 10 * scenario.seconds - schedule.FirstRound(vehicle);
  }
  EXPECT_EQ(samples, 150u * 150 - 150 * 29 / 2);
  EXPECT_EQ(outcome.fleet.vehicles.samples, samples);
  EXPECT_EQ(outcome.fleet.totals.ledger.delivered, samples);
  EXPECT_EQ(outcome.held_samples, samples);
  EXPECT_EQ(outcome.fleet.totals.ledger.in_flight, 0u);
  EXPECT_TRUE(outcome.fleet.drained);
  // At the beginning of the first step they are where the warming up has left them.
  EXPECT_EQ(outcome.traffic.updates, 150u * 149);
  EXPECT_EQ(outcome.driven_s, 15);
  ASSERT_EQ(outcome.speeds_mps.size(), 1u);
}

TEST(ScenarioRun, ItsMeanSpeedIsThatOfItsSeries) {
  Scenario scenario = SmallScenario();
  scenario.seconds = 30;
  const ScenarioOutcome outcome = Drive(scenario);
  ASSERT_EQ(outcome.speeds_mps.size(), 3u);
  const double sum_mps = std::accumulate(outcome.speeds_mps.begin(), outcome.speeds_mps.end(), 0.0);
  EXPECT_NEAR(sum_mps / 3, outcome.mean_speed_mps, 1e-9);
  EXPECT_GT(outcome.mean_speed_mps, 1);
}

TEST(ScenarioRun, WhateverTheWeatherNothingIsLostLateOrTwice) {
  Scenario scenario = SmallScenario(kBadWeather);
  scenario.seconds = 30;
  const ScenarioOutcome outcome = Drive(scenario);
  EXPECT_TRUE(outcome.fleet.drained);
  EXPECT_GT(outcome.fleet.vehicles.restarts, 20u);
  EXPECT_GT(outcome.fleet.vehicles.links.lost, 5u);
  EXPECT_GT(outcome.fleet.vehicles.links.segments_lost, 5u);
  EXPECT_GT(outcome.fleet.vehicles.silent, 100u);
  EXPECT_GT(outcome.fleet.totals.dropped_reboot, 0u);
  EXPECT_LT(outcome.fleet.with_agent, 150u);
  EXPECT_LT(outcome.fleet.complying, outcome.fleet.with_agent);
  EXPECT_GT(outcome.acted, 5u);
}

TEST(ScenarioRun, EndedEarlyItSaysSoAndStillDrains) {
  const Scenario scenario = SmallScenario();
  std::vector<double> told;
  const ScenarioOutcome outcome = RunScenario(scenario, SmallCity(scenario), [&](const ScenarioProgress& now) {
    EXPECT_EQ(now.of_s, 15);
    told.push_back(now.simulated_s);
    return now.simulated_s < 7;
  });
  EXPECT_THAT(told, testing::ElementsAre(1, 2, 3, 4, 5, 6, 7));
  EXPECT_TRUE(outcome.interrupted);
  EXPECT_EQ(outcome.driven_s, 7);
  EXPECT_TRUE(outcome.fleet.drained);
  EXPECT_THAT(outcome.failures, testing::IsEmpty());
  EXPECT_GT(outcome.fleet.totals.ledger.sampled, 0u);
  EXPECT_EQ(outcome.fleet.totals.ledger.sampled, outcome.held_samples);
  const std::string document = ScenarioDocument(scenario, kSmallSeed, outcome);
  EXPECT_THAT(document, testing::HasSubstr("\"interrupted\": true"));
  EXPECT_THAT(ScenarioTable(scenario, kSmallSeed, outcome), testing::HasSubstr(", ended early\n"));
}

TEST(ScenarioRun, WhatHasNoRoomIsRefused) {
  Scenario scenario = SmallScenario();
  scenario.traffic.vehicles = 100'000;
  std::string remark;
  const Result<City> city = CityOf(scenario, &remark);
  ASSERT_FALSE(city.ok());
  EXPECT_EQ(city.status().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(std::string(city.status().message()),
              testing::MatchesRegex("the city has room for [0-9]+ vehicles, not for 100000"));
  scenario = SmallScenario();
  scenario.network = "none.net.xml";
  const Result<City> none = CityOf(scenario, &remark);
  ASSERT_FALSE(none.ok());
  EXPECT_THAT(std::string(none.status().message()), testing::HasSubstr("none.net.xml"));
}

}  // namespace
}  // namespace starling::sim
