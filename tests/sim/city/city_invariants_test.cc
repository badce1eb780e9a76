// What holds in every drawn city, of whatever size and with whatever mixture of junctions.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <ostream>
#include <vector>

#include "common/geo/trigonometry.h"
#include "sim/city/city.h"
#include "sim/traffic/box.h"
#include "sim/traffic/vehicle.h"

namespace starling::sim {
namespace {

struct Drawn {
  std::uint64_t seed;
  double side_m;
  double block_m;
  double roundabout_share;
};

void PrintTo(const Drawn& drawn, std::ostream* out) {
  *out << "seed " << drawn.seed << ", " << drawn.side_m << " m, blocks of " << drawn.block_m << " m, roundabouts "
       << drawn.roundabout_share;
}

class AnyCity : public testing::TestWithParam<Drawn> {
 protected:
  AnyCity() : city_(City::Generate(Config())) {}

  static CityConfig Config() {
    CityConfig config;
    config.seed = GetParam().seed;
    config.side_m = GetParam().side_m;
    config.block_m = GetParam().block_m;
    config.roundabout_share = GetParam().roundabout_share;
    return config;
  }

  std::size_t CountReached(bool backwards) const {
    std::vector<bool> seen(city_.lanes().size(), false);
    std::vector<LaneIndex> open{0};
    seen[0] = true;
    const auto reach = [&](LaneIndex lane) {
      if (!seen[lane]) open.push_back(lane);
      seen[lane] = true;
    };
    for (std::size_t i = 0; i < open.size(); ++i) {
      if (backwards) {
        for (const ConnectionIndex way : city_.arriving(open[i])) reach(city_.connection(way).from_lane);
      } else {
        const Lane& lane = city_.lane(open[i]);
        for (std::uint32_t k = 0; k < lane.connection_count; ++k) {
          reach(city_.connection(lane.connection_first + k).to_lane);
        }
      }
    }
    return open.size();
  }

  // The box of a car whose centre is there.
  Box BoxAt(TrackIndex track, double along_m) const {
    const Pose pose = city_.PoseAt(track, along_m);
    return {pose.position, HeadingVector(pose.heading_rad), kVehicleLengthM / 2, kVehicleWidthM / 2};
  }

  City city_;
};

TEST_P(AnyCity, EveryLaneIsReachedFromEveryOther) {
  EXPECT_EQ(CountReached(false), city_.lanes().size());
  EXPECT_EQ(CountReached(true), city_.lanes().size());
}

TEST_P(AnyCity, LanesHaveRoomForTwoCarsAndAreNotAbsurd) {
  for (LaneIndex lane = 0; lane < city_.lanes().size(); ++lane) {
    const double length_m = city_.track(lane).length_m;
    EXPECT_GE(length_m, city_.lane(lane).ring ? 14 : 2 * kVehicleLengthM) << lane;
    EXPECT_LT(length_m, 2 * GetParam().block_m) << lane;
    EXPECT_GT(city_.track(lane).speed_limit_mps, 4) << lane;
  }
}

TEST_P(AnyCity, EveryWayThroughAJunctionCanBeDriven) {
  for (ConnectionIndex i = 0; i < city_.connections().size(); ++i) {
    const TrackIndex track = city_.TrackOf(i);
    Pose pose = city_.PoseAt(track, 0);
    for (const TrackArc& piece : city_.arcs(track)) {
      ASSERT_LT(std::abs(piece.arc.curvature_per_m), 1 / 4.5) << i;  // A taxi's turning circle.
      ASSERT_GT(piece.arc.length_m, 0) << i;
      pose = DriveArc(pose, piece.arc.length_m, piece.arc.curvature_per_m);
    }
    const Pose lane = city_.PoseAt(city_.connection(i).to_lane, 0);
    ASSERT_LT(Norm(pose.position - lane.position), 1e-6) << i;
    ASSERT_LT(std::abs(WrapAngle(pose.heading_rad - lane.heading_rad)), 1e-6) << i;
    ASSERT_LT(city_.track(track).length_m, 75) << i;
  }
}

// Who waits at a line, and who has just left the junction, are in nobody's way on another lane.
TEST_P(AnyCity, CarsAtTheEndsOfAJunctionsLanesDoNotTouch) {
  std::vector<std::vector<Box>> boxes(city_.junctions().size());
  for (LaneIndex lane = 0; lane < city_.lanes().size(); ++lane) {
    boxes[city_.lane(lane).to_junction].push_back(BoxAt(lane, city_.track(lane).length_m - kVehicleLengthM / 2));
    boxes[city_.lane(lane).from_junction].push_back(BoxAt(lane, kVehicleLengthM / 2));
  }
  for (JunctionIndex junction = 0; junction < boxes.size(); ++junction) {
    for (std::size_t a = 0; a < boxes[junction].size(); ++a) {
      for (std::size_t b = a + 1; b < boxes[junction].size(); ++b) {
        ASSERT_FALSE(BoxesOverlap(boxes[junction][a], boxes[junction][b])) << "junction " << junction;
      }
    }
  }
}

// By boxes instead of centre lines: wherever two cars would touch, both are in the other's zone.
TEST_P(AnyCity, CarsThatTouchWithinAJunctionAreInEachOthersZones) {
  const std::size_t every = std::max<std::size_t>(1, city_.junctions().size() / 150);
  int touching = 0;
  for (JunctionIndex number = 0; number < city_.junctions().size(); number += static_cast<JunctionIndex>(every)) {
    const Junction& junction = city_.junction(number);
    for (std::uint32_t a = 0; a < junction.connection_count; ++a) {
      for (std::uint32_t b = a + 1; b < junction.connection_count; ++b) {
        const ConnectionIndex first = junction.connection_first + a;
        const ConnectionIndex second = junction.connection_first + b;
        const ConflictZone* mine = city_.Beside(first, second);
        const ConflictZone* theirs = city_.Beside(second, first);
        ASSERT_EQ(mine == nullptr, theirs == nullptr);
        for (double s = 0; s < city_.track(city_.TrackOf(first)).length_m; s += 1.5) {
          for (double t = 0; t < city_.track(city_.TrackOf(second)).length_m; t += 1.5) {
            if (!BoxesOverlap(BoxAt(city_.TrackOf(first), s), BoxAt(city_.TrackOf(second), t))) continue;
            ++touching;
            ASSERT_NE(mine, nullptr) << "junction " << number << ", " << first << " and " << second;
            const double reach_m = kVehicleLengthM / 2 + 0.6;
            ASSERT_GT(s + reach_m, mine->enter_m);
            ASSERT_LT(s - reach_m, mine->leave_m);
            ASSERT_GT(t + reach_m, theirs->enter_m);
            ASSERT_LT(t - reach_m, theirs->leave_m);
          }
        }
      }
    }
  }
  EXPECT_GT(touching, 1000);
}

// Who is in his zone while the other one is not is also the one in front.  Where that did not hold,
// drivers who had not waited for each other stood side by side for ever: the one in his zone behind
// the one nearer to the lane, and that one for him who was in his zone.
TEST_P(AnyCity, ZonesOfTwoThatJoinALaneBeginAtTheSameDistanceFromIt) {
  int joins = 0;
  for (const Junction& junction : city_.junctions()) {
    for (std::uint32_t a = 0; a < junction.connection_count; ++a) {
      for (std::uint32_t b = a + 1; b < junction.connection_count; ++b) {
        const ConnectionIndex first = junction.connection_first + a;
        const ConnectionIndex second = junction.connection_first + b;
        if (city_.connection(first).to_lane != city_.connection(second).to_lane) continue;
        const ConflictZone* mine = city_.Zone(first, second);
        if (mine == nullptr) continue;
        ++joins;
        EXPECT_NEAR(city_.track(city_.TrackOf(first)).length_m - mine->enter_m,
                    city_.track(city_.TrackOf(second)).length_m - city_.Zone(second, first)->enter_m, 1e-4);
      }
    }
  }
  EXPECT_GT(joins, 50);
}

// The ring: anticlockwise, closed, entered by giving way and left without.
TEST_P(AnyCity, RingsLeadRoundAndWhoIsOnThemGoesFirst) {
  std::size_t rings = 0;
  for (LaneIndex start = 0; start < city_.lanes().size(); ++start) {
    if (!city_.lane(start).ring) continue;
    ++rings;
    double turned_rad = 0;
    int legs = 0;
    LaneIndex lane = start;
    do {
      const Junction& leg = city_.junction(city_.lane(lane).to_junction);
      ASSERT_EQ(leg.control, Control::kRoundabout);
      const ConnectionIndex past = city_.lane(lane).connection_first;
      ASSERT_TRUE(city_.lane(city_.connection(past).to_lane).ring);
      EXPECT_FALSE(city_.connection(past).yields);
      for (const TrackIndex track : {TrackIndex{lane}, city_.TrackOf(past)}) {
        for (const TrackArc& piece : city_.arcs(track)) turned_rad += piece.arc.length_m * piece.arc.curvature_per_m;
      }
      for (std::uint32_t i = 0; i < leg.connection_count; ++i) {
        const ConnectionIndex other = leg.connection_first + i;
        if (city_.connection(other).from_lane == lane) {
          EXPECT_FALSE(city_.connection(other).yields);
          continue;
        }
        EXPECT_TRUE(city_.connection(other).yields);
        ASSERT_NE(city_.Zone(other, past), nullptr);
        EXPECT_TRUE(city_.Zone(other, past)->yields);
        // Ways out are beside the ways in.
        for (std::uint32_t k = 1; k < city_.lane(lane).connection_count; ++k) {
          EXPECT_EQ(city_.Zone(other, past + k), nullptr);
        }
      }
      lane = city_.connection(past).to_lane;
      ++legs;
    } while (lane != start && legs < 10);
    EXPECT_EQ(lane, start);
    EXPECT_GE(legs, 3);
    EXPECT_NEAR(turned_rad, -2 * kPi, 1e-9);
  }
  EXPECT_EQ(rings > 0, GetParam().roundabout_share > 0);
}

INSTANTIATE_TEST_SUITE_P(Sizes, AnyCity,
                         testing::Values(Drawn{1, 1000, 200, 0.15}, Drawn{2, 1000, 140, 1}, Drawn{3, 3200, 200, 0.15},
                                         Drawn{4, 3200, 140, 1}, Drawn{5, 3200, 400, 1}, Drawn{6, 7400, 200, 0},
                                         Drawn{7, 7400, 200, 1}, Drawn{8, 20000, 200, 0.15},
                                         Drawn{9, 20000, 400, 0.5}));

TEST(City, HasAsManyRoundaboutsAsItIsAskedFor) {
  const auto share = [](double asked) {
    std::size_t roundabouts = 0;
    std::size_t others = 0;
    CityConfig config;
    config.side_m = 10000;
    config.roundabout_share = asked;
    const City city = City::Generate(config);
    for (const Junction& junction : city.junctions()) {
      others += junction.control == Control::kPriority || junction.control == Control::kPriorityToRight;
      roundabouts += junction.control == Control::kRoundabout;
    }
    // Nearly all have four legs or three: 3.6 on average.
    const double count = static_cast<double>(roundabouts) / 3.6;
    return count / (count + static_cast<double>(others));
  };
  EXPECT_EQ(share(0), 0);
  EXPECT_NEAR(share(0.15), 0.15, 0.02);
  EXPECT_NEAR(share(0.5), 0.5, 0.04);
  EXPECT_GT(share(1), 0.97);
}

}  // namespace
}  // namespace starling::sim
