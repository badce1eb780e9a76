#include "sim/virtual/virtual_fleet.h"

#include <gtest/gtest.h>

#include <memory>

namespace starling::sim {
namespace {

constexpr FrameOrigin kOrigin{481'351'000, 115'820'000};

// Dense, and with drivers who do not look, so that there are commands.
struct Town {
  explicit Town(std::uint32_t vehicles = 300, const DriverFaults& faults = DriverFaults())
      : city(City::Generate(CityOf())), traffic(city, TrafficOf(vehicles, faults)) {}

  static CityConfig CityOf() {
    CityConfig config;
    config.seed = 3;
    config.side_m = 1000;
    return config;
  }
  static TrafficConfig TrafficOf(std::uint32_t vehicles, const DriverFaults& faults) {
    TrafficConfig config;
    config.seed = 3;
    config.vehicles = vehicles;
    config.warm_up_s = 20;
    config.faults = faults;
    return config;
  }

  const City city;
  Traffic traffic;
};

// Everything is less than perfect.
VirtualFleetConfig BadWeather(const City& city) {
  VirtualFleetConfig config;
  config.link = LinkConfig::Cellular();
  config.link.timeout = seconds(2);
  config.gnss = GnssConfig::BuiltIn();
  config.clock.rate_error_max_ppm = 50;
  config.clock.uptime_max = seconds(864'000);
  config.restarts.per_hour = 60;
  const Extent extent{city.south_west(), city.north_east()};
  SkyConfig sky;
  sky.canyon_share = 0.2;
  sky.tunnel_share = 0.05;
  config.sky = DrawSky(sky, extent);
  CoverageConfig coverage;
  coverage.hole_share = 0.05;
  coverage.loss_mean = 0.02;
  config.coverage = DrawCoverage(coverage, extent);
  return config;
}

class VirtualRun {
 public:
  VirtualRun(const VirtualFleetConfig& config, Town* town) : town_(*town), fleet_(config, cloud::ShardConfig(), kOrigin, &town->traffic) {
    fleet_.Connect();
  }

  void Drive(int seconds) {
    for (int step = 0; step < 10 * seconds; ++step) fleet_.Step();
  }

  VirtualFleet& fleet() { return fleet_; }
  std::uint64_t commands() const { return fleet_.book().figures(wire::CommandKind::None).handed_over; }
  std::uint64_t traffic_digest() const { return town_.traffic.Digest(); }

  // After a drain: what was sampled was delivered, but for what restarts took.
  void ExpectBalanced() {
    const VirtualFigures figures = fleet_.Figures();
    const edge::AgentLedger& ledger = figures.totals.ledger;
    EXPECT_TRUE(figures.drained);
    EXPECT_EQ(ledger.sampled, figures.vehicles.samples);
    EXPECT_EQ(ledger.in_flight, 0u);
    EXPECT_EQ(ledger.sampled, ledger.delivered + figures.totals.dropped_reboot);
    EXPECT_GE(fleet_.cloud().held_samples(), ledger.delivered);
    EXPECT_LE(fleet_.cloud().held_samples(), ledger.sampled);
    EXPECT_EQ(fleet_.book().acted_late(), 0u);
    EXPECT_EQ(fleet_.book().acted_twice(), 0u);
    EXPECT_EQ(fleet_.book().causes_unknown(), 0u);
    EXPECT_EQ(fleet_.shard().counters().closed_twice, 0u);
    EXPECT_EQ(figures.streams_broken, 0u);
    EXPECT_EQ(figures.totals.agents.samples_refused, 0u);
  }

 private:
  const Town& town_;
  VirtualFleet fleet_;
};

TEST(VirtualFleet, OverAPerfectLinkAllArrivesAndACommandTakesTwoWays) {
  Town town;
  VirtualFleetConfig config;
  config.link.up.delay_min = config.link.up.delay_median = milliseconds(4);
  config.link.down.delay_min = config.link.down.delay_median = milliseconds(3);
  VirtualRun run(config, &town);
  run.Drive(15);
  ASSERT_TRUE(run.fleet().Drain(seconds(30)));
  run.ExpectBalanced();
  const VirtualFigures figures = run.fleet().Figures();
  EXPECT_EQ(figures.totals.welcomed, 300u);
  EXPECT_EQ(figures.totals.dropped_reboot, 0u);
  EXPECT_EQ(run.fleet().cloud().refused(), 0u);
  // The first three seconds' rounds are those in which vehicles join.
  EXPECT_GT(figures.vehicles.samples, 300u * 120);
  EXPECT_LE(figures.vehicles.samples, 300u * 150);
  const Histogram& end_to_end = run.fleet().book().figures(wire::CommandKind::None).by_sample.end_to_end;
  ASSERT_GT(end_to_end.count(), 10u);
  // And what a frame takes through the bottleneck.
  EXPECT_GE(end_to_end.max(), milliseconds(7));
  EXPECT_LT(end_to_end.max(), milliseconds(7) + std::chrono::microseconds(2));
  EXPECT_LE(figures.prediction.p99, 0.3);
  EXPECT_GT(figures.prediction.count, 10'000u);
}

class VirtualWeather : public testing::TestWithParam<std::uint64_t> {};

TEST_P(VirtualWeather, WhateverItIsNothingIsLostLateOrTwice) {
  Town town;
  VirtualFleetConfig config = BadWeather(town.city);
  config.seed = config.restarts.seed = config.link.seed = config.gnss.seed = GetParam();
  // Streams stall often, and at times for long enough to lose the connection.
  config.coverage.holes.push_back(Area::Disc({250, 0}, 120));
  config.link.loss = 0.02;
  VirtualRun run(config, &town);
  run.Drive(40);
  ASSERT_TRUE(run.fleet().Drain(seconds(60)));
  run.ExpectBalanced();
  const VirtualFigures figures = run.fleet().Figures();
  EXPECT_GT(figures.vehicles.restarts, 50u);
  EXPECT_GT(figures.vehicles.links.lost, 10u);
  EXPECT_GT(figures.vehicles.links.returned, 10u);
  EXPECT_GT(figures.vehicles.silent, 100u);
  EXPECT_GT(figures.totals.dropped_reboot, 0u);
  EXPECT_GT(run.commands(), 50u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, VirtualWeather, testing::Range<std::uint64_t>(1, 5));

TEST(VirtualFleet, OneSeedIsTheSameRunOnAnyNumberOfThreads) {
  std::uint64_t digests[3];
  std::uint64_t samples[3];
  for (std::uint32_t i = 0; i < 3; ++i) {
    Town town;
    VirtualFleetConfig config = BadWeather(town.city);
    config.threads = 1 + i;
    config.samples_shared = 0;
    VirtualRun run(config, &town);
    run.Drive(12);
    digests[i] = run.fleet().Digest();
    samples[i] = run.fleet().Figures().vehicles.samples;
  }
  EXPECT_EQ(digests[0], digests[1]);
  EXPECT_EQ(digests[0], digests[2]);
  EXPECT_EQ(samples[0], samples[1]);
  EXPECT_EQ(samples[0], samples[2]);
}

TEST(VirtualFleet, AnotherSeedIsAnotherRun) {
  std::uint64_t digests[2];
  for (std::uint64_t i = 0; i < 2; ++i) {
    Town town;
    VirtualFleetConfig config = BadWeather(town.city);
    config.restarts.seed = 1 + i;
    VirtualRun run(config, &town);
    run.Drive(12);
    digests[i] = run.fleet().Digest();
  }
  EXPECT_NE(digests[0], digests[1]);
}

TEST(VirtualFleet, WhoDoesNotObeyDrivesAsIfThereWereNoFleet) {
  Town alone;
  for (int step = 0; step < 150; ++step) alone.traffic.AdvanceTo(SimTime(step * Traffic::kStep));
  const auto drive = [](const VirtualFleetConfig& config, const DriverFaults& faults) {
    Town town(300, faults);
    VirtualRun run(config, &town);
    run.Drive(15);
    EXPECT_GT(run.commands(), 5u);
    return run.traffic_digest();
  };
  VirtualFleetConfig config;
  EXPECT_NE(drive(config, DriverFaults()), alone.traffic.Digest());
  config.obey = false;
  EXPECT_EQ(drive(config, DriverFaults()), alone.traffic.Digest());
  config = {};
  config.compliance = 0;
  EXPECT_EQ(drive(config, DriverFaults()), alone.traffic.Digest());
}

TEST(VirtualFleet, WhoBreaksRulesDoesNotObeyEither) {
  DriverFaults all;
  all.tailgater_share = 1;
  Town town(300, all);
  VirtualRun run(VirtualFleetConfig(), &town);
  run.Drive(15);
  EXPECT_GT(run.commands(), 5u);
  EXPECT_EQ(run.fleet().Figures().complying, 0u);
  Town alone(300, all);
  for (int step = 0; step < 150; ++step) alone.traffic.AdvanceTo(SimTime(step * Traffic::kStep));
  EXPECT_EQ(run.traffic_digest(), alone.traffic.Digest());
}

TEST(VirtualFleet, OnlyItsShareOfVehiclesHasAnAgent) {
  Town town;
  VirtualFleetConfig config;
  config.penetration = 0.25;
  VirtualRun run(config, &town);
  run.Drive(5);
  const VirtualFigures figures = run.fleet().Figures();
  EXPECT_NEAR(figures.with_agent, 75, 25);
  EXPECT_EQ(figures.totals.welcomed, figures.with_agent);
  EXPECT_EQ(run.fleet().shard().vehicles(), figures.with_agent);

  Town nobody;
  config.penetration = 0;
  VirtualRun empty(config, &nobody);
  empty.Drive(5);
  EXPECT_EQ(empty.fleet().Figures().vehicles.samples, 0u);
  EXPECT_TRUE(empty.fleet().Drain(seconds(1)));
}

TEST(VirtualFleetConfig, RefusesWhatIsOutOfRange) {
  const auto refused = [](auto change) {
    VirtualFleetConfig config;
    change(&config);
    return config.Validate().code() == ErrorCode::kInvalidArgument;
  };
  EXPECT_TRUE(VirtualFleetConfig().Validate().ok());
  EXPECT_TRUE(refused([](VirtualFleetConfig* config) { config->threads = 0; }));
  EXPECT_TRUE(refused([](VirtualFleetConfig* config) { config->penetration = 1.5; }));
  EXPECT_TRUE(refused([](VirtualFleetConfig* config) { config->compliance = -0.1; }));
  EXPECT_TRUE(refused([](VirtualFleetConfig* config) { config->durable_after = seconds(11); }));
  EXPECT_TRUE(refused([](VirtualFleetConfig* config) { config->link.loss = 2; }));
  EXPECT_TRUE(refused([](VirtualFleetConfig* config) { config->gnss.accuracy_factor = 0; }));
}

}  // namespace
}  // namespace starling::sim
