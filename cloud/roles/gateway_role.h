#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cloud/console/console_source.h"
#include "cloud/console/figures.h"
#include "cloud/dispatch/command_gate.h"
#include "cloud/dispatch/dispatch_reader.h"
#include "cloud/gateway/gateway.h"
#include "cloud/gateway/history_keeper.h"
#include "cloud/gateway/history_ledger.h"
#include "cloud/regions/region_map.h"
#include "cloud/roles/log_engine.h"
#include "cloud/shard/runner.h"
#include "cloud/store/state_store.h"
#include "common/mutex.h"
#include "common/status.h"

namespace starling::cloud {

// Hands commands to the gateway while that is open; before and after no vehicle is
// connected, and the vehicle's outbox keeps them.
class GatewaySink final : public CommandSink {
 public:
  // `gateway` must outlive the sink.
  explicit GatewaySink(Gateway* gateway) : gateway_(gateway) {}

  void SetOpen(bool open) { open_.store(open, std::memory_order_release); }
  bool open() const { return open_.load(std::memory_order_acquire); }
  void Deliver(std::span<ShardOutputs::Command> commands) override;
  std::uint64_t withheld() const { return withheld_.load(std::memory_order_relaxed); }

 private:
  Gateway* const gateway_;
  // Written by the role's owner, read by the log's thread: release and acquire, so
  // that who sees it open sees the gateway's threads.
  std::atomic<bool> open_{false};
  std::atomic<std::uint64_t> withheld_{0};  // Counts, in no order.
};

// Takes vehicles: the gateway, the ledger of their history, and with Kafka the readers
// of commands that shards elsewhere have issued.
//
// Threading: StartLedger, Listen, ReadRegionsOf and the ends from one thread, StartLedger
// perhaps from another one that is joined; the rest is thread-safe.
class GatewayRole {
 public:
  // `regions`: those that commands may come from and that history may lie in.  The gateway
  // appends to `log`, which is the engine's.  `engine`, `log` and `store` must outlive the
  // role, and the role the engine's Close.
  GatewayRole(const GatewayConfig& config, const HistoryKeeperConfig& history, std::vector<RegionId> regions,
              LogEngine* engine, Log* log, StateStore* store);

  // Commands of shards here, and those that come by topic "dispatch", all pass the gate.
  CommandSink* sink() { return &gate_; }
  CommandGate* gate() { return &gate_; }
  Gateway& gateway() { return gateway_; }

  // Makes the ledger ready: from the store, then from the log.
  //
  // Errors: those of HistoryLedger; the message says what to do.
  Status StartLedger();

  // Takes vehicles; `socket` as in Gateway::Start.
  //
  // Errors: those of Gateway::Start and Log::Subscribe.
  Status Listen(const CertificateFolder& certificates, std::optional<int> socket = {});
  bool listening() const { return sink_.open(); }

  // Reads the commands and the history of the map's regions that were not known at the
  // start, before the gateway routes by it.  Vehicles may be connected.
  //
  // Errors: with Kafka those of Log::Subscribe and QueryRange; asked again, it goes on.
  Status ReadRegionsOf(const RegionMap& map);

  // ok while the certificates are valid.
  Status Ready() const;

  // Vehicles are told and acknowledgements waited for; then the ledger is stored.
  void Drain(milliseconds timeout);
  void StoreLedger() { keeper_.Stop(); }

  void AppendFigures(std::vector<Figure>* figures) const;
  HistoryTotals history_totals() const { return ledger_.totals(); }
  // Adds what is known here of the vehicle.
  void Describe(const VehicleId& vehicle, VehicleReport* report) const;

 private:
  // Batches that other gateways have taken, as the log has them.
  class HistoryFollower final : public LogConsumer {
   public:
    HistoryFollower(HistoryLedger* ledger, Partition partition) : ledger_(ledger), partition_(partition) {}
    void OnRecords(std::span<const LogRecord> records) override { ledger_->Follow(partition_, records); }

   private:
    HistoryLedger* const ledger_;
    const Partition partition_;
  };

  Status FollowHistory(RegionId region);
  Status ReadCommands(RegionId region);

  std::vector<RegionId> regions_;  // the starter's
  const Partition home_;
  LogEngine* const engine_;
  StateStore* const store_;
  HistoryLedger ledger_;
  HistoryKeeper keeper_;
  Gateway gateway_;
  GatewaySink sink_;
  CommandGate gate_{&sink_};
  // By region.
  std::map<RegionId, std::unique_ptr<HistoryFollower>> followers_;  // the starter's
  mutable Mutex readers_mutex_;
  std::map<RegionId, std::unique_ptr<DispatchReader>> readers_ STARLING_GUARDED_BY(readers_mutex_);
};

}  // namespace starling::cloud
