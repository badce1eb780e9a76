#include "common/telemetry/fix_codec.h"

#include <algorithm>
#include <cmath>

#include "common/geo/trigonometry.h"

namespace starling {
namespace {

constexpr double kHeadingUnitRad = 2 * kPi / 65536;
constexpr double kLatMaxDeg = 85;

// Rounds half away from zero by arithmetic alone; the value fits T.
template <typename T>
T Quantise(double value, double unit) {
  const double scaled = value / unit;
  return static_cast<T>(static_cast<std::int64_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5));
}

Status CheckRange(const char* field, double value, double max) {
  if (std::isfinite(value) && std::abs(value) <= max) return Status();
  return Status(ErrorCode::kInvalidArgument, std::string(field) + " is " + std::to_string(value) +
                                                 ", must be within ±" + std::to_string(max));
}

}  // namespace

Status ValidateSample(const Sample& sample) {
  const struct {
    const char* field;
    double value;
    double max;
  } checks[] = {
      {"lat_deg", sample.position.lat_deg, kLatMaxDeg},
      {"lon_deg", sample.position.lon_deg, 180},
      {"heading_rad", sample.heading_rad, 1000},
      {"speed_mps", sample.speed_mps, kSpeedMaxMps},
      {"accel_mps2", sample.accel_mps2, kAccelMaxMps2},
      {"yaw_rate_radps", sample.yaw_rate_radps, kYawRateMaxRadps},
      {"accuracy_m", sample.accuracy_m, 1e6},
  };
  for (const auto& check : checks) {
    if (Status status = CheckRange(check.field, check.value, check.max); !status.ok()) return status;
  }
  for (const PathArc& arc : sample.path.arcs()) {
    if (!std::isfinite(arc.length_m) || arc.length_m < 0 || !std::isfinite(arc.curvature_per_m)) {
      return Status(ErrorCode::kInvalidArgument, "path has an arc that is not finite or negative");
    }
  }
  return Status();
}

wire::Fix ToWire(const Sample& sample, std::uint32_t sequence) {
  const double accuracy_dm = std::clamp(std::ceil(std::abs(sample.accuracy_m) * 10), 0.0, 255.0);
  const double turns = WrapAngle(sample.heading_rad) / kHeadingUnitRad;
  return wire::Fix(ToNs(sample.time), sequence, Quantise<std::int32_t>(sample.position.lat_deg, 1e-7),
                   Quantise<std::int32_t>(sample.position.lon_deg, 1e-7),
                   static_cast<std::uint16_t>(static_cast<std::int64_t>(std::floor(turns + 0.5)) & 0xFFFF),
                   Quantise<std::int16_t>(sample.speed_mps, 0.01),
                   Quantise<std::int16_t>(sample.accel_mps2, 0.01),
                   Quantise<std::int16_t>(sample.yaw_rate_radps, 1e-4),
                   static_cast<std::uint8_t>(accuracy_dm), sample.intent);
}

WireArcs ToWire(const PlannedPath& path) {
  WireArcs arcs;
  for (const PathArc& arc : path.arcs()) {
    const auto length = Quantise<std::uint16_t>(std::min(arc.length_m, kPathLengthMaxM), 0.01);
    if (length == 0) continue;
    arcs.Append({length, Quantise<std::int16_t>(
        std::clamp(arc.curvature_per_m, -kCurvatureMaxPerM, kCurvatureMaxPerM), 1e-5)});
  }
  return arcs;
}

Status ValidateFix(const wire::Fix& fix) {
  const auto refuse = [](const char* field, auto value) {
    return Status(ErrorCode::kInvalidArgument,
                  std::string(field) + " is " + std::to_string(value) + ", outside its range");
  };
  if (fix.sequence() == 0) return refuse("sequence", fix.sequence());
  if (std::abs(fix.lat_e7() * 1e-7) > kLatMaxDeg) return refuse("lat_e7", fix.lat_e7());
  if (std::abs(static_cast<std::int64_t>(fix.lon_e7())) > 1'800'000'000) return refuse("lon_e7", fix.lon_e7());
  if (std::abs(fix.speed_cmps()) > kSpeedMaxMps * 100) return refuse("speed_cmps", fix.speed_cmps());
  if (std::abs(fix.accel_cmps2()) > kAccelMaxMps2 * 100) return refuse("accel_cmps2", fix.accel_cmps2());
  if (std::abs(fix.yaw_rate_e4()) > kYawRateMaxRadps * 1e4) return refuse("yaw_rate_e4", fix.yaw_rate_e4());
  if (fix.intent() > wire::Intent::MAX) return refuse("intent", static_cast<int>(fix.intent()));
  return Status();
}

PlannedPath PathFromWire(const flatbuffers::Vector<const wire::Arc*>* arcs) {
  PlannedPath path;
  if (arcs == nullptr) return path;
  for (const wire::Arc* arc : *arcs) path.Append({arc->length_cm() * 0.01, arc->curvature_e5() * 1e-5});
  return path;
}

GeoPoint PositionFromWire(const wire::Fix& fix) { return {fix.lat_e7() * 1e-7, fix.lon_e7() * 1e-7}; }

double HeadingFromWire(const wire::Fix& fix) { return fix.heading() * kHeadingUnitRad; }

MotionState MotionFromWire(const wire::Fix& fix, const LocalFrame& frame) {
  MotionState state;
  const GeoPoint position = PositionFromWire(fix);
  state.position = frame.ToLocal(position);
  state.heading_rad = HeadingFromWire(fix) - frame.Convergence(position);
  state.speed_mps = fix.speed_cmps() * 0.01;
  state.accel_mps2 = fix.accel_cmps2() * 0.01;
  if (std::abs(state.speed_mps) >= kCurvatureSpeedMinMps) {
    state.curvature_per_m = std::clamp(fix.yaw_rate_e4() * 1e-4 / state.speed_mps, -kCurvatureMaxPerM,
                                       kCurvatureMaxPerM);
  }
  return state;
}

}  // namespace starling
