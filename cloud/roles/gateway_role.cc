#include "cloud/roles/gateway_role.h"

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>

namespace starling::cloud {
namespace {

void ReportDamage(const RebuildDamage& damage) {
  if (damage.places == 0) return;
  std::fprintf(stderr,
               "starling-cloud: the history topic is damaged in %llu places, the first at offset %llu; %llu "
               "records were not read and vehicles may send them again\n",
               static_cast<unsigned long long>(damage.places),
               static_cast<unsigned long long>(ToNumber(damage.first)),
               static_cast<unsigned long long>(damage.records));
}

// With Kafka other gateways may write to any of the partitions, and all are followed.
std::vector<Partition> ReadByKeeper(const LogEngine& engine, Partition home) {
  if (engine.is_kafka()) return {};
  return {home};
}

}  // namespace

void GatewaySink::Deliver(std::span<ShardOutputs::Command> commands) {
  if (open()) {
    gateway_->Deliver(commands);
  } else {
    withheld_.fetch_add(commands.size(), std::memory_order_relaxed);
  }
}

GatewayRole::GatewayRole(const GatewayConfig& config, const HistoryKeeperConfig& history,
                         std::vector<RegionId> regions, LogEngine* engine, Log* log, StateStore* store)
    : regions_(std::move(regions)),
      home_(HistoryLedger::PartitionOf(config.region)),
      engine_(engine),
      store_(store),
      keeper_(history, home_, ReadByKeeper(*engine, home_), engine->log(), &ledger_, store),
      gateway_(config, log, &ledger_),
      sink_(&gateway_) {}

Status GatewayRole::StartLedger() {
  Status status = ledger_.Load(*store_, home_);
  if (!status.ok() && status.code() != ErrorCode::kInvalidArgument) {
    return {status.code(), std::string(status.message()) +
                               "; the ledger can be read from the whole history instead: move the folder state away"};
  }
  if (!status.ok()) {
    std::fprintf(stderr, "starling-cloud: %s; reading the whole history\n", std::string(status.message()).c_str());
  }
  if (!engine_->is_kafka()) {
    if (status = ledger_.Rebuild(*engine_->log(), home_); !status.ok()) return status;
  } else {
    for (const RegionId region : regions_) {
      status = ledger_.Rebuild(*engine_->log(), HistoryLedger::PartitionOf(region));
      if (!status.ok()) return status;
      if (status = FollowHistory(region); !status.ok()) return status;
    }
  }
  ReportDamage(ledger_.rebuild_damage());
  keeper_.Start();
  return {};
}

Status GatewayRole::FollowHistory(RegionId region) {
  const Partition partition = HistoryLedger::PartitionOf(region);
  const Result<Log::Range> range = engine_->log()->QueryRange(Topic::kHistory, partition);
  if (!range.ok()) return range.status();
  auto follower = std::make_unique<HistoryFollower>(&ledger_, partition);
  const Offset from = std::max(ledger_.Next(partition), range.value().first);
  Status status = engine_->log()->Subscribe(Topic::kHistory, partition, from, follower.get());
  if (status.ok()) followers_[region] = std::move(follower);
  return status;
}

// What was issued before nobody waits for here: its vehicles are not connected yet, or
// were not the region's.
Status GatewayRole::ReadCommands(RegionId region) {
  auto reader = std::make_unique<DispatchReader>(&gate_);
  Status status = engine_->SubscribeFromEnd(Topic::kDispatch, Partition{ToNumber(region)}, reader.get());
  if (!status.ok()) return status;
  const MutexLock lock(readers_mutex_);
  readers_[region] = std::move(reader);
  return {};
}

Status GatewayRole::Listen(const CertificateFolder& certificates, std::optional<int> socket) {
  if (engine_->is_kafka()) {
    for (const RegionId region : regions_) {
      if (Status status = ReadCommands(region); !status.ok()) return status;
    }
  }
  if (Status status = gateway_.Start(certificates, nullptr, socket); !status.ok()) {
    if (status.code() != ErrorCode::kUnavailable) return status;
    return {status.code(), std::string(status.message()) + "; choose it with --listen HOST:PORT"};
  }
  sink_.SetOpen(true);
  return {};
}

Status GatewayRole::ReadRegionsOf(const RegionMap& map) {
  if (!engine_->is_kafka()) return {};
  for (const RegionId region : map.regions()) {
    if (std::find(regions_.begin(), regions_.end(), region) != regions_.end()) continue;
    if (!followers_.contains(region)) {
      if (Status status = FollowHistory(region); !status.ok()) return status;
    }
    if (Status status = ReadCommands(region); !status.ok()) return status;
    regions_.push_back(region);
  }
  return {};
}

Status GatewayRole::Ready() const {
  if (listening() && gateway_.certificates().server_expires <= CloudNow()) {
    return {ErrorCode::kUnavailable, "the server's certificate has expired, and vehicles refuse it; replace it"};
  }
  return {};
}

void GatewayRole::Drain(milliseconds timeout) {
  gateway_.Drain(timeout);
  sink_.SetOpen(false);
}

void GatewayRole::AppendFigures(std::vector<Figure>* figures) const {
  const auto add = [figures](std::string_view group, std::string_view name, std::uint64_t value,
                             std::string_view help) {
    figures->push_back({group, name, help, FigureKind::kCounter, static_cast<double>(value)});
  };
  // Its threads are its starter's alone until then.
  starling::cloud::AppendFigures(listening() ? gateway_.counters() : GatewayCounters(), figures);
  starling::cloud::AppendFigures(listening() ? gateway_.latencies() : GatewayLatencies(), figures);
  if (listening()) starling::cloud::AppendFigures(gateway_.certificates(), CloudNow(), figures);
  add("runner", "commands_withheld", sink_.withheld(), "Commands while no vehicle is taken");
  starling::cloud::AppendFigures(ledger_.totals(), figures);
  add("ledger", "rebuild_damaged", ledger_.rebuild_damage().records, "History records the start could not read");
  const HistoryKeeperCounters keeper = keeper_.counters();
  add("ledger", "stored", keeper.writes, "Times that the ledger was stored");
  add("ledger", "stored_entries", keeper.entries, "Vehicles' entries stored");
  add("ledger", "store_failures", keeper.write_failures, "Times that the ledger could not be stored");
  const PlanFigures plans = gateway_.plans();
  const auto gauge = [figures](std::string_view name, std::uint64_t value, std::string_view help) {
    figures->push_back({"plans", name, help, FigureKind::kGauge, static_cast<double>(value)});
  };
  gauge("wanted", plans.wanted, "Collection plans that are wanted on all vehicles or on one");
  gauge("in_force", plans.in_force, "Vehicles that said last that one is in force");
  add("plans", "reports", plans.reports, "What vehicles said of plans");
  add("plans", "refusals", plans.refusals, "Plans that vehicles refused");
  if (!engine_->is_kafka() || !listening()) return;
  std::uint64_t received = 0;
  std::uint64_t refused = 0;
  const MutexLock lock(readers_mutex_);
  for (const auto& [region, reader] : readers_) {
    received += reader->received();
    refused += reader->refused();
  }
  add("dispatch", "received", received, "Commands that shards elsewhere have issued, for any gateway");
  add("dispatch", "refused", refused, "Records of topic dispatch that are no command");
}

void GatewayRole::Describe(const VehicleId& vehicle, VehicleReport* report) const {
  report->connected = listening() && gateway_.Connected(vehicle);
  report->wanted_plan = gateway_.WantedPlan(vehicle);
  report->plan = gateway_.PlanOf(vehicle);
  if (const std::optional<HeldHistory> held = ledger_.Find(vehicle)) {
    report->has_history = true;
    report->held_samples = held->samples;
    report->held_boot = held->boot;
    report->held_through_sequence = held->through_sequence;
  }
}

}  // namespace starling::cloud
