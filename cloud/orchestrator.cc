#include "cloud/orchestrator.h"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <functional>
#include <future>
#include <thread>
#include <utility>

#include "common/check.h"
#include "common/tls/tls_context.h"

namespace starling::cloud {
namespace {

// The console's one thread waits this long for the shard: longer than any commit,
// short enough for who asks whether the process lives.
constexpr milliseconds kShardPatience{500};

// Replaying the recovery window takes a fraction of it.
constexpr seconds kOwnershipPatience{60};
constexpr milliseconds kOwnershipPoll{2};

// Log time never goes back: behind it, the age of a fix is wrong by the difference.
constexpr nanoseconds kClockBehindMax = seconds(1);

constexpr milliseconds kDrainTimeout{10'000};

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

// Distinct for each process: the shard tells its own claim by it.
std::string OwnerName() {
  char host[256] = "";
  (void)::gethostname(host, sizeof host - 1);
  return std::string(host) + ":" + std::to_string(::getpid()) + ":" + std::to_string(ToNs(CloudNow()));
}

void ReportDamage(const RebuildDamage& damage) {
  if (damage.places == 0) return;
  std::fprintf(stderr,
               "starling-cloud: the history topic is damaged in %llu places, the first at offset %llu; %llu "
               "records were not read and vehicles may send them again\n",
               static_cast<unsigned long long>(damage.places),
               static_cast<unsigned long long>(ToNumber(damage.first)),
               static_cast<unsigned long long>(damage.records));
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

}  // namespace

void GatewaySink::Deliver(std::span<ShardOutputs::Command> commands) {
  if (open_.load(std::memory_order_acquire)) {
    gateway_->Deliver(commands);
  } else {
    withheld_.fetch_add(commands.size(), std::memory_order_relaxed);
  }
}

Orchestrator::Orchestrator(const CloudOptions& options, std::unique_ptr<EmbeddedLog> log,
                           std::unique_ptr<RocksStateStore> store, const StartReport& opened)
    : region_(options.region),
      started_at_(std::chrono::steady_clock::now()),
      report_(opened),
      log_(std::move(log)),
      store_(std::move(store)),
      writer_(options.writer, log_.get(), Partition{ToNumber(options.region)}),
      keeper_(options.history, HistoryLedger::PartitionOf(options.region), {HistoryLedger::PartitionOf(options.region)},
              log_.get(), &ledger_, store_.get()),
      gateway_(options.gateway, log_.get(), &ledger_),
      sink_(&gateway_),
      runner_(options.runner, options.shard, options.region, options.origin,
              {log_.get(), &writer_, &sink_, store_.get()}),
      console_(options.console, this) {}

Orchestrator::~Orchestrator() { (void)Stop(); }

Result<std::unique_ptr<Orchestrator>> Orchestrator::Start(const CloudOptions& options) {
  STARLING_CHECK(options.Validate().ok());
  if (Status status = FindCertificates({options.certificates}); !status.ok()) return status;
  std::error_code failure;
  std::filesystem::create_directories(options.data, failure);
  if (failure) {
    return Status(ErrorCode::kIoError, options.data + ": " + failure.message() +
                                           "; choose another folder with --data");
  }
  const auto began = std::chrono::steady_clock::now();
  StartReport opened;
  auto store_opened = std::async(std::launch::async, [&options, &opened, began] {
    Result<std::unique_ptr<RocksStateStore>> store = RocksStateStore::Open(options.state);
    opened.store = std::chrono::steady_clock::now() - began;
    return store;
  });
  Result<std::unique_ptr<EmbeddedLog>> log = EmbeddedLog::Open(options.log);
  opened.log = std::chrono::steady_clock::now() - began;
  Result<std::unique_ptr<RocksStateStore>> store = store_opened.get();
  if (!log.ok()) {
    if (log.status().code() != ErrorCode::kUnavailable) return log.status();
    return Advise(log.status(), "--data names the folder");
  }
  if (!store.ok()) return store.status();
  std::unique_ptr<Orchestrator> orchestrator(
      new Orchestrator(options, std::move(log).value(), std::move(store).value(), opened));
  if (Status status = orchestrator->StartParts(options, began); !status.ok()) return status;
  return orchestrator;
}

Status Orchestrator::StartParts(const CloudOptions& options,
                                std::chrono::steady_clock::time_point began) {
  if (Status status = console_.Start(); !status.ok()) {
    return Advise(status, "choose another port with --http HOST:PORT");
  }
  // The gateway needs the ledger, the shard does not: both are made ready at once.
  auto ledger = std::async(std::launch::async, [this] {
    const auto ledger_began = std::chrono::steady_clock::now();
    Status status = StartLedger();
    report_.ledger = std::chrono::steady_clock::now() - ledger_began;
    return status;
  });
  const auto shard_began = std::chrono::steady_clock::now();
  Status shard = runner_.Start(OwnerName());
  if (shard.ok()) shard = AwaitOwnership();
  report_.state = runner_.recovery().took;
  report_.replay = std::chrono::steady_clock::now() - shard_began - report_.state;
  if (Status status = ledger.get(); !status.ok()) return status;
  if (!shard.ok()) return shard;
  if (!runner_.recovery().note.empty()) {
    std::fprintf(stderr, "starling-cloud: %s\n", runner_.recovery().note.c_str());
  }
  gateway_.SetEpoch(region_, Epoch{runner_.counters().epoch});
  const auto listen_began = std::chrono::steady_clock::now();
  if (Status status = gateway_.Start({options.certificates}); !status.ok()) {
    if (status.code() != ErrorCode::kUnavailable) return status;
    return Advise(status, "choose it with --listen HOST:PORT");
  }
  report_.listen = std::chrono::steady_clock::now() - listen_began;
  report_.total = std::chrono::steady_clock::now() - began;
  sink_.SetOpen(true);
  phase_.store(Phase::kServing, std::memory_order_release);
  return {};
}

Status Orchestrator::StartLedger() {
  const Partition partition = HistoryLedger::PartitionOf(region_);
  Status status = ledger_.Load(*store_, partition);
  if (!status.ok() && status.code() != ErrorCode::kInvalidArgument) {
    return Advise(status, "the ledger can be read from the whole history instead: move the folder state away");
  }
  if (!status.ok()) {
    std::fprintf(stderr, "starling-cloud: %s; reading the whole history\n", std::string(status.message()).c_str());
  }
  if (status = ledger_.Rebuild(*log_, partition); !status.ok()) return status;
  ReportDamage(ledger_.rebuild_damage());
  keeper_.Start();
  return {};
}

std::string Orchestrator::StartText() const {
  const auto ms = [](nanoseconds time) {
    return std::to_string(std::chrono::duration_cast<milliseconds>(time).count()) + " ms";
  };
  const ShardRunner::Recovery& recovery = runner_.recovery();
  return "started in " + ms(report_.total) + ": log " + ms(report_.log) + " beside store " + ms(report_.store) +
         ", state " + ms(report_.state) + " and replay " + ms(report_.replay) + " beside ledger " +
         ms(report_.ledger) + ", listening " + ms(report_.listen) + "; shard began with " +
         std::string(NameOf(recovery.source)) + ", " + std::to_string(recovery.entries) +
         " entries, read on from offset " + std::to_string(ToNumber(recovery.from)) + ", " +
         std::to_string(runner_.counters().records_replayed) + " records";
}

Status Orchestrator::AwaitOwnership() {
  const auto deadline = std::chrono::steady_clock::now() + kOwnershipPatience;
  while (!runner_.counters().owner) {
    if (Status status = Health(); !status.ok()) return status;
    if (std::chrono::steady_clock::now() > deadline) {
      return {ErrorCode::kUnavailable, "the shard has not read its own claim within " +
                                           std::to_string(kOwnershipPatience.count()) + " s"};
    }
    std::this_thread::sleep_for(kOwnershipPoll);
  }
  return {};
}

bool Orchestrator::GatewayStarted() const {
  return phase_.load(std::memory_order_acquire) != Phase::kStarting;
}

Status Orchestrator::Health() const {
  if (Status status = log_->status(); !status.ok()) return status;
  return runner_.status();
}

Status Orchestrator::Stop() {
  if (stopped_) return outcome_;
  stopped_ = true;
  phase_.store(Phase::kDraining, std::memory_order_release);
  // A log that failed acknowledges nothing: there is nothing to wait for.
  gateway_.Drain(log_->status().ok() ? kDrainTimeout : milliseconds(0));
  sink_.SetOpen(false);
  runner_.Stop();
  keeper_.Stop();
  outcome_ = log_->Close();
  console_.Stop();
  return outcome_;
}

Status Orchestrator::Ready() {
  if (Status status = log_->status(); !status.ok()) {
    return {status.code(), "the log has failed: " + std::string(status.message())};
  }
  const ShardRunnerCounters runner = runner_.counters();
  if (!runner.owner) return {ErrorCode::kUnavailable, "the region is not owned yet"};
  if (Status doubt = runner_.Doubt(); !doubt.ok()) return doubt;
  // Ticks keep it current.
  if (runner.lag_ns < -kClockBehindMax.count()) {
    return {ErrorCode::kUnavailable, "this machine's clock is " + std::to_string(-runner.lag_ns / 1'000'000) +
                                         " ms behind the log's last record, and fixes look older than they are; "
                                         "set the clock"};
  }
  switch (phase_.load(std::memory_order_acquire)) {
    case Phase::kStarting: return {ErrorCode::kUnavailable, "starting"};
    case Phase::kDraining: return {ErrorCode::kUnavailable, "draining"};
    case Phase::kServing: break;
  }
  if (gateway_.certificates().server_expires <= CloudNow()) {
    return {ErrorCode::kUnavailable, "the server's certificate has expired, and vehicles refuse it; replace it"};
  }
  return {};
}

std::vector<Figure> Orchestrator::Figures() {
  std::vector<Figure> figures;
  AppendFigures(GatewayStarted() ? gateway_.counters() : GatewayCounters(), &figures);
  if (GatewayStarted()) AppendFigures(gateway_.certificates(), CloudNow(), &figures);
  const ShardRunnerCounters runner = runner_.counters();
  AppendFigures(runner.shard, &figures);
  AppendFigures(runner, &figures);
  figures.push_back({"runner", "commands_withheld", "Commands while no vehicle is taken",
                     FigureKind::kCounter, static_cast<double>(sink_.withheld())});
  AppendFigures(runner.checkpoint, &figures);
  AppendFigures(log_->counters(), &figures);
  const auto emitted = static_cast<double>(ToNumber(log_->emitted()));
  const auto durable = static_cast<double>(ToNumber(log_->durable()));
  figures.push_back({"log", "emitted_ticket", "Last ticket emitted", FigureKind::kGauge, emitted});
  figures.push_back({"log", "durable_ticket", "Last ticket durable", FigureKind::kGauge, durable});
  AppendFigures(store_->Stats(), &figures);
  AppendFigures(ledger_.totals(), &figures);
  figures.push_back({"ledger", "rebuild_damaged", "History records the start could not read",
                     FigureKind::kCounter, static_cast<double>(ledger_.rebuild_damage().records)});
  const HistoryKeeperCounters keeper = keeper_.counters();
  figures.push_back({"ledger", "stored", "Times that the ledger was stored", FigureKind::kCounter,
                     static_cast<double>(keeper.writes)});
  figures.push_back({"ledger", "stored_entries", "Vehicles' entries stored", FigureKind::kCounter,
                     static_cast<double>(keeper.entries)});
  figures.push_back({"ledger", "store_failures", "Times that the ledger could not be stored", FigureKind::kCounter,
                     static_cast<double>(keeper.write_failures)});
  AppendFigures(ReadProcessUsage(), &figures);
  const std::chrono::duration<double> uptime = std::chrono::steady_clock::now() - started_at_;
  if (GatewayStarted()) AppendFigures(report_, &figures);
  figures.push_back({"process", "uptime_s", "Since the log was open", FigureKind::kGauge, uptime.count()});
  return figures;
}

template <typename T>
Result<T> Orchestrator::Ask(std::function<T(const Shard&)> query) {
  // Shared: if the wait ends first, the query still runs, and nobody reads it.
  auto answer = std::make_shared<std::promise<T>>();
  std::future<T> future = answer->get_future();
  Status posted = runner_.Post([answer, query = std::move(query)](const Shard& shard) {
    answer->set_value(query(shard));
  });
  if (!posted.ok()) return posted;
  if (future.wait_for(kShardPatience) != std::future_status::ready) {
    return Status(ErrorCode::kUnavailable, "the shard did not answer within " +
                                               std::to_string(kShardPatience.count()) + " ms");
  }
  return future.get();
}

Result<std::vector<HeatmapCell>> Orchestrator::Heatmap() {
  return Ask<std::vector<HeatmapCell>>([](const Shard& shard) { return shard.Heatmap(); });
}

Result<std::vector<OpenConflict>> Orchestrator::Conflicts() {
  return Ask<std::vector<OpenConflict>>([](const Shard& shard) { return shard.Conflicts(); });
}

Result<VehiclesAt> Orchestrator::Vehicles(std::size_t first, std::size_t count) {
  return Ask<VehiclesAt>([first, count](const Shard& shard) {
    const CloudTime now = CloudNow();
    return VehiclesAt{now, shard.vehicles(), shard.List(first, count, now)};
  });
}

Result<VehicleReport> Orchestrator::Vehicle(const VehicleId& vehicle) {
  Result<VehicleReport> asked = Ask<VehicleReport>([vehicle](const Shard& shard) {
    VehicleReport report;
    report.at = CloudNow();
    report.view = shard.Find(vehicle, report.at);
    return report;
  });
  if (!asked.ok()) return asked;
  VehicleReport report = std::move(asked).value();
  report.connected = GatewayStarted() && gateway_.Connected(vehicle);
  if (const std::optional<HeldHistory> held = ledger_.Find(vehicle)) {
    report.has_history = true;
    report.held_samples = held->samples;
    report.held_boot = held->boot;
    report.held_through_sequence = held->through_sequence;
  }
  return report;
}

}  // namespace starling::cloud
