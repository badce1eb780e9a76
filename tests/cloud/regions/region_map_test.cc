#include "cloud/regions/region_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>

#include "cloud/regions/region_map_record.h"

namespace starling::cloud {
namespace {

constexpr RegionId Region(std::uint32_t number) { return RegionId{number}; }

RegionMap Sixteen() { return RegionMap::Uniform(1, {-40, -40}, 80, 80, 4, 4).value(); }

TEST(RegionMap, WithoutTilesAllOfTheWorldIsOneRegion) {
  const RegionMap map(Region(7));
  EXPECT_TRUE(map.single());
  EXPECT_EQ(map.RegionAt({123'456, -99}), Region(7));
  std::vector<RegionId> touched;
  map.RegionsTouched({-1e6, -1e6, 1e6, 1e6}, &touched);
  EXPECT_EQ(touched, std::vector{Region(7)});
}

TEST(RegionMap, AUniformMapGivesEachCellToOneTile) {
  const RegionMap map = Sixteen();
  EXPECT_EQ(map.regions().size(), 16u);
  EXPECT_EQ(map.RegionAt({-40, -40}), Region(0));
  EXPECT_EQ(map.RegionAt({-21, -21}), Region(0));
  EXPECT_EQ(map.RegionAt({-20, -21}), Region(1));
  EXPECT_EQ(map.RegionAt({-21, -20}), Region(4));
  EXPECT_EQ(map.RegionAt({39, 39}), Region(15));
  EXPECT_EQ(map.RegionAt({40, 39}), Region(0));  // Outside: the default.
  EXPECT_FALSE(RegionMap::Uniform(1, {0, 0}, 3, 3, 4, 1).ok());
}

TEST(RegionMap, RegionsTouchedAreThoseOfEveryCellInTheBox) {
  const RegionMap map = RegionMap::Make(1, Region(9), {{{0, 0}, 3, 2, Region(1)}, {{3, 0}, 1, 5, Region(2)},
                                                       {{0, 2}, 2, 3, Region(1)}}).value();
  std::mt19937_64 random(11);
  std::uniform_real_distribution<double> place(-500, 900);
  for (int round = 0; round < 2000; ++round) {
    MapBox box{place(random), place(random), place(random), place(random)};
    if (box.x_min > box.x_max) std::swap(box.x_min, box.x_max);
    if (box.y_min > box.y_max) std::swap(box.y_min, box.y_max);
    std::vector<RegionId> expected;
    const CellIndex low = CellAt({box.x_min, box.y_min});
    const CellIndex high = CellAt({box.x_max, box.y_max});
    for (std::int32_t y = low.y; y <= high.y; ++y) {
      for (std::int32_t x = low.x; x <= high.x; ++x) expected.push_back(map.RegionAt({x, y}));
    }
    std::sort(expected.begin(), expected.end());
    expected.erase(std::unique(expected.begin(), expected.end()), expected.end());
    std::vector<RegionId> touched;
    map.RegionsTouched(box, &touched);
    ASSERT_EQ(touched, expected);
    for (const RegionId region : map.regions()) {
      EXPECT_EQ(map.Touches(box, region), std::binary_search(expected.begin(), expected.end(), region));
    }
  }
}

TEST(RegionMap, ClearanceIsTheDistanceToTheNearestCellOfAnother) {
  const RegionMap map = RegionMap::Make(1, Region(9), {{{0, 0}, 7, 7, Region(1)}, {{7, 2}, 2, 3, Region(1)}}).value();
  for (std::int32_t y = -15; y < 20; ++y) {
    for (std::int32_t x = -15; x < 20; ++x) {
      std::int32_t nearest = 1000;
      for (std::int32_t v = -40; v < 50; ++v) {
        for (std::int32_t u = -40; u < 50; ++u) {
          if (map.RegionAt({u, v}) == map.RegionAt({x, y})) continue;
          nearest = std::min(nearest, std::max(std::abs(u - x), std::abs(v - y)));
        }
      }
      const double exact = (nearest - 1) * kCellSideM;
      ASSERT_LE(map.ClearanceAt({x, y}), exact) << x << "," << y;
      // Far outside the tiles it is the distance to their bounding box.
      const bool near = x >= -1 && x <= 9 && y >= -1 && y <= 7;
      ASSERT_GE(map.ClearanceAt({x, y}), near ? exact : exact - 2 * kCellSideM) << x << "," << y;
    }
  }
}

TEST(RegionMap, ASplitHalvesTheLargestTileAndKeepsTheRest) {
  const RegionMap map = Sixteen();
  const RegionMap after = map.Split(Region(5), Region(16)).value();
  EXPECT_EQ(after.version(), 2u);
  int moved = 0;
  for (std::int32_t y = -45; y < 45; ++y) {
    for (std::int32_t x = -45; x < 45; ++x) {
      const RegionId was = map.RegionAt({x, y});
      const RegionId is = after.RegionAt({x, y});
      if (was == is) continue;
      EXPECT_EQ(was, Region(5));
      EXPECT_EQ(is, Region(16));
      ++moved;
    }
  }
  EXPECT_EQ(moved, 200);
  EXPECT_FALSE(map.Split(Region(5), Region(6)).ok());
  EXPECT_FALSE(map.Split(Region(77), Region(78)).ok());
}

TEST(RegionMap, WhatMakesNoMapIsRefusedByName) {
  const auto refused = [](std::vector<RegionTile> tiles) {
    return std::string(RegionMap::Make(1, Region(0), std::move(tiles)).status().message());
  };
  EXPECT_EQ(refused({{{0, 0}, 0, 1, Region(1)}}), "tile 0 is empty");
  EXPECT_EQ(refused({{{0, 0}, 2, 2, Region(1)}, {{1, 1}, 2, 2, Region(2)}}), "tile 1 lies over another one");
  EXPECT_EQ(refused({{{0, 0}, 1, 1, Region(1)}, {{5'000, 0}, 1, 1, Region(2)}}),
            "the tiles lie more than 2048 cells apart");
  EXPECT_EQ(refused({{{2'000'000, 0}, 1, 1, Region(1)}}), "tile 0 is too large or too far away");
  EXPECT_EQ(refused(std::vector<RegionTile>(5'000, RegionTile{{0, 0}, 1, 1, Region(1)})), "5000 tiles, at most 4096");
}

TEST(RegionMap, TheTextFormIsTheMap) {
  const RegionMap map = Sixteen();
  EXPECT_EQ(RegionMap::FromJson(map.ToJson()).value(), map);
  const RegionMap one(Region(3), 4);
  EXPECT_EQ(RegionMap::FromJson(one.ToJson()).value(), one);
  // The example of docs/formats/region_map.md.
  const auto example = RegionMap::FromJson(R"({
    "version": 1,
    "default_region": 0,
    "tiles": [
      {"region": 1, "x": 0, "y": -20, "columns": 20, "rows": 40},
      {"region": 2, "x": -20, "y": 0, "columns": 20, "rows": 20}
    ]
  })");
  ASSERT_TRUE(example.ok()) << example.status().message();
  EXPECT_EQ(example.value().RegionAt({-1, -1}), Region(0));
  EXPECT_EQ(example.value().RegionAt({0, -1}), Region(1));
  EXPECT_EQ(example.value().RegionAt({-1, 0}), Region(2));
}

TEST(RegionMap, TextThatIsNoMapIsRefusedByName) {
  const auto refused = [](std::string_view text) {
    return std::string(RegionMap::FromJson(text).status().message());
  };
  EXPECT_EQ(refused("[]"), "a region map is an object");
  EXPECT_EQ(refused(R"({"default_region": 0})"), "map.version is missing");
  EXPECT_EQ(refused(R"({"version": 1, "default_region": -1})"),
            "map.default_region must be a whole number from 0 to 4294967295");
  EXPECT_EQ(refused(R"({"version": 1, "default_region": 0, "tile": []})"), "map has an unknown key \"tile\"");
  EXPECT_EQ(refused(R"({"version": 1, "default_region": 0, "tiles": [{"region": 1, "x": 0.5}]})"),
            "tiles[0].x must be a whole number from -1000000 to 1000000");
  EXPECT_EQ(refused("{").substr(0, 8), "not JSON");
}

TEST(RegionMap, TheRecordOfTheLogIsTheMap) {
  const RegionMap map = Sixteen().Split(Region(5), Region(16)).value();
  const std::vector<std::byte> bytes = RegionMapRecord(map, Region(5));
  std::vector<std::uint64_t> aligned((bytes.size() + 7) / 8);
  std::memcpy(aligned.data(), bytes.data(), bytes.size());
  const auto* raw = reinterpret_cast<const std::uint8_t*>(aligned.data());
  flatbuffers::Verifier verifier(raw, bytes.size());
  ASSERT_TRUE(log::VerifyTelemetryBuffer(verifier));
  const log::Telemetry* telemetry = log::GetTelemetry(raw);
  EXPECT_EQ(telemetry->region(), 5u);
  EXPECT_EQ(UnpackRegionMap(*telemetry->body_as_RegionMapChanged()).value(), map);
}

}  // namespace
}  // namespace starling::cloud
