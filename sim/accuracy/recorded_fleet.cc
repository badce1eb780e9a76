#include "sim/accuracy/recorded_fleet.h"

#include <algorithm>
#include <memory>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "common/check.h"
#include "schemas/cloud_to_edge/downlink_generated.h"
#include "sim/accuracy/future_path.h"
#include "sim/city/random.h"
#include "sim/fleet/schedule.h"
#include "sim/virtual/virtual_cloud.h"
#include "sim/virtual/virtual_vehicle.h"

namespace starling::sim {
namespace {

// The cloud's clock at the recording's first step.
constexpr CloudTime kEpoch{seconds(1'700'000'000)};
// So long before its track a vehicle comes up at least; within a second more, so that they do not all at once.
constexpr nanoseconds kUpBefore = seconds(2);
constexpr double kUpSpreadS = 1;
constexpr nanoseconds kLookEvery = milliseconds(100);
constexpr nanoseconds kDurableAfter = milliseconds(8);

CloudTime CloudAt(SimTime at) { return kEpoch + at.time_since_epoch(); }
SimTime SimAt(std::int64_t cloud_ns) { return SimTime(nanoseconds(cloud_ns) - kEpoch.time_since_epoch()); }

bool IsLater(const UpMessage& a, const UpMessage& b) {
  return std::tie(a.arrives, a.vehicle, a.number) > std::tie(b.arrives, b.vehicle, b.number);
}

struct Alarm {
  SimTime at;
  std::uint32_t vehicle = 0;
  bool sample = false;

  static bool Later(const Alarm& a, const Alarm& b) {
    return std::tie(a.at, a.sample, a.vehicle) > std::tie(b.at, b.sample, b.vehicle);
  }
};

VirtualFleetConfig WorldConfig(const RecordedFleetConfig& config) {
  VirtualFleetConfig world;
  world.seed = config.seed;
  world.gnss = config.gnss;
  world.gnss.seed = MixHash(config.seed, config.gnss.seed);
  return world;
}

class Drive {
 public:
  Drive(const Recording& recording, const RecordedFleetConfig& config, const cloud::ShardConfig& shard)
      : recording_(recording),
        config_(config),
        world_config_(WorldConfig(config)),
        frame_(recording.origin),
        world_{&world_config_, nullptr, nullptr, &frame_, world_config_.link},
        window_(world_config_.link.delay_min()),
        schedule_(static_cast<std::uint32_t>(recording.tracks.size())),
        vehicles_(recording.tracks.size()),
        paths_(recording.tracks.size()),
        alarm_of_(recording.tracks.size(), SimTime::max()),
        connections_(recording.tracks.size()),
        cloud_(
            shard, GatewayOf(recording.origin), kDurableAfter,
            [this](std::size_t vehicle, std::span<const std::byte> frame, CloudTime now) {
              down_.push_back({SimTime(now - kEpoch),
                               static_cast<std::uint32_t>(vehicle),
                               connections_[vehicle],
                               {frame.begin(), frame.end()}});
            },
            nullptr) {
    cloud_.SetWatch([this](const cloud::ShardOutputs& outputs, CloudTime) { Watch(outputs); });
    for (std::uint32_t track = 0; track < recording.tracks.size(); ++track) {
      Random random(MixHash(config.seed, track));
      const SimTime up =
          recording.Begin(track) - kUpBefore - nanoseconds(static_cast<std::int64_t>(random.Unit() * kUpSpreadS * 1e9));
      begins_.emplace_back(up, track);
    }
    std::ranges::sort(begins_);
  }

  FleetDecisions Run(const std::function<bool(double)>& progress) {
    now_ = begins_.front().first;
    const SimTime begin = now_;
    const SimTime end = recording_.times.back();
    SimTime told = now_;
    while (now_ < end) {
      const SimTime until = std::min(now_ + window_, end + nanoseconds(1));
      ComeUp(until);
      RunCloud(until);
      RunVehicles(until);
      now_ = until;
      HandOver();
      if (progress && now_ - told >= kLookEvery) {
        told = now_;
        if (!progress(ToSeconds(now_ - begin) / ToSeconds(end - begin))) return {};
      }
    }
    for (std::uint32_t track = 0; track < vehicles_.size(); ++track) Count(track);
    outcome_.shard = cloud_.shard().counters();
    outcome_.refused = cloud_.refused();
    return std::move(outcome_);
  }

 private:
  struct DownMessage {
    SimTime sent;
    std::uint32_t vehicle = 0;
    std::uint32_t connection = 0;
    std::vector<std::byte> bytes;
  };

  static cloud::GatewayConfig GatewayOf(FrameOrigin origin) {
    cloud::GatewayConfig config;
    config.origin = origin;
    return config;
  }

  void ComeUp(SimTime until) {
    for (; next_begin_ < begins_.size() && begins_[next_begin_].first < until; ++next_begin_) {
      const auto [up, track] = begins_[next_begin_];
      const RecordedTrack& recorded = recording_.tracks[track];
      vehicles_[track] = std::make_unique<VirtualVehicle>(&world_, &codec_, track, up, recorded.rows.front().front,
                                                          VehicleBody{recorded.length_m, recorded.width_m});
      by_name_.emplace(vehicles_[track]->id().ToString(), track);
      if (config_.planned_paths) paths_[track] = std::make_unique<FuturePath>(&recording_, track);
      SetAlarm(track, up);
      // The first instant of its schedule that its track has.
      const SimTime first = recording_.Begin(track);
      std::uint64_t round = static_cast<std::uint64_t>(first.time_since_epoch() / kLookEvery);
      if (SimTime(schedule_.InstantOf(track, round)) < first) ++round;
      PutSample(track, round);
    }
  }

  void PutSample(std::uint32_t track, std::uint64_t round) {
    if (rounds_.size() <= track) rounds_.resize(vehicles_.size());
    rounds_[track] = round;
    // The end is an event, too.
    alarms_.push_back(
        {std::min(SimTime(schedule_.InstantOf(track, round)), recording_.End(track) + nanoseconds(1)), track, true});
    std::ranges::push_heap(alarms_, Alarm::Later);
  }

  void RunCloud(SimTime until) {
    while (!up_.empty() && up_.front().arrives < until) {
      std::ranges::pop_heap(up_, IsLater);
      const UpMessage message = std::move(up_.back());
      up_.pop_back();
      const CloudTime now = CloudAt(message.arrives);
      cloud_.Advance(now);
      std::uint32_t& open = connections_[message.vehicle];
      switch (message.kind) {
        case UpMessage::Kind::kConnect:
          open = message.connection;
          if (vehicles_[message.vehicle] != nullptr)
            cloud_.Connect(message.vehicle, vehicles_[message.vehicle]->id(), now);
          break;
        case UpMessage::Kind::kLose:
          if (open != message.connection) break;
          cloud_.Disconnect(message.vehicle, now);
          open = 0;
          break;
        case UpMessage::Kind::kBytes:
          if (open != message.connection) break;
          if (!cloud_.OnBytes(message.vehicle, message.bytes, now).ok()) ++outcome_.streams_broken;
          break;
      }
    }
    cloud_.Advance(CloudAt(until) - nanoseconds(1));
  }

  void RunVehicles(SimTime until) {
    while (!alarms_.empty() && alarms_.front().at < until) {
      const Alarm alarm = alarms_.front();
      std::ranges::pop_heap(alarms_, Alarm::Later);
      alarms_.pop_back();
      const std::unique_ptr<VirtualVehicle>& vehicle = vehicles_[alarm.vehicle];
      if (vehicle == nullptr) continue;
      if (!alarm.sample) {
        SimTime& counts = alarm_of_[alarm.vehicle];
        if (counts != alarm.at) continue;  // Another one took its place.
        counts = SimTime::max();
        vehicle->Wake(alarm.at, &mail_);
      } else if (alarm.at > recording_.End(alarm.vehicle)) {
        Leave(alarm.vehicle, alarm.at);
        continue;
      } else {
        VehicleTruth truth = recording_.TruthAt(alarm.vehicle, alarm.at);
        if (config_.planned_paths) truth.path = paths_[alarm.vehicle]->At(truth);
        vehicle->TakeSample(truth, rounds_[alarm.vehicle], &mail_);
        PutSample(alarm.vehicle, rounds_[alarm.vehicle] + 1);
      }
      SetAlarm(alarm.vehicle, alarm.at);
    }
  }

  void Leave(std::uint32_t track, SimTime now) {
    Count(track);
    vehicles_[track].reset();
    paths_[track].reset();
    // After what it has sent.
    mail_.up.push_back({now + window_, track, ~std::uint64_t{0}, connections_[track], UpMessage::Kind::kLose, {}});
  }

  void SetAlarm(std::uint32_t track, SimTime now) {
    const SimTime next = vehicles_[track]->next(now);
    if (next >= alarm_of_[track]) return;
    alarm_of_[track] = next;
    alarms_.push_back({next, track, false});
    std::ranges::push_heap(alarms_, Alarm::Later);
  }

  void HandOver() {
    for (UpMessage& message : mail_.up) {
      up_.push_back(std::move(message));
      std::ranges::push_heap(up_, IsLater);
    }
    outcome_.applied += mail_.acted.size();
    mail_ = {};
    for (DownMessage& message : down_) {
      if (vehicles_[message.vehicle] == nullptr) continue;
      vehicles_[message.vehicle]->PutDown(message.sent, message.connection, std::move(message.bytes));
      SetAlarm(message.vehicle, now_ - nanoseconds(1));
    }
    down_.clear();
  }

  void Watch(const cloud::ShardOutputs& outputs) {
    for (const cloud::ShardOutputs::Command& command : outputs.commands) {
      const auto kind = flatbuffers::GetRoot<wire::Command>(command.wire_command.data())->kind();
      ++outcome_.commands[static_cast<std::size_t>(kind)];
    }
    for (const cloud::ShardOutputs::Record& record : outputs.records) {
      if (record.topic != cloud::Topic::kConflicts) continue;
      const auto* conflict = flatbuffers::GetRoot<log::Conflict>(record.value.data());
      if (conflict->phase() == log::EpisodePhase::Opened) {
        const std::uint32_t one = by_name_.at(conflict->vehicle_a()->str());
        const std::uint32_t other = by_name_.at(conflict->vehicle_b()->str());
        open_[conflict->episode_id()] = outcome_.decisions.size();
        outcome_.decisions.push_back({std::min(one, other), std::max(one, other), SimAt(conflict->at_ns()),
                                      SimTime::max(), conflict->encounter(), conflict->ttc_ms() * 1e-3});
      } else if (conflict->phase() == log::EpisodePhase::Closed) {
        const auto found = open_.find(conflict->episode_id());
        if (found == open_.end()) continue;
        outcome_.decisions[found->second].closed = SimAt(conflict->at_ns());
        open_.erase(found);
      }
    }
  }

  void Count(std::uint32_t track) {
    if (vehicles_[track] == nullptr) return;
    FleetTotals totals;
    VehicleCounters counters;
    vehicles_[track]->AddTo(&totals, &counters);
    outcome_.samples += counters.samples;
    outcome_.live_frames += totals.agents.live_frames;
    outcome_.streams_broken += counters.streams_broken;
  }

  const Recording& recording_;
  const RecordedFleetConfig& config_;
  const VirtualFleetConfig world_config_;
  const LocalFrame frame_;
  const VehicleWorld world_;
  const nanoseconds window_;  // what one side sends in it arrives in a later one
  const Schedule schedule_;
  PayloadCodec codec_;
  std::vector<std::pair<SimTime, std::uint32_t>> begins_;
  std::size_t next_begin_ = 0;
  std::vector<std::unique_ptr<VirtualVehicle>> vehicles_;  // by track; null: not there
  std::vector<std::unique_ptr<FuturePath>> paths_;
  std::vector<std::uint64_t> rounds_;
  std::vector<Alarm> alarms_;  // a heap
  std::vector<SimTime> alarm_of_;
  VehicleMail mail_;
  std::vector<UpMessage> up_;  // a heap
  std::vector<DownMessage> down_;
  std::vector<std::uint32_t> connections_;
  std::unordered_map<std::string, std::uint32_t> by_name_;
  std::unordered_map<std::uint64_t, std::size_t> open_;  // by episode
  FleetDecisions outcome_;
  VirtualCloud cloud_;
  SimTime now_;
};

}  // namespace

FleetDecisions DriveRecording(const Recording& recording, const RecordedFleetConfig& config,
                              const cloud::ShardConfig& shard, const std::function<bool(double share)>& progress) {
  STARLING_CHECK(!recording.tracks.empty() && recording.times.size() >= 2);
  return Drive(recording, config, shard).Run(progress);
}

}  // namespace starling::sim
