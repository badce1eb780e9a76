#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "cloud/shard/audit_chain.h"
#include "cloud/shard/command_settings.h"
#include "cloud/shard/heatmap.h"
#include "cloud/shard/horizon.h"
#include "cloud/shard/outbox.h"
#include "cloud/shard/planner.h"
#include "cloud/shard/shard.h"
#include "cloud/shard/shard_config.h"
#include "cloud/shard/vehicle_table.h"
#include "common/geo/local_frame.h"
#include "common/status.h"
#include "schemas/log/telemetry_generated.h"

namespace starling::cloud {

struct StateParts;  // cloud/shard/state_reader.h

// What a shard is made of; only the shard's own files see it.  Everything in it is in
// its stored entries (docs/formats/state.md), or follows from them, or is scratch.
struct Shard::State final : CommandIssuer {
  State(const ShardConfig& shard_config, RegionId shard_region, FrameOrigin origin);
  ~State() override;

  void OnFix(const log::Fix& record);
  void OnTick();
  void WorkOnPairs();
  void LookAround();
  void OnSession(const log::Session& record);
  void OnReport(const log::CommandReport& record);
  void OnOwnership(const log::Ownership& record, Offset offset);
  void Reissue(Slot slot);
  void OnCommandSettings(const log::CommandSettings& record);
  void OnOperatorCommand(const log::OperatorCommand& record);
  // Whether a command is sent; a pair's are sent to both or to none.
  CommandMode ModeOf(const CommandSettings& by, Slot target, wire::CommandKind kind, EpisodeId episode) const;
  CommandMode ModeOf(const CommandSettings& by, Slot target, wire::CommandKind kind) const;
  CommandMode ModeOf(const CommandRequest& request) const;
  void DecideAnew(const CommandSettings& before);
  void CountWithheld(CommandMode mode);

  // seams.cc
  void OnPairNews(const log::PairNews& record);
  void OnVehicleNews(const log::VehicleNews& record);
  void OnRegionMapChanged(const log::RegionMapChanged& record);
  void OnClaim(RegionId from, const Pair& told);
  void Depart(Slot slot);
  void SweepGhosts();
  void KeepGhostsAlive(Slot slot);
  void ClaimPair(const Pair& pair);
  void EndPair(const Pair& pair);
  void UseMap();
  void Remember(EpisodeId episode, std::uint32_t handovers);
  const HeardEpisode* HeardOf(EpisodeId episode) const;
  void OnHandover(const log::PairNews& record, const Pair& told);
  void EndUnplaced(const VehicleId& a, const VehicleId& b, const Pair& told, bool opens);
  void TellOfPair(log::PairNewsKind kind, const Pair& pair, RegionId to, bool opens, const Cause& cause);
  void TellOfVehicle(Slot slot, RegionId to, RegionId owner);
  void PutNews(RegionId to, log::TelemetryBody type, flatbuffers::Offset<void> body);
  bool IsPresent(Slot slot) const;
  MapBox ReachOf(Slot slot, double margin_m) const;
  std::vector<RegionId> RegionsOf(Slot slot, double margin_m) const;
  std::vector<RegionId> RegionsOf(const Pair& pair, double margin_m) const;
  RegionId HeirOf(const Pair& pair, const std::vector<RegionId>& candidates) const;

  bool Store(const log::Fix& record, Slot slot);
  std::uint32_t TakeDuePhases();
  void Expire(Slot slot);
  void CloseOldBoot(Slot slot, std::uint64_t boot_id);
  void Settle(Slot slot, std::uint64_t boot_id, const wire::CommandStatus& status);
  void CountClosed(wire::CommandOutcome outcome);
  void HandleEvents(const Cause& cause);
  void Advise(Slot slot, const Cause& cause);
  void WriteWindow();
  CommandId IdOf(const CommandRequest& request) const;
  CommandId Issue(const CommandRequest& request) override;
  void TellObserver(const CommandRequest& request, CommandId id) const;
  bool Withholds(const Pair& pair) const override;

  Status RestoreVehicles(StateParts* parts);
  Status RestorePairs(StateParts* parts);
  Status RestoreHeatmap(StateParts* parts);
  Status RestoreClosed(StateParts* parts);

  std::int64_t now_ns() const { return ToNs(now); }
  Cause TickCause() const { return {{}, 0, 0, now_ns()}; }
  void SortByName(std::vector<Slot>* slots) const;

  const ShardConfig config;
  const RegionId region;
  const LocalFrame frame;
  RegionMap map;
  bool alone = true;                    // by the map: nobody to tell anything
  CloudTime now;
  Epoch epoch{};
  bool owned = false;                   // an Ownership has counted
  std::int64_t phases_until = 0;        // tenths of a second that ticks have looked at
  ShardCounters counters;
  VehicleTable vehicles;
  CellGrid grid;
  cloud::Heatmap heatmap;               // Shard::Heatmap is a function
  Horizon horizon;
  Planner planner;
  Outbox outbox;
  AuditChain audit;
  CommandSettings settings;
  ShardOutputs* outputs = nullptr;      // of the record being applied
  DecisionObserver* observer = nullptr;
  bool has_ghosts = false;              // or vehicles that are gone; follows from these
  std::vector<HeardEpisode> heard;      // of late, where there are several regions
  flatbuffers::FlatBufferBuilder news;  // scratch
  std::vector<EpisodeEvent> events;     // scratch
  std::vector<std::uint32_t> round;     // scratch: pairs of a tick's round
  std::unique_ptr<StateParts> restoring;  // between the first RestoreEntry and FinishRestore
};

}  // namespace starling::cloud
