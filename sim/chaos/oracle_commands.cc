// What the oracle asks of commands: none late, none twice, each with one true end.
#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <utility>

#include "schemas/log/commands_generated.h"
#include "schemas/log/telemetry_generated.h"
#include "sim/chaos/oracle.h"

namespace starling::sim {
namespace {

using cloud::LogRecord;
using cloud::Offset;
using cloud::Topic;
using wire::CommandOutcome;

struct Issue {
  std::uint32_t region = 0;
  std::uint64_t epoch = 0;
  std::uint8_t kind = 0;
  std::uint64_t episode = 0;
  BootId boot{};
  BootTime expires;
  CloudTime recorded;
};

struct End {
  CommandOutcome outcome{};
  BootId boot{};
};

// What the audit trail says of one command, and what happened.
struct Story {
  std::vector<Issue> issues;
  std::vector<End> ends;
  std::vector<const HandedOver*> handed_over;
  const ClosedOnVehicle* closed = nullptr;
};
using Key = std::pair<VehicleId, std::uint64_t>;
using Stories = std::map<Key, Story>;

std::string NameOf(const Key& key) {
  return key.first.ToString() + " command " + std::to_string(key.second);
}

void ReadAuditTrail(const Evidence& evidence, Stories* stories, Judgement* judgement) {
  const auto take = [&](const LogRecord& record) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(record.value.data());
    flatbuffers::Verifier verifier(bytes, record.value.size(), 8, 64);
    const bool audit = !record.value.empty() && log::VerifyAuditBuffer(verifier);
    const log::CommandIssued* issued = audit ? log::GetAudit(bytes)->body_as_CommandIssued() : nullptr;
    const log::CommandClosed* closed = audit ? log::GetAudit(bytes)->body_as_CommandClosed() : nullptr;
    const auto name = issued != nullptr   ? issued->vehicle()->string_view()
                      : closed != nullptr ? closed->vehicle()->string_view()
                                          : std::string_view();
    const Result<VehicleId> vehicle = VehicleId::Parse(name);
    if (!vehicle.ok()) {
      judgement->Add(FindingKind::kUnreadable,
                     "commands, offset " + std::to_string(ToNumber(record.offset)) + ": no audit record");
    } else if (issued != nullptr) {
      const wire::Command& command = *issued->command();
      (*stories)[{vehicle.value(), command.command_id()}].issues.push_back(
          {command.region(), command.epoch(), static_cast<std::uint8_t>(command.kind()),
           command.episode_id(), BootId{command.boot_id()},
           BootTimeFromNs(command.expires_boot_time_ns()), record.time});
    } else {
      (*stories)[{vehicle.value(), closed->status()->command_id()}].ends.push_back(
          {closed->status()->outcome(), BootId{closed->boot_id()}});
    }
    return true;
  };
  for (const cloud::Partition region : evidence.regions) {
    const Status status = evidence.log->Read(Topic::kCommands, region, Offset{0}, take);
    if (!status.ok()) judgement->Add(FindingKind::kUnreadable, "commands: " + std::string(status.message()));
  }
}

void ReadJournals(const Evidence& evidence, Stories* stories) {
  for (const Drive& drive : evidence.drives) {
    for (const VehicleBoot& boot : drive.journal.boots) {
      for (const HandedOver& handed : boot.handed_over) {
        (*stories)[{boot.vehicle, ToNumber(handed.command)}].handed_over.push_back(&handed);
      }
      for (const ClosedOnVehicle& closed : boot.closed) {
        Story& story = (*stories)[{boot.vehicle, ToNumber(closed.command)}];
        // Refused once for a boot it was not for, it may be asked again: what was done counts.
        if (story.closed == nullptr ||
            static_cast<CommandOutcome>(closed.outcome) == CommandOutcome::Applied) {
          story.closed = &closed;
        }
      }
    }
  }
}

void ExamineHandOver(const Key& key, const Story& story, Judgement* judgement) {
  if (story.handed_over.size() > 1) {
    judgement->Add(FindingKind::kCommandTwice, NameOf(key) + " was handed over " +
                                                   std::to_string(story.handed_over.size()) + " times");
  }
  for (const HandedOver* handed : story.handed_over) {
    ++judgement->commands_handed_over;
    // The lease that the cloud gave, not the one that the vehicle says it had.
    const auto same = [&](const Issue& issue) {
      return issue.region == ToNumber(handed->region) && issue.kind == handed->kind &&
             issue.episode == ToNumber(handed->episode) && issue.expires == handed->expires;
    };
    if (std::none_of(story.issues.begin(), story.issues.end(), same)) {
      judgement->Add(FindingKind::kCommandUnheardOf,
                     NameOf(key) + " was handed over; the audit trail " +
                         (story.issues.empty() ? "does not know it" : "knows another one by this id"));
    }
    if (handed->handed_over > handed->expires) {
      judgement->Add(FindingKind::kCommandLate,
                     NameOf(key) + " was handed over " +
                         std::to_string(ToSeconds(handed->handed_over - handed->expires)) +
                         " s after its lease had ended");
    }
  }
}

void ExamineEnd(const Key& key, const Story& story, bool boot_is_over, bool may_be_open, CloudTime drained,
                Judgement* judgement) {
  if (story.ends.empty()) {
    if (!may_be_open) {
      judgement->Add(FindingKind::kCommandOpen,
                     NameOf(key) + " has no terminal status; it was recorded as issued " +
                         std::to_string(ToSeconds(drained - story.issues.front().recorded)) +
                         " s before the vehicles had drained");
    }
    return;
  }
  if (story.ends.size() > 1) {
    judgement->Add(FindingKind::kStatusTwice,
                   NameOf(key) + " has " + std::to_string(story.ends.size()) + " terminal statuses");
  }
  const CommandOutcome said = story.ends.front().outcome;
  if (static_cast<std::size_t>(said) < judgement->outcomes.size()) {
    ++judgement->outcomes[static_cast<std::size_t>(said)];
  }
  if (said == CommandOutcome::Unknown) {
    if (!boot_is_over) {
      judgement->Add(FindingKind::kUnknownUncalledFor,
                     NameOf(key) + " ended as unknown, and its vehicle has not rebooted");
    }
    return;
  }
  const bool handed_over = !story.handed_over.empty();
  if ((said == CommandOutcome::Applied) != handed_over ||
      (story.closed != nullptr && static_cast<CommandOutcome>(story.closed->outcome) != said)) {
    judgement->Add(FindingKind::kStatusUntrue,
                   NameOf(key) + " ended as " + wire::EnumNameCommandOutcome(said) + "; it was " +
                       (handed_over ? "" : "not ") + "handed over, and the vehicle said " +
                       (story.closed == nullptr ? "nothing"
                                                : wire::EnumNameCommandOutcome(static_cast<CommandOutcome>(
                                                      story.closed->outcome))));
  }
}

// Longest times without a fix in the log and without a hand-over, in the last drive.
void MeasurePauses(const Evidence& evidence, Judgement* judgement) {
  if (evidence.drives.empty()) return;
  const Drive& last = evidence.drives.back();
  std::vector<CloudTime> hand_overs;
  for (const VehicleBoot& boot : last.journal.boots) {
    for (const HandedOver& handed : boot.handed_over) hand_overs.push_back(handed.at);
  }
  std::sort(hand_overs.begin(), hand_overs.end());
  for (std::size_t i = 1; i < hand_overs.size(); ++i) {
    judgement->commands_pause = std::max(judgement->commands_pause, hand_overs[i] - hand_overs[i - 1]);
  }
  std::set<std::uint64_t> boots;
  for (const VehicleBoot& boot : last.journal.boots) boots.insert(ToNumber(boot.boot));
  std::vector<CloudTime> fixes;
  for (const cloud::Partition region : evidence.regions) {
    // A partition that cannot be read is the finding of who replays it.
    static_cast<void>(evidence.log->Read(Topic::kTelemetry, region, Offset{0}, [&](const LogRecord& record) {
      const auto* bytes = reinterpret_cast<const std::uint8_t*>(record.value.data());
      flatbuffers::Verifier verifier(bytes, record.value.size(), 8, 256);
      if (record.value.empty() || !log::VerifyTelemetryBuffer(verifier)) return true;
      const log::Fix* fix = log::GetTelemetry(bytes)->body_as_Fix();
      if (fix != nullptr && boots.contains(fix->boot_id())) fixes.push_back(record.time);
      return true;
    }));
  }
  std::sort(fixes.begin(), fixes.end());
  for (std::size_t i = 1; i < fixes.size(); ++i) {
    judgement->fixes_pause = std::max(judgement->fixes_pause, fixes[i] - fixes[i - 1]);
  }
}

}  // namespace

void ExamineCommands(const Evidence& evidence, Judgement* judgement) {
  Stories stories;
  ReadAuditTrail(evidence, &stories, judgement);
  ReadJournals(evidence, &stories);

  // The newest boot of each vehicle: every other one is over.
  std::map<VehicleId, BootId> newest;
  for (const Drive& drive : evidence.drives) {
    for (const VehicleBoot& boot : drive.journal.boots) newest[boot.vehicle] = boot.boot;
  }
  CloudTime drained{};
  if (!evidence.drives.empty() && evidence.drives.back().journal.drained != CloudTime{}) {
    drained = evidence.drives.back().journal.drained + evidence.drives.back().clock_step;
  }
  for (const auto& [key, story] : stories) {
    ExamineHandOver(key, story, judgement);
    if (story.issues.empty()) {
      if (!story.ends.empty()) {
        judgement->Add(FindingKind::kCommandUnheardOf,
                       NameOf(key) + " has a terminal status, and was never issued");
      }
      continue;
    }
    ++judgement->commands_issued;
    judgement->commands_issued_again += story.issues.size() - 1;
    const Issue& issue = story.issues.front();
    const auto vehicle = newest.find(key.first);
    const bool boot_is_over = vehicle == newest.end() || vehicle->second != issue.boot;
    // The shard goes on when the vehicles have left, and they cannot say any more.  Its input
    // may be older: what it reads late it decides late.
    const bool may_be_open = !boot_is_over && drained != CloudTime{} && issue.recorded >= drained;
    ExamineEnd(key, story, boot_is_over, may_be_open, drained, judgement);
  }
  MeasurePauses(evidence, judgement);
}

}  // namespace starling::sim
