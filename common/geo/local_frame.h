#pragma once

#include <cstdint>

#include "common/geo/vec2.h"

namespace starling {

// WGS84 latitude and longitude, degrees.
struct GeoPoint {
  double lat_deg = 0;
  double lon_deg = 0;

  friend constexpr bool operator==(GeoPoint, GeoPoint) = default;
};

// Origin of a city's local frame, in the unit of the wire, so that vehicle and
// cloud compute with the same number.
struct FrameOrigin {
  std::int32_t lat_e7 = 0;  // 1e-7 degree; |lat| at most 70 degrees.
  std::int32_t lon_e7 = 0;

  friend constexpr bool operator==(FrameOrigin, FrameOrigin) = default;
};

// A city's local metric frame: transverse Mercator of the WGS84 ellipsoid with
// its central meridian and zero at the origin and scale 1 there.  x is metres
// east, y metres north.
//
// Error over a city of 100 km (50 km to each side of the origin), up to 60
// degrees of latitude: the series is within 1 mm of the exact projection; its
// scale is between 1 and 1 + 3.1e-5, so a distance of 300 m is off by less than
// 1 cm.  The frame's north differs from true north by the convergence, up to
// 0.8 degrees at the edge; headings are corrected for it.
//
// Source: J. P. Snyder, Map Projections: A Working Manual, USGS Professional
// Paper 1395 (1987), equations 8-9 to 8-15 (forward) and 3-21.  We deviate in
// inverting by fixed-point iteration on the forward series, so that a round
// trip is exact to 1e-6 m.
//
// Threading: immutable after construction.
class LocalFrame {
 public:
  explicit LocalFrame(FrameOrigin origin);

  // REQUIRES: a finite point with |lat_deg| <= 85 within 5 degrees of longitude
  // of the origin for the stated error; farther away the result is finite and
  // meaningless.
  Vec2 ToLocal(GeoPoint point) const;
  GeoPoint ToGeo(Vec2 local) const;

  // Meridian convergence at `point`, rad: true heading = frame heading + this.
  // First order, (lon - lon0) sin(lat); off by less than 1e-4 rad over 100 km.
  double Convergence(GeoPoint point) const;

  FrameOrigin origin() const { return origin_; }

 private:
  double MeridianArc(double lat_rad, double sin_lat, double cos_lat) const;

  FrameOrigin origin_;
  double lon0_deg_;
  double lat0_deg_;
  double arc0_m_;              // Meridian arc from the equator to the origin.
  double metres_per_lat_deg_;  // At the origin, for the inverse's first step.
};

}  // namespace starling
