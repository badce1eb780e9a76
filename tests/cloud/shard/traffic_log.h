// Writes a partition of "telemetry" by hand: what tests and benchmarks of the
// shard read.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/log/log.h"
#include "cloud/shard/shard.h"
#include "common/geo/local_frame.h"
#include "common/geo/trigonometry.h"
#include "common/telemetry/fix_codec.h"
#include "schemas/log/telemetry_generated.h"

namespace starling::cloud {

inline constexpr FrameOrigin kOrigin{485'000'000, 90'000'000};
inline constexpr RegionId kRegion{7};
inline constexpr std::int64_t kStartNs = 1'700'000'000'000'000'000;

inline VehicleId Name(std::string_view name) { return VehicleId::Parse(name).value(); }

inline std::string Numbered(std::string stem, std::uint64_t number) {
  stem += std::to_string(number);
  return stem;
}

// A vehicle of the test, in the local frame.
struct Car {
  std::string name;
  MotionState motion;
  PlannedPath path;
  std::uint64_t boot_id = 1;
  std::uint16_t length_cm = 460;
  std::uint16_t width_cm = 180;
  double accuracy_m = 0.1;
};

// A car at (x, y), driving north for heading 0, east for 90 degrees.
inline Car MakeCar(std::string name, double x, double y, double heading_deg, double speed_mps,
                   double accel_mps2 = 0) {
  Car car;
  car.name = std::move(name);
  car.motion = {{x, y}, heading_deg * kDegree, speed_mps, accel_mps2, 0};
  return car;
}

// Encodes records; the bytes stay valid until the next call.
class RecordEncoder {
 public:
  std::span<const std::byte> Fix(const Car& car, std::uint32_t sequence, std::uint64_t boot_time_ns,
                                 std::int64_t sample_time_ns) {
    Sample sample;
    sample.time = BootTimeFromNs(boot_time_ns);
    sample.position = frame_.ToGeo(car.motion.position);
    sample.heading_rad = car.motion.heading_rad + frame_.Convergence(sample.position);
    sample.speed_mps = car.motion.speed_mps;
    sample.accel_mps2 = car.motion.accel_mps2;
    sample.yaw_rate_radps = car.motion.curvature_per_m * car.motion.speed_mps;
    sample.accuracy_m = car.accuracy_m;
    const wire::Fix fix = ToWire(sample, sequence);
    const WireArcs arcs = ToWire(car.path);
    builder_.Clear();
    const auto name = builder_.CreateString(car.name);
    flatbuffers::Offset<flatbuffers::Vector<const wire::Arc*>> path;
    if (!arcs.empty()) path = builder_.CreateVectorOfStructs(arcs.data(), arcs.size());
    const auto body = log::CreateFix(builder_, name, car.boot_id, &fix, path, sample_time_ns,
                                     car.length_cm, car.width_cm);
    return Finish(log::TelemetryBody::Fix, body.Union());
  }
  std::span<const std::byte> Tick() {
    builder_.Clear();
    const auto owner = builder_.CreateString("test");
    return Finish(log::TelemetryBody::Tick, log::CreateTick(builder_, owner, 0).Union());
  }
  std::span<const std::byte> Ownership(std::string_view owner, std::uint64_t epoch = 0) {
    builder_.Clear();
    const auto name = builder_.CreateString(owner.data(), owner.size());
    return Finish(log::TelemetryBody::Ownership, log::CreateOwnership(builder_, name, epoch).Union());
  }
  std::span<const std::byte> Session(std::string_view vehicle, std::uint64_t boot_id, bool connected) {
    builder_.Clear();
    const auto name = builder_.CreateString(vehicle.data(), vehicle.size());
    return Finish(log::TelemetryBody::Session,
                  log::CreateSession(builder_, name, boot_id, connected, 0).Union());
  }
  std::span<const std::byte> Report(std::string_view vehicle, std::uint64_t boot_id,
                                    const std::vector<wire::CommandStatus>& statuses) {
    builder_.Clear();
    const auto name = builder_.CreateString(vehicle.data(), vehicle.size());
    const auto list = builder_.CreateVectorOfStructs(statuses);
    return Finish(log::TelemetryBody::CommandReport,
                  log::CreateCommandReport(builder_, name, boot_id, list).Union());
  }

 private:
  std::span<const std::byte> Finish(log::TelemetryBody type, flatbuffers::Offset<void> body) {
    builder_.Finish(log::CreateTelemetry(builder_, ToNumber(kRegion), type, body));
    aligned_.assign((builder_.GetSize() + 7) / 8, 0);
    std::memcpy(aligned_.data(), builder_.GetBufferPointer(), builder_.GetSize());
    return std::as_bytes(std::span(aligned_)).first(builder_.GetSize());
  }

  const LocalFrame frame_{kOrigin};
  flatbuffers::FlatBufferBuilder builder_;
  std::vector<std::uint64_t> aligned_;
};

// A shard, driven by hand.  Time is in seconds since the start.
class ShardDriver {
 public:
  explicit ShardDriver(const ShardConfig& config) : shard_(config, kRegion, kOrigin) {}

  static CloudTime At(double seconds) {
    return CloudTimeFromNs(kStartNs + static_cast<std::int64_t>(seconds * 1e9 + 0.5));
  }

  // Applies one record logged at `at_s`; its outputs are added to outputs().
  void Apply(std::span<const std::byte> value, double at_s) {
    const LogRecord record{Offset{offset_++}, At(at_s), {}, value};
    shard_.Apply(record, &outputs_);
  }
  // The fix of a car, sampled and logged at `at_s`, with the boot clock 0 at -100 s.
  void Fix(const Car& car, double at_s) {
    const auto boot_time_ns = static_cast<std::uint64_t>((at_s + 100) * 1e9 + 0.5);
    Apply(encoder_.Fix(car, ++sequence_, boot_time_ns, ToNs(At(at_s))), at_s);
  }
  void Tick(double at_s) { Apply(encoder_.Tick(), at_s); }

  Shard& shard() { return shard_; }
  RecordEncoder& encoder() { return encoder_; }
  ShardOutputs& outputs() { return outputs_; }
  std::uint32_t& sequence() { return sequence_; }

 private:
  Shard shard_;
  RecordEncoder encoder_;
  ShardOutputs outputs_;
  std::uint64_t offset_ = 0;
  std::uint32_t sequence_ = 0;
};

// Drives cars by their own motion, each sending its true state every
// `interval_s`, and ticks every 100 ms.
inline void DriveOn(ShardDriver* driver, std::vector<Car>* cars, double from_s, double until_s,
                    double interval_s = 0.1) {
  const auto steps = static_cast<int>((until_s - from_s) / interval_s + 0.5);
  for (int step = 0; step < steps; ++step) {
    const double at_s = from_s + step * interval_s;
    for (Car& car : *cars) {
      driver->Fix(car, at_s);
      const Travel travel = TravelAfter(car.motion.speed_mps, car.motion.accel_mps2, interval_s);
      const Pose pose = DriveAlong(car.motion, car.path, travel.distance_m);
      car.motion.position = pose.position;
      car.motion.heading_rad = pose.heading_rad;
      car.motion.speed_mps = travel.speed_mps;
      car.path = car.path.After(travel.distance_m);
    }
    driver->Tick(at_s);
  }
}

}  // namespace starling::cloud
