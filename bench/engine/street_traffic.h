// Traffic of one second on a street grid: what the benchmarks of the shard are fed.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <unordered_map>
#include <vector>

#include "schemas/log/telemetry_generated.h"
#include "tests/cloud/shard/traffic_log.h"

namespace starling::cloud {

inline constexpr double kBlockM = 100;
inline constexpr double kLaneM = 1.6;             // from the street's middle to the lane's
inline constexpr int kRounds = 10;                // of 100 ms in the recording
inline constexpr std::int64_t kRoundNs = 100'000'000;

// Positions of the fields that are rewritten for each pass.
struct StreetRecord {
  std::vector<std::uint64_t> words;
  std::size_t bytes = 0;
  std::int64_t at_ns = 0;                  // since the recording's start
  bool fix = false;
};

// Traffic of one second.
class StreetTraffic {
 public:
  StreetTraffic(int vehicles, double per_km2) {
    std::mt19937_64 random(1);
    const double side_m = std::sqrt(vehicles / per_km2) * 1000;
    const int streets = std::max(static_cast<int>(side_m / kBlockM), 1);
    std::uniform_int_distribution<int> street(0, streets - 1);
    // Places along lanes, so that nobody stands in another one's box: 8 m each.
    const int places = std::max(static_cast<int>(side_m / 8), 1);
    std::vector<Car> cars;
    std::unordered_map<std::uint64_t, bool> taken;
    while (cars.size() < static_cast<std::size_t>(vehicles)) {
      const int direction = static_cast<int>(random() % 4);
      const int on = street(random);
      const int place = static_cast<int>(random() % static_cast<std::uint64_t>(places));
      const std::uint64_t key = (static_cast<std::uint64_t>(direction) << 60) |
                                (static_cast<std::uint64_t>(on) << 30) | static_cast<std::uint64_t>(place);
      if (taken[key]) continue;
      taken[key] = true;
      cars.push_back(MakeOne(static_cast<int>(cars.size()), direction, on * kBlockM - side_m / 2,
                             place * 8.0 - side_m / 2, static_cast<int>(random() % 100)));
    }
    RecordEncoder encoder;
    for (int round = 0; round < kRounds; ++round) {
      Keep(encoder.Tick(), round * kRoundNs, false);
      for (std::size_t i = 0; i < cars.size(); ++i) {
        const std::int64_t at_ns =
            round * kRoundNs + static_cast<std::int64_t>(i) * kRoundNs / static_cast<std::int64_t>(cars.size());
        Keep(encoder.Fix(cars[i], static_cast<std::uint32_t>(round + 1), static_cast<std::uint64_t>(at_ns) + 1,
                         kStartNs + at_ns), at_ns, true);
        const Travel travel = TravelAfter(cars[i].motion.speed_mps, cars[i].motion.accel_mps2, 0.1);
        const Pose pose = DriveAlong(cars[i].motion, cars[i].path, travel.distance_m);
        cars[i].motion.position = pose.position;
        cars[i].motion.heading_rad = pose.heading_rad;
        cars[i].motion.speed_mps = travel.speed_mps;
        cars[i].path = cars[i].path.After(travel.distance_m);
      }
    }
  }

  // Moves every fix by one second, in its own clock and in the cloud's.
  void NextSecond() {
    ++second_;
    for (StreetRecord& record : records_) {
      if (!record.fix) continue;
      auto* telemetry = log::GetMutableTelemetry(record.words.data());
      auto* fix = static_cast<log::Fix*>(telemetry->mutable_body());
      fix->mutate_sample_time_ns(fix->sample_time_ns() + 1'000'000'000);
      auto* motion = fix->mutable_fix();
      motion->mutate_boot_time_ns(motion->boot_time_ns() + 1'000'000'000);
      motion->mutate_sequence(motion->sequence() + kRounds);
    }
  }

  // The i-th record as if it was taken just now, for who sends at a pace of his own: a
  // sample of `now_ns` with a sequence above all before it.
  std::span<const std::byte> Fresh(std::size_t i, std::int64_t now_ns) {
    StreetRecord& record = records_[i];
    if (record.fix) {
      auto* telemetry = log::GetMutableTelemetry(record.words.data());
      auto* fix = static_cast<log::Fix*>(telemetry->mutable_body());
      fix->mutate_sample_time_ns(now_ns);
      fix->mutable_fix()->mutate_boot_time_ns(static_cast<std::uint64_t>(now_ns - kStartNs));
      fix->mutable_fix()->mutate_sequence(++fresh_sequence_);
    }
    return std::as_bytes(std::span(record.words)).first(record.bytes);
  }

  LogRecord At(std::size_t i) const {
    const StreetRecord& record = records_[i];
    return {Offset{i}, CloudTimeFromNs(kStartNs + record.at_ns + second_ * 1'000'000'000 + 500'000), {},
            std::as_bytes(std::span(record.words)).first(record.bytes)};
  }
  std::size_t size() const { return records_.size(); }
  bool is_fix(std::size_t i) const { return records_[i].fix; }

 private:
  // North and south have green: one speed for each street, one in ten turns right.
  // East and west stand, or brake for the stop line 12 m before the next street.
  static Car MakeOne(int number, int direction, double street_m, double along_m, int kind) {
    const double heading_deg = direction * 90.0;
    const Vec2 ahead = HeadingVector(heading_deg * kDegree);
    const Vec2 right{ahead.y, -ahead.x};
    const Vec2 position = along_m * Vec2{std::abs(ahead.x), std::abs(ahead.y)} +
                          street_m * Vec2{std::abs(ahead.y), std::abs(ahead.x)} + kLaneM * right;
    Car car = MakeCar(Numbered("taxi-", static_cast<std::uint64_t>(number)), position.x, position.y, heading_deg, 0);
    if (ahead.y * ahead.y > 0.5) {
      car.motion.speed_mps = 8 + std::abs(static_cast<int>(street_m) / 100) % 5;
      if (kind >= 90) {
        car.path.Append({20, 0});
        car.path.Append({12, 0.13});
        car.path.Append({60, 0});
      }
    } else if (kind < 30) {
      const double sign = ahead.x > 0 ? 1 : -1;
      const double blocks = sign * along_m / kBlockM;
      const double to_line_m = (std::floor(blocks) + 1 - blocks) * kBlockM - 12;
      if (to_line_m > 30) {
        car.motion.speed_mps = 9;
        car.motion.accel_mps2 = -81 / (2 * to_line_m);
      }
    }
    return car;
  }
  void Keep(std::span<const std::byte> value, std::int64_t at_ns, bool fix) {
    StreetRecord record;
    record.words.assign((value.size() + 7) / 8, 0);
    std::memcpy(record.words.data(), value.data(), value.size());
    record.bytes = value.size();
    record.at_ns = at_ns;
    record.fix = fix;
    records_.push_back(std::move(record));
  }

  std::vector<StreetRecord> records_;
  std::int64_t second_ = 0;
  std::uint32_t fresh_sequence_ = 0;
};

}  // namespace starling::cloud
