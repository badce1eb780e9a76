// commands stop, shadow, start and status: what is decided for vehicles, but not sent.

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "cloud/dispatch/ownership_book.h"
#include "cloud/dispatch/settings_change.h"
#include "cloud/dispatch/settings_file.h"
#include "cloud/log/kafka_log.h"
#include "cloud/log/stored_log.h"
#include "cloud/shard/command_settings.h"
#include "cloud/starling/kafka_options.h"
#include "cloud/starling/subcommand.h"
#include "cloud/store/key_ring.h"
#include "schemas/log/commands_generated.h"

namespace starling::cloud {
namespace {

constexpr milliseconds kLookAgain{100};
// The clock of whoever made the settings may be ahead of the brokers'.
constexpr seconds kClocksApart{60};
// Who else changes the settings over Kafka at the same time is overtaken within these.
constexpr int kTriesMax = 10;

enum class Verb : std::uint8_t { kStop, kShadow, kStart, kStatus };

struct Arguments {
  std::string data;
  std::string key_file;
  KafkaOptions kafka;
  std::optional<std::uint32_t> region;
  std::string fleet;
  std::string area;
  std::string kind;
  bool all = false;
  std::string by;
  std::string reason;
  std::vector<std::uint32_t> regions;
  std::uint32_t wait_s = 10;
};

// What a region's audit trail says last.
struct Taken {
  std::uint64_t version = 0;
  CloudTime at;
  std::uint64_t index = 0;
};

std::string Self() {
  const char* login = std::getenv("SUDO_USER");
  const passwd* entry = login == nullptr ? ::getpwuid(::getuid()) : nullptr;
  std::string name = login != nullptr ? login : entry != nullptr ? entry->pw_name : std::to_string(::getuid());
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) == 0) name += "@" + std::string(host.data());
  return name;
}

std::string TimeText(std::int64_t unix_ns) {
  const auto unix_time = static_cast<std::time_t>(unix_ns / 1'000'000'000);
  std::tm utc{};
  ::gmtime_r(&unix_time, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text.data();
}

Result<CommandArea> ParseArea(const std::string& text) {
  const Status wrong(ErrorCode::kInvalidArgument,
                     "--area " + text + ": give X,Y,COLUMNS,ROWS, cells as in a region map, at most 65535 of each");
  std::array<std::int64_t, 4> numbers{};
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (i > 0 && (at == end || *at++ != ',')) return wrong;
    const auto [after, failure] = std::from_chars(at, end, numbers[i]);
    if (failure != std::errc()) return wrong;
    at = after;
  }
  const bool fits = at == end && numbers[0] == static_cast<std::int32_t>(numbers[0]) &&
                    numbers[1] == static_cast<std::int32_t>(numbers[1]) && numbers[2] >= 1 && numbers[2] <= 65535 &&
                    numbers[3] >= 1 && numbers[3] <= 65535;
  if (!fits) return wrong;
  return CommandArea{{static_cast<std::int32_t>(numbers[0]), static_cast<std::int32_t>(numbers[1])},
                     static_cast<std::uint16_t>(numbers[2]), static_cast<std::uint16_t>(numbers[3])};
}

Result<CommandScope> ScopeOf(const Arguments& arguments) {
  CommandScope scope;
  if (arguments.region) scope.region = RegionId{*arguments.region};
  scope.fleet = arguments.fleet;
  if (!arguments.area.empty()) {
    const Result<CommandArea> area = ParseArea(arguments.area);
    if (!area.ok()) return area.status();
    scope.area = area.value();
  }
  if (arguments.kind == "avoidance") scope.kind = wire::CommandKind::Avoidance;
  if (arguments.kind == "advice") scope.kind = wire::CommandKind::SpeedAdvice;
  return scope;
}

const char* NameOf(CommandMode mode) { return mode == CommandMode::Stop ? "stopped" : "in shadow"; }

Result<CommandSettings> Changed(const Arguments& arguments, Verb verb, const CommandScope& scope,
                                const Result<std::optional<CommandSettings>>& known) {
  SettingsChange change;
  change.verb = verb == Verb::kStop     ? SettingsChange::Verb::kStop
                : verb == Verb::kShadow ? SettingsChange::Verb::kShadow
                                        : SettingsChange::Verb::kStart;
  change.scope = scope;
  change.all = arguments.all;
  change.by = arguments.by.empty() ? Self() : arguments.by;
  change.reason = arguments.reason;
  return cloud::Changed(change, known, CloudNow());
}

void Note(const LogRecord& record, std::optional<Taken>* last) {
  std::vector<std::uint64_t> aligned((record.value.size() + 7) / 8 + 1);
  if (!record.value.empty()) std::memcpy(aligned.data(), record.value.data(), record.value.size());
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(aligned.data());
  flatbuffers::Verifier verifier(bytes, record.value.size(), 8, 64);
  if (!log::VerifyAuditBuffer(verifier)) return;
  const log::Audit& audit = *log::GetAudit(bytes);
  const log::CommandSettingsTaken* taken = audit.body_as_CommandSettingsTaken();
  if (taken == nullptr) return;
  *last = Taken{taken->settings()->version(), CloudTimeFromNs(taken->taken_ns()), audit.index()};
}

// Where the settings and the audit trails are.
class Fleet {
 public:
  virtual ~Fleet() = default;
  virtual Result<std::optional<CommandSettings>> Read() = 0;
  virtual Result<CommandSettings> Change(const CommandSettingsChange& change) = 0;
  virtual Result<std::vector<RegionId>> Regions() = 0;
  // What `region` says last of settings made at `set_ns` or later, or of any.
  virtual Result<std::optional<Taken>> LastTaken(RegionId region, std::int64_t set_ns) = 0;
  virtual bool running() const = 0;
};

class EmbeddedFleet final : public Fleet {
 public:
  EmbeddedFleet(const Arguments& arguments, StoreEncryption encryption)
      : data_(arguments.data), regions_(arguments.regions), encryption_(std::move(encryption)) {}

  Result<std::optional<CommandSettings>> Read() override { return ReadCommandSettings(CommandSettingsFile(data_)); }
  Result<CommandSettings> Change(const CommandSettingsChange& change) override {
    return ChangeCommandSettings(CommandSettingsFile(data_), change);
  }
  Result<std::vector<RegionId>> Regions() override {
    std::vector<RegionId> regions;
    for (const std::uint32_t number : regions_) regions.push_back(RegionId{number});
    if (regions.empty()) regions.push_back(RegionId{0});
    return regions;
  }
  Result<std::optional<Taken>> LastTaken(RegionId region, std::int64_t) override {
    std::optional<Taken> last;
    Status status = ReadStoredLog(data_, Topic::kCommands, Partition{ToNumber(region)}, encryption_,
                                  [&last](const LogRecord& record) {
                                    Note(record, &last);
                                    return true;
                                  });
    // A look at a log that is being written may meet a file as it goes.
    if (!status.ok() && !running()) return status;
    return last;
  }
  bool running() const override { return StoredLogIsInUse(data_); }

 private:
  const std::string data_;
  const std::vector<std::uint32_t> regions_;
  const StoreEncryption encryption_;
};

class KafkaFleet final : public Fleet {
 public:
  KafkaFleet(std::unique_ptr<KafkaLog> log, std::vector<std::uint32_t> regions, seconds patience)
      : log_(std::move(log)), regions_(std::move(regions)), patience_(patience) {}

  Result<std::optional<CommandSettings>> Read() override {
    OwnershipBook book(nullptr);
    if (Status status = book.ReadAll(*log_); !status.ok()) return status;
    return book.command_settings();
  }
  // The topic's order decides between two that change it at once; who comes second sees
  // that, and changes what the first one made.
  Result<CommandSettings> Change(const CommandSettingsChange& change) override {
    Result<std::optional<CommandSettings>> before = Read();
    for (int tries = 0; tries < kTriesMax; ++tries) {
      if (!before.ok()) return before.status();
      Result<CommandSettings> after = change(before);
      if (!after.ok()) return after.status();
      const WishRecord wish = MakeCommandSettingsWish(after.value());
      const auto ticket = log_->Append(Topic::kOwnership, Partition{0}, std::as_bytes(std::span(wish.key)), wish.value);
      if (!ticket.ok()) return ticket.status();
      if (Status status = log_->AwaitDurable(ticket.value(), patience_); !status.ok()) return status;
      OwnershipBook book(nullptr);
      if (Status status = book.ReadAll(*log_); !status.ok()) return status;
      const bool taken = book.command_settings() == after.value();
      if (taken && book.replaced_command_settings() == before.value()) return after;
      std::optional<CommandSettings> others = taken ? book.replaced_command_settings() : book.command_settings();
      // Newer than what is in force, which lacks what the other one did.
      if (others && taken) others->version = after.value().version;
      before = std::move(others);
    }
    return Status(ErrorCode::kUnavailable,
                  "others change the settings all the time; look at `starling commands status`");
  }
  Result<std::vector<RegionId>> Regions() override {
    std::vector<RegionId> regions;
    for (const std::uint32_t number : regions_) regions.push_back(RegionId{number});
    if (!regions.empty()) return regions;
    OwnershipBook book(nullptr);
    if (Status status = book.ReadAll(*log_); !status.ok()) return status;
    for (const auto& [region, now] : book.regions()) {
      if (!now.owner.empty()) regions.push_back(region);
    }
    return regions;
  }
  Result<std::optional<Taken>> LastTaken(RegionId region, std::int64_t set_ns) override {
    const Partition partition{ToNumber(region)};
    const CloudTime since = CloudTimeFromNs(std::max<std::int64_t>(set_ns, 0)) - kClocksApart;
    const Result<Offset> from = log_->QueryOffsetAt(Topic::kCommands, partition, since);
    if (!from.ok()) return from.status();
    std::optional<Taken> last;
    Status status = log_->Read(Topic::kCommands, partition, from.value(), [&last](const LogRecord& record) {
      Note(record, &last);
      return true;
    });
    if (!status.ok()) return status;
    return last;
  }
  bool running() const override { return true; }

 private:
  const std::unique_ptr<KafkaLog> log_;
  const std::vector<std::uint32_t> regions_;
  const seconds patience_;
};

Result<std::unique_ptr<Fleet>> OpenFleet(const Arguments& arguments) {
  if (arguments.data.empty() == arguments.kafka.bootstrap.empty()) {
    return Status(ErrorCode::kInvalidArgument, "name one of --data and --bootstrap");
  }
  if (!arguments.data.empty()) {
    if (!std::filesystem::is_directory(arguments.data)) {
      return Status(ErrorCode::kInvalidArgument, arguments.data + " is no folder; name the orchestrator's --data");
    }
    StoreEncryption encryption;
    if (!arguments.key_file.empty()) {
      Result<std::shared_ptr<KeyRing>> keys = KeyRing::Open(arguments.key_file);
      if (!keys.ok()) return keys.status();
      encryption.keys = std::move(keys).value();
    }
    return std::unique_ptr<Fleet>(std::make_unique<EmbeddedFleet>(arguments, std::move(encryption)));
  }
  const Result<KafkaConfig> config = arguments.kafka.Config();
  if (!config.ok()) return config.status();
  Result<std::unique_ptr<KafkaLog>> log = KafkaLog::Open(config.value());
  if (!log.ok()) return log.status();
  return std::unique_ptr<Fleet>(std::make_unique<KafkaFleet>(std::move(log).value(), arguments.regions,
                                                             seconds(arguments.wait_s)));
}

void Print(const CommandSettings& settings) {
  std::printf("set by %s at %s%s%s\n", settings.by.c_str(), TimeText(settings.set_ns).c_str(),
              settings.reason.empty() ? "" : ": ", settings.reason.c_str());
  if (settings.rules.empty()) std::printf("every command is sent\n");
  for (const CommandRule& rule : settings.rules) {
    std::printf("%-10s %s  (by %s at %s%s%s)\n", NameOf(rule.mode), rule.scope.ToText().c_str(), rule.by.c_str(),
                TimeText(rule.set_ns).c_str(), rule.reason.empty() ? "" : ": ", rule.reason.c_str());
  }
}

void Print(RegionId region, const Taken& taken) {
  std::printf("region %u acts by it since %s.%03d (audit record %llu)\n", ToNumber(region),
              TimeText(ToNs(taken.at)).substr(0, 19).c_str(),
              static_cast<int>(ToNs(taken.at) / 1'000'000 % 1000), static_cast<unsigned long long>(taken.index));
}

// Prints which regions act by the settings, each as soon as its audit trail says so;
// false if one has not within `patience`.
Result<bool> AwaitTaken(Fleet* fleet, const CommandSettings& settings, seconds patience) {
  const Result<std::vector<RegionId>> regions = fleet->Regions();
  if (!regions.ok()) return regions.status();
  std::vector<RegionId> missing = regions.value();
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    for (auto region = missing.begin(); region != missing.end();) {
      const Result<std::optional<Taken>> taken = fleet->LastTaken(*region, settings.set_ns);
      if (!taken.ok()) return taken.status();
      const bool has = taken.value() && taken.value()->version >= settings.version;
      if (has) Print(*region, *taken.value());
      region = has ? missing.erase(region) : region + 1;
    }
    if (missing.empty()) return true;
    if (std::chrono::steady_clock::now() >= deadline) break;
    std::this_thread::sleep_for(kLookAgain);
  }
  for (const RegionId region : missing) {
    std::printf("region %u has NOT said that it acts by it\n", ToNumber(region));
  }
  return false;
}

int Run(const Arguments& arguments, Verb verb) {
  const Result<CommandScope> scope = ScopeOf(arguments);
  if (!scope.ok()) return Misuse(scope.status());
  if (arguments.all && scope.value() != CommandScope()) {
    return Misuse({ErrorCode::kInvalidArgument, "--all lifts every rule; a scope beside it says something else"});
  }
  const Result<std::unique_ptr<Fleet>> fleet = OpenFleet(arguments);
  if (!fleet.ok()) return Misuse(fleet.status());
  Fleet* const of = fleet.value().get();
  std::optional<CommandSettings> settings;
  if (verb == Verb::kStatus) {
    const Result<std::optional<CommandSettings>> now = of->Read();
    if (!now.ok()) return Fail(now.status());
    settings = now.value();
  } else {
    const Result<CommandSettings> now = of->Change([&](const Result<std::optional<CommandSettings>>& before) {
      return Changed(arguments, verb, scope.value(), before);
    });
    if (!now.ok()) {
      return now.status().code() == ErrorCode::kInvalidArgument ? Misuse(now.status()) : Fail(now.status());
    }
    settings = now.value();
  }
  if (!settings) {
    std::printf("every command is sent; nobody has ever said otherwise\n");
    return 0;
  }
  Print(*settings);
  (void)std::fflush(stdout);
  if (!of->running()) {
    std::printf("no starling-cloud runs on this folder; one that starts acts by it from its first record on\n");
    return 0;
  }
  const Result<bool> taken =
      AwaitTaken(of, *settings, verb == Verb::kStatus ? seconds(0) : seconds(arguments.wait_s));
  if (!taken.ok()) return Fail(taken.status());
  if (taken.value()) return 0;
  return Fail({ErrorCode::kUnavailable, "not every region's audit trail says that it acts by this; its gateway holds "
                                        "back what is stopped by region or kind all the same. Look at /readyz"});
}

}  // namespace

void AddSwitchCommands(CLI::App* program, std::vector<Subcommand>* commands) {
  // By itself it lists them: look_commands.cc.
  CLI::App* const group = program->add_subcommand("commands", "Stop what is sent to vehicles, or only look at it");
  group->require_subcommand(0, 1);
  const auto add = [&](const char* name, const char* help, Verb verb) {
    const auto arguments = std::make_shared<Arguments>();
    Arguments* const a = arguments.get();
    CLI::App* const command = group->add_subcommand(name, help);
    command->add_option("--data", a->data, "an orchestrator's folder; it may be running");
    command->add_option("--key-file", a->key_file, "the keys of that folder, where it is encrypted");
    AddKafkaOptions(command, &a->kafka, false);
    command->add_option("--regions", a->regions,
                        "N,N: whose audit trails are asked whether they act by it; 0, or with Kafka all that are owned")
        ->delimiter(',');
    if (verb != Verb::kStatus) {
      command->add_option("--region", a->region, "only commands of this region");
      command->add_option("--fleet", a->fleet, "only vehicles whose names begin with this");
      command->add_option("--area", a->area, "X,Y,COLUMNS,ROWS: only vehicles in these cells");
      command->add_option("--kind", a->kind, "only this kind; releases belong to avoidance")
          ->check(CLI::IsMember({"avoidance", "advice"}));
      command->add_option("--by", a->by, "who does it; without it your login's name");
      command->add_option("--reason", a->reason, "why, for the audit trail");
      command->add_option("--wait", a->wait_s, "seconds for every region to say that it acts by it")
          ->capture_default_str();
    }
    if (verb == Verb::kStart) command->add_flag("--all", a->all, "lift everything, whatever its scope");
    commands->push_back({command, [arguments, verb] { return Run(*arguments, verb); }});
  };
  add("stop", "Send nothing more; without a scope no command at all", Verb::kStop);
  add("shadow", "Decide and record, send nothing", Verb::kShadow);
  add("start", "Lift what was stopped by the very same scope; where nothing is, what is in shadow", Verb::kStart);
  add("status", "Print what is not sent, who said so, and which regions act by it", Verb::kStatus);
}

}  // namespace starling::cloud
