#include "sim/sensors/sky_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "common/geo/trigonometry.h"
#include "tests/sim/sensors/digest.h"

namespace starling::sim {
namespace {

using testing::HasSubstr;

constexpr Extent kCity{{-3700, -3600}, {3700, 3700}};

Vec2 PointIn(const Extent& extent, double margin_m, Random* random) {
  const double x = random->Between(extent.south_west.x - margin_m, extent.north_east.x + margin_m);
  const double y = random->Between(extent.south_west.y - margin_m, extent.north_east.y + margin_m);
  return {x, y};
}

double ShareOf(const SkyMap& map, Sky sky) {
  Random random(99);
  int hits = 0;
  for (int i = 0; i < 200'000; ++i) hits += map.At(PointIn(kCity, 0, &random)) == sky;
  return hits / 200'000.0;
}

TEST(Area, HasItsBorderAndNothingBeyond) {
  const Area disc = Area::Disc({10, 20}, 5);
  EXPECT_TRUE(disc.Contains({15, 20}));
  EXPECT_FALSE(disc.Contains({15.001, 20}));
  EXPECT_FALSE(disc.Contains({14, 24}));
  const Area strip = Area::Rectangle({0, 0}, 90 * kDegree, 100, 10);  // eastwards
  EXPECT_TRUE(strip.Contains({49.99, 4.99}));
  EXPECT_FALSE(strip.Contains({50.01, 0}));
  EXPECT_FALSE(strip.Contains({0, 5.01}));
  EXPECT_NEAR(strip.HalfBox().x, 50, 1e-9);
  EXPECT_NEAR(strip.HalfBox().y, 5, 1e-9);
}

TEST(AreaIndex, FindsTheFirstAsALookAtAllDoes) {
  Random random(1);
  std::vector<Area> areas;
  for (int i = 0; i < 300; ++i) {
    const Vec2 centre = PointIn(kCity, 500, &random);
    if (i % 2 == 0) {
      areas.push_back(Area::Disc(centre, random.Between(0, 400)));
    } else {
      // One after the other: compilers evaluate arguments in orders of their own.
      const double heading_rad = random.Between(-9, 9);
      const double length_m = random.Between(0, 900);
      areas.push_back(Area::Rectangle(centre, heading_rad, length_m, random.Between(0, 90)));
    }
  }
  const AreaIndex index(areas);
  std::size_t found = 0;
  for (int i = 0; i < 100'000; ++i) {
    const Vec2 point = PointIn(kCity, 1500, &random);
    std::uint32_t expected = AreaIndex::kNone;
    for (std::uint32_t j = 0; j < areas.size() && expected == AreaIndex::kNone; ++j) {
      if (areas[j].Contains(point)) expected = j;
    }
    ASSERT_EQ(index.Find(point), expected) << point.x << " " << point.y;
    found += expected != AreaIndex::kNone;
  }
  EXPECT_GT(found, 15'000u);
  EXPECT_LT(found, 90'000u);
}

TEST(AreaIndex, HasNothingWhereThereIsNothing) {
  EXPECT_EQ(AreaIndex().Find({0, 0}), AreaIndex::kNone);
  const AreaIndex index({Area::Disc({0, 0}, 10)});
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(index.Find({nan, 0}), AreaIndex::kNone);
  EXPECT_EQ(index.Find({0, nan}), AreaIndex::kNone);
  EXPECT_EQ(index.Find({std::numeric_limits<double>::infinity(), 0}), AreaIndex::kNone);
  EXPECT_EQ(index.Find({1e300, -1e300}), AreaIndex::kNone);
  EXPECT_EQ(index.Find({10, 0}), 0u);
}

TEST(Sky, IsOpenByDefault) {
  EXPECT_EQ(SkyMap().At({0, 0}), Sky::kOpen);
  EXPECT_TRUE(DrawSky(SkyConfig(), kCity).empty());
}

TEST(Sky, HasATunnelBeforeACanyon) {
  const SkyMap map({{Area::Disc({0, 0}, 100), Sky::kCanyon}, {Area::Disc({0, 0}, 10), Sky::kTunnel}});
  EXPECT_EQ(map.At({0, 5}), Sky::kTunnel);
  EXPECT_EQ(map.At({0, 50}), Sky::kCanyon);
  EXPECT_EQ(map.At({0, 150}), Sky::kOpen);
}

TEST(Sky, CoversTheSharesThatWereAskedFor) {
  SkyConfig config;
  config.seed = 5;
  config.canyon_share = 0.25;
  EXPECT_NEAR(ShareOf(SkyMap(DrawSky(config, kCity)), Sky::kCanyon), 0.25, 0.008);
  config.tunnel_share = 0.04;
  const SkyMap map(DrawSky(config, kCity));
  EXPECT_NEAR(ShareOf(map, Sky::kTunnel), 0.04, 0.003);
  // Tunnels lie anywhere, so in canyons too.
  EXPECT_NEAR(ShareOf(map, Sky::kCanyon), 0.25 * 0.96, 0.012);
  config.canyon_share = 0.9;
  EXPECT_NEAR(ShareOf(SkyMap(DrawSky(config, kCity)), Sky::kOpen), 0.1 * 0.96, 0.008);
}

TEST(Sky, OfOneSeedIsTheSameInEveryBuild) {
  SkyConfig config;
  config.canyon_share = 0.2;
  config.tunnel_share = 0.02;
  Digest digest;
  for (const SkyArea& area : DrawSky(config, kCity)) {
    digest.Add(area.area.centre.x);
    digest.Add(area.area.centre.y);
    digest.Add(area.area.along.x);
    digest.Add(area.area.half_length_m);
  }
  EXPECT_EQ(digest.value(), 9432750415963248326u);
  const double x = DrawSky(config, kCity).front().area.centre.x;
  config.seed = 2;
  EXPECT_NE(DrawSky(config, kCity).front().area.centre.x, x);
}

TEST(Sky, RefusesEachFieldOutOfItsRangeByName) {
  const auto message = [](auto change) {
    SkyConfig config;
    change(&config);
    const Status status = config.Validate();
    return status.ok() ? std::string() : std::string(status.message());
  };
  EXPECT_TRUE(SkyConfig().Validate().ok());
  EXPECT_THAT(message([](SkyConfig* c) { c->canyon_share = 0.91; }), HasSubstr("sky canyon_share is 0.91, not"));
  EXPECT_THAT(message([](SkyConfig* c) { c->canyon_share = std::nan(""); }), HasSubstr("canyon_share"));
  EXPECT_THAT(message([](SkyConfig* c) { c->canyon_radius_m = 9; }), HasSubstr("canyon_radius_m"));
  EXPECT_THAT(message([](SkyConfig* c) { c->tunnel_share = -0.1; }), HasSubstr("tunnel_share"));
  EXPECT_THAT(message([](SkyConfig* c) { c->tunnel_length_m = 1e5; }), HasSubstr("tunnel_length_m"));
  EXPECT_THAT(message([](SkyConfig* c) { c->tunnel_width_m = 0; }), HasSubstr("tunnel_width_m"));
}

}  // namespace
}  // namespace starling::sim
