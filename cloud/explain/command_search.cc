#include "cloud/explain/command_search.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <functional>
#include <span>
#include <unordered_map>
#include <utility>

#include "schemas/log/commands_generated.h"

namespace starling::cloud {
namespace {

// Records looked at together; the next ones are twice as many, up to the second number.
constexpr std::uint64_t kBlock = 8'192;
constexpr std::uint64_t kBlockMax = 262'144;
// Of a list: looked at for commands, and beyond its first one for how they ended.
constexpr std::uint64_t kListRecordsMax = 20'000;
constexpr std::uint64_t kEndRecordsMax = 20'000;

// The record, if it is one.  An id is looked for in the bytes first: most records are of
// other commands, and need not be verified.
const log::Audit* Parse(const LogRecord& record) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(record.value.data());
  flatbuffers::Verifier verifier(bytes, record.value.size(), 8, 64);
  if (record.value.empty() || !log::VerifyAuditBuffer(verifier)) return nullptr;
  return log::GetAudit(bytes);
}

bool Mentions(const LogRecord& record, CommandId id) {
  static_assert(std::endian::native == std::endian::little);
  std::array<char, 8> wanted;
  const std::uint64_t number = ToNumber(id);
  std::memcpy(wanted.data(), &number, wanted.size());
  const auto* bytes = reinterpret_cast<const char*>(record.value.data());
  return std::string_view(bytes, record.value.size()).find({wanted.data(), wanted.size()}) != std::string_view::npos;
}

std::optional<FoundCommand> Begin(const LogRecord& record, const log::Audit& audit) {
  FoundCommand found;
  const wire::Command* command = nullptr;
  std::string_view name;
  if (const log::CommandIssued* issued = audit.body_as_CommandIssued()) {
    command = issued->command();
    name = issued->vehicle()->string_view();
    if (issued->reason() != nullptr) found.reason = issued->reason()->str();
  } else if (const log::CommandWithheld* withheld = audit.body_as_CommandWithheld()) {
    command = withheld->command();
    name = withheld->vehicle()->string_view();
    found.mode = withheld->mode();
  } else {
    return std::nullopt;
  }
  const Result<VehicleId> vehicle = VehicleId::Parse(name);
  if (!vehicle.ok()) return std::nullopt;
  found.vehicle = vehicle.value();
  found.command = DecodeCommand(*command);
  found.offset = record.offset;
  found.recorded = record.time;
  return found;
}

CommandEnd EndOf(const LogRecord& record, const log::CommandClosed& closed) {
  const wire::CommandStatus& status = *closed.status();
  return {record.time, closed.boot_id(), status.boot_time_ns(), status.outcome(), status.reason()};
}

// Visits [from, until).
Status ReadRange(const RecordSource& records, RegionId region, std::uint64_t from, std::uint64_t until,
                 const std::function<void(const LogRecord&)>& visit) {
  if (from >= until) return {};
  return records.Read(Topic::kCommands, Partition{ToNumber(region)}, Offset{from}, [&](const LogRecord& record) {
    if (ToNumber(record.offset) >= until) return false;
    visit(record);
    return ToNumber(record.offset) + 1 < until;
  });
}

// Visits the records of [first, until) in blocks, the last block first, until `enough`.
Status ReadBackwards(const RecordSource& records, RegionId region, std::uint64_t first, std::uint64_t until,
                     const std::function<void(const LogRecord&)>& visit, const std::function<bool()>& enough) {
  std::uint64_t size = kBlock;
  while (until > first && !enough()) {
    const std::uint64_t from = until - std::min(size, until - first);
    if (Status status = ReadRange(records, region, from, until, visit); !status.ok()) return status;
    until = from;
    size = std::min(size * 2, kBlockMax);
  }
  return {};
}

}  // namespace

std::string_view KindName(wire::CommandKind kind) {
  switch (kind) {
    case wire::CommandKind::SpeedAdvice: return "speed_advice";
    case wire::CommandKind::Avoidance: return "avoidance";
    case wire::CommandKind::Release: return "release";
    case wire::CommandKind::None: break;
  }
  return "none";
}

std::string_view OutcomeName(wire::CommandOutcome outcome) {
  switch (outcome) {
    case wire::CommandOutcome::Applied: return "applied";
    case wire::CommandOutcome::Superseded: return "superseded";
    case wire::CommandOutcome::Expired: return "expired";
    case wire::CommandOutcome::Rejected: return "rejected";
    case wire::CommandOutcome::Unknown: return "unknown";
    case wire::CommandOutcome::None: break;
  }
  return "none";
}

std::string_view FoundCommand::ending() const {
  if (mode == CommandMode::Shadow) return "shadow";
  if (mode == CommandMode::Stop) return "stopped";
  return end ? OutcomeName(end->outcome) : "open";
}

Status CommandFilter::Validate() const {
  constexpr std::array<std::string_view, 4> kKinds = {"", "avoidance", "speed_advice", "release"};
  constexpr std::array<std::string_view, 9> kEnds = {"",         "open",    "applied", "superseded", "expired",
                                                     "rejected", "unknown", "shadow",  "stopped"};
  if (!vehicle.empty() && !VehicleId::Parse(vehicle).ok()) {
    return {ErrorCode::kInvalidArgument, "vehicle: that is not a vehicle's name"};
  }
  if (std::ranges::find(kKinds, kind) == kKinds.end()) {
    return {ErrorCode::kInvalidArgument, "kind is one of avoidance, speed_advice and release"};
  }
  if (std::ranges::find(kEnds, end) == kEnds.end()) {
    return {ErrorCode::kInvalidArgument,
            "end is one of open, applied, superseded, expired, rejected, unknown, shadow and stopped"};
  }
  return {};
}

Result<std::optional<FoundCommand>> FindCommand(const RecordSource& records, RegionId region, CommandId id) {
  const Result<Log::Range> range = records.RangeOf(Topic::kCommands, Partition{ToNumber(region)});
  if (!range.ok()) return range.status();
  std::optional<FoundCommand> found;
  std::optional<CommandEnd> end;
  std::vector<CloudTime> again;          // in the order in which blocks are read
  const auto visit = [&](const LogRecord& record) {
    if (!Mentions(record, id)) return;
    const log::Audit* audit = Parse(record);
    if (audit == nullptr) return;
    if (const log::CommandClosed* closed = audit->body_as_CommandClosed()) {
      // The first one counts: what a shard cannot match it records each time that it is told.
      const bool earlier = !end || record.time < end->recorded;
      if (closed->status()->command_id() == ToNumber(id) && earlier) end = EndOf(record, *closed);
      return;
    }
    std::optional<FoundCommand> begin = Begin(record, *audit);
    // One that supersedes it mentions it, too.
    if (!begin || begin->command.fields.id != id) return;
    if (!found || begin->offset < found->offset) {
      if (found) again.push_back(found->recorded);
      found = std::move(begin);
    } else {
      again.push_back(begin->recorded);
    }
  };
  // A later owner's records of it follow within moments, so the first one is in the same block or the
  // one before it.
  bool beyond = false;
  const auto enough = [&] { return found.has_value() && std::exchange(beyond, true); };
  Status status = ReadBackwards(records, region, ToNumber(range.value().first), ToNumber(range.value().end), visit,
                                enough);
  if (!status.ok()) return status;
  if (!found) return std::optional<FoundCommand>();
  found->end = end;
  std::sort(again.begin(), again.end());
  found->again = std::move(again);
  return found;
}

Result<CommandPage> ListCommands(const RecordSource& records, RegionId region, const CommandFilter& filter,
                                 std::optional<Offset> before, std::size_t count) {
  const Result<Log::Range> range = records.RangeOf(Topic::kCommands, Partition{ToNumber(region)});
  if (!range.ok()) return range.status();
  const std::uint64_t first = ToNumber(range.value().first);
  const std::uint64_t end = ToNumber(range.value().end);
  const std::uint64_t until = std::clamp(before ? ToNumber(*before) : end, first, end);
  std::unordered_map<std::uint64_t, CommandEnd> ends;
  std::vector<FoundCommand> block;
  const auto visit = [&](const LogRecord& record) {
    const log::Audit* audit = Parse(record);
    if (audit == nullptr) return;
    if (const log::CommandClosed* closed = audit->body_as_CommandClosed()) {
      CommandEnd& known = ends.try_emplace(closed->status()->command_id(), EndOf(record, *closed)).first->second;
      if (record.time < known.recorded) known = EndOf(record, *closed);
    } else if (ToNumber(record.offset) < until) {
      if (std::optional<FoundCommand> begin = Begin(record, *audit)) block.push_back(std::move(*begin));
    }
  };
  if (Status status = ReadRange(records, region, until, std::min(end, until + kEndRecordsMax), visit); !status.ok()) {
    return status;
  }
  CommandPage page;
  std::uint64_t from = until;
  while (from > first && until - from < kListRecordsMax) {
    const std::uint64_t block_from = from - std::min<std::uint64_t>(2'048, from - first);
    block.clear();
    if (Status status = ReadRange(records, region, block_from, from, visit); !status.ok()) return status;
    from = block_from;
    for (auto command = block.rbegin(); command != block.rend(); ++command) {
      if (const auto known = ends.find(ToNumber(command->command.fields.id)); known != ends.end()) {
        command->end = known->second;
      }
      if (!filter.vehicle.empty() && command->vehicle.view() != filter.vehicle) continue;
      if (!filter.kind.empty() && KindName(command->command.request.kind) != filter.kind) continue;
      if (!filter.end.empty() && command->ending() != filter.end) continue;
      if (page.commands.size() >= std::max<std::size_t>(count, 1)) {
        page.next = Offset{ToNumber(page.commands.back().offset)};
        return page;
      }
      page.commands.push_back(std::move(*command));
    }
  }
  if (from > first) page.next = Offset{from};
  return page;
}

Result<std::optional<CommandSettings>> SettingsBefore(const RecordSource& records, RegionId region, Offset before) {
  const Result<Log::Range> range = records.RangeOf(Topic::kCommands, Partition{ToNumber(region)});
  if (!range.ok()) return range.status();
  std::optional<CommandSettings> settings;
  const auto visit = [&](const LogRecord& record) {
    // Keyed so that no vehicle has that name.
    if (record.key.size() != 1 || record.key.front() != std::byte{'*'}) return;
    const log::Audit* audit = Parse(record);
    const log::CommandSettingsTaken* taken = audit == nullptr ? nullptr : audit->body_as_CommandSettingsTaken();
    if (taken == nullptr) return;
    Result<CommandSettings> unpacked = UnpackCommandSettings(*taken->settings());
    if (unpacked.ok()) settings = std::move(unpacked).value();
  };
  Status status = ReadBackwards(records, region, ToNumber(range.value().first),
                                std::min(ToNumber(before), ToNumber(range.value().end)), visit,
                                [&] { return settings.has_value(); });
  if (!status.ok()) return status;
  return settings;
}

}  // namespace starling::cloud
