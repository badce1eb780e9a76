// A partition recorded from a city's worth of mishaps, and a shard that it is applied to.
#pragma once

#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "cloud/shard/operator_command.h"
#include "cloud/shard/shard_config.h"
#include "schemas/cloud_to_edge/downlink_generated.h"
#include "tests/cloud/shard/traffic_log.h"

namespace starling::cloud {

struct Recorded {
  std::vector<std::uint64_t> words;
  std::size_t bytes = 0;
  std::int64_t time_ns = 0;

  std::span<const std::byte> value() const { return std::as_bytes(std::span(words)).first(bytes); }
};

struct Fleet {
  std::string stem = "car-";               // of the vehicles' names
  std::size_t vehicles = 300;
  double east_m = 0;                       // from the origin
};

// Vehicles on crossing streets for eight seconds, with late and repeated fixes, reboots,
// disconnects, statuses and garbage.
inline std::vector<Recorded> Record(std::uint64_t seed, const Fleet& fleet = {}) {
  std::mt19937_64 random(seed);
  RecordEncoder encoder;
  std::vector<Recorded> partition;
  const auto keep = [&partition](std::span<const std::byte> value, std::int64_t time_ns) {
    Recorded record;
    record.words.assign((value.size() + 7) / 8, 0);
    if (!value.empty()) std::memcpy(record.words.data(), value.data(), value.size());
    record.bytes = value.size();
    record.time_ns = time_ns;
    partition.push_back(std::move(record));
  };
  std::vector<Car> cars;
  for (std::uint64_t i = 0; i < fleet.vehicles; ++i) {
    const double along = static_cast<double>(random() % 800) - 400;
    const double street = 100 * (static_cast<double>(random() % 8) - 4) + 50;
    const bool east = random() % 2 == 0;
    cars.push_back(MakeCar(Numbered(fleet.stem, i), fleet.east_m + (east ? along : street), east ? street : along,
                           east ? 90 : 0, random() % 3 == 0 ? 0 : 5 + static_cast<double>(random() % 10)));
    if (i % 9 == 0) {
      cars.back().path.Append({15, 0});
      cars.back().path.Append({12, 0.13});
      cars.back().path.Append({30, 0});
    }
  }
  keep(encoder.Ownership("first", 5), kStartNs);
  std::uint32_t sequence = 0;
  for (std::int64_t step = 0; step < 80; ++step) {
    for (std::size_t i = 0; i < cars.size(); ++i) {
      Car& car = cars[i];
      const std::int64_t at_ns =
          kStartNs + step * 100'000'000 + static_cast<std::int64_t>(i) * 90'000'000 / static_cast<std::int64_t>(cars.size());
      const auto boot_ns = static_cast<std::uint64_t>(at_ns - kStartNs + 1'000'000'000);
      ++sequence;
      if (random() % 3 != 0) keep(encoder.Fix(car, sequence, boot_ns, at_ns - 2'000'000), at_ns);
      if (random() % 50 == 0) keep(encoder.Fix(car, sequence - 1, boot_ns - 1, at_ns - 2'000'000), at_ns);
      if (random() % 200 == 0) keep(encoder.Session(car.name, car.boot_id, random() % 2 == 0), at_ns);
      if (random() % 500 == 0) keep(encoder.Session(car.name, ++car.boot_id, true), at_ns);
      if (random() % 100 == 0) {
        keep(encoder.Report(car.name, car.boot_id,
                            {wire::CommandStatus(random(), 1, 0, 1, 1, 7, wire::CommandOutcome::Applied,
                                                 wire::RejectReason::None)}), at_ns);
      }
      if (random() % 100 == 0) {
        std::vector<std::byte> garbage(random() % 200);
        for (std::byte& byte : garbage) byte = static_cast<std::byte>(random());
        keep(garbage, at_ns);
      }
      const Travel travel = TravelAfter(car.motion.speed_mps, car.motion.accel_mps2, 0.1);
      const Pose pose = DriveAlong(car.motion, car.path, travel.distance_m);
      car.motion.position = pose.position;
      car.motion.heading_rad = pose.heading_rad;
      car.path = car.path.After(travel.distance_m);
    }
    keep(encoder.Tick(), kStartNs + step * 100'000'000 + 99'000'000);
    if (step % 8 == 3) {
      OperatorCommand command;
      command.vehicle = Name(cars[static_cast<std::size_t>(step * 7) % cars.size()].name);
      command.request = static_cast<std::uint64_t>(step / 16) + 1;  // Some are asked for twice.
      command.kind = step % 16 == 3 ? wire::CommandKind::SpeedAdvice : wire::CommandKind::Avoidance;
      command.speed_ceiling_cmps = step % 16 == 3 ? 500 : 0;
      command.decel_cmps2 = 150;
      command.lease = milliseconds(2'000);
      command.by = "ana";
      command.reason = "an exercise";
      command.asked_ns = kStartNs + step * 100'000'000 + 99'100'000;
      keep(OperatorCommandRecord(command, kRegion), kStartNs + step * 100'000'000 + 99'200'000);
    }
    if (step == 40) keep(encoder.Ownership("second", 9), kStartNs + step * 100'000'000 + 99'500'000);
  }
  return partition;
}

// Applies a partition; most statuses of its own commands are fed back at once, so that
// the outbox takes part.
class Replayer {
 public:
  explicit Replayer(const ShardConfig& config) : shard_(std::make_unique<Shard>(config, kRegion, kOrigin)) {}
  // Goes on where another one is, with another shard.
  Replayer(const Replayer& at, std::unique_ptr<Shard> shard)
      : shard_(std::move(shard)), offset_(at.offset_), digest_(at.digest_) {}

  void Apply(const Recorded& record) {
    outputs_.Clear();
    const CloudTime time = CloudTimeFromNs(record.time_ns);
    shard_->Apply({Offset{offset_++}, time, {}, record.value()}, &outputs_);
    const std::vector<ShardOutputs::Command> commands = outputs_.commands;
    for (const auto& command : commands) {
      const auto* decoded = flatbuffers::GetRoot<wire::Command>(command.wire_command.data());
      if (decoded->command_id() % 4 == 0) continue;
      const auto report = encoder_.Report(
          command.vehicle.view(), decoded->boot_id(),
          {wire::CommandStatus(decoded->command_id(), decoded->sequence(), decoded->epoch(), 1, 1, 7,
                               wire::CommandOutcome::Applied, wire::RejectReason::None)});
      shard_->Apply({Offset{offset_++}, time, {}, report}, &outputs_);
    }
    digest_ = DigestOf(outputs_, digest_);
  }

  // Goes on with another shard.
  void Adopt(std::unique_ptr<Shard> shard) { shard_ = std::move(shard); }

  const Shard& shard() const { return *shard_; }
  std::uint64_t digest() const { return digest_; }
  const ShardOutputs& outputs() const { return outputs_; }  // of the record applied last

 private:
  std::unique_ptr<Shard> shard_;
  RecordEncoder encoder_;
  ShardOutputs outputs_;
  std::uint64_t offset_ = 0;
  std::uint64_t digest_ = 0;
};

}  // namespace starling::cloud
