#include "bench/link/driven_links.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

#include "bench/link/rivals.h"
#include "common/check.h"
#include "common/frame/frame_reader.h"
#include "common/frame/payload_codec.h"
#include "common/telemetry/fix_codec.h"
#include "common/telemetry/history_reader.h"
#include "edge/agent/agent.h"
#include "edge/spool/memory_spool.h"
#include "schemas/edge_to_cloud/uplink_generated.h"
#include "sim/fleet/fleet_config.h"
#include "sim/fleet/histogram.h"
#include "sim/fleet/schedule.h"
#include "sim/fleet/sim_vehicle.h"
#include "sim/sensors/gnss_receiver.h"
#include "sim/traffic/traffic.h"
#include "sim/virtual/virtual_cloud.h"

namespace starling {
namespace {

constexpr std::uint64_t kSeed = 2;
constexpr nanoseconds kDrain = seconds(2);
constexpr FrameOrigin kOrigin{481'351'000, 115'820'000};
constexpr CloudTime kStart{seconds(1'700'000'000)};
constexpr milliseconds kDurableAfter{8};

Lane LaneOf(FrameType type) {
  switch (type) {
    case FrameType::kLive: return Lane::kLive;
    case FrameType::kHistory:
    case FrameType::kHistoryAck: return Lane::kHistory;
    case FrameType::kClockProbe:
    case FrameType::kClockReport:
    case FrameType::kClockReply: return Lane::kClock;
    case FrameType::kHello:
    case FrameType::kWelcome: return Lane::kGreeting;
    default: return Lane::kCommands;
  }
}

// The links of so many vehicles, whoever drives them.
class DrivenLinks {
 public:
  DrivenLinks(std::uint32_t vehicles, FrameOrigin origin, const TlsCosts& tls)
      : frame_(origin),
        tls_(tls),
        cloud_(cloud::ShardConfig(), GatewaySettings(origin), kDurableAfter,
               [this](std::size_t vehicle, std::span<const std::byte> frame, CloudTime now) {
                 inbox_[vehicle].insert(inbox_[vehicle].end(), frame.begin(), frame.end());
                 CountFrames(frame);
                 // At worst each has a record to itself.
                 links_[vehicle].starling.Write(Way::kDown, frame.size(), now);
               },
               [this](FrameType type, std::span<const std::byte> payload) {
                 if (type == FrameType::kHistory) CheckHistory(payload);
               }),
        vehicles_(vehicles),
        inbox_(vehicles) {
    figures_.vehicles = vehicles;
    figures_.rivals.resize(Rivals().size());
    links_.reserve(vehicles);
    for (std::size_t i = 0; i < vehicles; ++i) {
      sim::SimVehicle& vehicle = vehicles_[i];
      vehicle.booted = kStart - std::chrono::hours(30) - seconds(i);
      vehicle.boot = BootId{MixHash(kSeed, i) | 1};
      vehicle_of_[vehicle.boot] = i;
      vehicle.agent = std::make_unique<edge::Agent>(edge::AgentConfig(), vehicle.boot,
                                                    std::make_unique<edge::MemorySpool>(edge::MemorySpoolConfig()),
                                                    &codec_);
      links_.emplace_back(sim::VehicleName(i), &tls_);
      ids_.push_back(VehicleId::Parse(sim::VehicleName(i)).value());
      cloud_.Connect(i, ids_.back(), kStart);
      vehicle.agent->OnConnected(BootNow(i, kStart));
    }
  }

  BootTime BootNow(std::size_t vehicle, CloudTime now) const { return vehicles_[vehicle].BootNow(now); }
  edge::DesiredState Desired(std::size_t vehicle, CloudTime now) const {
    return vehicles_[vehicle].agent->desired(BootNow(vehicle, now));
  }
  const LocalFrame& frame() const { return frame_; }

  // What has arrived by now is taken.
  void Receive(std::size_t index, CloudTime now) {
    cloud_.Advance(now);
    if (!inbox_[index].empty()) Pump(index, now);
  }

  // After Receive: the sample is taken and what is to be said is said.
  void Take(std::size_t index, const Sample& sample, CloudTime now) {
    Link& link = links_[index];
    Look(index, sample, now, &before_um_);
    STARLING_CHECK(vehicles_[index].agent->OnSample(sample, BootNow(index, now)).ok());
    ++figures_.samples;
    link.awaited.push_back(sample);
    Tick(index, now);
    Look(index, sample, now, &picture_um_);
    for (std::size_t i = 0; i < Rivals().size(); ++i) {
      RivalLink& rival = link.rivals[i];
      rival.samples.push_back(sample);
      if (rival.samples.size() == Rivals()[i].samples_per_message) SendRival(i, &link, now);
    }
  }

  void Tick(std::size_t index, CloudTime now) {
    vehicles_[index].agent->OnTimer(BootNow(index, now));
    Pump(index, now);
  }

  // Nothing more is sampled; after it Receive and Tick until all is acknowledged.
  void Flush(std::size_t index, CloudTime now) {
    STARLING_CHECK(vehicles_[index].agent->Flush().ok());
    for (std::size_t i = 0; i < Rivals().size(); ++i) {
      if (!links_[index].rivals[i].samples.empty()) SendRival(i, &links_[index], now);
    }
  }

  LinkFigures Figures() {
    if (cloud_.refused() != 0) Wrong("the cloud has refused something");
    for (std::size_t i = 0; i < vehicles_.size(); ++i) {
      Link& link = links_[i];
      const edge::AgentLedger ledger = vehicles_[i].agent->ledger();
      if (ledger.delivered != ledger.sampled || !link.awaited.empty()) {
        Wrong("the history lacks " + std::to_string(link.awaited.size()) + " samples behind the first " +
              std::to_string(link.arrived));
      }
      figures_.live_frames += vehicles_[i].agent->counters().live_frames;
      link.starling.Settle();
      figures_.starling += link.starling.bytes();
      for (std::size_t rival = 0; rival < link.rivals.size(); ++rival) {
        link.rivals[rival].meter.Settle();
        figures_.rivals[rival] += link.rivals[rival].meter.bytes();
      }
    }
    figures_.picture = PictureOf(picture_um_);
    figures_.picture_before = PictureOf(before_um_);
    return figures_;
  }

 private:
  struct RivalLink {
    LinkMeter meter;
    std::vector<Sample> samples;     // of the next message
    std::uint32_t messages = 0;
    std::uint64_t sent = 0;          // samples
  };
  struct Link {
    Link(const std::string& vehicle, const TlsCosts* tls) : name(vehicle), starling(tls) {
      starling.Open(kStart);
      for (const Rival& rival : Rivals()) {
        RivalLink& link = rivals.emplace_back(RivalLink{LinkMeter(tls), {}, 0, 0});
        const MessageContext context{name, 0, 1};
        link.meter.Open(kStart);
        link.meter.Write(Way::kUp, rival.greeting(context).size(), kStart);
        link.meter.Write(Way::kDown, rival.welcome(context).size(), kStart);
      }
    }

    std::string name;
    LinkMeter starling;
    std::vector<RivalLink> rivals;
    std::deque<Sample> awaited;      // in the cloud's history, oldest first
    std::uint64_t arrived = 0;       // there
  };

  static cloud::GatewayConfig GatewaySettings(FrameOrigin origin) {
    cloud::GatewayConfig config;
    config.origin = origin;
    return config;
  }

  static LinkFigures::Picture PictureOf(const sim::Histogram& um) {
    const auto metres = [](nanoseconds each) { return static_cast<double>(each.count()) * 1e-6; };
    return {metres(um.Quantile(0.5)), metres(um.Quantile(0.99)), metres(um.max())};
  }

  void Look(std::size_t index, const Sample& sample, CloudTime now, sim::Histogram* um) const {
    const auto view = cloud_.shard().Find(ids_[index], now);
    if (!view) return;
    const Vec2 off = view->pose.position - frame_.ToLocal(sample.position);
    um->Record(nanoseconds(std::llround(std::sqrt(NormSquared(off)) * 1e6)));
  }

  void Wrong(std::string why) {
    if (figures_.wrong.empty()) figures_.wrong = std::move(why);
  }

  // Encoded, decoded and compared, sent, answered when Starling's cloud would.
  void SendRival(std::size_t number, Link* link, CloudTime now) {
    const Rival& rival = Rivals()[number];
    RivalLink& own = link->rivals[number];
    const MessageContext context{link->name, own.messages, own.sent + 1};
    const std::vector<std::byte> written = rival.encode(context, own.samples);
    const Result<std::vector<Sample>> read = rival.decode(context, written);
    if (!read.ok()) {
      Wrong(std::string(rival.name) + ": " + std::string(read.status().message()));
    } else if (read.value().size() != own.samples.size()) {
      Wrong(std::string(rival.name) + ": another number of samples");
    } else {
      for (std::size_t i = 0; i < own.samples.size(); ++i) {
        const Status same = CheckSame(own.samples[i], read.value()[i]);
        if (!same.ok()) Wrong(std::string(rival.name) + ": " + std::string(same.message()));
      }
    }
    own.meter.Write(Way::kUp, written.size(), now);
    own.meter.Write(Way::kDown, rival.answer(context, own.samples).size(), now + kDurableAfter);
    ++own.messages;
    own.sent += own.samples.size();
    own.samples.clear();
  }

  // Batches arrive in order here, each once: links are perfect.
  void CheckHistory(std::span<const std::byte> payload) {
    const auto* history = flatbuffers::GetRoot<wire::History>(payload.data());
    const auto vehicle = vehicle_of_.find(BootId{history->boot_id()});
    if (vehicle == vehicle_of_.end()) return Wrong("history of a boot that nobody had");
    Link& link = links_[vehicle->second];
    const auto columns = std::as_bytes(std::span(history->columns()->data(), history->columns()->size()));
    const Status read = ReadHistoryColumns(columns, history->first_sequence(), history->count(), &fixes_);
    if (!read.ok()) return Wrong("history: " + std::string(read.message()));
    for (const wire::Fix& fix : fixes_) {
      if (fix.sequence() != link.arrived + 1 || link.awaited.empty()) {
        return Wrong("history has sample " + std::to_string(fix.sequence()) + " after " + std::to_string(link.arrived));
      }
      const Status same = CheckSame(link.awaited.front(), SampleOfFix(fix));
      if (!same.ok()) return Wrong("history: " + std::string(same.message()));
      link.awaited.pop_front();
      ++link.arrived;
    }
  }

  void CountFrames(std::span<const std::byte> stream) {
    while (!stream.empty()) {
      const auto frame = ParseFrame(stream);
      STARLING_CHECK(frame.ok() && frame.value());
      figures_.lanes[static_cast<std::size_t>(LaneOf(frame.value()->type))] += frame.value()->bytes;
      stream = stream.subspan(frame.value()->bytes);
    }
  }

  // As the uplink does it: what is ready goes out in one record.  What is answered at once is there at
  // once: with a delay, half of it would be an error of the clock.
  void Pump(std::size_t index, CloudTime now) {
    edge::Agent& agent = *vehicles_[index].agent;
    const BootTime boot_now = BootNow(index, now);
    do {
      received_.swap(inbox_[index]);
      if (!received_.empty()) STARLING_CHECK(agent.OnBytes(received_, boot_now).ok());
      received_.clear();
      while (agent.TakeAction(boot_now)) {
      }
      stream_.clear();
      while (agent.NextFrame(boot_now, &stream_)) {
      }
      if (stream_.empty()) return;
      CountFrames(stream_);
      links_[index].starling.Write(Way::kUp, stream_.size(), now);
      STARLING_CHECK(cloud_.OnBytes(index, stream_, now).ok());
    } while (!inbox_[index].empty());
  }

  const LocalFrame frame_;
  const TlsCosts& tls_;
  PayloadCodec codec_;
  LinkFigures figures_;
  sim::Histogram picture_um_;    // each micrometre as a nanosecond; so the next
  sim::Histogram before_um_;
  std::vector<Link> links_;
  std::vector<VehicleId> ids_;
  std::unordered_map<BootId, std::size_t> vehicle_of_;
  sim::VirtualCloud cloud_;
  std::vector<sim::SimVehicle> vehicles_;
  std::vector<std::vector<std::byte>> inbox_;
  std::vector<std::byte> received_;
  std::vector<std::byte> stream_;
  std::vector<wire::Fix> fixes_;
};

sim::CityConfig CityFor(std::uint32_t vehicles) {
  sim::CityConfig config;
  config.seed = kSeed;
  config.side_m = sim::CitySideFor(vehicles);
  return config;
}

sim::TrafficConfig TrafficOf(std::uint32_t vehicles) {
  sim::TrafficConfig config;
  config.seed = kSeed;
  config.vehicles = vehicles;
  config.warm_up_s = 30;
  return config;
}

}  // namespace

std::string_view LaneName(Lane lane) {
  constexpr std::array<std::string_view, kLanes> kNames = {"live", "history", "clock", "greeting", "commands"};
  return kNames[static_cast<std::size_t>(lane)];
}

LinkFigures DriveFleet(std::uint32_t vehicles, seconds duration, const TlsCosts& tls) {
  const sim::City city = sim::City::Generate(CityFor(vehicles));
  sim::Traffic traffic(city, TrafficOf(vehicles));
  const sim::Schedule schedule(vehicles);
  DrivenLinks links(vehicles, kOrigin, tls);
  const auto sampled = static_cast<std::uint64_t>(duration / kSampleInterval);
  const auto drained = static_cast<std::uint64_t>(kDrain / kSampleInterval);
  for (std::uint64_t turn = 0; turn < (sampled + drained) * vehicles; ++turn) {
    const sim::Schedule::Turn at = schedule.At(turn);
    const CloudTime now = kStart + at.instant;
    links.Receive(at.vehicle, now);
    if (at.round < sampled) {
      const edge::DesiredState desired = links.Desired(at.vehicle, now);
      traffic.SetLimit(at.vehicle, desired.speed_ceiling_mps, desired.decel_mps2);
      const sim::SimTime instant(at.instant);
      traffic.AdvanceTo(instant);
      const sim::VehicleTruth truth = traffic.Truth(at.vehicle, instant);
      links.Take(at.vehicle, sim::SampleOf(truth, links.frame(), links.BootNow(at.vehicle, now)), now);
      continue;
    }
    if (at.round == sampled) links.Flush(at.vehicle, now);
    links.Tick(at.vehicle, now);
  }
  return links.Figures();
}

LinkFigures DriveAlone(std::span<const Sample> samples, const TlsCosts& tls) {
  STARLING_CHECK(!samples.empty());
  const auto e7 = [](double deg) { return static_cast<std::int32_t>(std::lround(deg * 1e7)); };
  DrivenLinks links(1, FrameOrigin{e7(samples[0].position.lat_deg), e7(samples[0].position.lon_deg)}, tls);
  // Connected for a second before the first one, as a vehicle that is started.
  CloudTime now = kStart;
  const CloudTime first = kStart + seconds(1) - samples.front().time.time_since_epoch();
  const auto pass = [&](CloudTime until) {
    for (; now < until; now += kSampleInterval) {
      links.Receive(0, now);
      links.Tick(0, now);
    }
  };
  for (const Sample& recorded : samples) {
    const CloudTime taken = first + recorded.time.time_since_epoch();
    pass(taken);
    now = taken;
    links.Receive(0, now);
    Sample sample = recorded;
    sample.time = links.BootNow(0, now);
    links.Take(0, sample, now);
    now += kSampleInterval;
  }
  links.Flush(0, now);
  pass(now + kDrain);
  return links.Figures();
}

std::vector<Sample> SimulatedDrive(seconds duration) {
  // Among others, or there is nothing to brake for.
  constexpr std::uint32_t kVehicles = 200;
  const sim::City city = sim::City::Generate(CityFor(kVehicles));
  sim::Traffic traffic(city, TrafficOf(kVehicles));
  const LocalFrame frame(kOrigin);
  const sim::GnssConfig config = sim::GnssConfig::BuiltIn();
  sim::GnssReceiver receiver(&config, nullptr, 0);
  std::vector<Sample> samples;
  for (sim::SimTime now; now < sim::SimTime(duration); now += kSampleInterval) {
    traffic.AdvanceTo(now);
    sim::VehicleTruth truth = traffic.Truth(0, now);
    const auto seen = receiver.Observe(
        {now, truth.position, truth.heading_rad, truth.speed_mps, truth.accel_mps2, truth.yaw_rate_radps});
    if (!seen) continue;
    truth.position = seen->position;
    truth.heading_rad = seen->heading_rad;
    truth.speed_mps = seen->speed_mps;
    truth.accel_mps2 = seen->accel_mps2;
    truth.yaw_rate_radps = seen->yaw_rate_radps;
    samples.push_back(sim::SampleOf(truth, frame, BootTime(now.time_since_epoch())));
    samples.back().accuracy_m = seen->accuracy_m;
  }
  return samples;
}

}  // namespace starling
