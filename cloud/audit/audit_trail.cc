#include "cloud/audit/audit_trail.h"

#include <array>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <unordered_map>
#include <vector>

#include "cloud/shard/command_settings.h"
#include "schemas/log/commands_generated.h"

namespace starling::cloud {
namespace {

struct Row {
  CloudTime issued;
  std::uint64_t id = 0;
  std::uint64_t epoch = 0;
  std::string kind;
  std::string what;
  std::string cause;
  std::string outcome = "open";
  CloudTime closed;
};

std::string TimeText(CloudTime time) {
  const auto whole = std::chrono::floor<seconds>(time.time_since_epoch());
  const auto unix_time = static_cast<std::time_t>(whole.count());
  std::tm utc{};
  ::gmtime_r(&unix_time, &utc);
  std::array<char, 32> day{};
  std::strftime(day.data(), day.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  const auto ms = std::chrono::duration_cast<milliseconds>(time.time_since_epoch() - whole);
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%s.%03dZ", day.data(), static_cast<int>(ms.count()));
  return text.data();
}

std::string WhatOf(const wire::Command& command) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "<= %.1f m/s at %.1f m/s2", command.speed_ceiling_cmps() * 0.01,
                command.decel_cmps2() * 0.01);
  return command.kind() == wire::CommandKind::Release ? "" : text.data();
}

// `reason`: an operator's, or null.
Row RowOf(const wire::Command& command, const flatbuffers::String* reason, CloudTime issued) {
  Row row;
  row.issued = issued;
  row.id = command.command_id();
  row.epoch = command.epoch();
  row.kind = wire::EnumNameCommandKind(command.kind());
  row.what = WhatOf(command);
  if (command.cause_sequence() != 0 && command.cause_vehicle() != nullptr) {
    row.cause = command.cause_vehicle()->str() + " #" + std::to_string(command.cause_sequence());
  }
  if (command.issuer() != nullptr) {
    row.cause = command.issuer()->str() + (reason == nullptr ? "" : ": " + reason->str());
  }
  return row;
}

// One line for people: what is not sent from there on.
std::string WhatOf(const log::CommandSettings& settings) {
  if (settings.rules()->size() == 0) return "all are sent";
  const Result<CommandSettings> unpacked = UnpackCommandSettings(settings);
  if (!unpacked.ok()) return "unreadable";
  std::string text;
  for (const CommandRule& rule : unpacked.value().rules) {
    text += (text.empty() ? "" : "; ") + std::string(rule.mode == CommandMode::Stop ? "stopped: " : "in shadow: ") +
            rule.scope.ToText();
  }
  return text;
}

Row RowOf(const log::CommandSettings& settings, CloudTime issued) {
  Row row;
  row.issued = issued;
  row.kind = "Settings";
  row.what = WhatOf(settings);
  if (settings.by() != nullptr) row.cause = settings.by()->str();
  if (settings.reason() != nullptr && settings.reason()->size() > 0) row.cause += ": " + settings.reason()->str();
  row.outcome.clear();
  return row;
}

std::string Line(const std::array<std::string, 7>& fields) {
  constexpr std::array<std::size_t, 6> kWidths = {24, 20, 5, 12, 26, 32};
  std::string line;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    // A column of numbers stands on the right.
    const std::size_t width = i < kWidths.size() ? kWidths[i] : 0;
    const std::string padding(width > fields[i].size() ? width - fields[i].size() : 0, ' ');
    line += (i == 2 ? padding + fields[i] : fields[i] + padding) + (i + 1 < fields.size() ? "  " : "\n");
  }
  return line;
}

}  // namespace

Result<std::string> AuditTable(const ReadRecords& read, const VehicleId& vehicle) {
  std::vector<Row> rows;
  std::unordered_map<std::uint64_t, std::size_t> open;  // by command id: its last row
  std::uint64_t issued_count = 0;
  std::uint64_t withheld_count = 0;
  std::uint64_t unreadable = 0;
  std::uint64_t unmatched = 0;
  std::vector<std::uint64_t> aligned;
  const Status status = read([&](const LogRecord& record) {
    aligned.assign((record.value.size() + 7) / 8, 0);
    if (!record.value.empty()) std::memcpy(aligned.data(), record.value.data(), record.value.size());
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(aligned.data());
    flatbuffers::Verifier verifier(bytes, record.value.size(), 8, 64);
    if (record.value.empty() || !log::VerifyAuditBuffer(verifier)) {
      ++unreadable;
      return true;
    }
    const log::Audit& audit = *log::GetAudit(bytes);
    if (const log::CommandIssued* issued = audit.body_as_CommandIssued()) {
      if (issued->vehicle()->string_view() != vehicle.view()) return true;
      open[issued->command()->command_id()] = rows.size();
      rows.push_back(RowOf(*issued->command(), issued->reason(), record.time));
      ++issued_count;
    } else if (const log::CommandWithheld* withheld = audit.body_as_CommandWithheld()) {
      if (withheld->vehicle()->string_view() != vehicle.view()) return true;
      Row row = RowOf(*withheld->command(), withheld->reason(), record.time);
      row.outcome = withheld->mode() == log::CommandMode::Stop ? "not sent: stopped" : "not sent: shadow";
      rows.push_back(std::move(row));
      ++withheld_count;
    } else if (const log::CommandRefused* refused = audit.body_as_CommandRefused()) {
      if (refused->vehicle()->string_view() != vehicle.view()) return true;
      Row row;
      row.issued = record.time;
      row.id = refused->command_id();
      row.kind = "Refused";
      row.cause = refused->by()->str() + (refused->reason() == nullptr ? "" : ": " + refused->reason()->str());
      row.outcome = std::string("not sent: ") + log::EnumNameRefusal(refused->why());
      rows.push_back(std::move(row));
    } else if (const log::CommandSettingsTaken* taken = audit.body_as_CommandSettingsTaken()) {
      rows.push_back(RowOf(*taken->settings(), record.time));
    } else if (const log::CommandClosed* closed = audit.body_as_CommandClosed()) {
      if (closed->vehicle()->string_view() != vehicle.view()) return true;
      const auto found = open.find(closed->status()->command_id());
      if (found == open.end()) {
        ++unmatched;
        return true;
      }
      Row& row = rows[found->second];
      row.closed = record.time;
      row.outcome = wire::EnumNameCommandOutcome(closed->status()->outcome());
      if (closed->status()->outcome() == wire::CommandOutcome::Rejected) {
        row.outcome += std::string(" (") + wire::EnumNameRejectReason(closed->status()->reason()) + ")";
      }
    }
    return true;
  });
  if (!status.ok()) return status;
  std::string table = Line({"issued", "command", "epoch", "kind", "what", "because of", "ended as"});
  for (const Row& row : rows) {
    const std::string took =
        row.closed == CloudTime()
            ? ""
            : " after " + std::to_string(std::chrono::duration_cast<milliseconds>(row.closed - row.issued).count()) +
                  " ms";
    table += Line({TimeText(row.issued), row.id == 0 ? "" : std::to_string(row.id),
                   row.id == 0 ? "" : std::to_string(row.epoch), row.kind, row.what, row.cause, row.outcome + took});
  }
  table += std::to_string(issued_count) + " commands to " + vehicle.ToString() + "\n";
  if (withheld_count > 0) table += std::to_string(withheld_count) + " more were decided and not sent\n";
  if (unmatched > 0) table += std::to_string(unmatched) + " statuses of commands that are no longer retained\n";
  if (unreadable > 0) table += std::to_string(unreadable) + " records that cannot be read\n";
  return table;
}

}  // namespace starling::cloud
