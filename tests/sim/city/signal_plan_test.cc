// Green waves, driven on paper.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "sim/city/city.h"

namespace starling::sim {
namespace {

class Progression : public testing::TestWithParam<std::uint64_t> {
 protected:
  static City Draw(bool coordinated, double progression_mps = 14) {
    CityConfig config;
    config.seed = GetParam();
    config.side_m = 7400;
    config.coordinated = coordinated;
    config.progression_mps = progression_mps;
    return City::Generate(config);
  }

  static SignalIndex SignalOf(const City& city, LaneIndex lane) {
    return city.connection(city.lane(lane).connection_first).signal;
  }

  // At the end of a lane, so far from where it set off.
  struct Place {
    LaneIndex lane;
    double driven_m;
  };
  // To the end of the arterial's next lane straight on; not where it ends or a roundabout is in the way.
  static bool GoOn(const City& city, Place* at) {
    const Lane& lane = city.lane(at->lane);
    for (std::uint32_t k = 0; k < lane.connection_count; ++k) {
      const Connection& way = city.connection(lane.connection_first + k);
      const Lane& next = city.lane(way.to_lane);
      if (way.turn != Turn::kStraight || !next.arterial || next.from_centre != lane.from_centre) continue;
      at->driven_m += city.track(city.TrackOf(lane.connection_first + k)).length_m + city.track(way.to_lane).length_m;
      at->lane = way.to_lane;
      return true;
    }
    return false;
  }

  struct Met {
    int green = 0;
    int red = 0;
    double share() const { return green / static_cast<double>(green + red); }
  };
  // All signals that are met by those who set off with the green of a crossing of arterials and drive
  // at `speed_mps`, by the sense in which they go: east, west, north, south.
  static std::array<Met, 4> Drive(const City& city, double speed_mps) {
    std::array<Met, 4> met;
    for (LaneIndex lane = 0; lane < city.lanes().size(); ++lane) {
      const SignalIndex start = SignalOf(city, lane);
      if (!city.lane(lane).arterial || start == kNoSignal || city.lane(lane).from_centre != 0) continue;
      const Signal& signal = city.signal(start);
      if (!std::ranges::all_of(city.incoming(city.lane(lane).to_junction),
                               [&](LaneIndex in) { return city.lane(in).arterial; })) {
        continue;
      }
      double green_s = -signal.offset_s;
      if (signal.stages[0].light == Light::kRed) green_s += signal.stages[0].until_s;
      EXPECT_EQ(LightAt(signal, green_s + 0.01).light, Light::kGreen);
      EXPECT_EQ(LightAt(signal, green_s - 0.01).light, Light::kRed);
      const Vec2 heading = city.arcs(lane)[0].direction;
      const bool along_x = std::abs(heading.x) > std::abs(heading.y);
      const std::size_t sense = along_x ? (heading.x > 0 ? 0 : 1) : (heading.y > 0 ? 2 : 3);
      Place at{lane, 0};
      while (GoOn(city, &at)) {
        const SignalIndex next = SignalOf(city, at.lane);
        if (next == kNoSignal) continue;
        const Light light = LightAt(city.signal(next), green_s + at.driven_m / speed_mps + 0.01).light;
        ++(light == Light::kGreen ? met[sense].green : met[sense].red);
      }
    }
    return met;
  }
};

TEST_P(Progression, WhoSetsOffAtGreenMeetsGreenToTheArterialsEnd) {
  for (const double speed_mps : {10.0, 14.0, 16.5}) {
    const std::array<Met, 4> met = Drive(Draw(true, speed_mps), speed_mps);
    for (const std::size_t sense : {0u, 2u}) {
      const Met& one = met[sense];
      const Met& other = met[sense + 1];
      ASSERT_GT(one.green + one.red, 50);
      // In one of the two senses; in the other one that would be a coincidence.
      EXPECT_EQ(std::max(one.share(), other.share()), 1) << "at " << speed_mps << " m/s";
      EXPECT_LT(std::min(one.share(), other.share()), 0.8) << "at " << speed_mps << " m/s";
    }
  }
}

TEST_P(Progression, IsNotThereWithRandomOffsets) {
  for (const Met& met : Drive(Draw(false), 14)) EXPECT_LT(met.share(), 0.6);
}

TEST_P(Progression, EverybodyHasTenSecondsOfGreen) {
  for (const bool coordinated : {true, false}) {
    const City city = Draw(coordinated, 10);
    for (const Connection& connection : city.connections()) {
      if (connection.signal == kNoSignal) continue;
      ASSERT_GE(city.signal(connection.signal).green_s(), 10);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Progression, testing::Range<std::uint64_t>(1, 9));

}  // namespace
}  // namespace starling::sim
