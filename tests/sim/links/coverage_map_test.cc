#include "sim/links/coverage_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "sim/sensors/distributions.h"
#include "tests/sim/sensors/digest.h"

namespace starling::sim {
namespace {

using testing::HasSubstr;

constexpr Extent kCity{{-1000, -500}, {1100, 1000}};  // 5 by 3 cells of 500 m, the last column wider than the city

CoveragePlan Plan() {
  CoveragePlan plan;
  plan.extent = kCity;
  return plan;
}

SimTime At(double at_s) { return SimTime(SpanOf(at_s)); }

TEST(Coverage, IsPerfectByDefault) {
  const CoveragePlan drawn = DrawCoverage(CoverageConfig(), kCity);
  EXPECT_TRUE(drawn.holes.empty());
  EXPECT_TRUE(drawn.outages.empty());
  const CoverageMap map(drawn);
  EXPECT_EQ(map.cells(), 15u);
  for (double x = -1000; x <= 1100; x += 50) {
    for (double y = -500; y <= 1000; y += 50) {
      const CoverageMap::Spot spot = map.At({x, y}, At(1));
      EXPECT_TRUE(spot.passes);
      EXPECT_EQ(spot.extra_delay, nanoseconds(0));
      EXPECT_EQ(spot.loss_hazard, 0);
    }
  }
}

TEST(Coverage, CellsLieInRowsFromTheSouthWest) {
  const CoverageMap map(Plan());
  EXPECT_EQ(map.CellAt({-1000, -500}), 0u);
  EXPECT_EQ(map.CellAt({-501, -1}), 0u);
  EXPECT_EQ(map.CellAt({-499, -1}), 1u);
  EXPECT_EQ(map.CellAt({-999, 1}), 5u);
  EXPECT_EQ(map.CellAt({1099, 999}), 14u);
  // Outside it is the nearest one's.
  EXPECT_EQ(map.CellAt({-5000, -5000}), 0u);
  EXPECT_EQ(map.CellAt({1e9, 1e9}), 14u);
  EXPECT_EQ(map.CellAt({0, -1e9}), 2u);
}

TEST(Coverage, ACellHasItsDelayAndItsLoss) {
  CoveragePlan plan = Plan();
  plan.cells.resize(15);
  plan.cells[7] = {.extra_delay = milliseconds(40), .loss = 0.02};
  const CoverageMap map(plan);
  EXPECT_EQ(map.At({250, 250}, At(0)).extra_delay, milliseconds(40));
  EXPECT_NEAR(map.At({250, 250}, At(0)).loss_hazard, -std::log(0.98), 1e-16);
  EXPECT_EQ(map.At({750, 250}, At(0)).extra_delay, nanoseconds(0));
}

TEST(Coverage, NothingPassesInAHoleAtAnyTime) {
  CoveragePlan plan = Plan();
  plan.holes = {Area::Disc({0, 0}, 60)};
  const CoverageMap map(plan);
  for (const double at_s : {0.0, 1e4, 1e8}) {
    EXPECT_FALSE(map.At({59, 0}, At(at_s)).passes);
    EXPECT_TRUE(map.At({61, 0}, At(at_s)).passes);
  }
}

TEST(Coverage, AnOutageTakesItsCellFromItsBeginningToJustBeforeItsEnd) {
  CoveragePlan plan = Plan();
  plan.outages = {{3, At(50), At(60)}, {14, At(1), At(2)},  {3, At(10), At(20)},
                  {3, At(15), At(30)}, {3, At(12), At(13)}, {0, At(5), At(6)}};
  const CoverageMap map(plan);
  EXPECT_FALSE(map.IsOut(3, At(10) - nanoseconds(1)));
  EXPECT_TRUE(map.IsOut(3, At(10)));
  EXPECT_TRUE(map.IsOut(3, At(14)));
  EXPECT_TRUE(map.IsOut(3, At(25)));
  EXPECT_TRUE(map.IsOut(3, At(30) - nanoseconds(1)));
  EXPECT_FALSE(map.IsOut(3, At(30)));
  EXPECT_TRUE(map.IsOut(3, At(55)));
  EXPECT_FALSE(map.IsOut(3, At(60)));
  EXPECT_TRUE(map.IsOut(14, At(1)));
  EXPECT_TRUE(map.IsOut(0, At(5)));
  for (std::uint32_t cell : {1u, 2u, 4u, 13u}) {
    for (int i = 0; i < 100; ++i) EXPECT_FALSE(map.IsOut(cell, At(i)));
  }
  EXPECT_FALSE(map.At({750, -250}, At(25)).passes);
  EXPECT_TRUE(map.At({750, -250}, At(35)).passes);
}

TEST(Coverage, DrawnCellsHaveTheirMeans) {
  CoverageConfig config;
  config.cell_side_m = 50;
  config.extra_delay_mean = milliseconds(20);
  config.loss_mean = 0.01;
  const CoveragePlan plan = DrawCoverage(config, {{0, 0}, {5000, 5000}});
  double delay_s = 0;
  double loss = 0;
  for (const RadioCell& cell : plan.cells) {
    delay_s += ToSeconds(cell.extra_delay);
    loss += cell.loss;
    ASSERT_LE(cell.extra_delay, milliseconds(100));
    ASSERT_LE(cell.loss, 0.05);
  }
  // Of an exponential cut at five means: 1 - e^-5 of it.
  ASSERT_EQ(plan.cells.size(), 10'000u);
  EXPECT_NEAR(delay_s / 1e4 / 0.02, 1 - std::exp(-5), 4.0 / 100);
  EXPECT_NEAR(loss / 1e4 / 0.01, 1 - std::exp(-5), 4.0 / 100);
}

TEST(Coverage, DrawnHolesCoverTheirShare) {
  CoverageConfig config;
  config.hole_share = 0.03;
  const Extent city{{0, 0}, {7000, 7000}};
  const CoverageMap map(DrawCoverage(config, city));
  Random random(4);
  int inside = 0;
  for (int i = 0; i < 200'000; ++i) {
    const double x = random.Between(0, 7000);
    inside += !map.At({x, random.Between(0, 7000)}, At(0)).passes;
  }
  EXPECT_NEAR(inside / 200'000.0, 0.03, 0.0025);
}

TEST(Coverage, DrawnOutagesAreAPoissonProcessOfTheTimeThatACellWorks) {
  CoverageConfig config;
  config.cell_side_m = 50;
  config.outages_per_hour = 4;
  config.outage_mean = seconds(120);
  config.horizon = seconds(10 * 3600);
  const CoveragePlan plan = DrawCoverage(config, {{0, 0}, {1000, 1000}});
  double out_s = 0;
  for (const RadioOutage& outage : plan.outages) {
    ASSERT_LE(outage.begin, At(36'000));
    ASSERT_GE(outage.end - outage.begin, seconds(1));
    out_s += ToSeconds(outage.end - outage.begin);
  }
  const auto count = static_cast<double>(plan.outages.size());
  const double expected = 400 * 36'000 / (900 + 120.0);
  EXPECT_NEAR(count, expected, 4 * std::sqrt(expected));
  EXPECT_NEAR(out_s / count, 120, 4 * 120 / std::sqrt(expected));
  // The map has as much of it as the plan; what begins last may go beyond.
  const CoverageMap map(plan);
  Random random(1);
  int out = 0;
  for (int i = 0; i < 200'000; ++i) {
    const std::uint32_t cell = random.Below(400);
    out += map.IsOut(cell, At(random.Between(0, 36'000)));
  }
  EXPECT_NEAR(out / 200'000.0, 120 / 1020.0, 0.005);
}

TEST(Coverage, OfOneSeedIsTheSameInEveryBuild) {
  CoverageConfig config;
  config.extra_delay_mean = milliseconds(15);
  config.loss_mean = 0.01;
  config.hole_share = 0.02;
  config.outages_per_hour = 2;
  const CoveragePlan plan = DrawCoverage(config, kCity);
  Digest digest;
  for (const RadioCell& cell : plan.cells) {
    digest.Add(static_cast<std::uint64_t>(cell.extra_delay.count()));
    digest.Add(cell.loss);
  }
  for (const Area& hole : plan.holes) {
    digest.Add(hole.centre.x);
    digest.Add(hole.half_length_m);
  }
  for (const RadioOutage& outage : plan.outages) {
    digest.Add(static_cast<std::uint64_t>(outage.end.time_since_epoch().count()));
  }
  EXPECT_GT(plan.outages.size(), 10u);
  EXPECT_EQ(digest.value(), 18010542476191580768u);
}

TEST(Coverage, RefusesEachFieldOutOfItsRangeByName) {
  const auto message = [](auto change) {
    CoverageConfig config;
    change(&config);
    const Status status = config.Validate();
    return status.ok() ? std::string() : std::string(status.message());
  };
  EXPECT_TRUE(CoverageConfig().Validate().ok());
  EXPECT_THAT(message([](CoverageConfig* c) { c->cell_side_m = 49; }), HasSubstr("coverage cell_side_m is 49"));
  EXPECT_THAT(message([](CoverageConfig* c) { c->extra_delay_mean = seconds(2); }), HasSubstr("extra_delay_mean"));
  EXPECT_THAT(message([](CoverageConfig* c) { c->loss_mean = 0.3; }), HasSubstr("loss_mean"));
  EXPECT_THAT(message([](CoverageConfig* c) { c->hole_share = std::nan(""); }), HasSubstr("hole_share"));
  EXPECT_THAT(message([](CoverageConfig* c) { c->hole_radius_m = 1; }), HasSubstr("hole_radius_m"));
  EXPECT_THAT(message([](CoverageConfig* c) { c->outages_per_hour = 61; }), HasSubstr("outages_per_hour"));
  EXPECT_THAT(message([](CoverageConfig* c) { c->outage_mean = milliseconds(1); }), HasSubstr("outage_mean"));
  EXPECT_THAT(message([](CoverageConfig* c) { c->horizon = seconds(0); }), HasSubstr("horizon"));
}

TEST(Coverage, RefusesAPlanThatCannotBeByName) {
  const auto message = [](auto change) {
    CoveragePlan plan = Plan();
    plan.cells.resize(15);
    change(&plan);
    const Status status = plan.Validate();
    return status.ok() ? std::string() : std::string(status.message());
  };
  EXPECT_EQ(message([](CoveragePlan*) {}), "");
  EXPECT_THAT(message([](CoveragePlan* p) { p->extent = Extent(); }), HasSubstr("extent"));
  EXPECT_THAT(message([](CoveragePlan* p) { p->cell_side_m = 0; }), HasSubstr("cell_side_m"));
  EXPECT_THAT(message([](CoveragePlan* p) { p->extent = {{0, 0}, {1e6, 1e6}}; }), HasSubstr("makes 4000000 cells"));
  EXPECT_THAT(message([](CoveragePlan* p) { p->cells.pop_back(); }), HasSubstr("cells are 14, must be none or 15"));
  EXPECT_THAT(message([](CoveragePlan* p) { p->cells[3].extra_delay = seconds(11); }),
              HasSubstr("cells[3].extra_delay is 11 s"));
  EXPECT_THAT(message([](CoveragePlan* p) { p->cells[3].loss = 0.51; }), HasSubstr("cells[3].loss is 0.51"));
  EXPECT_THAT(message([](CoveragePlan* p) { p->holes = {Area::Disc({0, 0}, -1)}; }), HasSubstr("holes[0]"));
  EXPECT_THAT(message([](CoveragePlan* p) { p->outages = {{15, At(0), At(1)}}; }), HasSubstr("outages[0].cell is 15"));
  EXPECT_THAT(message([](CoveragePlan* p) { p->outages = {{1, At(1), At(1)}}; }), HasSubstr("outages[0].end"));
}

}  // namespace
}  // namespace starling::sim
