#include "cloud/orchestrator.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <future>
#include <iterator>
#include <thread>
#include <utility>

#include "cloud/console/backup_figures.h"
#include "cloud/console/process_usage.h"
#include "cloud/console/scaling_figures.h"
#include "cloud/dispatch/settings_file.h"
#include "cloud/explain/record_json.h"
#include "cloud/measure/disk_space.h"
#include "cloud/regions/region_map_record.h"
#include "cloud/scaling/scaling_state.h"
#include "common/check.h"
#include "common/tls/tls_context.h"

namespace starling::cloud {
namespace {

// Replaying the recovery window takes a fraction of it.
constexpr seconds kOwnershipPatience{60};
constexpr milliseconds kOwnershipPoll{2};

// A new map comes to all processes within moments.  Until the last gateway reads the new
// regions' commands nobody gives vehicles to them: such a command would reach nobody.
constexpr seconds kRegionMapPause{1};

constexpr milliseconds kDrainTimeout{10'000};

constexpr seconds kCostInterval{5};

// The console's thread waits so long for an explanation; who wants it asks again.
constexpr milliseconds kExplainPatience{100};

Status Advise(const Status& status, const std::string& advice) {
  return {status.code(), std::string(status.message()) + "; " + advice};
}

// The files that the gateway will read, looked for before the log is opened.
Status FindCertificates(const CertificateFolder& folder) {
  for (const std::filesystem::path& file :
       {folder.ca(), folder.server(), folder.server_key(), folder.ticket_key()}) {
    std::error_code failure;
    if (!std::filesystem::exists(file, failure)) {
      return {ErrorCode::kIoError, file.string() + " is not there; make a fleet's certificates with: " +
                                       "starling init " + folder.root.string()};
    }
  }
  return {};
}

std::string Describe(const RestoredMark& mark) {
  return "this folder was put back from a backup: everything between " + TimeText(mark.cut) + " and " +
         TimeText(mark.restored) + " is lost; samples that vehicles were told are durable in that time are in no place, and "
         "restore.samples_missing of /v1/stats counts them as vehicles come back";
}

Result<std::unique_ptr<LogEngine>> OpenLog(const CloudOptions& options, const EmbeddedRegionWriterConfig& writer,
                                           const StoreEncryption& encryption) {
  if (options.log_kind == LogKind::kKafka) return LogEngine::OpenKafka(options.kafka);
  Result<std::unique_ptr<LogEngine>> engine = LogEngine::OpenEmbedded(options.log, writer, encryption);
  if (!engine.ok() && engine.status().code() == ErrorCode::kUnavailable) {
    return Advise(engine.status(), "--data names the folder");
  }
  return engine;
}

// The newest of the file's map and the one in topic "ownership".
Result<std::optional<RegionMap>> RegionMapAtStart(const CloudOptions& options, const Log& log) {
  std::optional<RegionMap> map = options.gateway.region_map;
  if (options.log_kind != LogKind::kKafka) return map;
  OwnershipBook book(nullptr);
  if (Status status = book.ReadAll(log); !status.ok()) return status;
  if (const std::optional<RegionMap> told = book.map(); told && (!map || told->version() > map->version())) map = told;
  return map;
}

// What commands may come from: what was said, and what the map has.
std::vector<RegionId> GatewayRegionsOf(const CloudOptions& options) {
  std::vector<RegionId> regions = options.regions;
  if (options.gateway.region_map) {
    const std::vector<RegionId>& of_map = options.gateway.region_map->regions();
    regions.insert(regions.end(), of_map.begin(), of_map.end());
  }
  std::sort(regions.begin(), regions.end());
  regions.erase(std::unique(regions.begin(), regions.end()), regions.end());
  return regions;
}

// Figures of several shards as one: what is largest where a sum would mean nothing.
void AddUp(const std::vector<Figure>& more, std::vector<Figure>* sum) {
  if (sum->empty()) {
    *sum = more;
    return;
  }
  for (std::size_t i = 0; i < sum->size() && i < more.size(); ++i) {
    Figure& figure = (*sum)[i];
    const bool largest = figure.name == "epoch" || figure.name == "lag_ms" ||
                         figure.name.find("longest") != std::string_view::npos ||
                         figure.name.ends_with("_max") || figure.name.find("age") != std::string_view::npos;
    if (figure.histogram != nullptr) {
      auto both = std::make_shared<HistogramCounts>(*figure.histogram);
      both->Add(*more[i].histogram);
      figure.histogram = std::move(both);
      continue;
    }
    figure.value = largest ? std::max(figure.value, more[i].value) : figure.value + more[i].value;
  }
}

void AppendFigures(const StartReport& report, std::vector<Figure>* figures) {
  const auto add = [&](std::string_view name, nanoseconds time, std::string_view help) {
    figures->push_back({"start", name, help, FigureKind::kGauge, ToSeconds(time) * 1e3});
  };
  add("log_ms", report.log, "Opening the log at the start");
  add("store_ms", report.store, "Opening the state's store, beside that");
  add("ledger_ms", report.ledger, "Making the ledger ready, beside the next two");
  add("state_ms", report.state, "Loading the shard's state");
  add("replay_ms", report.replay, "From then until the region was owned");
  add("listen_ms", report.listen, "Certificates and sockets");
  add("total_ms", report.total, "From the start of all that until vehicles were taken");
}

// Browsers stay signed in over a restart on the same folder.
ConsoleConfig ConsoleOf(const CloudOptions& options) {
  ConsoleConfig console = options.console;
  if (console.access.session_key.empty() && !console.access.tokens.empty()) {
    console.access.session_key = options.data + "/session.key";
  }
  return console;
}

template <typename Part>
Part* Between(const std::function<Part*(Part*)>& hook, Part* part) {
  return hook ? hook(part) : part;
}

}  // namespace

Orchestrator::Orchestrator(const CloudOptions& options, std::unique_ptr<LogEngine> engine,
                           std::unique_ptr<RocksStateStore> store, const StartReport& opened,
                           const StoreEncryption& encryption, const std::optional<RestoredMark>& restored)
    : node_(options.node),
      region_map_(options.region_map),
      data_(options.data),
      origin_(options.origin),
      streets_(options.streets_drawn),
      started_at_(std::chrono::steady_clock::now()),
      started_(CloudNow()),
      restored_(restored),
      report_(opened),
      engine_(std::move(engine)),
      store_(std::move(store)),
      rotation_(encryption, engine_->embedded(), options.log.directory, store_.get(), options.state.directory),
      dispatch_(engine_->log()),
      switch_(engine_.get(), CommandSettingsFile(options.data)),
      desk_(engine_.get(), &shards_, &switch_, CommandSettingsFile(options.data)),
      scaling_(options.scaling, ScalingStateFile(options.data), [this] { return FixesApplied(); }),
      backup_(options.data, engine_->embedded(), store_.get()),
      ownership_([this](RegionId region, OwnershipBook::What what, const RegionOwnership& now) {
        OnOwnership(region, what, now);
      }, [this](const RegionMap& map) { OnRegionMap(map); },
      [this](const CommandSettings& settings) { switch_.Take(settings); }),
      records_(engine_->log(), &closing_),
      console_(ConsoleOf(options), this, &desk_),
      cost_(options.cost) {}

Orchestrator::~Orchestrator() { (void)Stop(); }

Result<std::unique_ptr<Orchestrator>> Orchestrator::Start(const CloudOptions& options,
                                                           const OrchestratorHooks& hooks,
                                                           const ListeningSockets& sockets) {
  STARLING_CHECK(options.Validate().ok());
  if (options.has_gateway()) {
    if (Status status = FindCertificates({options.certificates}); !status.ok()) return status;
  }
  std::error_code failure;
  std::filesystem::create_directories(options.data, failure);
  if (failure) {
    return Status(ErrorCode::kIoError, options.data + ": " + failure.message() +
                                           "; choose another folder with --data");
  }
  const Result<std::optional<RestoredMark>> restored = ReadRestoredMark(RestoredMarkFile(options.data));
  if (!restored.ok()) return restored.status();
  EmbeddedRegionWriterConfig writer = options.writer;
  if (restored.value()) {
    writer.epoch_base = restored.value()->epoch_base;
    std::fprintf(stderr, "starling-cloud: %s\n", Describe(*restored.value()).c_str());
  }
  const auto began = std::chrono::steady_clock::now();
  StartReport opened;
  StoreEncryption encryption{nullptr, options.accept_plain_files};
  if (!options.key_file.empty()) {
    Result<std::shared_ptr<KeyRing>> keys = KeyRing::Open(options.key_file);
    if (!keys.ok()) return keys.status();
    encryption.keys = std::move(keys).value();
  }
  auto store_opened = std::async(std::launch::async, [&options, &encryption, &opened, began] {
    Result<std::unique_ptr<RocksStateStore>> store = RocksStateStore::Open(options.state, encryption);
    opened.store = std::chrono::steady_clock::now() - began;
    return store;
  });
  Result<std::unique_ptr<LogEngine>> engine = OpenLog(options, writer, encryption);
  opened.log = std::chrono::steady_clock::now() - began;
  Result<std::unique_ptr<RocksStateStore>> store = store_opened.get();
  if (!engine.ok()) return engine.status();
  if (!store.ok()) return store.status();
  std::unique_ptr<Orchestrator> orchestrator(
      new Orchestrator(options, std::move(engine).value(), std::move(store).value(), opened, encryption, restored.value()));
  Result<std::optional<RegionMap>> map = RegionMapAtStart(options, *orchestrator->engine_->log());
  if (!map.ok()) return map.status();
  CloudOptions with_map = options;
  with_map.gateway.region_map = std::move(map).value();
  if (with_map.gateway.plans.empty()) with_map.gateway.plans = options.data + "/plans";
  if (Status status = orchestrator->OpenRoles(with_map, hooks); !status.ok()) return status;
  if (Status status = orchestrator->StartRoles(with_map, sockets, began); !status.ok()) return status;
  return orchestrator;
}

Status Orchestrator::OpenRoles(const CloudOptions& options, const OrchestratorHooks& hooks) {
  CommandSink* sink = &dispatch_;
  if (options.has_gateway()) {
    gateway_ = std::make_unique<GatewayRole>(options.gateway, options.history, GatewayRegionsOf(options),
                                             engine_.get(), Between<Log>(hooks.gateway_log, engine_->log()),
                                             store_.get());
    sink = gateway_->sink();
    if (engine_->is_kafka()) {
      // No vehicle is connected before the gateway listens.
      const auto connected = [this](const VehicleId& vehicle) {
        return gateway_->listening() && gateway_->gateway().Connected(vehicle);
      };
      local_first_ = std::make_unique<LocalFirstSink>(connected, gateway_->sink(), &dispatch_);
      sink = local_first_.get();
    }
  }
  if (!options.has_shards()) return {};
  const ShardRoleConfig config{options.shard, options.runner, options.origin};
  sink = Between(hooks.sink, sink);
  issued_ = std::make_unique<CommandMemory>(sink, options.console.live.commands_max);
  sink = issued_.get();
  StateStore* const store = Between<StateStore>(hooks.store, store_.get());
  for (const RegionId region : options.regions) {
    auto shard = ShardRole::Open(config, region, engine_.get(), sink, store, hooks.writer);
    if (!shard.ok()) return shard.status();
    shards_.push_back(std::move(shard).value());
    region_names_.push_back(std::to_string(ToNumber(region)));
  }
  explain_.shard = options.shard;
  explain_.origin = options.origin;
  explain_desk_.emplace([this](CommandId command) { return ExplainHere(command); });
  return {};
}

Status Orchestrator::StartRoles(const CloudOptions& options, const ListeningSockets& sockets,
                                std::chrono::steady_clock::time_point began) {
  if (Status status = console_.Start(sockets.people); !status.ok()) {
    return Advise(status, "choose another port with --http HOST:PORT");
  }
  if (engine_->is_kafka()) {
    Status status = engine_->SubscribeFromStart(Topic::kOwnership, Partition{0}, &ownership_);
    if (!status.ok()) return status;
  }
  // Before any shard commands anybody.
  std::vector<RegionId> here;
  for (const auto& shard : shards_) here.push_back(shard->region());
  if (Status status = switch_.Start(here, gateway_ == nullptr ? nullptr : gateway_->gate()); !status.ok()) {
    return status;
  }
  // The gateway needs the ledger, the shards do not: both are made ready at once.
  std::future<Status> ledger;
  if (gateway_ != nullptr) {
    ledger = std::async(std::launch::async, [this] {
      const auto ledger_began = std::chrono::steady_clock::now();
      Status status = gateway_->StartLedger();
      report_.ledger = std::chrono::steady_clock::now() - ledger_began;
      return status;
    });
  }
  const Status shards = StartShards(options);
  if (gateway_ != nullptr) {
    if (Status status = ledger.get(); !status.ok()) return status;
  }
  if (!shards.ok()) return shards;
  if (options.gateway.region_map) {
    if (Status status = AnnounceRegionMap(*options.gateway.region_map); !status.ok()) return status;
  }
  if (gateway_ != nullptr) {
    missing_at_start_ = gateway_->history_totals().samples_missing;
    const auto listen_began = std::chrono::steady_clock::now();
    if (Status status = gateway_->Listen({options.certificates}, sockets.vehicles); !status.ok()) return status;
    report_.listen = std::chrono::steady_clock::now() - listen_began;
  }
  rotation_.Start();
  backup_.Start();
  // What was read again at the start is no load.
  if (!shards_.empty()) scaling_.Start();
  report_.total = std::chrono::steady_clock::now() - began;
  phase_.store(Phase::kServing, std::memory_order_release);
  return {};
}

Status Orchestrator::StartShards(const CloudOptions& options) {
  if (shards_.empty()) return {};
  const auto began = std::chrono::steady_clock::now();
  const std::string owner = OwnerName(options.node);
  for (const auto& shard : shards_) {
    if (Status status = shard->Start(owner); !status.ok()) return status;
    const ShardRunner::Recovery& recovery = shard->runner().recovery();
    report_.state = std::max(report_.state, recovery.took);
    if (!recovery.note.empty()) {
      std::fprintf(stderr, "starling-cloud: region %u: %s\n", ToNumber(shard->region()), recovery.note.c_str());
    }
  }
  if (!engine_->is_kafka()) {
    if (Status status = AwaitOwnership(); !status.ok()) return status;
  }
  report_.replay = std::chrono::steady_clock::now() - began - report_.state;
  return {};
}

Status Orchestrator::AwaitOwnership() {
  const auto deadline = std::chrono::steady_clock::now() + kOwnershipPatience;
  for (const auto& shard : shards_) {
    while (!shard->runner().counters().owner) {
      if (Status status = Health(); !status.ok()) return status;
      if (std::chrono::steady_clock::now() > deadline) {
        return {ErrorCode::kUnavailable, "the shard has not read its own claim within " +
                                             std::to_string(kOwnershipPatience.count()) + " s"};
      }
      std::this_thread::sleep_for(kOwnershipPoll);
    }
    if (gateway_ != nullptr) {
      gateway_->gateway().SetEpoch(shard->region(), Epoch{shard->runner().counters().epoch});
    }
  }
  return {};
}

// Again at each start: a shard ignores a map that is not newer than the one in its state.
Status Orchestrator::AnnounceRegionMap(const RegionMap& map) {
  const auto is_here = [this](RegionId region) {
    return std::any_of(shards_.begin(), shards_.end(),
                       [region](const auto& shard) { return shard->region() == region; });
  };
  for (const RegionId region : map.regions()) {
    if (engine_->is_kafka() || is_here(region)) continue;
    return {ErrorCode::kInvalidArgument, "the region map has region " + std::to_string(ToNumber(region)) +
                                             ", which nobody here would own; name it in --regions"};
  }
  for (const auto& shard : shards_) {
    const Result<Ticket> ticket = engine_->log()->Append(Topic::kTelemetry, Partition{ToNumber(shard->region())}, {},
                                                         RegionMapRecord(map, shard->region()));
    if (!ticket.ok()) return ticket.status();
  }
  return {};
}

Status Orchestrator::ReloadRegionMap() {
  if (region_map_.empty()) return {};
  const Result<RegionMap> map = ReadRegionMap(region_map_);
  if (!map.ok()) return map.status();
  if (gateway_ != nullptr) {
    if (Status status = gateway_->ReadRegionsOf(map.value()); !status.ok()) return status;
  }
  if (Status status = AnnounceRegionMap(map.value()); !status.ok()) return status;
  if (gateway_ != nullptr) gateway_->gateway().SetRegionMap(map.value());
  return {};
}

void Orchestrator::OnRegionMap(const RegionMap& map) {
  const MutexLock lock(map_mutex_);
  map_wanted_ = map;
}

Status Orchestrator::FollowRegionMap() {
  std::optional<RegionMap> map;
  {
    const MutexLock lock(map_mutex_);
    map = map_wanted_;
  }
  if (map && (!map_read_ || map->version() > map_read_->version())) {
    if (gateway_ != nullptr) {
      if (Status status = gateway_->ReadRegionsOf(*map); !status.ok()) return status;
    }
    map_read_ = map;
    map_due_ = std::chrono::steady_clock::now() + kRegionMapPause;
  }
  if (!map_read_ || std::chrono::steady_clock::now() < map_due_) return {};
  if (Status status = AnnounceRegionMap(*map_read_); !status.ok()) return status;
  if (gateway_ != nullptr) gateway_->gateway().SetRegionMap(*map_read_);
  const MutexLock lock(map_mutex_);
  // Perhaps a newer one has come meanwhile.
  if (map_wanted_->version() == map_read_->version()) map_wanted_.reset();
  map_read_.reset();
  return {};
}

void Orchestrator::OnOwnership(RegionId region, OwnershipBook::What what, const RegionOwnership& now) {
  if (what == OwnershipBook::What::kClaimed) {
    if (gateway_ != nullptr) gateway_->gateway().SetEpoch(region, now.epoch);
    return;
  }
  // A wish of before this start was for the process that was here then: whoever returns
  // stands by.
  if (now.wanted != node_ || now.wanted_since < started_) return;
  for (const auto& shard : shards_) {
    if (shard->region() == region && !shard->runner().counters().owner) shard->runner().ClaimNow();
  }
}

std::string Orchestrator::StartText() const {
  const auto ms = [](nanoseconds time) {
    return std::to_string(std::chrono::duration_cast<milliseconds>(time).count()) + " ms";
  };
  std::string text = "started in " + ms(report_.total) + ": log " + ms(report_.log) + " beside store " +
                     ms(report_.store) + ", state " + ms(report_.state) + " and replay " + ms(report_.replay) +
                     " beside ledger " + ms(report_.ledger) + ", listening " + ms(report_.listen);
  for (const auto& shard : shards_) {
    const ShardRunner::Recovery& recovery = shard->runner().recovery();
    const ShardRunnerCounters counters = shard->runner().counters();
    text += "; shard ";
    if (shards_.size() > 1) text += std::to_string(ToNumber(shard->region())) + " ";
    text += "began with " + std::string(NameOf(recovery.source)) + ", " + std::to_string(recovery.entries) +
            " entries, read on from offset " + std::to_string(ToNumber(recovery.from)) + ", " +
            std::to_string(counters.records_replayed) + " records" + (counters.owner ? "" : ", stands by");
  }
  return text;
}

CostUsage Orchestrator::Usage() const {
  CostUsage usage;
  const ProcessUsage process = ReadProcessUsage();
  usage.processor_s = process.cpu_s;
  usage.memory_bytes = process.rss_bytes;
  usage.storage_bytes = store_->rocks().disk_bytes;
  if (engine_->embedded() != nullptr) usage.storage_bytes += engine_->embedded()->rocks().disk_bytes;
  if (gateway_ != nullptr && gateway_->listening()) {
    const GatewayCounters counters = gateway_->gateway().counters();
    usage.link_bytes = counters.wire_bytes_in + counters.wire_bytes_out;
    usage.vehicles = counters.connections;
    return usage;
  }
  for (const auto& shard : shards_) {
    // Whoever stands by for a region does nothing for its vehicles yet.
    const ShardRunnerCounters counters = shard->runner().counters();
    if (counters.owner) usage.vehicles += counters.vehicles;
  }
  return usage;
}

void Orchestrator::Watch() {
  const nanoseconds steady = std::chrono::steady_clock::now().time_since_epoch();
  const bool cost_due = cost_looked_ == nanoseconds(0) || steady - cost_looked_ >= kCostInterval;
  if (cost_due) cost_looked_ = steady;
  const CostUsage usage = cost_due ? Usage() : CostUsage();
  const CloudTime now = CloudNow();
  const nanoseconds looked = std::chrono::steady_clock::now().time_since_epoch();
  const MutexLock lock(watch_mutex_);
  clock_.Look(now, looked);
  if (cost_due) cost_.Look(steady, usage);
}

Status Orchestrator::Health() const {
  if (Status status = engine_->log()->status(); !status.ok()) return status;
  for (const auto& shard : shards_) {
    if (Status status = shard->runner().status(); !status.ok()) return status;
  }
  return {};
}

Status Orchestrator::Stop() {
  if (stopped_) return outcome_;
  stopped_ = true;
  phase_.store(Phase::kDraining, std::memory_order_release);
  // A log that failed acknowledges nothing: there is nothing to wait for.
  if (gateway_ != nullptr) gateway_->Drain(engine_->log()->status().ok() ? kDrainTimeout : milliseconds(0));
  for (const auto& shard : shards_) {
    // Who stands by need not wait for silence then.
    if (engine_->is_kafka()) shard->runner().Yield();
    shard->Stop();
  }
  if (gateway_ != nullptr) gateway_->StoreLedger();
  backup_.Stop();
  scaling_.Stop();
  switch_.Stop();
  rotation_.Stop();
  closing_.store(true, std::memory_order_relaxed);  // An order of its own: it is only asked again and again.
  // Both read the log, whose clients are gone after Close; the console asks the desk.
  console_.Stop();
  explain_desk_.reset();
  outcome_ = engine_->Close();
  return outcome_;
}

Status Orchestrator::Ready() {
  if (Status status = engine_->Reachable(); !status.ok()) return status;
  for (const auto& shard : shards_) {
    if (!engine_->is_kafka() && !shard->runner().counters().owner) {
      return {ErrorCode::kUnavailable, "the region is not owned yet"};
    }
    if (Status status = shard->Ready(); !status.ok()) return status;
  }
  switch (phase_.load(std::memory_order_acquire)) {
    case Phase::kStarting: return {ErrorCode::kUnavailable, "starting"};
    case Phase::kDraining: return {ErrorCode::kUnavailable, "draining"};
    case Phase::kServing: break;
  }
  return gateway_ == nullptr ? Status() : gateway_->Ready();
}

std::uint64_t Orchestrator::FixesApplied() const {
  std::uint64_t fixes = 0;
  for (const auto& shard : shards_) fixes += shard->runner().counters().shard.fixes;
  return fixes;
}

std::vector<Figure> Orchestrator::Figures() {
  std::vector<Figure> figures;
  if (gateway_ != nullptr) gateway_->AppendFigures(&figures);
  std::vector<Figure> of_shards;
  for (const auto& shard : shards_) {
    std::vector<Figure> of_one;
    const ShardRunnerCounters runner = shard->runner().counters();
    starling::cloud::AppendFigures(runner.shard, &of_one);
    starling::cloud::AppendFigures(runner, &of_one);
    starling::cloud::AppendFigures(shard->runner().latencies(), &of_one);
    starling::cloud::AppendFigures(runner.checkpoint, &of_one);
    AddUp(of_one, &of_shards);
  }
  figures.insert(figures.end(), of_shards.begin(), of_shards.end());
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    AppendRegionFigures(region_names_[i], shards_[i]->runner().counters(), CloudNow(), &figures);
  }
  switch_.AppendFigures(&figures);
  if (const std::optional<ScalingOutlook> outlook = scaling_.outlook()) {
    starling::cloud::AppendFigures(*outlook, &figures);
  }
  if (!engine_->is_kafka()) starling::cloud::AppendFigures(backup_.figures(), CloudNow(), &figures);
  if (restored_ && gateway_ != nullptr && phase_.load(std::memory_order_acquire) != Phase::kStarting) {
    starling::cloud::AppendFigures(*restored_, gateway_->history_totals(), missing_at_start_, &figures);
  }
  if (!shards_.empty()) {
    std::uint64_t shadowed = 0;
    std::uint64_t stopped = 0;
    for (const auto& shard : shards_) {
      const ShardCounters counters = shard->runner().counters().shard;
      shadowed += counters.commands_shadowed;
      stopped += counters.commands_stopped;
    }
    figures.push_back({"commands", "shadowed", "Commands decided and recorded, not sent", FigureKind::kCounter,
                       static_cast<double>(shadowed)});
    figures.push_back({"commands", "stopped", "The same, because an operator has stopped them", FigureKind::kCounter,
                       static_cast<double>(stopped)});
  }
  engine_->AppendFigures(&figures);
  if (engine_->is_kafka() && !shards_.empty()) {
    figures.push_back({"dispatch", "sent", "Commands sent to gateways elsewhere", FigureKind::kCounter,
                       static_cast<double>(dispatch_.dispatched())});
    figures.push_back({"dispatch", "shed", "Commands that the log had no room for; they stay open",
                       FigureKind::kCounter, static_cast<double>(dispatch_.shed())});
  }
  starling::cloud::AppendFigures(store_->Stats(), &figures);
  starling::cloud::AppendFigures("state", store_->rocks(), &figures);
  starling::cloud::AppendFigures(rotation_.Stats(), &figures);
  starling::cloud::AppendFigures(ReadProcessUsage(), &figures);
  console_.AppendFigures(&figures);
  if (phase_.load(std::memory_order_acquire) != Phase::kStarting) AppendFigures(report_, &figures);
  if (const std::optional<DiskSpace> disk = ReadDiskSpace(data_)) {
    figures.push_back({"disk", "free_bytes", "Free on the file system of the data folder", FigureKind::kGauge,
                       static_cast<double>(disk->free_bytes)});
    figures.push_back({"disk", "size_bytes", "Size of that file system", FigureKind::kGauge,
                       static_cast<double>(disk->size_bytes)});
  }
  {
    const MutexLock lock(watch_mutex_);
    figures.push_back({"clock", "steps", "Times that this machine's clock was set while the process ran",
                       FigureKind::kCounter, static_cast<double>(clock_.steps())});
    figures.push_back({"clock", "last_step_ms", "By how much, the last time; forwards is positive", FigureKind::kGauge,
                       ToSeconds(clock_.last()) * 1e3});
    starling::cloud::AppendFigures(cost_.figures(), &figures);
  }
  const std::chrono::duration<double> uptime = std::chrono::steady_clock::now() - started_at_;
  figures.push_back({"process", "uptime_s", "Since the log was open", FigureKind::kGauge, uptime.count()});
  return figures;
}

template <typename T>
Result<std::vector<T>> Orchestrator::AskAll(const std::function<T(const Shard&)>& query) {
  if (shards_.empty()) {
    return Status(ErrorCode::kUnavailable, "this process is a gateway; ask one of --role shard");
  }
  std::vector<T> answers;
  for (const auto& shard : shards_) {
    Result<T> answer = shard->Ask<T>(query);
    if (!answer.ok()) return answer.status();
    answers.push_back(std::move(answer).value());
  }
  return answers;
}

Result<std::vector<HeatmapCell>> Orchestrator::Heatmap() {
  auto answers = AskAll<std::vector<HeatmapCell>>([](const Shard& shard) { return shard.Heatmap(); });
  if (!answers.ok()) return answers.status();
  std::vector<HeatmapCell> cells;
  for (const auto& answer : answers.value()) cells.insert(cells.end(), answer.begin(), answer.end());
  return cells;
}

Result<std::vector<OpenConflict>> Orchestrator::Conflicts() {
  auto answers = AskAll<std::vector<OpenConflict>>([](const Shard& shard) { return shard.Conflicts(); });
  if (!answers.ok()) return answers.status();
  std::vector<OpenConflict> conflicts;
  for (const auto& answer : answers.value()) conflicts.insert(conflicts.end(), answer.begin(), answer.end());
  return conflicts;
}

Result<VehiclesAt> Orchestrator::Vehicles(std::size_t first, std::size_t count) {
  const CloudTime now = CloudNow();
  const auto counts = AskAll<std::size_t>([](const Shard& shard) { return shard.vehicles(); });
  if (!counts.ok()) return counts.status();
  VehiclesAt all{now, 0, {}};
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    // The first ones of a later shard begin where the shards before it end.
    const std::size_t before = all.total;
    all.total += counts.value()[i];
    const std::size_t skipped = first > before ? first - before : 0;
    const std::size_t wanted = count - all.vehicles.size();
    if (skipped >= counts.value()[i] || wanted == 0) continue;
    auto views = shards_[i]->Ask<std::vector<VehicleView>>(
        [skipped, wanted, now](const Shard& shard) { return shard.List(skipped, wanted, now); });
    if (!views.ok()) return views.status();
    std::ranges::move(views.value(), std::back_inserter(all.vehicles));
  }
  return all;
}

Result<VehicleReport> Orchestrator::Vehicle(const VehicleId& vehicle) {
  VehicleReport report;
  report.at = CloudNow();
  if (!shards_.empty()) {
    auto answers = AskAll<std::optional<VehicleView>>(
        [vehicle, at = report.at](const Shard& shard) { return shard.Find(vehicle, at); });
    if (!answers.ok()) return answers.status();
    for (const auto& view : answers.value()) {
      if (view && !report.view) report.view = view;
    }
  }
  if (gateway_ != nullptr) gateway_->Describe(vehicle, &report);
  return report;
}

Result<std::vector<AuditHeadView>> Orchestrator::AuditHeads() {
  std::vector<AuditHeadView> heads;
  for (const auto& shard : shards_) {
    Result<AuditHeadView> head = shard->AuditHead();
    if (!head.ok()) return head.status();
    heads.push_back(std::move(head).value());
  }
  return heads;
}

Result<RegionId> Orchestrator::RegionHere(std::optional<RegionId> wanted) const {
  if (shards_.empty()) return NoRegionHere();
  if (!wanted) return shards_.front()->region();
  for (const auto& shard : shards_) {
    if (shard->region() == *wanted) return *wanted;
  }
  std::string here;
  for (const auto& shard : shards_) here += (here.empty() ? "" : ", ") + std::to_string(ToNumber(shard->region()));
  return Status(ErrorCode::kInvalidArgument,
                "region " + std::to_string(ToNumber(*wanted)) + " is not here; this process has " + here);
}

Result<std::string> Orchestrator::Commands(const CommandsQuery& query) {
  const CommandFilter filter{query.vehicle, query.kind, query.end};
  if (Status status = filter.Validate(); !status.ok()) return status;
  const Result<RegionId> region = RegionHere(query.region);
  if (!region.ok()) return region.status();
  std::optional<Offset> before;
  if (query.before) before = Offset{*query.before};
  const Result<CommandPage> page = ListCommands(records_, region.value(), filter, before, query.count);
  if (!page.ok()) return page.status();
  return ToJson(page.value(), region.value());
}

Result<std::string> Orchestrator::Records(const RecordsQuery& query) {
  const std::optional<Topic> topic = TopicOf(query.topic);
  if (!topic) {
    return Status(ErrorCode::kInvalidArgument, "there is no topic of that name; there are " + TopicNames());
  }
  // That one has a partition of its own.
  const Result<RegionId> region = *topic == Topic::kOwnership ? RegionId{} : RegionHere(query.region);
  if (!region.ok()) return region.status();
  TopicQuestion question;
  if (query.from) question.from = Offset{*query.from};
  question.count = query.count;
  return TopicDocument(records_, *topic, region.value(), question);
}

Result<ExplainAnswer> Orchestrator::Explain(CommandId command) {
  if (!explain_desk_) return NoRegionHere();
  ExplainDesk::Answer answer = explain_desk_->Ask(command, kExplainPatience);
  if (!answer.ready) return ExplainAnswer{};
  if (!answer.document.ok()) return answer.document.status();
  return ExplainAnswer{true, std::move(answer.document).value()};
}

Result<std::optional<std::string>> Orchestrator::ExplainHere(CommandId command) {
  for (const auto& shard : shards_) {
    ExplainConfig config = explain_;
    if (const auto map = shard->Ask<RegionMap>([](const Shard& of) { return of.region_map(); }); map.ok()) {
      config.shard.region_map = map.value();
    }
    const Result<std::optional<Explanation>> explanation =
        ExplainCommand(records_, config, shard->region(), command);
    if (!explanation.ok()) return explanation.status();
    if (explanation.value()) return std::optional<std::string>(ToJson(*explanation.value()));
  }
  return std::optional<std::string>();
}

Status Orchestrator::Look(std::size_t shard, const PictureQuery& query,
                          const std::function<void(ShardPicture)>& seen) {
  STARLING_CHECK(shard < shards_.size());
  return shards_[shard]->runner().Post([query, seen](const Shard& looked_at) {
    ShardPicture picture;
    looked_at.Look(query, &picture);
    seen(std::move(picture));
  });
}

std::vector<IssuedCommand> Orchestrator::TakeCommands() {
  return issued_ == nullptr ? std::vector<IssuedCommand>() : issued_->Take();
}

std::string_view Orchestrator::Streets() { return streets_ == nullptr ? std::string_view() : std::string_view(*streets_); }

}  // namespace starling::cloud
