#include "sim/fleet/picture.h"

#include <gtest/gtest.h>

namespace starling::sim {
namespace {

bool operator==(Colour a, Colour b) { return a.r == b.r && a.g == b.g && a.b == b.b; }

TEST(Canvas, ARectangleCoversItsPixelsAndNoOther) {
  Canvas canvas(10, 10, {0, 0, 0});
  canvas.Rectangle(2, 3, 5, 6, {255, 0, 0});
  for (std::size_t y = 0; y < 10; ++y) {
    for (std::size_t x = 0; x < 10; ++x) {
      const bool inside = x >= 2 && x < 5 && y >= 3 && y < 6;
      EXPECT_EQ(canvas.At(x, y).r, inside ? 255 : 0) << x << "," << y;
    }
  }
}

TEST(Canvas, ShapesOutsideOfThePictureAreCutOff) {
  Canvas canvas(8, 8, {0, 0, 0});
  canvas.Disc(-100, -100, 5, {255, 255, 255});
  canvas.Line(-50, 4, 50, 4, 2, {255, 255, 255});
  canvas.Text(1000, 1000, 3, "far", {255, 255, 255});
  EXPECT_EQ(canvas.At(0, 0).g, 0);
  EXPECT_EQ(canvas.At(4, 4).g, 255);
}

TEST(Picture, AStandingCellIsRedderThanAFreeOne) {
  CityConfig config;
  config.side_m = 1000;
  const City city = City::Generate(config);
  PictureData data{&city, {}, {}, "title", "subtitle"};
  const Canvas empty = DrawPicture(data);
  data.cells.push_back({{0, 0}, 8, 0, 1, true});
  const Canvas one = DrawPicture(data);
  std::size_t changed = 0;
  for (std::size_t y = 0; y < one.height(); ++y) {
    for (std::size_t x = 0; x < one.width(); ++x) {
      if (!(one.At(x, y) == empty.At(x, y))) ++changed;
    }
  }
  // 100 m of about 1000 m, squared, of the map's 2.3 million pixels.
  EXPECT_GT(changed, 10'000u);
  EXPECT_LT(changed, 40'000u);
}

TEST(Picture, AFileThatCannotBeMadeIsNamed) {
  const Status status = Canvas(1, 1, {0, 0, 0}).WritePng("/nonexistent/city.png");
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.message().find("/nonexistent/city.png"), std::string_view::npos);
}

}  // namespace
}  // namespace starling::sim
