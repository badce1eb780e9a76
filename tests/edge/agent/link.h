// The other end of an agent's link, for tests: makes what the cloud sends and
// reads what the agent sends.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/frame/frame_reader.h"
#include "common/frame/frame_writer.h"
#include "common/frame/payload_codec.h"
#include "edge/agent/agent.h"
#include "edge/spool/memory_spool.h"
#include "schemas/cloud_to_edge/downlink_generated.h"
#include "schemas/edge_to_cloud/uplink_generated.h"

namespace starling::edge {

inline constexpr BootId kBoot{0xB007};
inline constexpr FrameOrigin kOrigin{525'000'000, 134'000'000};  // Berlin.

inline BootTime AtMs(std::int64_t ms) { return BootTime(milliseconds(ms)); }

inline PayloadCodec& SharedCodec() {
  static PayloadCodec codec;
  return codec;
}

// A frame as it was sent, with its payload kept.
struct SentFrame {
  FrameType type{};
  std::vector<std::uint64_t> aligned;

  template <typename Table>
  const Table& As() const {
    return *flatbuffers::GetRoot<Table>(reinterpret_cast<const std::uint8_t*>(aligned.data()));
  }
};

inline SentFrame ReadOne(std::span<const std::byte> bytes) {
  const auto frame = ParseFrame(bytes);
  EXPECT_TRUE(frame.ok() && frame.value() && frame.value()->bytes == bytes.size());
  const auto payload = SharedCodec().Decode(*frame.value());
  EXPECT_TRUE(payload.ok());
  SentFrame sent{frame.value()->type, std::vector<std::uint64_t>(payload.value().size() / 8 + 1)};
  std::memcpy(sent.aligned.data(), payload.value().data(), payload.value().size());
  return sent;
}

template <typename Table>
std::vector<std::byte> Framed(FrameType type, flatbuffers::FlatBufferBuilder& builder,
                              flatbuffers::Offset<Table> root) {
  builder.Finish(root);
  std::vector<std::byte> stream;
  EXPECT_TRUE(AppendFrame(type, std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize())),
                          &SharedCodec(), &stream)
                  .ok());
  return stream;
}

// A command with lenient defaults; tests change what they are about.
struct CommandSpec {
  std::uint64_t id = 1;
  wire::CommandKind kind = wire::CommandKind::SpeedAdvice;
  std::uint32_t region = 7;
  std::uint64_t epoch = 3;
  std::uint64_t sequence = 1;
  std::uint64_t episode = 100;
  std::uint64_t supersedes = 0;
  BootId boot = kBoot;
  BootTime expires = AtMs(5000);
  std::uint16_t ceiling_cmps = 800;
  std::uint16_t decel_cmps2 = 200;
  std::string cause = "taxi-17";

  flatbuffers::Offset<wire::Command> Build(flatbuffers::FlatBufferBuilder& builder) const {
    return wire::CreateCommandDirect(builder, id, kind, region, epoch, sequence, episode, supersedes,
                                     ToNumber(boot), ToNs(expires), ceiling_cmps, decel_cmps2, 41, -17,
                                     cause.c_str(), 5, 6, 7, 8);
  }
};

inline std::vector<std::byte> CommandFrame(const CommandSpec& spec) {
  flatbuffers::FlatBufferBuilder builder;
  return Framed(FrameType::kCommand, builder, spec.Build(builder));
}

inline std::vector<std::byte> WelcomeFrame(BootId acked_boot = BootId{}, std::uint64_t acked_through = 0) {
  flatbuffers::FlatBufferBuilder builder;
  return Framed(FrameType::kWelcome, builder,
                wire::CreateWelcome(builder, 1, 7, 3, kOrigin.lat_e7, kOrigin.lon_e7,
                                    ToNumber(acked_boot), acked_through));
}

inline std::vector<std::byte> ClockReplyFrame(std::uint64_t probe_ns, std::int64_t received_ns,
                                              std::int64_t sent_ns) {
  flatbuffers::FlatBufferBuilder builder;
  return Framed(FrameType::kClockReply, builder,
                wire::CreateClockReply(builder, probe_ns, received_ns, sent_ns));
}

inline std::vector<std::byte> HistoryAckFrame(BootId boot, std::uint64_t first, std::uint64_t through,
                                              bool refused = false) {
  flatbuffers::FlatBufferBuilder builder;
  return Framed(FrameType::kHistoryAck, builder,
                wire::CreateHistoryAck(builder, ToNumber(boot), first, through, refused));
}

inline std::vector<std::byte> StatusAckFrame(std::uint32_t through, BootId boot = kBoot) {
  flatbuffers::FlatBufferBuilder builder;
  return Framed(FrameType::kStatusAck, builder,
                wire::CreateStatusAck(builder, ToNumber(boot), through));
}

inline std::vector<std::byte> NoticeFrame(wire::NoticeCode code, std::uint32_t retry_after_ms,
                                          const char* detail = "") {
  flatbuffers::FlatBufferBuilder builder;
  return Framed(FrameType::kNotice, builder,
                wire::CreateNoticeDirect(builder, code, retry_after_ms, detail));
}

// A vehicle driving north at a steady pace from the origin.
inline Sample SteadySample(BootTime time, double speed_mps = 10) {
  const LocalFrame frame(kOrigin);
  Sample sample;
  sample.time = time;
  sample.position = frame.ToGeo({0, speed_mps * ToSeconds(time.time_since_epoch())});
  sample.speed_mps = speed_mps;
  sample.accuracy_m = 0.5;
  sample.intent = wire::Intent::WithPassenger;
  return sample;
}

// An agent with its link, under a manual clock.
class AgentTest : public ::testing::Test {
 protected:
  static constexpr std::int64_t kCloudMinusBootNs = 1'700'000'000'000'000'000;

  void Make(const AgentConfig& config = {}, std::size_t spool_bytes_max = 16 << 20) {
    MemorySpoolConfig spool;
    spool.bytes_max = spool_bytes_max;
    agent_.emplace(config, kBoot, std::make_unique<MemorySpool>(spool), &SharedCodec());
  }

  void Feed(const std::vector<std::byte>& bytes) {
    const Status status = agent_->OnBytes(bytes, now_);
    EXPECT_TRUE(status.ok()) << status.message();
  }

  std::optional<SentFrame> Next() {
    std::vector<std::byte> stream;
    if (!agent_->NextFrame(now_, &stream)) return std::nullopt;
    return ReadOne(stream);
  }

  // All that the agent has to say.
  std::vector<SentFrame> Drain() {
    std::vector<SentFrame> frames;
    while (auto frame = Next()) frames.push_back(std::move(*frame));
    return frames;
  }

  void Reply(const SentFrame& probe) {
    const auto probe_ns = probe.As<wire::ClockProbe>().boot_time_ns();
    const std::int64_t cloud_ns = static_cast<std::int64_t>(ToNs(now_)) + kCloudMinusBootNs;
    Feed(ClockReplyFrame(probe_ns, cloud_ns, cloud_ns));
  }

  // Connected, welcomed, clock reported.
  void Connect(BootId acked_boot = BootId{}, std::uint64_t acked_through = 0) {
    agent_->OnConnected(now_);
    const auto hello = Next();
    ASSERT_TRUE(hello && hello->type == FrameType::kHello);
    Feed(WelcomeFrame(acked_boot, acked_through));
  }
  // Answers the probes that are due and throws away the frames about the clock.
  std::vector<SentFrame> DrainWithClock() {
    std::vector<SentFrame> frames;
    while (auto frame = Next()) {
      if (frame->type == FrameType::kClockProbe) {
        Reply(*frame);
      } else if (frame->type != FrameType::kClockReport) {
        frames.push_back(std::move(*frame));
      }
    }
    return frames;
  }

  void Take(const Sample& sample) {
    now_ = std::max(now_, sample.time);
    const Status status = agent_->OnSample(sample, now_);
    EXPECT_TRUE(status.ok()) << status.message();
  }

  void ExpectBalanced() const {
    const AgentLedger ledger = agent_->ledger();
    ASSERT_EQ(ledger.sampled, ledger.delivered + ledger.dropped_spool_full + ledger.dropped_refused +
                                  ledger.dropped_io + ledger.in_flight);
  }

  std::optional<Agent> agent_;
  BootTime now_ = AtMs(0);
};

}  // namespace starling::edge
