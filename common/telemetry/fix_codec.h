// Between a sample and its quantised form on the wire.  Both ends predict from
// what FromWire gives, never from the sample itself.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "common/check.h"
#include "common/status.h"
#include "common/telemetry/sample.h"

namespace starling {

// Limits of what a fix may say; they are those of its fields.
inline constexpr double kSpeedMaxMps = 120;
inline constexpr double kAccelMaxMps2 = 60;
inline constexpr double kYawRateMaxRadps = 3.2;
inline constexpr double kPathLengthMaxM = 655;          // of one arc
inline constexpr double kCurvatureMaxPerM = 0.327;
// Slower than this, the yaw rate says nothing about the path's curvature.
inline constexpr double kCurvatureSpeedMinMps = 0.5;

// Errors: kInvalidArgument, naming the field, its value and its range, if the
//         sample is not finite or outside the limits above, or |lat| > 85.
Status ValidateSample(const Sample& sample);

// REQUIRES: ValidateSample(sample).ok(); sequence > 0
wire::Fix ToWire(const Sample& sample, std::uint32_t sequence);

// The arcs of a path on the wire, in memory of their own.
class WireArcs {
 public:
  // REQUIRES: size() < PlannedPath::kArcsMax
  void Append(const wire::Arc& arc) {
    STARLING_CHECK(count_ < PlannedPath::kArcsMax);
    arcs_[count_++] = arc;
  }
  std::size_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  const wire::Arc* data() const { return arcs_.data(); }
  const wire::Arc& operator[](std::size_t index) const { return arcs_[index]; }
  const wire::Arc* begin() const { return data(); }
  const wire::Arc* end() const { return data() + count_; }

 private:
  std::array<wire::Arc, PlannedPath::kArcsMax> arcs_;
  std::size_t count_ = 0;
};

// Arcs that are shorter than 1 cm are left out; longer than kPathLengthMaxM or
// sharper than kCurvatureMaxPerM are clamped.
WireArcs ToWire(const PlannedPath& path);

// Errors: kInvalidArgument if a field is outside the limits above, an enumerator
//         is unknown or the sequence is 0.
Status ValidateFix(const wire::Fix& fix);

// REQUIRES: arcs is null (no plan) or has at most PlannedPath::kArcsMax elements.
PlannedPath PathFromWire(const flatbuffers::Vector<const wire::Arc*>* arcs);

GeoPoint PositionFromWire(const wire::Fix& fix);
double HeadingFromWire(const wire::Fix& fix);  // rad, [0, 2 pi)

// The motion at the fix, in `frame`.
// REQUIRES: ValidateFix(fix).ok()
MotionState MotionFromWire(const wire::Fix& fix, const LocalFrame& frame);

}  // namespace starling
