#include "sim/traffic/track_set.h"

#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace starling::sim {
namespace {

std::vector<TrackIndex> Within(const TrackSet& set, TrackIndex begin, TrackIndex end) {
  std::vector<TrackIndex> tracks;
  set.ForEach(begin, end, [&](TrackIndex track) { tracks.push_back(track); });
  return tracks;
}

TEST(TrackSet, GivesThoseWithinAnyRangeInOrder) {
  constexpr TrackIndex kTracks = 333;
  std::mt19937 random(7);
  const auto below = [&](TrackIndex end) { return std::uniform_int_distribution<TrackIndex>(0, end - 1)(random); };
  TrackSet set(kTracks);
  std::set<TrackIndex> model;
  for (int round = 0; round < 2'000; ++round) {
    const TrackIndex track = below(kTracks);
    if (below(2) == 0) {
      set.Insert(track);
      model.insert(track);
    } else {
      set.Erase(track);
      model.erase(track);
    }
    const TrackIndex begin = below(kTracks + 1);
    const TrackIndex end = begin + below(kTracks + 1 - begin);
    EXPECT_EQ(Within(set, begin, end), std::vector<TrackIndex>(model.lower_bound(begin), model.lower_bound(end)));
  }
}

TEST(TrackSet, KnowsTheEdgesOfItsWords) {
  TrackSet set(192);
  for (const TrackIndex track : {0u, 63u, 64u, 127u, 128u, 191u}) set.Insert(track);
  EXPECT_EQ(Within(set, 0, 192), (std::vector<TrackIndex>{0, 63, 64, 127, 128, 191}));
  EXPECT_EQ(Within(set, 63, 64), (std::vector<TrackIndex>{63}));
  EXPECT_EQ(Within(set, 64, 128), (std::vector<TrackIndex>{64, 127}));
  EXPECT_TRUE(Within(set, 1, 63).empty());
  EXPECT_TRUE(Within(set, 64, 64).empty());
}

}  // namespace
}  // namespace starling::sim
