#pragma once

#include <memory>

#include "cloud/streets/lane_map.h"
#include "cloud/streets/street_network.h"
#include "common/geo/local_frame.h"
#include "common/status.h"

namespace starling::cloud {

// Where on Earth the points of a network's plane are, by PROJ (https://proj.org).  Datum shifts are not made: the
// projection's own ellipsoid is taken for WGS84's, which it nearly always is.
//
// Threading: thread-compatible.
class NetworkPlane {
 public:
  // Errors: kInvalidArgument if the network says no projection, or PROJ does not know it.
  static Result<NetworkPlane> Create(const Projection& projection);

  // Errors: kInvalidArgument if the point is none of the projection's.
  Result<GeoPoint> ToGeo(Vec2 point) const;

 private:
  struct Proj;
  NetworkPlane(std::shared_ptr<Proj> proj, Vec2 offset) : proj_(std::move(proj)), offset_(offset) {}

  std::shared_ptr<Proj> proj_;
  Vec2 offset_;
};

// The network's lanes in a city's local frame.
//
// Errors: those of NetworkPlane.
Result<std::shared_ptr<const LaneMap>> MakeLaneMap(const StreetNetwork& network, const LocalFrame& frame);

}  // namespace starling::cloud
