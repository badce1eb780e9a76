#include "cloud/roles/command_switch.h"

#include <chrono>
#include <cstdio>
#include <utility>

#include "cloud/dispatch/ownership_book.h"
#include "cloud/dispatch/settings_file.h"

namespace starling::cloud {
namespace {

// The file is looked at this often, and a log without room is tried again after as long.
// A tenth of what an operator is promised.
constexpr milliseconds kLookInterval{100};

void Say(const CommandSettings& settings) {
  std::string text = "starling-cloud: commands, by " + (settings.by.empty() ? "nobody named" : settings.by) +
                     (settings.reason.empty() ? "" : " (" + settings.reason + ")") + ":";
  if (settings.rules.empty()) text += " all are sent";
  for (const CommandRule& rule : settings.rules) {
    text += (&rule == &settings.rules.front() ? " " : "; ") +
            std::string(rule.mode == CommandMode::Stop ? "stopped: " : "in shadow: ") + rule.scope.ToText();
  }
  std::fprintf(stderr, "%s\n", text.c_str());
}

}  // namespace

Status CommandSwitch::ReadNow() {
  if (!engine_->is_kafka()) {
    const Result<std::optional<CommandSettings>> settings = ReadCommandSettings(file_);
    if (!settings.ok()) return settings.status();
    if (settings.value()) Take(*settings.value());
    return {};
  }
  OwnershipBook book(nullptr);
  if (Status status = book.ReadAll(*engine_->log()); !status.ok()) return status;
  if (const std::optional<CommandSettings> settings = book.command_settings()) Take(*settings);
  return {};
}

Status CommandSwitch::Start(std::vector<RegionId> regions, CommandGate* gate) {
  {
    const std::lock_guard lock(mutex_);
    regions_ = std::move(regions);
    gate_ = gate;
    if (gate_ != nullptr && newest_) gate_->SetSettings(*newest_);
  }
  if (Status status = ReadNow(); !status.ok()) return status;
  std::optional<CommandSettings> settings;
  {
    const std::lock_guard lock(mutex_);
    settings = newest_;
  }
  if (settings) {
    // Again at each start: a shard ignores what it has, and one whose state is lost learns it.
    if (Status status = Announce(*settings); !status.ok()) return status;
  }
  thread_ = std::jthread([this](const std::stop_token& stop) { Work(stop); });
  return {};
}

void CommandSwitch::Stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void CommandSwitch::Take(const CommandSettings& settings) {
  {
    const std::lock_guard lock(mutex_);
    if (newest_ && settings.version <= newest_->version) return;
    newest_ = settings;
    if (gate_ != nullptr) gate_->SetSettings(settings);
  }
  Say(settings);
  wakeup_.notify_one();
}

Status CommandSwitch::Announce(const CommandSettings& settings) {
  for (const RegionId region : regions_) {
    const Result<Ticket> ticket = engine_->log()->Append(Topic::kTelemetry, Partition{ToNumber(region)}, {},
                                                         CommandSettingsRecord(settings, region));
    if (!ticket.ok()) return ticket.status();
  }
  const std::lock_guard lock(mutex_);
  announced_ = settings.version;
  return {};
}

void CommandSwitch::FollowFile() {
  const Result<std::optional<CommandSettings>> settings = ReadCommandSettings(file_);
  std::string complaint;
  if (!settings.ok()) {
    complaint = settings.status().message();
  } else if (settings.value()) {
    Take(*settings.value());
  }
  if (!complaint.empty() && complaint != complaint_) {
    std::fprintf(stderr, "starling-cloud: %s; what is stopped stays as it was\n", complaint.c_str());
  }
  complaint_ = std::move(complaint);
}

void CommandSwitch::Work(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    if (!engine_->is_kafka()) FollowFile();
    std::optional<CommandSettings> due;
    {
      const std::lock_guard lock(mutex_);
      if (newest_ && newest_->version > announced_) due = newest_;
    }
    // A log that has no room, or no broker, is asked again; until then the gate holds.
    if (due) (void)Announce(*due);
    std::unique_lock lock(mutex_);
    wakeup_.wait_for(lock, stop, kLookInterval, [this, &due] {
      return newest_ && newest_->version > announced_ && (!due || newest_->version > due->version);
    });
  }
}

void CommandSwitch::AppendFigures(std::vector<Figure>* figures) const {
  std::size_t rules = 0;
  bool waiting = false;
  std::uint64_t held_back = 0;
  {
    const std::lock_guard lock(mutex_);
    if (gate_ != nullptr) held_back = gate_->held_back();
    rules = newest_ ? newest_->rules.size() : 0;
    waiting = newest_ && newest_->version > announced_;
  }
  const auto gauge = [figures](std::string_view name, double value, std::string_view help) {
    figures->push_back({"commands", name, help, FigureKind::kGauge, value});
  };
  gauge("rules", static_cast<double>(rules), "Rules by which commands are stopped, or in shadow");
  gauge("unannounced", waiting ? 1 : 0, "1: the log has had no room yet for the newest of them");
  figures->push_back({"commands", "held_back", "Commands that the gate held back before the shard knew",
                      FigureKind::kCounter, static_cast<double>(held_back)});
}

}  // namespace starling::cloud
