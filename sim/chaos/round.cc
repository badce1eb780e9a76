#include "sim/chaos/round.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <thread>
#include <utility>

#include "sim/chaos/child.h"
#include "sim/chaos/relay.h"

namespace starling::sim {
namespace {

using std::chrono::steady_clock;

constexpr seconds kReadyPatience{60};
constexpr seconds kConnectPatience{8};
// Beyond what a vehicle needs to find a silent link out, and what a busy machine adds.
constexpr seconds kDrainPatience{90};
constexpr seconds kSimPatience{150};
constexpr seconds kStopPatience{60};
constexpr milliseconds kPoll{5};
// Vehicles that have to be connected before the first fault.
constexpr double kConnectedShare = 0.98;
// Where the default orchestrator and the default simulator have their city's origin.
constexpr FrameOrigin kOrigin{481'351'000, 115'820'000};

// A port of the loopback that is free now; the programs use it for the whole run.
std::uint16_t FreePort() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool bound = ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
                     ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(fd);
  return bound ? ntohs(address.sin_port) : 0;
}

std::string Loopback(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }

std::string LastLine(const std::string& path) {
  std::ifstream file(path);
  std::string last;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) last = line;
  }
  return last;
}

double SecondsSince(steady_clock::time_point start) { return ToSeconds(steady_clock::now() - start); }

// The beginning or the end of a planned fault.
struct Event {
  milliseconds at{};
  bool begins = false;
  const PlannedFault* fault = nullptr;
};

std::vector<Event> EventsOf(const RoundPlan& plan) {
  std::vector<Event> events;
  for (const PlannedFault& fault : plan.faults) {
    events.push_back({fault.at, true, &fault});
    if (fault.lasts.count() > 0) events.push_back({fault.at + fault.lasts, false, &fault});
  }
  std::stable_sort(events.begin(), events.end(), [](const Event& a, const Event& b) { return a.at < b.at; });
  return events;
}

LinkWeather WeatherOf(const PlannedFault& fault) {
  LinkWeather weather;
  switch (fault.kind) {
    case FaultKind::kStall:
    case FaultKind::kBlackHole: weather.stalled = true; break;
    case FaultKind::kDelay:
      weather.delay = milliseconds(fault.amount);
      weather.jitter = milliseconds(fault.amount / 2);
      break;
    case FaultKind::kThin: weather.bytes_per_second = static_cast<std::uint64_t>(fault.amount); break;
    default: break;
  }
  return weather;
}

}  // namespace

Status ChaosConfig::Validate() const {
  const auto refuse = [](const std::string& what) { return Status(ErrorCode::kInvalidArgument, what); };
  if (vehicles < 1 || vehicles > 2'000) return refuse("vehicles must be within 1 and 2000");
  if (drive_s < 2 || drive_s > 60) return refuse("the seconds of a round must be within 2 and 60");
  return {};
}

Result<std::unique_ptr<Arena>> Arena::Create(const ChaosConfig& config) {
  if (Status status = config.Validate(); !status.ok()) return status;
  std::unique_ptr<Arena> arena(new Arena(config));
  std::error_code failure;
  std::filesystem::create_directories(config.folder, failure);
  if (failure) return Status(ErrorCode::kIoError, config.folder + ": " + failure.message());
  arena->gateway_port_ = FreePort();
  arena->names_ = {"cloud"};
  if (arena->on_kafka()) {
    arena->names_ = {"gateway", "shard-a", "shard-b"};
    arena->brokers_ = std::make_unique<BrokerKiller>(config.kafka, arena->Path("brokers.log"));
  }
  for (std::size_t i = 0; i < arena->names_.size(); ++i) arena->http_ports_.push_back(FreePort());
  Command init;
  init.words = {config.programs + "/starling", "init", arena->Path("certs"), "--vehicles",
                std::to_string(config.vehicles)};
  init.output = arena->Path("init.log");
  Result<Child> made = Child::Start(init);
  if (!made.ok()) return made.status();
  if (made.value().Wait(kSimPatience) != 0) {
    return Status(ErrorCode::kIoError, "no certificates: " + LastLine(init.output));
  }
  std::ofstream(arena->Path("cloud.json"))
      << "{\"gateway\": {\"connections_max\": " << 2 * config.vehicles + 100 << "}}\n";
  Result<std::unique_ptr<FaultFile>> faults = FaultFile::Create(arena->Path("faults"));
  if (!faults.ok()) return faults.status();
  arena->faults_ = std::move(faults).value();
  return arena;
}

Status Arena::ApplyTopics(std::uint32_t round) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  prefix_ = "chaos-" + std::to_string(std::chrono::duration_cast<milliseconds>(now).count()) + "-" +
            std::to_string(round) + ".";
  Command apply;
  apply.words = {config_.programs + "/starling", "topics", "apply", "--bootstrap", config_.kafka.bootstrap,
                 "--prefix", prefix_, "--regions", "1", "--replication", std::to_string(config_.kafka.nodes)};
  apply.output = Path("topics.log");
  Result<Child> applied = Child::Start(apply);
  if (!applied.ok()) return applied.status();
  if (applied.value().Wait(kSimPatience) == 0) return {};
  return {ErrorCode::kIoError, "no topics: " + LastLine(apply.output)};
}

Command Arena::CloudCommand(const std::string& name, std::uint16_t http_port) const {
  const bool gateway = !on_kafka() || name == "gateway";
  Command command;
  command.words = {config_.cloud_program.empty() ? config_.programs + "/starling-cloud" : config_.cloud_program,
                   "--http", Loopback(http_port), "--port-file", Path(name + ".ports")};
  const auto add = [&](std::initializer_list<std::string> words) {
    command.words.insert(command.words.end(), words);
  };
  if (gateway) {
    add({"--certs", Path("certs"), "--config", Path("cloud.json"), "--listen", Loopback(gateway_port_)});
  }
  if (on_kafka()) {
    add({"--log", "kafka", "--kafka", config_.kafka.bootstrap, "--kafka-prefix", prefix_, "--role",
         gateway ? "gateway" : "shard", "--node", name, "--data", data() + "/" + name});
  } else {
    add({"--data", data()});
  }
  command.words.insert(command.words.end(), config_.cloud_arguments.begin(), config_.cloud_arguments.end());
  if (!config_.fault_library.empty()) {
    command.environment = {{"LD_PRELOAD", config_.fault_library},
                           {kFaultFileVariable, Path("faults")},
                           {kFaultFolderVariable, data()}};
  }
  command.output = Path(name + ".log");
  return command;
}

Command Arena::SimCommand(const RoundPlan& plan, std::uint16_t port, std::uint16_t http_port) const {
  Command command;
  command.words = {config_.sim_program.empty() ? config_.programs + "/starling-sim" : config_.sim_program,
                   "--connect", Loopback(port), "--http", Loopback(http_port), "--certs", Path("certs"),
                   "--vehicles", std::to_string(config_.vehicles), "--seconds", std::to_string(config_.drive_s),
                   "--seed", std::to_string(plan.seed % 1'000'000), "--headless", "--connect-timeout", "10",
                   "--drain-timeout", std::to_string(kDrainPatience.count()),
                   "--journal", Path("journal")};
  for (const PlannedFault& fault : plan.faults) {
    if (fault.kind != FaultKind::kReboot) continue;
    const auto vehicles = static_cast<double>(config_.vehicles) * fault.share;
    command.words.insert(command.words.end(),
                         {"--reboot-at", std::to_string(fault.at.count() / 1000), "--reboot-vehicles",
                          std::to_string(std::max<std::size_t>(1, static_cast<std::size_t>(vehicles)))});
  }
  command.words.insert(command.words.end(), config_.sim_arguments.begin(), config_.sim_arguments.end());
  command.output = Path("sim.log");
  return command;
}

Status Arena::Prepare(const RoundPlan& plan) {
  std::error_code failure;
  if (plan.fresh) {
    std::filesystem::remove_all(data(), failure);
    drives_.clear();
  }
  std::vector<std::string> files = {"sim.log", "journal", "brokers.log"};
  for (const std::string& name : names_) files.insert(files.end(), {name + ".log", name + ".ports"});
  for (const std::string& file : files) std::filesystem::remove(Path(file), failure);
  if (failure) return {ErrorCode::kIoError, config_.folder + ": " + failure.message()};
  faults_->Heal();
  faults_->control().clock_step_ns.store(0, std::memory_order_relaxed);
  for (auto* count : {&faults_->control().writes_failed, &faults_->control().syncs_failed,
                      &faults_->control().syncs_delayed}) {
    count->store(0, std::memory_order_relaxed);
  }
  return on_kafka() && plan.fresh ? ApplyTopics(plan.round) : Status();
}

void Arena::Begin(const PlannedFault& fault, Relay* relay) {
  FaultControl& control = faults_->control();
  switch (fault.kind) {
    case FaultKind::kKill: CloudOf(fault)->Kill(); break;
    case FaultKind::kPause: CloudOf(fault)->Pause(true); break;
    case FaultKind::kDiskFull: control.disk_full.store(1, std::memory_order_relaxed); break;
    case FaultKind::kSyncFails: control.sync_fails.store(1, std::memory_order_relaxed); break;
    case FaultKind::kSlowSync:
      control.sync_delay_us.store(static_cast<std::uint32_t>(fault.amount * 1000), std::memory_order_relaxed);
      break;
    case FaultKind::kClockStep:
      control.clock_step_ns.store(fault.amount * 1'000'000, std::memory_order_relaxed);
      break;
    case FaultKind::kReboot: break;  // The simulator has been told.
    case FaultKind::kCut: relay->Cut(fault.share); break;
    case FaultKind::kRefuse:
      relay->Refuse(true);
      relay->Cut(1);
      break;
    case FaultKind::kBlackHole: relay->SetWeather(fault.direction, WeatherOf(fault), fault.share); break;
    case FaultKind::kStall:
    case FaultKind::kDelay:
    case FaultKind::kThin:
      relay->SetWeather(Direction::kUp, WeatherOf(fault), fault.share);
      relay->SetWeather(Direction::kDown, WeatherOf(fault), fault.share);
      break;
    case FaultKind::kHalfClose: relay->HalfClose(fault.direction, fault.share); break;
    case FaultKind::kBroker: brokers_->Kill(fault.target); break;
  }
}

void Arena::End(const PlannedFault& fault, Relay* relay) {
  FaultControl& control = faults_->control();
  switch (fault.kind) {
    case FaultKind::kPause: CloudOf(fault)->Pause(false); break;
    case FaultKind::kDiskFull: control.disk_full.store(0, std::memory_order_relaxed); break;
    case FaultKind::kSyncFails: control.sync_fails.store(0, std::memory_order_relaxed); break;
    case FaultKind::kSlowSync: control.sync_delay_us.store(0, std::memory_order_relaxed); break;
    case FaultKind::kRefuse: relay->Refuse(false); break;
    case FaultKind::kBroker: brokers_->Bring(fault.target); break;
    case FaultKind::kStall:
    case FaultKind::kBlackHole:
    case FaultKind::kDelay:
    case FaultKind::kThin:
      for (const Direction direction : {Direction::kUp, Direction::kDown}) relay->SetWeather(direction, {}, 1);
      break;
    default: break;
  }
}

void Arena::DriveThrough(const RoundPlan& plan, Relay* relay, Child* sim) {
  const auto connected = static_cast<std::uint64_t>(static_cast<double>(config_.vehicles) * kConnectedShare);
  const auto connect_end = steady_clock::now() + kConnectPatience;
  while (relay->counters().open < connected && steady_clock::now() < connect_end && sim->Running()) {
    std::this_thread::sleep_for(kPoll);
  }
  const auto start = steady_clock::now();
  for (const Event& event : EventsOf(plan)) {
    std::this_thread::sleep_until(start + event.at);
    if (event.begins) {
      Begin(*event.fault, relay);
    } else {
      End(*event.fault, relay);
    }
  }
  for (const auto& cloud : clouds_) cloud->Pause(false);
  faults_->Heal();
  relay->Heal();
}

void Arena::StartClouds() {
  clouds_.clear();
  for (std::size_t i = 0; i < names_.size(); ++i) {
    clouds_.push_back(
        std::make_unique<Supervisor>(CloudCommand(names_[i], http_ports_[i]), Path(names_[i] + ".ports")));
    clouds_.back()->Start();
  }
}

bool Arena::AwaitClouds(nanoseconds patience, std::string* which) {
  const auto end = steady_clock::now() + patience;
  for (std::size_t i = 0; i < clouds_.size(); ++i) {
    if (clouds_[i]->AwaitReady(end - steady_clock::now())) continue;
    *which = names_[i] + ": " + LastLine(Path(names_[i] + ".log"));
    return false;
  }
  return true;
}

// The gateway first: what it has taken is in the log then.
void Arena::StopClouds(RoundOutcome* outcome) {
  for (std::size_t i = 0; i < clouds_.size(); ++i) {
    if (clouds_[i]->Stop(kStopPatience) != 0) {
      outcome->failures.push_back(names_[i] + " did not end in order: " + LastLine(Path(names_[i] + ".log")));
    }
    const SupervisorFigures figures = clouds_[i]->figures();
    outcome->restarts += figures.starts > 0 ? figures.starts - 1 : 0;
    outcome->ended += figures.ended;
    outcome->longest_down = std::max(outcome->longest_down, figures.longest_down);
  }
  clouds_.clear();
}

Status Arena::RunPrograms(const RoundPlan& plan, RoundOutcome* outcome) {
  std::string which;
  StartClouds();
  if (!AwaitClouds(kReadyPatience, &which)) return {ErrorCode::kIoError, "it did not come up: " + which};
  Result<std::unique_ptr<Relay>> relay = Relay::Start(gateway_port_, plan.seed);
  if (!relay.ok()) return relay.status();
  // The simulator's questions go to the process that decides.
  Result<std::unique_ptr<Relay>> pages = Relay::Start(http_ports_.back(), plan.seed);
  if (!pages.ok()) return pages.status();
  std::optional<OwnerWatch> owner;
  std::uint16_t http_port = http_ports_.front();
  if (on_kafka()) {
    owner.emplace(std::vector<std::uint16_t>(http_ports_.begin() + 1, http_ports_.end()), pages.value().get());
    if (!owner->AwaitOwned(kReadyPatience)) return {ErrorCode::kIoError, "no shard owns the region"};
    http_port = pages.value()->port();
  }
  Result<Child> sim = Child::Start(SimCommand(plan, relay.value()->port(), http_port));
  if (!sim.ok()) return sim.status();
  DriveThrough(plan, relay.value().get(), &sim.value());

  // Its exit code speaks of a run without faults; the oracle goes by its journal.
  if (!sim.value().Wait(kSimPatience)) {
    outcome->failures.push_back("the simulator did not end");
    sim.value().Signal(SIGKILL);
  }
  outcome->relay = relay.value()->counters();
  if (brokers_ != nullptr && !brokers_->AwaitUp(kReadyPatience)) {
    outcome->failures.push_back("a broker did not come back: " + LastLine(Path("brokers.log")));
  }
  if (!AwaitClouds(kReadyPatience, &which)) outcome->failures.push_back("after the faults it is not up: " + which);
  if (owner && !owner->AwaitOwned(kReadyPatience)) {
    outcome->failures.push_back("after the faults no shard owns the region");
  }
  owner.reset();
  StopClouds(outcome);
  const FaultControl& control = faults_->control();
  outcome->writes_failed = control.writes_failed.load(std::memory_order_relaxed);
  outcome->syncs_failed = control.syncs_failed.load(std::memory_order_relaxed);
  outcome->syncs_delayed = control.syncs_delayed.load(std::memory_order_relaxed);
  return {};
}

Result<std::unique_ptr<StoredData>> Arena::OpenData() const {
  if (!on_kafka()) return StoredData::Open(data(), {cloud::Partition{0}});
  cloud::KafkaConfig kafka;
  kafka.bootstrap = config_.kafka.bootstrap;
  kafka.prefix = prefix_;
  kafka.query_timeout = milliseconds(kReadyPatience);
  return StoredData::OpenKafka(kafka, cloud::Partition{0}, {data() + "/shard-a", data() + "/shard-b"});
}

Status Arena::AskOracle(RoundOutcome* outcome) {
  Result<Journal> journal = LoadJournal(Path("journal"));
  if (!journal.ok()) {
    outcome->failures.push_back("no journal: " + std::string(journal.status().message()) + "; " +
                                LastLine(Path("sim.log")));
    return {};
  }
  sim::Drive drive;
  drive.journal = std::move(journal).value();
  // Kafka's brokers stamp records, and their clock is nobody's to step.
  if (!on_kafka()) {
    drive.clock_step = nanoseconds(faults_->control().clock_step_ns.load(std::memory_order_relaxed));
  }
  drives_.push_back(std::move(drive));
  const Result<std::unique_ptr<StoredData>> data = OpenData();
  if (!data.ok()) {
    outcome->failures.push_back("the data cannot be read: " + std::string(data.status().message()));
    return {};
  }
  Evidence evidence;
  evidence.drives = drives_;
  evidence.origin = kOrigin;
  data.value()->AddTo(&evidence);
  outcome->judgement = Examine(evidence);
  for (const Finding& finding : outcome->judgement.findings) {
    outcome->failures.push_back(std::string(FindingName(finding.kind)) + ": " + finding.text);
  }
  return {};
}

Result<RoundOutcome> Arena::Run(const RoundPlan& plan) {
  RoundOutcome outcome;
  outcome.plan = plan;
  if (Status status = Prepare(plan); !status.ok()) return status;
  const auto start = steady_clock::now();
  if (Status status = RunPrograms(plan, &outcome); !status.ok()) return status;
  outcome.drive_s = SecondsSince(start);
  const auto asked = steady_clock::now();
  if (Status status = AskOracle(&outcome); !status.ok()) return status;
  outcome.oracle_s = SecondsSince(asked);
  return outcome;
}

}  // namespace starling::sim
