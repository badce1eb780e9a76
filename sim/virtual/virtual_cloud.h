#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cloud/gateway/downlink_builder.h"
#include "cloud/gateway/fix_gate.h"
#include "cloud/gateway/gateway.h"
#include "cloud/gateway/history_ledger.h"
#include "cloud/gateway/record_builder.h"
#include "cloud/shard/shard.h"
#include "cloud/shard/shard_config.h"
#include "common/frame/payload_codec.h"
#include "common/status.h"

namespace starling::sim {

// The orchestrator in virtual time: the real shard behind the gateway's own judges,
// builders and ledger, with a log that keeps nothing.  It stands in for the
// gateway's connections, which are bound to sockets; what it does not have is
// queues, threads, shedding and dead letters.
//
// Threading: thread-compatible.
class VirtualCloud {
 public:
  // Told of each payload before it is compressed, both directions; may be null.
  using Tap = std::function<void(FrameType type, std::span<const std::byte> payload)>;
  // Told of each frame for a vehicle, at once.
  using Deliver =
      std::function<void(std::size_t vehicle, std::span<const std::byte> frame, CloudTime now)>;

  // Told of what the shard wants done after a record, if it is anything.
  using Watch = std::function<void(const cloud::ShardOutputs& outputs, CloudTime now)>;

  VirtualCloud(const cloud::ShardConfig& shard, const cloud::GatewayConfig& gateway,
               nanoseconds durable_after, Deliver deliver, Tap tap);

  // From now on; null: nobody is.
  void SetWatch(Watch watch) { watch_ = std::move(watch); }

  // Ends what connection the vehicle had; `id` is who the new one's certificate names.
  void Connect(std::size_t vehicle, const VehicleId& id, CloudTime now);
  void Disconnect(std::size_t vehicle, CloudTime now);

  // Errors: kCorruption or kExhausted if the stream cannot be followed: disconnect.
  Status OnBytes(std::size_t vehicle, std::span<const std::byte> bytes, CloudTime now);

  // Ticks and acknowledgements that are due by `now`, which never goes back.
  void Advance(CloudTime now);

  const cloud::Shard& shard() const { return shard_; }
  std::uint64_t held_samples() const { return ledger_.totals().samples; }
  std::uint64_t refused() const { return refused_; }  // fixes and clock reports

 private:
  struct Connection {
    cloud::RecordBuilder::Vehicle vehicle;
    cloud::FixGate gate;              // outlives connections
    std::vector<std::byte> carry;
    std::uint64_t round = 0;          // of connections
    bool open = false;
    bool greeted = false;
    BootId reports_boot{};
    std::uint32_t reports_through = 0;
  };
  struct Ack {
    CloudTime due;
    std::size_t vehicle = 0;
    std::uint64_t round = 0;
    bool is_status = false;
    BootId boot{};
    std::uint64_t first = 0;
    std::uint64_t through = 0;
  };

  void TakeFrame(std::size_t vehicle, const FrameView& frame, CloudTime now);
  void OnHello(std::size_t vehicle, std::span<const std::byte> payload, CloudTime now);
  void OnLive(std::size_t vehicle, std::span<const std::byte> payload, CloudTime now);
  void OnHistory(std::size_t vehicle, std::span<const std::byte> payload, CloudTime now);
  void OnReport(std::size_t vehicle, std::span<const std::byte> payload, CloudTime now);
  void Append(std::span<const std::byte> value, CloudTime now);
  void AppendOwned(bool ownership, CloudTime now);
  void Send(std::size_t vehicle, std::span<const std::byte> frame, CloudTime now);

  const cloud::GatewayConfig config_;
  const LocalFrame frame_;
  const nanoseconds durable_after_;
  const Deliver deliver_;
  const Tap tap_;
  Watch watch_;
  PayloadCodec codec_;
  PayloadCodec tap_codec_;
  cloud::Shard shard_;
  cloud::RecordBuilder records_;
  cloud::DownlinkBuilder downlink_;
  cloud::HistoryLedger ledger_;
  cloud::ShardOutputs outputs_;
  std::vector<std::uint64_t> aligned_;
  std::vector<Connection> connections_;
  std::unordered_map<VehicleId, std::size_t> vehicles_;
  std::deque<Ack> acks_;
  std::uint64_t offset_ = 0;
  std::uint64_t ticket_ = 0;
  CloudTime time_{};
  CloudTime next_tick_{};
  std::uint64_t refused_ = 0;
};

}  // namespace starling::sim
