#include "cloud/regions/region_router.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "cloud/regions/sweep.h"
#include "common/geo/trigonometry.h"

namespace starling::cloud {
namespace {

constexpr RegionId Region(std::uint32_t number) { return RegionId{number}; }

// West is region 0, east of x = 0 region 1.
RegionMap TwoHalves() { return RegionMap::Make(1, Region(0), {{{0, -100}, 100, 200, Region(1)}}).value(); }
// Tiles of one cell, a hundred by a hundred.
RegionMap Mosaic() {
  return RegionMap::Uniform(1, {-16, -16}, 32, 32, 32, 32).value();
}

VehicleState At(double x, double y, double heading_deg, double speed_mps) {
  VehicleState state;
  state.position = {x, y};
  state.heading_rad = heading_deg * kDegree;
  state.speed_cmps = static_cast<std::int16_t>(speed_mps * 100);
  state.length_cm = 460;
  state.width_cm = 180;
  state.sequence = 1;
  return state;
}

std::vector<RegionId> Ghosts(const RegionRouter& router) { return {router.ghosts().begin(), router.ghosts().end()}; }
std::vector<RegionId> Left(const RegionRouter& router) { return {router.left().begin(), router.left().end()}; }

TEST(RegionRouter, OneRegionHasNoGhosts) {
  RegionRouter router;
  router.Route(RegionMap(Region(7)), At(-10, 0, 90, 30));
  EXPECT_EQ(router.owner(), Region(7));
  EXPECT_TRUE(router.ghosts().empty());
  EXPECT_TRUE(router.left().empty());
}

TEST(RegionRouter, AVehicleIsAGhostWhereItCanGetWithinTheHorizon) {
  const RegionMap map = TwoHalves();
  RegionRouter router;
  router.Route(map, At(-250, 50, 90, 30));     // 195 m in 6.5 s, 25 m and its body.
  EXPECT_TRUE(router.ghosts().empty());
  router.Route(map, At(-200, 50, 90, 30));
  EXPECT_EQ(router.owner(), Region(0));
  EXPECT_EQ(Ghosts(router), std::vector{Region(1)});
  RegionRouter away;
  away.Route(map, At(-200, 50, 270, 30));
  EXPECT_TRUE(away.ghosts().empty());
}

TEST(RegionRouter, OwnershipChangesOnlyBeyondTheBand) {
  const RegionMap map = TwoHalves();
  RegionRouter router;
  int changes = 0;
  RegionId owner = Region(0);
  const auto drive = [&](double x) {
    router.Route(map, At(x, 50, 90, 10));
    if (router.owner() != owner) ++changes;
    owner = router.owner();
  };
  for (int i = 0; i < 100; ++i) drive(i % 2 == 0 ? -20 : 20);   // Along the border, to and fro.
  EXPECT_EQ(changes, 0);
  drive(24.9);
  EXPECT_EQ(router.owner(), Region(0));
  EXPECT_EQ(Ghosts(router), std::vector{Region(1)});
  drive(25.1);
  EXPECT_EQ(router.owner(), Region(1));
  EXPECT_EQ(Ghosts(router), std::vector{Region(0)});
  for (int i = 0; i < 100; ++i) drive(i % 2 == 0 ? -20 : 20);
  EXPECT_EQ(changes, 1);
}

TEST(RegionRouter, AlongABorderFarFromTheOldOwnerItChangesAllTheSame) {
  // Three regions meet at the origin; it drives north between 1 and 2, away from 0.
  const RegionMap map = RegionMap::Make(1, Region(0), {{{-50, 0}, 50, 50, Region(1)}, {{0, 0}, 50, 50, Region(2)}}).value();
  RegionRouter router;
  router.Route(map, At(1, -10, 0, 10));
  EXPECT_EQ(router.owner(), Region(0));
  router.Route(map, At(1, 20, 0, 10));
  EXPECT_EQ(router.owner(), Region(0));
  router.Route(map, At(1, 26, 0, 10));
  EXPECT_EQ(router.owner(), Region(2));
  router.Route(map, At(-1, 40, 0, 10));
  EXPECT_EQ(router.owner(), Region(2));
}

TEST(RegionRouter, ARegionThatItNoLongerReachesIsLeftOnce) {
  const RegionMap map = TwoHalves();
  RegionRouter router;
  router.Route(map, At(-100, 50, 90, 20));
  ASSERT_EQ(Ghosts(router), std::vector{Region(1)});
  router.Route(map, At(-70, 50, 270, 20));      // Turned round; near enough to stay known.
  EXPECT_EQ(Ghosts(router), std::vector{Region(1)});
  EXPECT_TRUE(router.left().empty());
  router.Route(map, At(-90, 50, 270, 20));
  EXPECT_TRUE(router.ghosts().empty());
  EXPECT_EQ(Left(router), std::vector{Region(1)});
  router.Route(map, At(-92, 50, 270, 20));
  EXPECT_TRUE(router.left().empty());
}

TEST(RegionRouter, AcrossAHundredBordersItHasOneOwnerAndIsKnownWhereItIs) {
  const RegionMap map = Mosaic();
  RegionRouter router;
  double x = -1500, y = -1400;
  std::vector<RegionId> known;
  int changes = 0;
  RegionId owner = Region(9999);
  for (int i = 0; i < 20'000; ++i) {
    const double heading = 45 + 40 * ((i / 300) % 2 == 0 ? 1 : -1) + (i / 4000 % 2 == 0 ? 0 : 180);
    const Vec2 way = HeadingVector(heading * kDegree);
    x += way.x;
    y += way.y;
    router.Route(map, At(x, y, heading, 10));
    std::vector<RegionId> now = Ghosts(router);
    now.push_back(router.owner());
    std::sort(now.begin(), now.end());
    EXPECT_EQ(std::unique(now.begin(), now.end()), now.end());
    EXPECT_TRUE(std::binary_search(now.begin(), now.end(), map.RegionAt(CellAt({x, y}))));
    // Whoever knew it still does, or was told that it left.
    for (const RegionId region : known) {
      const auto left = Left(router);
      EXPECT_NE(std::binary_search(now.begin(), now.end(), region),
                std::binary_search(left.begin(), left.end(), region));
    }
    known = now;
    if (owner != router.owner()) ++changes;
    owner = router.owner();
  }
  EXPECT_GT(changes, 100);
}

TEST(RegionRouter, TheShortCutForInlandVehiclesAgreesWithTheSweep) {
  const RegionMap map = RegionMap::Uniform(1, {-20, -20}, 40, 40, 2, 2).value();
  int inland = 0;
  for (double x = -1900; x < 1900; x += 37) {
    for (double heading = 0; heading < 360; heading += 30) {
      VehicleState state = At(x, 700, heading, 15);
      RegionRouter router;
      router.Route(map, state);
      Track track;
      SweepBox sweep{};
      BuildTrack(&state, &track, &sweep);
      std::vector<RegionId> touched;
      map.RegionsTouched(ToMapBox(sweep).Grown(kGhostEnterM), &touched);
      std::erase(touched, router.owner());
      EXPECT_EQ(Ghosts(router), touched) << x << " " << heading;
      if (touched.empty()) ++inland;
    }
  }
  EXPECT_GT(inland, 500);
}

TEST(RegionRouter, UnderANewMapTheFormerOwnerIsLeftOrAGhost) {
  const RegionMap map = RegionMap::Uniform(1, {0, 0}, 40, 40, 1, 1).value();
  const RegionMap split = map.Split(Region(0), Region(1)).value();   // East of x = 2000.
  RegionRouter router;
  router.Route(map, At(3000, 2000, 90, 10));
  EXPECT_EQ(router.owner(), Region(0));
  router.Route(split, At(3001, 2000, 90, 10));
  EXPECT_EQ(router.owner(), Region(1));
  EXPECT_EQ(Left(router), std::vector{Region(0)});
}

}  // namespace
}  // namespace starling::cloud
