#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cloud/console/console.h"
#include "cloud/console/console_source.h"
#include "cloud/gateway/gateway.h"
#include "cloud/gateway/history_keeper.h"
#include "cloud/gateway/history_ledger.h"
#include "cloud/log/embedded_log.h"
#include "cloud/log/embedded_region_writer.h"
#include "cloud/options.h"
#include "cloud/shard/runner.h"
#include "cloud/store/rocks_state_store.h"
#include "common/status.h"

namespace starling::cloud {

// Hands the shard's commands to the gateway while that is open; before and after
// no vehicle is connected, and the vehicle's outbox keeps them.
class GatewaySink final : public CommandSink {
 public:
  // `gateway` must outlive the sink.
  explicit GatewaySink(Gateway* gateway) : gateway_(gateway) {}

  void SetOpen(bool open) { open_.store(open, std::memory_order_release); }
  void Deliver(std::span<ShardOutputs::Command> commands) override;
  std::uint64_t withheld() const { return withheld_.load(std::memory_order_relaxed); }

 private:
  Gateway* const gateway_;
  // Written by the orchestrator, read by the log's thread: release and acquire, so
  // that who sees it open sees the gateway's threads.
  std::atomic<bool> open_{false};
  std::atomic<std::uint64_t> withheld_{0};  // Counts, in no order.
};

// How long each step of a start took; those of one line ran side by side.
struct StartReport {
  nanoseconds log{0};       // opening it, its write-ahead log read again
  nanoseconds store{0};     // opening the state's store
  nanoseconds ledger{0};
  nanoseconds state{0};     // loading the shard's state
  nanoseconds replay{0};    // from there until the own Ownership record was read
  nanoseconds listen{0};    // certificates and sockets
  nanoseconds total{0};     // until vehicles are taken
};

// The orchestrator: log, ledger, shard, gateway and console, composed.
//
//   log, state's store ── opened, recovered
//   ledger ── loaded from the store, then read on from the log's history, while
//   shard ── restores its state, reads on from there, claims its region
//   gateway ── only now takes vehicles
//   console ── from the start, to say how far it has come
//
// Threading: Start, Health and Stop from one thread; the questions of
// ConsoleSource from the console's.
class Orchestrator final : public ConsoleSource {
 public:
  // Returns when vehicles are taken.
  //
  // Errors: those of the parts; the message says what to do.  Nothing is left open.
  // REQUIRES: options.Validate().ok()
  static Result<std::unique_ptr<Orchestrator>> Start(const CloudOptions& options);
  ~Orchestrator() override;  // Stops.

  std::uint16_t gateway_port() const { return gateway_.port(); }
  std::uint16_t console_port() const { return console_.port(); }

  // Of Start, with what the shard began with, as one line for people.
  std::string StartText() const;

  // The failure that this process cannot work with; ok while there is none.
  Status Health() const;

  // Reads the certificates' folder again, soon.
  void ReloadCertificates() { gateway_.ReloadCertificates(); }

  // Drains the gateway, then closes the log.  Idempotent.
  //
  // Errors: those of Log::Close.
  Status Stop();

  Status Ready() override;
  std::vector<Figure> Figures() override;
  Result<std::vector<HeatmapCell>> Heatmap() override;
  Result<std::vector<OpenConflict>> Conflicts() override;
  Result<VehiclesAt> Vehicles(std::size_t first, std::size_t count) override;
  Result<VehicleReport> Vehicle(const VehicleId& vehicle) override;

 private:
  enum class Phase : std::uint8_t { kStarting, kServing, kDraining };

  Orchestrator(const CloudOptions& options, std::unique_ptr<EmbeddedLog> log,
               std::unique_ptr<RocksStateStore> store, const StartReport& opened);

  Status StartParts(const CloudOptions& options, std::chrono::steady_clock::time_point began);
  Status StartLedger();
  Status AwaitOwnership();
  // Until then the gateway is its starter's alone.
  bool GatewayStarted() const;

  // Runs `query` in the shard's thread and waits for what it returns.
  template <typename T>
  Result<T> Ask(std::function<T(const Shard&)> query);

  // Constant after construction.
  const RegionId region_;
  const std::chrono::steady_clock::time_point started_at_;
  StartReport report_;                 // constant after Start

  // Written by the owner, read by the console: release and acquire, so that who sees
  // that the start is over sees the gateway's threads.
  std::atomic<Phase> phase_{Phase::kStarting};

  // In this order: each uses those before it.
  const std::unique_ptr<EmbeddedLog> log_;
  const std::unique_ptr<RocksStateStore> store_;
  EmbeddedRegionWriter writer_;
  HistoryLedger ledger_;
  HistoryKeeper keeper_;
  Gateway gateway_;
  GatewaySink sink_;
  ShardRunner runner_;
  Console console_;

  bool stopped_ = false;
  Status outcome_;
};

}  // namespace starling::cloud
