#include "common/geo/local_frame.h"

#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "common/geo/grid.h"
#include "common/geo/trigonometry.h"

namespace starling {
namespace {

TEST(SinCos, IsWithinItsStatedErrorOfTheLibrary) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> angle(-1000, 1000);
  for (int i = 0; i < 100'000; ++i) {
    const double x = angle(random);
    const SinCosValue value = SinCos(x);
    ASSERT_NEAR(value.sin, std::sin(x), 1e-13) << x;
    ASSERT_NEAR(value.cos, std::cos(x), 1e-13) << x;
  }
}

TEST(WrapAngle, IsTheSameAngleInOneTurn) {
  for (const double angle : {-10.0, -kPi, -1.0, 0.0, 3.0, kPi, 100.0}) {
    const double wrapped = WrapAngle(angle);
    EXPECT_GE(wrapped, -kPi);
    EXPECT_LT(wrapped, kPi + 1e-12);
    EXPECT_NEAR(std::cos(wrapped), std::cos(angle), 1e-12);
    EXPECT_NEAR(std::sin(wrapped), std::sin(angle), 1e-12);
  }
}

// Ellipsoidal distance along a parallel and a meridian, from the radii of
// curvature of WGS84 at 52 degrees: 111,267.0 m per degree of latitude between
// 51.5 and 52.5 (meridian arc), 68,677.5 m per degree of longitude at 52.
// Source: NGA, WGS84 (NGA.STND.0036), section 4, evaluated independently below.
TEST(LocalFrame, AgreesWithTheRadiiOfCurvature) {
  const LocalFrame frame({520'000'000, 40'000'000});
  const double phi = 52 * kDegree;
  const double e2 = 0.00669437999014;
  const double w = std::sqrt(1 - e2 * std::sin(phi) * std::sin(phi));
  const double meridian_radius = 6378137.0 * (1 - e2) / (w * w * w);
  const double normal_radius = 6378137.0 / w;
  const double step_deg = 0.001;
  EXPECT_NEAR(frame.ToLocal({52 + step_deg, 4}).y, meridian_radius * step_deg * kDegree, 1e-3);
  EXPECT_NEAR(frame.ToLocal({52, 4 + step_deg}).x, normal_radius * std::cos(phi) * step_deg * kDegree, 1e-3);
  EXPECT_NEAR(frame.ToLocal({52, 4}).x, 0, 1e-9);
  EXPECT_NEAR(frame.ToLocal({52, 4}).y, 0, 1e-6);
}

// UTM has scale 0.9996 on its central meridian, so a UTM pair divided by it is
// our frame.  Source: Snyder 1987, p. 269, numerical example for the transverse
// Mercator ellipsoid (Clarke 1866 there, so not usable as it is); here the
// published NGA example: 48 51 29.6 N, 2 17 40.2 E is 448,252 E 5,411,933 N in
// zone 31, to the metre.
TEST(LocalFrame, AgreesWithAPublishedUtmCoordinate) {
  const LocalFrame frame({0, 30'000'000});
  const Vec2 local = frame.ToLocal({48 + 51 / 60.0 + 29.6 / 3600, 2 + 17 / 60.0 + 40.2 / 3600});
  EXPECT_NEAR(local.x * 0.9996 + 500'000, 448'252, 3);
  EXPECT_NEAR(local.y * 0.9996, 5'411'933, 3);
}

// The stated bound: over 100 km a local distance of 300 m is off by < 1 cm.
TEST(LocalFrame, KeepsDistancesOverAHundredKilometreCity) {
  for (const std::int32_t lat_e7 : {0, 380'000'000, 520'000'000, 600'000'000}) {
    const LocalFrame city({lat_e7, 0});
    for (double x = -50'000; x <= 50'000; x += 10'000) {
      for (double y = -50'000; y <= 50'000; y += 10'000) {
        const GeoPoint centre = city.ToGeo({x, y});
        const LocalFrame here({static_cast<std::int32_t>(std::lround(centre.lat_deg * 1e7)),
                               static_cast<std::int32_t>(std::lround(centre.lon_deg * 1e7))});
        for (const Vec2 step : {Vec2{300, 0}, Vec2{0, 300}, Vec2{212, 212}}) {
          const GeoPoint target = city.ToGeo(Vec2{x, y} + step);
          const double exact = Norm(here.ToLocal(target) - here.ToLocal(centre));
          ASSERT_NEAR(Norm(step), exact, 0.01) << "lat_e7 " << lat_e7 << " at " << x << "," << y;
        }
      }
    }
  }
}

TEST(LocalFrame, ConvergenceTurnsFrameNorthIntoTrueNorth) {
  const LocalFrame frame({520'000'000, 40'000'000});
  for (const Vec2 at : {Vec2{40'000, 30'000}, Vec2{-40'000, -30'000}, Vec2{0, 10'000}}) {
    const GeoPoint here = frame.ToGeo(at);
    const Vec2 north = frame.ToLocal({here.lat_deg + 1e-4, here.lon_deg}) - at;
    const double true_north_in_frame = std::atan2(north.x, north.y);
    EXPECT_NEAR(-frame.Convergence(here), true_north_in_frame, 1e-4);
  }
}

TEST(LocalFrame, RoundTripIsExact) {
  const LocalFrame frame({376'000'000, -1'224'000'000});
  std::mt19937 random(7);
  std::uniform_real_distribution<double> metres(-50'000, 50'000);
  for (int i = 0; i < 1'000; ++i) {
    const Vec2 local{metres(random), metres(random)};
    EXPECT_LT(Norm(frame.ToLocal(frame.ToGeo(local)) - local), 2e-6);
  }
}

TEST(Grid, CellsHaveTheirSouthWestCornerInside) {
  EXPECT_EQ(CellAt({0, 0}), (CellIndex{0, 0}));
  EXPECT_EQ(CellAt({99.999, 100}), (CellIndex{0, 1}));
  EXPECT_EQ(CellAt({-0.001, -100}), (CellIndex{-1, -1}));
  EXPECT_NE(PackCell({-1, 0}), PackCell({0, -1}));
}

}  // namespace
}  // namespace starling
