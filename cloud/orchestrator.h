#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/backup/backup_keeper.h"
#include "cloud/backup/restored_mark.h"
#include "cloud/console/console.h"
#include "cloud/console/console_source.h"
#include "cloud/console/live_commands.h"
#include "cloud/dispatch/dispatch_writer.h"
#include "cloud/dispatch/ownership_book.h"
#include "cloud/explain/explain_desk.h"
#include "cloud/explain/explanation.h"
#include "cloud/explain/record_source.h"
#include "cloud/measure/clock_watch.h"
#include "cloud/measure/cost_meter.h"
#include "cloud/options.h"
#include "cloud/roles/command_switch.h"
#include "cloud/roles/gateway_role.h"
#include "cloud/roles/log_engine.h"
#include "cloud/roles/operator_desk.h"
#include "cloud/roles/shard_role.h"
#include "cloud/scaling/scaling_watch.h"
#include "cloud/store/encryption.h"
#include "cloud/store/key_rotation.h"
#include "cloud/store/rocks_state_store.h"
#include "common/mutex.h"
#include "common/status.h"

namespace starling::cloud {

// How long each step of a start took; those of one line ran side by side.
struct StartReport {
  nanoseconds log{0};       // opening it, its write-ahead log read again
  nanoseconds store{0};     // opening the state's store
  nanoseconds ledger{0};
  nanoseconds state{0};     // loading the shards' state, the slowest one's
  nanoseconds replay{0};    // from there until the own Ownership record was read
  nanoseconds listen{0};    // certificates and sockets
  nanoseconds total{0};     // until vehicles are taken
};

// That listen already when it starts, and become its own; empty: it makes them.
struct ListeningSockets {
  std::optional<int> vehicles;
  std::optional<int> people;
};

// What a test puts between the parts: each gives what is used instead of what it is
// handed, and has to outlive the orchestrator.  Empty in a real process.
struct OrchestratorHooks {
  std::function<Log*(Log*)> gateway_log = nullptr;  // what the gateway appends to
  ShardRole::WriterHook writer = nullptr;
  std::function<CommandSink*(CommandSink*)> sink = nullptr;
  std::function<StateStore*(StateStore*)> store = nullptr;  // the shards'
};

// The orchestrator: log, state's store, and what this process's role has of gateway and
// shards, composed.
//
//   log, state's store ── opened, recovered
//   ledger ── loaded from the store, then read on from the log's history, while
//   shards ── restore their states, read on from there, and claim or stand by
//   gateway ── only now takes vehicles
//   console ── from the start, to say how far it has come
//
// With the embedded log a process owns its regions, and vehicles are taken once it
// does.  With Kafka topic "ownership" says who owns what: shards here stand by or own,
// the gateway follows the claims, and commands of vehicles that are connected elsewhere
// go through topic "dispatch".
//
// Threading: Start, Health and Stop from one thread; the questions of
// ConsoleSource from the console's.
class Orchestrator final : public ConsoleSource {
 public:
  // Returns when vehicles are taken, or, without a gateway, when the shards stand by.
  //
  // Errors: those of the parts; the message says what to do.  Nothing is left open.
  // REQUIRES: options.Validate().ok()
  static Result<std::unique_ptr<Orchestrator>> Start(const CloudOptions& options,
                                                     const OrchestratorHooks& hooks = {},
                                                     const ListeningSockets& sockets = {});
  ~Orchestrator() override;  // Stops.

  // 0 without a gateway.
  std::uint16_t gateway_port() const { return gateway_ == nullptr ? std::uint16_t{0} : gateway_->gateway().port(); }
  std::uint16_t console_port() const { return console_.port(); }

  // Of Start, with what the shards began with, as one line for people.
  std::string StartText() const;

  // The failure that this process cannot work with; ok while there is none.
  Status Health() const;

  // Looks at this machine's clock, and now and then at what the process uses, for its
  // figures.  Call it often.
  void Watch();

  // Reads the certificates' folder again, soon.
  void ReloadCertificates() {
    if (gateway_ != nullptr) gateway_->gateway().ReloadCertificates();
  }

  // Reads the key file again; what is under an old key is rewritten meanwhile.
  // Errors: those of KeyRing::Reload; the keys stay as they were.
  Status ReloadKeys() { return rotation_.Reload(); }

  // Reads the region map's file again.  One with a higher version is announced in the
  // partitions of the regions here, and the gateway routes by it.
  // Errors: those of ReadRegionMap, Log::Append and GatewayRole::ReadRegionsOf;
  //         kInvalidArgument if with the embedded log it has a region that is not here:
  //         then nothing was announced.
  Status ReloadRegionMap();

  // Does the same with a map that has come by topic "ownership", if one has: commands of
  // its regions are read at once, and a second later it is in force.  Call it often.
  // Errors: as ReloadRegionMap; the next call tries again.
  Status FollowRegionMap();

  // From now on Ready says that it drains; nothing else changes.
  void Leave() { phase_.store(Phase::kDraining, std::memory_order_release); }

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
  Result<std::vector<AuditHeadView>> AuditHeads() override;
  Result<std::string> Commands(const CommandsQuery& query) override;
  Result<ExplainAnswer> Explain(CommandId command) override;
  Result<std::string> Records(const RecordsQuery& query) override;
  std::size_t Shards() override { return shards_.size(); }
  Status Look(std::size_t shard, const PictureQuery& query, const std::function<void(ShardPicture)>& seen) override;
  std::vector<IssuedCommand> TakeCommands() override;
  FrameOrigin Origin() override { return origin_; }
  std::string_view Streets() override;

 private:
  enum class Phase : std::uint8_t { kStarting, kServing, kDraining };

  Orchestrator(const CloudOptions& options, std::unique_ptr<LogEngine> engine,
               std::unique_ptr<RocksStateStore> store, const StartReport& opened, const StoreEncryption& encryption,
               const std::optional<RestoredMark>& restored);

  Status OpenRoles(const CloudOptions& options, const OrchestratorHooks& hooks);
  Status StartRoles(const CloudOptions& options, const ListeningSockets& sockets,
                    std::chrono::steady_clock::time_point began);
  Status StartShards(const CloudOptions& options);
  Status AwaitOwnership();
  std::uint64_t FixesApplied() const;
  Status AnnounceRegionMap(const RegionMap& map);
  // The region that is meant, if it is here.
  Result<RegionId> RegionHere(std::optional<RegionId> wanted) const;
  // On the desk's thread.
  Result<std::optional<std::string>> ExplainHere(CommandId command);
  void OnRegionMap(const RegionMap& map);
  void OnOwnership(RegionId region, OwnershipBook::What what, const RegionOwnership& now);

  CostUsage Usage() const;

  // The answers of all shards here, one after the other.
  template <typename T>
  Result<std::vector<T>> AskAll(const std::function<T(const Shard&)>& query);

  // Constant after construction.
  const std::string node_;
  const std::string region_map_;
  const std::string data_;
  const FrameOrigin origin_;
  const std::shared_ptr<const std::string> streets_;  // to be drawn; null: none
  const std::chrono::steady_clock::time_point started_at_;
  const CloudTime started_;
  const std::optional<RestoredMark> restored_;  // of the folder
  StartReport report_;                 // constant after Start
  std::uint64_t missing_at_start_ = 0;  // as well

  // Written by the owner, read by the console: release and acquire, so that who sees
  // that the start is over sees the gateway's threads.
  std::atomic<Phase> phase_{Phase::kStarting};

  // In this order: each uses those before it.
  const std::unique_ptr<LogEngine> engine_;
  const std::unique_ptr<RocksStateStore> store_;
  KeyRotation rotation_;
  DispatchWriter dispatch_;
  std::unique_ptr<GatewayRole> gateway_;           // null in a process of shards
  std::unique_ptr<LocalFirstSink> local_first_;    // with Kafka and a gateway
  std::unique_ptr<CommandMemory> issued_;          // with shards: what they hand out, for who watches
  std::vector<std::unique_ptr<ShardRole>> shards_;  // in the order of the regions
  std::vector<std::string> region_names_;           // their numbers; constant once they are open
  CommandSwitch switch_;
  OperatorDesk desk_;                              // the console's
  ScalingWatch scaling_;
  BackupKeeper backup_;
  OwnershipBook ownership_;                        // fed with Kafka only
  std::atomic<bool> closing_{false};               // the owner sets it; who reads the log for people stops
  const LogRecords records_;
  ExplainConfig explain_;                          // constant after Start
  std::optional<ExplainDesk> explain_desk_;                // in a process with shards
  Console console_;

  Mutex map_mutex_;
  std::optional<RegionMap> map_wanted_ STARLING_GUARDED_BY(map_mutex_);  // came, and is not in force yet
  // The owner's:
  std::optional<RegionMap> map_read_;          // its regions' commands are read
  std::chrono::steady_clock::time_point map_due_;  // it comes into force

  Mutex watch_mutex_;
  ClockWatch clock_ STARLING_GUARDED_BY(watch_mutex_);
  CostMeter cost_ STARLING_GUARDED_BY(watch_mutex_);
  nanoseconds cost_looked_{0};                 // Watch's

  bool stopped_ = false;
  Status outcome_;
};

}  // namespace starling::cloud
