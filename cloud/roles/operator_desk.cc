#include "cloud/roles/operator_desk.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

#include "cloud/dispatch/ownership_book.h"
#include "cloud/dispatch/settings_file.h"
#include "schemas/log/commands_generated.h"

namespace starling::cloud {
namespace {

constexpr std::size_t kSentMax = 1'024;
// So far back in the trail is looked for a command that is not known here.
constexpr std::uint64_t kLookBack = 4'096;
constexpr std::size_t kRecordsPerLookMax = 50'000;
constexpr seconds kTopicPatience{2};

void Note(const log::Audit& audit, CommandId id, CommandFate* fate) {
  using Stage = CommandFate::Stage;
  const std::uint64_t number = ToNumber(id);
  if (const log::CommandIssued* issued = audit.body_as_CommandIssued()) {
    // A new owner issues open ones again; what was said of it stays said.
    if (issued->command()->command_id() == number && fate->stage == Stage::kTaken) fate->stage = Stage::kIssued;
  } else if (const log::CommandWithheld* withheld = audit.body_as_CommandWithheld()) {
    if (withheld->command()->command_id() != number || fate->stage == Stage::kClosed) return;
    fate->stage = Stage::kWithheld;
    fate->mode = withheld->mode();
  } else if (const log::CommandRefused* refused = audit.body_as_CommandRefused()) {
    if (refused->command_id() != number || fate->stage != Stage::kTaken) return;
    fate->stage = Stage::kRefused;
    fate->refusal = refused->why();
  } else if (const log::CommandClosed* closed = audit.body_as_CommandClosed()) {
    if (closed->status()->command_id() != number) return;
    fate->stage = Stage::kClosed;
    fate->outcome = closed->status()->outcome();
    fate->reject = closed->status()->reason();
  }
}

void Say(const OperatorCommand& command) {
  std::fprintf(stderr, "starling-cloud: %s commands %s: %s, %.2f m/s at %.2f m/s2 for %lld ms (%s)\n",
               command.by.c_str(), command.vehicle.ToString().c_str(), wire::EnumNameCommandKind(command.kind),
               command.speed_ceiling_cmps * 0.01, command.decel_cmps2 * 0.01,
               static_cast<long long>(command.lease.count()), command.reason.c_str());
}

}  // namespace

OperatorDesk::Sent* OperatorDesk::Find(CommandId id) {
  const auto found = std::find_if(sent_.begin(), sent_.end(), [id](const Sent& sent) { return sent.id == id; });
  return found == sent_.end() ? nullptr : &*found;
}

Result<std::optional<RegionId>> OperatorDesk::RegionOf(const VehicleId& vehicle) const {
  if (shards_->empty()) {
    return Status(ErrorCode::kUnavailable, "this process is a gateway; ask one of --role shard");
  }
  for (const auto& shard : *shards_) {
    const Result<bool> owns = shard->Ask<bool>([vehicle](const Shard& asked) { return asked.Owns(vehicle); });
    if (!owns.ok()) return owns.status();
    if (owns.value()) return std::optional(shard->region());
  }
  return std::optional<RegionId>();
}

Status OperatorDesk::Follow(Sent* sent) const {
  std::size_t read = 0;
  std::vector<std::uint64_t> aligned;
  return engine_->log()->Read(
      Topic::kCommands, Partition{ToNumber(sent->fate.region)}, sent->next, [&](const LogRecord& record) {
        sent->next = Offset{static_cast<std::uint64_t>(record.offset) + 1};
        aligned.assign(record.value.size() / 8 + 1, 0);
        if (!record.value.empty()) std::memcpy(aligned.data(), record.value.data(), record.value.size());
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(aligned.data());
        flatbuffers::Verifier verifier(bytes, record.value.size(), 8, 64);
        if (log::VerifyAuditBuffer(verifier)) Note(*log::GetAudit(bytes), sent->id, &sent->fate);
        return ++read < kRecordsPerLookMax;
      });
}

Result<std::optional<CommandFate>> OperatorDesk::Command(const OperatorCommand& command) {
  if (Sent* const known = Find(command.Id())) {
    if (Status status = Follow(known); !status.ok()) return status;
    return std::optional(known->fate);
  }
  const Result<std::optional<RegionId>> region = RegionOf(command.vehicle);
  if (!region.ok()) return region.status();
  if (!region.value()) return std::optional<CommandFate>();
  const Partition partition{ToNumber(*region.value())};
  const Result<Log::Range> trail = engine_->log()->QueryRange(Topic::kCommands, partition);
  if (!trail.ok()) return trail.status();
  const auto first = static_cast<std::uint64_t>(trail.value().first);
  const auto end = static_cast<std::uint64_t>(trail.value().end);
  Sent sent;
  sent.id = command.Id();
  sent.fate.region = *region.value();
  sent.next = Offset{end - std::min(end - first, kLookBack)};
  if (Status status = Follow(&sent); !status.ok()) return status;
  if (sent.fate.stage == CommandFate::Stage::kTaken) {
    const Result<Ticket> ticket =
        engine_->log()->Append(Topic::kTelemetry, partition, {}, OperatorCommandRecord(command, *region.value()));
    if (!ticket.ok()) return ticket.status();
    Say(command);
  }
  if (sent_.size() >= kSentMax) sent_.pop_front();
  sent_.push_back(sent);
  return std::optional(sent.fate);
}

Result<std::optional<CommandSettings>> OperatorDesk::Settings() {
  if (!engine_->is_kafka()) return ReadCommandSettings(file_);
  OwnershipBook book(nullptr);
  if (Status status = book.ReadAll(*engine_->log()); !status.ok()) return status;
  return book.command_settings();
}

Result<CommandSettings> OperatorDesk::ChangeSettings(const SettingsChange& change) {
  Result<CommandSettings> settings =
      engine_->is_kafka()
          ? ChangeInTopic(engine_->log(), change, kTopicPatience)
          : ChangeCommandSettings(file_, [&change](const Result<std::optional<CommandSettings>>& known) {
              return Changed(change, known, CloudNow());
            });
  // Here at once; elsewhere by the topic.
  if (settings.ok()) switch_->Take(settings.value());
  return settings;
}

}  // namespace starling::cloud
