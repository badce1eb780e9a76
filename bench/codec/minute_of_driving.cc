#include "bench/codec/minute_of_driving.h"

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/check.h"
#include "common/frame/payload_codec.h"
#include "edge/agent/agent.h"
#include "edge/source/sample_json.h"
#include "edge/spool/memory_spool.h"
#include "sim/fleet/byte_baseline.h"
#include "sim/fleet/fleet_config.h"
#include "sim/fleet/schedule.h"
#include "sim/fleet/sim_vehicle.h"
#include "sim/virtual/virtual_cloud.h"
#include "sim/traffic/traffic.h"

namespace starling {
namespace {

constexpr std::uint32_t kVehicles = 200;
constexpr std::uint64_t kSeed = 2;
constexpr std::uint64_t kRoundsSampled = seconds(60) / kSampleInterval;
constexpr std::uint64_t kRoundsDrained = seconds(2) / kSampleInterval;
constexpr FrameOrigin kOrigin{481'351'000, 115'820'000};
constexpr CloudTime kStart{seconds(1'700'000'000)};
constexpr milliseconds kDurableAfter{8};

class Drive {
 public:
  Drive()
      : city_(sim::City::Generate(CitySettings())),
        traffic_(city_, TrafficSettings()),
        cloud_(cloud::ShardConfig(), GatewaySettings(), kDurableAfter,
               [this](std::size_t vehicle, std::span<const std::byte> frame, CloudTime) {
                 inbox_[vehicle].insert(inbox_[vehicle].end(), frame.begin(), frame.end());
                 // At worst each has a record to itself.
                 bytes_.down += frame.size() + sim::kTlsRecordOverheadBytes;
               },
               nullptr),
        vehicles_(kVehicles),
        inbox_(kVehicles) {
    for (std::size_t i = 0; i < kVehicles; ++i) {
      sim::SimVehicle& vehicle = vehicles_[i];
      vehicle.booted = kStart - std::chrono::hours(30) - seconds(i);
      vehicle.agent = std::make_unique<edge::Agent>(
          edge::AgentConfig(), BootId{MixHash(kSeed, i) | 1},
          std::make_unique<edge::MemorySpool>(edge::MemorySpoolConfig()), &codec_);
      cloud_.Connect(i, VehicleId::Parse(sim::VehicleName(i)).value(), kStart);
      vehicle.agent->OnConnected(vehicle.BootNow(kStart));
    }
  }

  LinkBytes Run() {
    for (std::uint64_t turn = 0; turn < (kRoundsSampled + kRoundsDrained) * kVehicles; ++turn) {
      const sim::Schedule::Turn at = schedule_.At(turn);
      Take(at.vehicle, kStart + at.instant);
      if (at.round < kRoundsSampled) SampleOne(at);
      if (at.round == kRoundsSampled) STARLING_CHECK(vehicles_[at.vehicle].agent->Flush().ok());
      vehicles_[at.vehicle].agent->OnTimer(vehicles_[at.vehicle].BootNow(kStart + at.instant));
      Pump(at.vehicle, kStart + at.instant);
    }
    STARLING_CHECK(cloud_.refused() == 0);
    for (const sim::SimVehicle& vehicle : vehicles_) {
      const edge::AgentLedger ledger = vehicle.agent->ledger();
      STARLING_CHECK(ledger.delivered == kRoundsSampled && ledger.in_flight == 0);
      bytes_.live_frames += vehicle.agent->counters().live_frames;
    }
    return bytes_;
  }

 private:
  static sim::CityConfig CitySettings() {
    sim::CityConfig config;
    config.seed = kSeed;
    config.side_m = sim::CitySideFor(kVehicles);
    return config;
  }
  static sim::TrafficConfig TrafficSettings() {
    sim::TrafficConfig config;
    config.seed = kSeed;
    config.vehicles = kVehicles;
    config.warm_up_s = 30;
    return config;
  }
  static cloud::GatewayConfig GatewaySettings() {
    cloud::GatewayConfig config;
    config.origin = kOrigin;
    return config;
  }

  void Take(std::uint32_t index, CloudTime now) {
    cloud_.Advance(now);
    edge::Agent& agent = *vehicles_[index].agent;
    const BootTime boot_now = vehicles_[index].BootNow(now);
    if (inbox_[index].empty()) return;
    STARLING_CHECK(agent.OnBytes(inbox_[index], boot_now).ok());
    inbox_[index].clear();
    while (agent.TakeAction(boot_now)) {
    }
    Pump(index, now);
  }

  void SampleOne(const sim::Schedule::Turn& at) {
    edge::Agent& agent = *vehicles_[at.vehicle].agent;
    const BootTime now = vehicles_[at.vehicle].BootNow(kStart + at.instant);
    const edge::DesiredState desired = agent.desired(now);
    traffic_.SetLimit(at.vehicle, desired.speed_ceiling_mps, desired.decel_mps2);
    const sim::SimTime instant(at.instant);
    traffic_.AdvanceTo(instant);
    const Sample sample = sim::SampleOf(traffic_.Truth(at.vehicle, instant), frame_, now);
    STARLING_CHECK(agent.OnSample(sample, now).ok());
    ++bytes_.samples;
    std::string line = edge::ToJsonLine(sample);
    while (!line.empty() && line.back() == '\n') line.pop_back();
    const sim::JsonMqttBytes rival = sim::JsonOverMqtt(sim::VehicleName(at.vehicle), line.size());
    bytes_.json_mqtt_tls += rival.up + rival.down;
  }

  // As the uplink does it: what is ready goes out in one record.
  void Pump(std::uint32_t index, CloudTime now) {
    stream_.clear();
    while (vehicles_[index].agent->NextFrame(vehicles_[index].BootNow(now), &stream_)) {
    }
    if (stream_.empty()) return;
    bytes_.up += stream_.size() + sim::kTlsRecordOverheadBytes;
    STARLING_CHECK(cloud_.OnBytes(index, stream_, now).ok());
  }

  LinkBytes bytes_;
  const sim::City city_;
  sim::Traffic traffic_;
  const LocalFrame frame_{kOrigin};
  const sim::Schedule schedule_{kVehicles};
  PayloadCodec codec_;
  sim::VirtualCloud cloud_;
  std::vector<sim::SimVehicle> vehicles_;
  std::vector<std::vector<std::byte>> inbox_;
  std::vector<std::byte> stream_;
};

}  // namespace

LinkBytes DriveMinute() { return Drive().Run(); }

}  // namespace starling
