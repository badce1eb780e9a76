#include "cloud/dispatch/settings_change.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "cloud/dispatch/ownership_book.h"

namespace starling::cloud {
namespace {

// Who else changes the settings at the same time is overtaken within these.
constexpr int kTriesMax = 10;
constexpr milliseconds kDurablePoll{5};

// A version is a time, so that it is above those of a topic or a folder that was lost: a
// shard whose state has outlived these takes it all the same.
std::uint64_t NextVersion(const std::optional<CommandSettings>& before, CloudTime now) {
  const auto at = static_cast<std::uint64_t>(ToNs(now));
  return before ? std::max(before->version + 1, at) : at;
}

// `start` lifts the stricter of what is there by that scope: a shadow outlasts the stop that came on top of it.
std::size_t Lift(const CommandScope& scope, std::vector<CommandRule>* rules) {
  CommandMode strictest = CommandMode::Send;
  for (const CommandRule& rule : *rules) {
    if (rule.scope == scope) strictest = std::max(strictest, rule.mode);
  }
  return std::erase_if(*rules, [&](const CommandRule& rule) { return rule.scope == scope && rule.mode == strictest; });
}

}  // namespace

Result<CommandSettings> Changed(const SettingsChange& change, const Result<std::optional<CommandSettings>>& known,
                                CloudTime now) {
  using Verb = SettingsChange::Verb;
  if (change.all && (change.verb != Verb::kStart || change.scope != CommandScope())) {
    return Status(ErrorCode::kInvalidArgument, "all lifts every rule; a scope beside it says something else");
  }
  const bool stops_all = change.verb == Verb::kStop && change.scope == CommandScope();
  if (!known.ok() && !stops_all) return known.status();
  const std::optional<CommandSettings> before = known.ok() ? known.value() : std::nullopt;
  CommandSettings settings;
  if (before) settings.rules = before->rules;
  settings.version = NextVersion(before, now);
  settings.by = change.by;
  settings.reason = change.reason;
  settings.set_ns = ToNs(now);
  const CommandMode mode = change.verb == Verb::kStop ? CommandMode::Stop : CommandMode::Shadow;
  if (change.verb == Verb::kStart) {
    if (change.all) {
      settings.rules.clear();
    } else if (Lift(change.scope, &settings.rules) == 0) {
      return Status(ErrorCode::kInvalidArgument, change.scope.ToText() +
                                                     ": nothing is stopped or in shadow by that; "
                                                     "`starling commands status` shows what is");
    }
  } else {
    std::erase_if(settings.rules,
                  [&](const CommandRule& rule) { return rule.scope == change.scope && rule.mode == mode; });
    settings.rules.push_back({mode, change.scope, settings.by, settings.reason, settings.set_ns});
    const bool all_stopped = std::any_of(settings.rules.begin(), settings.rules.end(), [](const CommandRule& rule) {
      return rule.mode == CommandMode::Stop && rule.scope == CommandScope();
    });
    if (settings.rules.size() >= CommandSettings::kRulesMax && !all_stopped) {
      return Status(ErrorCode::kInvalidArgument,
                    "there are " + std::to_string(CommandSettings::kRulesMax - 1) +
                        " rules, and one more is kept free for stopping everything; lift some with `starling commands start`");
    }
  }
  if (Status status = settings.Validate(); !status.ok()) return status;
  return settings;
}

Result<CommandSettings> ChangeInTopic(Log* log, const SettingsChange& change, seconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  OwnershipBook first(nullptr);
  if (Status status = first.ReadAll(*log); !status.ok()) return status;
  std::optional<CommandSettings> before = first.command_settings();
  for (int tries = 0; tries < kTriesMax; ++tries) {
    Result<CommandSettings> after = Changed(change, before, CloudNow());
    if (!after.ok()) return after.status();
    const WishRecord wish = MakeCommandSettingsWish(after.value());
    const auto ticket = log->Append(Topic::kOwnership, Partition{0}, std::as_bytes(std::span(wish.key)), wish.value);
    if (!ticket.ok()) return ticket.status();
    while (log->durable() < ticket.value()) {
      if (Status status = log->status(); !status.ok()) return status;
      if (std::chrono::steady_clock::now() > deadline) {
        return Status(ErrorCode::kUnavailable, "the brokers have not taken it within " +
                                                   std::to_string(patience.count()) + " s; it may take effect yet");
      }
      std::this_thread::sleep_for(kDurablePoll);
    }
    OwnershipBook book(nullptr);
    if (Status status = book.ReadAll(*log); !status.ok()) return status;
    const bool taken = book.command_settings() == after.value();
    if (taken && book.replaced_command_settings() == before) return after;
    std::optional<CommandSettings> others = taken ? book.replaced_command_settings() : book.command_settings();
    // Newer than what is in force, which lacks what the other one did.
    if (others && taken) others->version = after.value().version;
    before = std::move(others);
  }
  return Status(ErrorCode::kUnavailable, "others change the settings all the time; look at `starling commands status`");
}

}  // namespace starling::cloud
