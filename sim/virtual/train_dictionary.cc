#include "sim/virtual/train_dictionary.h"

#include <zdict.h>

#include <cstdio>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "common/frame/frame_writer.h"
#include "edge/agent/agent.h"
#include "edge/spool/memory_spool.h"
#include "sim/city/random.h"
#include "sim/fleet/fleet_config.h"
#include "sim/fleet/report.h"
#include "sim/fleet/schedule.h"
#include "sim/fleet/sim_vehicle.h"
#include "sim/virtual/virtual_cloud.h"
#include "sim/traffic/traffic.h"

namespace starling::sim {
namespace {

// So that the many live fixes do not crowd out the rest; spread over the whole run,
// because its beginning is not like the rest of it.
constexpr std::size_t kPayloadsOfAType = 6000;
constexpr std::size_t kFirstForTraining = 4;  // of five; the fifth is for measuring
constexpr std::size_t kMeasureOneIn = 5;
constexpr CloudTime kStart{seconds(1'700'000'000)};

using Payload = std::vector<std::byte>;

// Payloads of each frame type, in the order in which they went over the link.
class Collection {
 public:
  void Take(FrameType type, std::span<const std::byte> payload) {
    types_[type].emplace_back(payload.begin(), payload.end());
  }
  void Thin() {
    for (auto& [type, payloads] : types_) {
      const std::size_t stride = (payloads.size() + kPayloadsOfAType - 1) / kPayloadsOfAType;
      std::size_t kept = 0;
      for (std::size_t i = 0; i < payloads.size(); i += stride) std::swap(payloads[kept++], payloads[i]);
      payloads.resize(kept);
    }
  }
  const std::map<FrameType, std::vector<Payload>>& types() const { return types_; }

 private:
  std::map<FrameType, std::vector<Payload>> types_;
};

Collection DriveVirtually(const TrainingConfig& config) {
  Collection collection;
  CityConfig city_config;
  city_config.seed = config.seed;
  city_config.side_m = CitySideFor(config.vehicles);
  const City city = City::Generate(city_config);
  TrafficConfig traffic_config;
  traffic_config.seed = config.seed;
  traffic_config.vehicles = config.vehicles;
  Traffic traffic(city, traffic_config);
  const LocalFrame frame(config.origin);
  const Schedule schedule(config.vehicles);
  PayloadCodec codec;

  std::vector<SimVehicle> vehicles(config.vehicles);
  std::vector<std::vector<std::byte>> inbox(config.vehicles);
  cloud::GatewayConfig gateway;
  gateway.origin = config.origin;
  VirtualCloud virtual_cloud(
      cloud::ShardConfig(), gateway, milliseconds(8),
      [&](std::size_t vehicle, std::span<const std::byte> bytes, CloudTime) {
        inbox[vehicle].insert(inbox[vehicle].end(), bytes.begin(), bytes.end());
      },
      [&](FrameType type, std::span<const std::byte> payload) { collection.Take(type, payload); });
  Random random(config.seed);
  for (std::size_t i = 0; i < vehicles.size(); ++i) {
    SimVehicle& vehicle = vehicles[i];
    vehicle.booted = kStart - nanoseconds(static_cast<std::int64_t>(1e9 + random.Unit() * 1e15));
    vehicle.agent = std::make_unique<edge::Agent>(
        edge::AgentConfig(), BootId{random.Next() | 1},
        std::make_unique<edge::MemorySpool>(edge::MemorySpoolConfig()), &codec);
    virtual_cloud.Connect(i, VehicleId::Parse(VehicleName(i)).value(), kStart);
    vehicle.agent->OnConnected(vehicle.BootNow(kStart));
  }
  const std::uint64_t turns = std::uint64_t{config.vehicles} * config.seconds * 10;
  std::vector<std::byte> stream;
  for (std::uint64_t turn = 0; turn < turns; ++turn) {
    const Schedule::Turn at = schedule.At(turn);
    const CloudTime now = kStart + at.instant;
    virtual_cloud.Advance(now);
    SimVehicle& vehicle = vehicles[at.vehicle];
    const BootTime boot_now = vehicle.BootNow(now);
    const std::vector<std::byte> received = std::exchange(inbox[at.vehicle], {});
    static_cast<void>(vehicle.agent->OnBytes(received, boot_now));
    while (vehicle.agent->TakeAction(boot_now)) {
    }
    const edge::DesiredState desired = vehicle.agent->desired(boot_now);
    traffic.SetLimit(at.vehicle, desired.speed_ceiling_mps, desired.decel_mps2);
    const SimTime instant(at.instant);
    traffic.AdvanceTo(instant);
    static_cast<void>(
        vehicle.agent->OnSample(SampleOf(traffic.Truth(at.vehicle, instant), frame, boot_now), boot_now));
    vehicle.agent->OnTimer(boot_now);
    stream.clear();
    while (vehicle.agent->NextFrame(boot_now, &stream)) {
    }
    static_cast<void>(virtual_cloud.OnBytes(at.vehicle, stream, now));
  }
  collection.Thin();
  return collection;
}

// Bytes of whole frames that were not trained with.
std::size_t FrameBytes(const std::vector<Payload>& payloads, PayloadCodec* codec) {
  std::vector<std::byte> stream;
  std::size_t bytes = 0;
  for (std::size_t i = kFirstForTraining; i < payloads.size(); i += kMeasureOneIn) {
    stream.clear();
    if (AppendFrame(FrameType::kLive, payloads[i], codec, &stream).ok()) bytes += stream.size();
  }
  return bytes;
}

void PrintComparison(const Collection& collection, std::span<const std::byte> dictionary) {
  PayloadCodec plain{std::span<const std::byte>{}};
  PayloadCodec present;
  PayloadCodec trained(dictionary);
  std::printf("%-16s %8s %10s %10s %10s %10s   bytes of a frame\n", "frame", "payloads", "raw",
              "no dict", "present", "trained");
  for (const auto& [type, payloads] : collection.types()) {
    std::size_t raw = 0;
    std::size_t count = 0;
    for (std::size_t i = kFirstForTraining; i < payloads.size(); i += kMeasureOneIn, ++count) {
      raw += payloads[i].size() + kFrameHeaderBytes;
    }
    if (count == 0) continue;
    const auto mean = [&](std::size_t bytes) {
      return static_cast<double>(bytes) / static_cast<double>(count);
    };
    std::printf("%-16s %8zu %10.1f %10.1f %10.1f %10.1f\n", std::string(FrameTypeName(type)).c_str(),
                payloads.size(), mean(raw), mean(FrameBytes(payloads, &plain)),
                mean(FrameBytes(payloads, &present)), mean(FrameBytes(payloads, &trained)));
  }
}

}  // namespace

Status TrainingConfig::Validate() const {
  const auto refuse = [](const char* message) {
    return Status(ErrorCode::kInvalidArgument, std::string("training: ") + message);
  };
  if (seconds < 10 || seconds > 3600) return refuse("seconds must be within 10 and 3600");
  if (vehicles < 10 || vehicles > 10'000) return refuse("vehicles must be within 10 and 10000");
  if (dictionary_bytes < 1024 || dictionary_bytes > 65'536) {
    return refuse("dictionary bytes must be within 1024 and 65536");
  }
  return Status();
}

Status TrainDictionary(const TrainingConfig& config) {
  const Collection collection = DriveVirtually(config);
  std::vector<std::byte> samples;
  std::vector<std::size_t> sizes;
  for (const auto& [type, payloads] : collection.types()) {
    for (std::size_t i = 0; i < payloads.size(); ++i) {
      if (i % kMeasureOneIn == kFirstForTraining) continue;
      samples.insert(samples.end(), payloads[i].begin(), payloads[i].end());
      sizes.push_back(payloads[i].size());
    }
  }
  std::string dictionary(config.dictionary_bytes, '\0');
  const std::size_t bytes =
      ZDICT_trainFromBuffer(dictionary.data(), dictionary.size(), samples.data(), sizes.data(),
                            static_cast<unsigned>(sizes.size()));
  if (ZDICT_isError(bytes)) {
    return Status(ErrorCode::kInvalidArgument,
                  std::string("too little to learn from: ") + ZDICT_getErrorName(bytes));
  }
  dictionary.resize(bytes);
  PrintComparison(collection, std::as_bytes(std::span(dictionary)));
  std::printf("dictionary of %zu bytes from %zu payloads: %s\n", bytes, sizes.size(), config.file.c_str());
  return WriteFile(config.file, dictionary);
}

}  // namespace starling::sim
