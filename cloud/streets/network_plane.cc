#include "cloud/streets/network_plane.h"

#include <cmath>

#include <proj.h>

#include "common/geo/trigonometry.h"

namespace starling::cloud {

struct NetworkPlane::Proj {
  PJ_CONTEXT* context = proj_context_create();
  PJ* operation = nullptr;

  Proj() = default;
  Proj(const Proj&) = delete;
  Proj& operator=(const Proj&) = delete;
  ~Proj() {
    proj_destroy(operation);
    proj_context_destroy(context);
  }
};

Result<NetworkPlane> NetworkPlane::Create(const Projection& projection) {
  if (projection.proj.empty()) {
    return Status(ErrorCode::kInvalidArgument,
                  "the network says no projection (projParameter of its <location>): where it lies is not known");
  }
  auto proj = std::make_shared<Proj>();
  proj_log_level(proj->context, PJ_LOG_NONE);
  proj->operation = proj_create(proj->context, projection.proj.c_str());
  if (proj->operation == nullptr || proj_angular_output(proj->operation, PJ_INV) == 0) {
    return Status(ErrorCode::kInvalidArgument, "expected a projection that PROJ knows, not \"" + projection.proj + "\"");
  }
  return NetworkPlane(std::move(proj), projection.offset);
}

Result<GeoPoint> NetworkPlane::ToGeo(Vec2 point) const {
  const PJ_COORD geo =
      proj_trans(proj_->operation, PJ_INV, proj_coord(point.x - offset_.x, point.y - offset_.y, 0, 0));
  const GeoPoint place{geo.lp.phi / kDegree, geo.lp.lam / kDegree};
  if (!(std::abs(place.lat_deg) <= 90 && std::abs(place.lon_deg) <= 180)) {
    return Status(ErrorCode::kInvalidArgument, "expected a point of the network's projection, not " +
                                                   std::to_string(point.x) + ", " + std::to_string(point.y));
  }
  return place;
}

Result<std::shared_ptr<const LaneMap>> MakeLaneMap(const StreetNetwork& network, const LocalFrame& frame) {
  const Result<NetworkPlane> plane = NetworkPlane::Create(network.projection());
  if (!plane.ok()) return plane.status();
  Status status;
  auto map = std::make_shared<const LaneMap>(network, [&](Vec2 point) {
    const Result<GeoPoint> place = plane.value().ToGeo(point);
    if (place.ok()) return frame.ToLocal(place.value());
    status = place.status();
    return Vec2{};
  });
  if (!status.ok()) return status;
  constexpr double kFarM = 100'000;        // The frame's errors are stated up to there.
  if (map->reach_m() > kFarM) {
    return Status(ErrorCode::kInvalidArgument, "expected streets within 100 km of the local frame's origin, not " +
                                                   std::to_string(static_cast<long>(map->reach_m() / 1000)) + " km off");
  }
  return std::shared_ptr<const LaneMap>(std::move(map));
}

}  // namespace starling::cloud
