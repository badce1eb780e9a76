#include "sim/city/city.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "common/geo/trigonometry.h"
#include "sim/city/arc_fit.h"
#include "sim/city/router.h"

namespace starling::sim {
namespace {

class CityOfSeed : public testing::TestWithParam<std::uint64_t> {
 protected:
  CityOfSeed() : city_(City::Generate(Config())) {}

  static CityConfig Config() {
    CityConfig config;
    config.seed = GetParam();
    config.side_m = 3000;
    return config;
  }

  // The pose at the end of a track by driving all of its arcs from its start.
  Pose DriveToEnd(TrackIndex track) const {
    Pose pose = city_.PoseAt(track, 0);
    for (const TrackArc& piece : city_.arcs(track)) {
      pose = DriveArc(pose, piece.arc.length_m, piece.arc.curvature_per_m);
    }
    return pose;
  }

  static void ExpectJoined(const Pose& end, const Pose& start) {
    EXPECT_LT(Norm(end.position - start.position), 1e-6);
    EXPECT_LT(std::abs(WrapAngle(end.heading_rad - start.heading_rad)), 1e-6);
  }

  std::size_t CountReached(bool backwards) const {
    std::vector<std::vector<LaneIndex>> next(city_.lanes().size());
    for (const Connection& c : city_.connections()) {
      next[backwards ? c.to_lane : c.from_lane].push_back(backwards ? c.from_lane : c.to_lane);
    }
    std::vector<bool> seen(city_.lanes().size(), false);
    std::vector<LaneIndex> open{0};
    seen[0] = true;
    for (std::size_t i = 0; i < open.size(); ++i) {
      for (const LaneIndex lane : next[open[i]]) {
        if (!seen[lane]) open.push_back(lane);
        seen[lane] = true;
      }
    }
    return open.size();
  }

  City city_;
};

TEST_P(CityOfSeed, EveryLaneHasAnExitAndReachesEveryOther) {
  for (const Lane& lane : city_.lanes()) EXPECT_GT(lane.connection_count, 0u);
  EXPECT_EQ(CountReached(false), city_.lanes().size());
  EXPECT_EQ(CountReached(true), city_.lanes().size());
}

TEST_P(CityOfSeed, ConnectionsJoinTheirLanesWithoutACorner) {
  for (ConnectionIndex i = 0; i < city_.connections().size(); ++i) {
    const Connection& connection = city_.connection(i);
    ExpectJoined(DriveToEnd(connection.from_lane), city_.PoseAt(city_.TrackOf(i), 0));
    ExpectJoined(DriveToEnd(city_.TrackOf(i)), city_.PoseAt(connection.to_lane, 0));
    EXPECT_LE(city_.arcs(city_.TrackOf(i)).size(), 3u);
    for (const TrackArc& piece : city_.arcs(city_.TrackOf(i))) {
      EXPECT_LT(std::abs(piece.arc.curvature_per_m), 1 / 4.5);  // A taxi's turning circle.
    }
  }
}

TEST_P(CityOfSeed, LanesKeepRightOfTheCentreLine) {
  for (LaneIndex i = 0; i < city_.lanes().size(); ++i) {
    const Lane& lane = city_.lane(i);
    if (lane.ring) continue;
    const Vec2 from = city_.junction(lane.from_junction).position;
    const Vec2 to = city_.junction(lane.to_junction).position;
    const Vec2 along = (1 / Norm(to - from)) * (to - from);
    for (const double at : {0.0, city_.track(i).length_m}) {
      // Cross is positive to the left.
      const double right_m = Cross(city_.PoseAt(i, at).position - from, along);
      EXPECT_NEAR(right_m, (lane.from_centre + 0.5) * kLaneWidthM, 1e-6);
    }
  }
}

TEST_P(CityOfSeed, ZonesComeInPairsAndLieOnTheirConnections) {
  for (const Junction& junction : city_.junctions()) {
    for (std::uint32_t a = 0; a < junction.connection_count; ++a) {
      const ConnectionIndex first = junction.connection_first + a;
      for (std::uint32_t b = 0; b < junction.connection_count; ++b) {
        const ConnectionIndex second = junction.connection_first + b;
        const ConflictZone* zone = city_.Zone(first, second);
        EXPECT_EQ(zone == nullptr, city_.Zone(second, first) == nullptr);
        if (zone == nullptr) continue;
        EXPECT_LE(0, zone->enter_m);
        EXPECT_LT(zone->enter_m, zone->leave_m);
        EXPECT_LE(zone->leave_m, city_.track(city_.TrackOf(first)).length_m + 1e-3);
        EXPECT_FALSE(zone->yields && city_.Zone(second, first)->yields);
      }
    }
  }
}

TEST_P(CityOfSeed, SignalsShowGreenToOneGroupAtATime) {
  for (const Junction& junction : city_.junctions()) {
    if (junction.control != Control::kSignal) continue;
    std::set<SignalIndex> signals;
    for (std::uint32_t i = 0; i < junction.connection_count; ++i) {
      signals.insert(city_.connection(junction.connection_first + i).signal);
    }
    EXPECT_GE(signals.size(), 2u);
    const double cycle_s = city_.signal(*signals.begin()).cycle_s;
    for (double t = 0; t < cycle_s; t += 0.5) {
      const auto not_red = std::ranges::count_if(signals, [&](SignalIndex signal) {
        return LightAt(city_.signal(signal), t).light != Light::kRed;
      });
      EXPECT_LE(not_red, 1);
    }
  }
}

TEST_P(CityOfSeed, RoutesArrive) {
  const Router router(city_, 8, 1000, GetParam());
  for (PlaceIndex place = 0; place < router.places(); ++place) {
    for (LaneIndex start = 0; start < city_.lanes().size(); start += 7) {
      LaneIndex lane = start;
      std::size_t hops = 0;
      while (lane != router.LaneOf(place) && hops < city_.lanes().size()) {
        const LaneIndex better = router.Better(place, lane);
        lane = better != kNoLane ? better : city_.connection(router.Next(place, lane)).to_lane;
        ++hops;
      }
      EXPECT_EQ(lane, router.LaneOf(place));
    }
  }
}

TEST(LightAt, TellsSinceWhenAcrossTheEndOfTheCycle) {
  // Red until 10, green until 30, yellow until 33, red until 40; 5 s into it at time 0.
  const Signal signal{40, 5, {{10, Light::kRed}, {30, Light::kGreen}, {33, Light::kYellow}, {40, Light::kRed}}};
  EXPECT_EQ(signal.green_s(), 20);
  EXPECT_EQ(LightAt(signal, 0).light, Light::kRed);
  EXPECT_DOUBLE_EQ(LightAt(signal, 0).since_s, 12);
  EXPECT_EQ(LightAt(signal, 6).light, Light::kGreen);
  EXPECT_DOUBLE_EQ(LightAt(signal, 6).since_s, 1);
  EXPECT_EQ(LightAt(signal, 26).light, Light::kYellow);
  EXPECT_DOUBLE_EQ(LightAt(signal, 26).since_s, 1);
  EXPECT_EQ(LightAt(signal, 29).light, Light::kRed);
  EXPECT_DOUBLE_EQ(LightAt(signal, 40 + 29).since_s, 1);
}

INSTANTIATE_TEST_SUITE_P(Seeds, CityOfSeed, testing::Range<std::uint64_t>(1, 21));

TEST(City, IsTheSameForTheSameSeedOnly) {
  CityConfig config;
  config.side_m = 2000;
  const City first = City::Generate(config);
  const City again = City::Generate(config);
  config.seed = 2;
  const City other = City::Generate(config);
  ASSERT_EQ(first.tracks().size(), again.tracks().size());
  bool differs = first.tracks().size() != other.tracks().size();
  for (TrackIndex i = 0; i < first.tracks().size(); ++i) {
    EXPECT_EQ(first.track(i).length_m, again.track(i).length_m);
    EXPECT_EQ(first.PoseAt(i, 1).position, again.PoseAt(i, 1).position);
    differs = differs || first.track(i).length_m != other.track(i).length_m;
  }
  EXPECT_TRUE(differs);
}

TEST(City, DefaultIsAboutFiftyFiveSquareKilometres) {
  const City city = City::Generate({});
  const Vec2 size = city.north_east() - city.south_west();
  EXPECT_NEAR(size.x * size.y / 1e6, 55, 1.5);
}

TEST(CityConfig, RefusesWhatIsOutOfRangeByName) {
  CityConfig config;
  EXPECT_TRUE(config.Validate().ok());
  config.side_m = 100;
  EXPECT_NE(config.Validate().message().find("side_m"), std::string_view::npos);
  config = {};
  config.missing_share = std::nan("");
  EXPECT_NE(config.Validate().message().find("missing_share"), std::string_view::npos);
  config = {};
  config.roundabout_share = 1.01;
  EXPECT_NE(config.Validate().message().find("roundabout_share"), std::string_view::npos);
  config = {};
  config.progression_mps = 9;
  EXPECT_NE(config.Validate().message().find("progression_mps"), std::string_view::npos);
}

// A right turn between perpendicular lines whose corner is 6 m from both ends is
// a quarter circle of that radius.
TEST(ArcFit, RightAngleIsAQuarterCircle) {
  const ArcFit fit = FitArcs({{0, 0}, 0, 0}, {{6, 6}, kPi / 2, 0});
  ASSERT_EQ(fit.count, 1u);
  EXPECT_NEAR(fit.arcs[0].length_m, 6 * kPi / 2, 1e-9);
  EXPECT_NEAR(fit.arcs[0].curvature_per_m, 1.0 / 6, 1e-12);
}

// A parallel offset of 3.2 m over 20 m is an S of two equal arcs of radius
// (20² + 3.2²) / (4 · 3.2) = 32.05 m.
TEST(ArcFit, ParallelLinesAreJoinedByAnS) {
  const ArcFit fit = FitArcs({{0, 0}, 0, 0}, {{3.2, 20}, 0, 0});
  ASSERT_EQ(fit.count, 2u);
  EXPECT_NEAR(fit.arcs[0].curvature_per_m, 1 / 32.05, 1e-9);
  EXPECT_NEAR(fit.arcs[1].curvature_per_m, -1 / 32.05, 1e-9);
}

}  // namespace
}  // namespace starling::sim
