#include "common/geo/local_frame.h"

#include "common/geo/trigonometry.h"

namespace starling {
namespace {

constexpr double kSemiMajorM = 6378137.0;               // WGS84.
constexpr double kFlattening = 1 / 298.257223563;       // WGS84.
constexpr double kE2 = kFlattening * (2 - kFlattening);  // First eccentricity, squared.
constexpr double kSecondE2 = kE2 / (1 - kE2);

// The inverse stops when a step moves the point by less than this.
constexpr double kInverseToleranceM = 1e-6;
constexpr int kInverseStepsMax = 12;

}  // namespace

LocalFrame::LocalFrame(FrameOrigin origin)
    : origin_(origin), lon0_deg_(origin.lon_e7 * 1e-7), lat0_deg_(origin.lat_e7 * 1e-7) {
  const SinCosValue lat = SinCos(lat0_deg_ * kDegree);
  arc0_m_ = MeridianArc(lat0_deg_ * kDegree, lat.sin, lat.cos);
  const double w2 = 1 - kE2 * lat.sin * lat.sin;
  metres_per_lat_deg_ = kSemiMajorM * (1 - kE2) / (w2 * std::sqrt(w2)) * kDegree;
}

double LocalFrame::MeridianArc(double lat_rad, double sin_lat, double cos_lat) const {
  constexpr double kE4 = kE2 * kE2;
  constexpr double kE6 = kE4 * kE2;
  constexpr double kM0 = 1 - kE2 / 4 - 3 * kE4 / 64 - 5 * kE6 / 256;
  constexpr double kM2 = 3 * kE2 / 8 + 3 * kE4 / 32 + 45 * kE6 / 1024;
  constexpr double kM4 = 15 * kE4 / 256 + 45 * kE6 / 1024;
  constexpr double kM6 = 35 * kE6 / 3072;
  const double sin2 = 2 * sin_lat * cos_lat;
  const double cos2 = cos_lat * cos_lat - sin_lat * sin_lat;
  const double sin4 = 2 * sin2 * cos2;
  const double cos4 = cos2 * cos2 - sin2 * sin2;
  const double sin6 = sin4 * cos2 + cos4 * sin2;
  return kSemiMajorM * (kM0 * lat_rad - kM2 * sin2 + kM4 * sin4 - kM6 * sin6);
}

Vec2 LocalFrame::ToLocal(GeoPoint point) const {
  const double lat_rad = point.lat_deg * kDegree;
  const SinCosValue lat = SinCos(lat_rad);
  const double n = kSemiMajorM / std::sqrt(1 - kE2 * lat.sin * lat.sin);
  const double tan = lat.sin / lat.cos;
  const double t = tan * tan;
  const double c = kSecondE2 * lat.cos * lat.cos;
  const double a = (point.lon_deg - lon0_deg_) * kDegree * lat.cos;
  const double a2 = a * a;
  const double x =
      n * a * (1 + a2 / 6 * ((1 - t + c) + a2 / 20 * (5 - 18 * t + t * t + 72 * c - 58 * kSecondE2)));
  const double y =
      MeridianArc(lat_rad, lat.sin, lat.cos) - arc0_m_ +
      n * tan * a2 / 2 *
          (1 + a2 / 12 * ((5 - t + 9 * c + 4 * c * c) +
                          a2 / 30 * (61 - 58 * t + t * t + 600 * c - 330 * kSecondE2)));
  return {x, y};
}

double LocalFrame::Convergence(GeoPoint point) const {
  return (point.lon_deg - lon0_deg_) * kDegree * SinCos(point.lat_deg * kDegree).sin;
}

GeoPoint LocalFrame::ToGeo(Vec2 local) const {
  const double cos_lat0 = SinCos((lat0_deg_ + local.y / metres_per_lat_deg_) * kDegree).cos;
  const double metres_per_lon_deg = metres_per_lat_deg_ * cos_lat0;
  GeoPoint point{lat0_deg_ + local.y / metres_per_lat_deg_, lon0_deg_ + local.x / metres_per_lon_deg};
  for (int step = 0; step < kInverseStepsMax; ++step) {
    const Vec2 miss = local - ToLocal(point);
    point.lat_deg += miss.y / metres_per_lat_deg_;
    point.lon_deg += miss.x / metres_per_lon_deg;
    if (NormSquared(miss) < kInverseToleranceM * kInverseToleranceM) break;
  }
  return point;
}

}  // namespace starling
