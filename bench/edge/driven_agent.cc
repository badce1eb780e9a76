#include "bench/edge/driven_agent.h"

#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bench/edge/allocation_counter.h"
#include "common/check.h"
#include "common/frame/frame_reader.h"
#include "common/frame/frame_writer.h"
#include "common/frame/payload_codec.h"
#include "edge/agent/agent.h"
#include "edge/spool/disk_spool.h"
#include "edge/spool/posix_spool_files.h"
#include "edge/spool/spool_writer.h"
#include "schemas/cloud_to_edge/downlink_generated.h"
#include "schemas/edge_to_cloud/uplink_generated.h"
#include "sim/fleet/schedule.h"
#include "sim/traffic/traffic.h"

namespace starling {
namespace {

constexpr std::int64_t kCloudMinusBootNs = 1'767'225'600'000'000'000;
constexpr std::size_t kRoundsAMinute = seconds(60) / kSampleInterval;
constexpr FrameOrigin kOrigin{481'351'000, 115'820'000};

// The cloud of one vehicle: welcomes, tells the time, acknowledges.
class Answers {
 public:
  // What it says to the frame at the start of `stream`; which type that was.
  FrameType To(std::span<const std::byte> stream, std::vector<std::byte>* answer) {
    const auto frame = ParseFrame(stream);
    STARLING_CHECK(frame.ok() && frame.value());
    const auto payload = codec_.Decode(*frame.value());
    STARLING_CHECK(payload.ok());
    flatbuffers::FlatBufferBuilder builder;
    switch (frame.value()->type) {
      case FrameType::kHello:
        builder.Finish(wire::CreateWelcome(builder, kCloudMinusBootNs, 0, 1, kOrigin.lat_e7, kOrigin.lon_e7));
        Append(FrameType::kWelcome, builder, answer);
        break;
      case FrameType::kClockProbe: {
        const auto sent = flatbuffers::GetRoot<wire::ClockProbe>(payload.value().data())->boot_time_ns();
        const auto cloud = kCloudMinusBootNs + static_cast<std::int64_t>(sent);
        builder.Finish(wire::CreateClockReply(builder, sent, cloud, cloud, 0));
        Append(FrameType::kClockReply, builder, answer);
        break;
      }
      case FrameType::kHistory: {
        const auto* history = flatbuffers::GetRoot<wire::History>(payload.value().data());
        builder.Finish(wire::CreateHistoryAck(builder, history->boot_id(), history->first_sequence(),
                                              history->first_sequence() + history->count() - 1));
        Append(FrameType::kHistoryAck, builder, answer);
        break;
      }
      default: break;
    }
    return frame.value()->type;
  }

 private:
  void Append(FrameType type, const flatbuffers::FlatBufferBuilder& builder, std::vector<std::byte>* answer) {
    const auto bytes = std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
    STARLING_CHECK(AppendFrame(type, bytes, &codec_, answer).ok());
  }

  PayloadCodec codec_;
};

class DrivenVehicle {
 public:
  DrivenVehicle(std::size_t number, const std::filesystem::path& folder, PayloadCodec* codec) {
    auto files = edge::PosixSpoolFiles::Open((folder / std::to_string(number)).string());
    STARLING_CHECK(files.ok());
    auto writer = std::make_unique<edge::DirectSpoolWriter>(files.value().get());
    auto spool = edge::DiskSpool::Open(edge::DiskSpoolConfig(), std::move(files).value(), std::move(writer),
                                       [] { return 1'800'000'000u; });
    STARLING_CHECK(spool.ok());
    spool_ = spool.value().get();
    edge::AgentConfig config;
    config.commit_interval = milliseconds(1000);
    agent_ = std::make_unique<edge::Agent>(config, BootId{number + 1}, std::move(spool).value(), codec);
    stream_.reserve(1 << 16);
  }

  // One sample, the timers until the next one, and all that goes over the link for it.
  void Take(const Sample& sample, bool counted) {
    const AgentCosts before = costs_;
    const std::uint64_t flash_bytes = spool_->counters().bytes_written;
    const std::uint64_t flash_syncs = spool_->counters().syncs;
    const std::uint64_t commits = spool_->counters().commits;
    bool batch = false;
    std::uint64_t allocations = 0;
    const auto count = [&allocations](auto&& work) {
      const std::uint64_t start = AllocationsOfThread();
      work();
      allocations += AllocationsOfThread() - start;
    };
    const BootTime now = sample.time;
    if (!connected_) agent_->OnConnected(now);
    connected_ = true;
    const std::size_t batches = spool_->batches();
    count([&] {
      STARLING_CHECK(agent_->OnSample(sample, now).ok());
      if (now >= agent_->next_timer()) agent_->OnTimer(now);
    });
    batch = spool_->batches() != batches;
    for (bool more = true; more;) {
      stream_.clear();
      bool any = false;
      for (;;) {
        const std::size_t from = stream_.size();
        bool given = false;
        count([&] { given = agent_->NextFrame(now, &stream_); });
        if (!given) break;
        any = true;
        const FrameType type = answers_.To(std::span(stream_).subspan(from), &answer_);
        const std::uint64_t bytes = stream_.size() - from;
        if (type == FrameType::kLive) costs_.live_bytes += bytes;
        else if (type == FrameType::kHistory) costs_.history_bytes += bytes;
        else costs_.other_bytes += bytes;
        batch = batch || type == FrameType::kHistory;
        ++costs_.frames;
      }
      if (any) ++costs_.records;
      more = !answer_.empty();
      count([&] { STARLING_CHECK(agent_->OnBytes(answer_, now).ok()); });
      answer_.clear();
    }
    ++costs_.samples;
    costs_.allocations += allocations;
    const bool committed = spool_->counters().commits != commits;
    const bool sent = costs_.frames != before.frames;
    costs_.quiet_samples += batch || committed || sent ? 0 : 1;
    (batch       ? costs_.allocations_of_batches
     : committed ? costs_.allocations_of_commits
     : sent      ? costs_.allocations_of_frames
                 : costs_.allocations_of_none) += allocations;
    costs_.flash_bytes += spool_->counters().bytes_written - flash_bytes;
    costs_.flash_syncs += spool_->counters().syncs - flash_syncs;
    if (!counted) costs_ = before;
  }

  const AgentCosts& costs() const { return costs_; }

 private:
  edge::DiskSpool* spool_ = nullptr;         // the agent's
  std::unique_ptr<edge::Agent> agent_;
  Answers answers_;
  std::vector<std::byte> stream_;
  std::vector<std::byte> answer_;
  bool connected_ = false;
  AgentCosts costs_;
};

}  // namespace

AgentCosts DriveAgents(std::size_t vehicles, std::size_t minutes) {
  std::string folder = (std::filesystem::temp_directory_path() / "edge-costs-XXXXXX").string();
  STARLING_CHECK(::mkdtemp(folder.data()) != nullptr);
  sim::CityConfig city_config;
  city_config.side_m = 1000;
  const sim::City city = sim::City::Generate(city_config);
  sim::TrafficConfig config;
  // Among others, or there is nothing to brake for.
  config.vehicles = 200;
  config.warm_up_s = 30;
  STARLING_CHECK(vehicles <= config.vehicles);
  sim::Traffic traffic(city, config);
  const LocalFrame frame(kOrigin);
  const sim::Schedule schedule(config.vehicles);
  AgentCosts sum;
  {
    PayloadCodec codec;
    std::vector<std::unique_ptr<DrivenVehicle>> driven;
    for (std::size_t v = 0; v < vehicles; ++v) driven.push_back(std::make_unique<DrivenVehicle>(v, folder, &codec));
    for (std::size_t round = 0; round < (minutes + 1) * kRoundsAMinute; ++round) {
      for (sim::VehicleIndex v = 0; v < vehicles; ++v) {
        const sim::SimTime now = sim::SimTime(schedule.InstantOf(v, round));
        traffic.AdvanceTo(now);
        const sim::VehicleTruth truth = traffic.Truth(v, now);
        Sample sample;
        sample.time = BootTime(std::chrono::hours(30) + now.time_since_epoch());
        sample.position = frame.ToGeo(truth.position);
        sample.heading_rad = truth.heading_rad + frame.Convergence(sample.position);
        sample.speed_mps = truth.speed_mps;
        sample.accel_mps2 = truth.accel_mps2;
        sample.yaw_rate_radps = truth.yaw_rate_radps;
        sample.accuracy_m = 0.2;
        sample.intent = wire::Intent::WithPassenger;
        sample.path = truth.path;
        driven[v]->Take(sample, round >= kRoundsAMinute);
      }
    }
    for (const auto& each : driven) {
      const AgentCosts& costs = each->costs();
      sum.samples += costs.samples;
      sum.allocations += costs.allocations;
      sum.allocations_of_batches += costs.allocations_of_batches;
      sum.allocations_of_commits += costs.allocations_of_commits;
      sum.allocations_of_frames += costs.allocations_of_frames;
      sum.allocations_of_none += costs.allocations_of_none;
      sum.quiet_samples += costs.quiet_samples;
      sum.frames += costs.frames;
      sum.live_bytes += costs.live_bytes;
      sum.history_bytes += costs.history_bytes;
      sum.other_bytes += costs.other_bytes;
      sum.records += costs.records;
      sum.flash_bytes += costs.flash_bytes;
      sum.flash_syncs += costs.flash_syncs;
    }
  }
  std::filesystem::remove_all(folder);
  return sum;
}

}  // namespace starling
