#include "cloud/explain/record_json.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "cloud/explain/command_search.h"
#include "schemas/log/commands_generated.h"
#include "schemas/log/conflicts_generated.h"
#include "schemas/log/dead_letter_generated.h"
#include "schemas/log/dispatch_generated.h"
#include "schemas/log/heatmap_generated.h"
#include "schemas/log/history_generated.h"
#include "schemas/log/ownership_generated.h"
#include "schemas/log/telemetry_generated.h"

namespace starling::cloud {
namespace {

namespace json = boost::json;

json::string_view Text(std::string_view text) { return {text.data(), text.size()}; }
json::value Text(const flatbuffers::String* text) {
  if (text == nullptr) return nullptr;
  return json::string(Text(text->string_view()));
}
template <typename T>
json::value Id(T number) {
  return json::string(std::to_string(number));
}

// Records hold what vehicles said, so each is verified as if nobody had.
template <typename Table>
const Table* Parse(const LogRecord& record) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(record.value.data());
  flatbuffers::Verifier verifier(bytes, record.value.size(), 8, 1'000);
  if (record.value.empty() || !verifier.VerifyBuffer<Table>(nullptr)) return nullptr;
  return flatbuffers::GetRoot<Table>(bytes);
}

json::object FixJson(const log::Fix& record) {
  const wire::Fix& fix = *record.fix();
  json::object value;
  value["vehicle"] = Text(record.vehicle());
  value["boot_id"] = Id(record.boot_id());
  value["sequence"] = fix.sequence();
  value["lat_deg"] = fix.lat_e7() * 1e-7;
  value["lon_deg"] = fix.lon_e7() * 1e-7;
  value["heading_deg"] = fix.heading() * (360.0 / 65'536);
  value["speed_mps"] = fix.speed_cmps() * 0.01;
  value["accel_mps2"] = fix.accel_cmps2() * 0.01;
  value["accuracy_m"] = fix.accuracy_dm() * 0.1;
  value["sample_time_ns"] = record.sample_time_ns();
  value["appended_time_ns"] = record.appended_time_ns();
  value["path_arcs"] = record.path() == nullptr ? 0u : record.path()->size();
  if (record.role() == log::Role::Ghost) value["ghost_of_region"] = record.owner_region();
  return value;
}

json::object StatusJson(const wire::CommandStatus& status) {
  json::object value;
  value["command"] = Id(status.command_id());
  value["outcome"] = Text(OutcomeName(status.outcome()));
  value["reason"] = wire::EnumNameRejectReason(status.reason());
  value["boot_time_ns"] = Id(status.boot_time_ns());
  value["sequence"] = Id(status.sequence());
  value["epoch"] = Id(status.epoch());
  return value;
}

json::object TelemetryJson(const log::Telemetry& telemetry) {
  json::object value;
  value["body"] = log::EnumNameTelemetryBody(telemetry.body_type());
  if (const log::Fix* fix = telemetry.body_as_Fix()) {
    for (auto& field : FixJson(*fix)) value[field.key()] = field.value();
  } else if (const log::Tick* tick = telemetry.body_as_Tick()) {
    value["owner"] = Text(tick->owner());
    value["epoch"] = Id(tick->epoch());
    value["committed"] = Id(tick->committed());
  } else if (const log::Ownership* ownership = telemetry.body_as_Ownership()) {
    value["owner"] = Text(ownership->owner());
    value["epoch"] = Id(ownership->epoch());
  } else if (const log::Session* session = telemetry.body_as_Session()) {
    value["vehicle"] = Text(session->vehicle());
    value["boot_id"] = Id(session->boot_id());
    value["connected"] = session->connected();
  } else if (const log::CommandReport* report = telemetry.body_as_CommandReport()) {
    value["vehicle"] = Text(report->vehicle());
    value["boot_id"] = Id(report->boot_id());
    json::array statuses;
    for (const wire::CommandStatus* status : *report->statuses()) statuses.push_back(StatusJson(*status));
    value["statuses"] = std::move(statuses);
  } else if (const log::PairNews* news = telemetry.body_as_PairNews()) {
    value["from_region"] = news->from_region();
    value["vehicle_a"] = Text(news->vehicle_a());
    value["vehicle_b"] = Text(news->vehicle_b());
  } else if (const log::VehicleNews* of = telemetry.body_as_VehicleNews()) {
    value["vehicle"] = Text(of->vehicle());
    value["owner_region"] = of->owner_region();
  } else if (const log::RegionMapChanged* map = telemetry.body_as_RegionMapChanged()) {
    value["version"] = Id(map->version());
    value["tiles"] = map->tiles()->size();
  } else if (const log::CommandSettings* settings = telemetry.body_as_CommandSettings()) {
    value["version"] = Id(settings->version());
    value["rules"] = settings->rules()->size();
    value["by"] = Text(settings->by());
  }
  return value;
}

json::object CommandJson(const flatbuffers::String* vehicle, const wire::Command& command) {
  json::object value;
  value["vehicle"] = Text(vehicle);
  value["command"] = Id(command.command_id());
  value["kind"] = Text(KindName(command.kind()));
  value["episode"] = Id(command.episode_id());
  value["ceiling_mps"] = command.speed_ceiling_cmps() * 0.01;
  value["decel_mps2"] = command.decel_cmps2() * 0.01;
  value["epoch"] = Id(command.epoch());
  value["cause_vehicle"] = Text(command.cause_vehicle());
  value["cause_sequence"] = command.cause_sequence();
  value["cause_log_time_ns"] = command.cause_log_time_ns();
  return value;
}

json::object AuditJson(const log::Audit& audit) {
  json::object value;
  if (const log::CommandIssued* issued = audit.body_as_CommandIssued()) {
    value = CommandJson(issued->vehicle(), *issued->command());
  } else if (const log::CommandWithheld* withheld = audit.body_as_CommandWithheld()) {
    value = CommandJson(withheld->vehicle(), *withheld->command());
    value["mode"] = withheld->mode() == log::CommandMode::Stop ? "stop" : "shadow";
  } else if (const log::CommandClosed* closed = audit.body_as_CommandClosed()) {
    value = StatusJson(*closed->status());
    value["vehicle"] = Text(closed->vehicle());
  } else if (const log::CommandSettingsTaken* taken = audit.body_as_CommandSettingsTaken()) {
    value["version"] = Id(taken->settings()->version());
    value["rules"] = taken->settings()->rules()->size();
    value["by"] = Text(taken->settings()->by());
    value["reason"] = Text(taken->settings()->reason());
  }
  value["body"] = log::EnumNameAuditBody(audit.body_type());
  value["index"] = Id(audit.index());
  return value;
}

json::object ConflictJson(const log::Conflict& conflict) {
  json::object value;
  value["episode"] = Id(conflict.episode_id());
  value["phase"] = log::EnumNameEpisodePhase(conflict.phase());
  value["encounter"] = log::EnumNameEncounter(conflict.encounter());
  value["vehicle_a"] = Text(conflict.vehicle_a());
  value["vehicle_b"] = Text(conflict.vehicle_b());
  value["at_ns"] = conflict.at_ns();
  value["ttc_s"] = conflict.ttc_ms() * 1e-3;
  value["drac_mps2"] = conflict.drac_cmps2() * 0.01;
  value["probability"] = conflict.probability() / 255.0;
  value["x_m"] = conflict.x_cm() * 0.01;
  value["y_m"] = conflict.y_cm() * 0.01;
  return value;
}

json::object HeatmapJson(const log::HeatmapWindow& window) {
  json::object value;
  value["window_end_ns"] = window.window_end_ns();
  value["full"] = window.full();
  value["cells"] = window.cells()->size();
  std::uint32_t vehicles = 0;
  for (const log::Cell* cell : *window.cells()) vehicles += cell->vehicles();
  value["vehicles"] = vehicles;
  return value;
}

json::object HistoryJson(const log::HistoryBatch& batch) {
  json::object value;
  value["vehicle"] = Text(batch.vehicle());
  value["boot_id"] = Id(batch.boot_id());
  value["first_sequence"] = Id(batch.first_sequence());
  value["count"] = batch.count();
  value["columns_bytes"] = batch.columns()->size();
  value["received_ns"] = batch.received_ns();
  value["windows"] = batch.windows() == nullptr ? 0u : batch.windows()->size();
  value["captures"] = batch.captures() == nullptr ? 0u : batch.captures()->size();
  return value;
}

json::object DeadLetterJson(const log::DeadLetter& letter) {
  json::object value;
  value["vehicle"] = Text(letter.vehicle());
  value["verdict"] = log::EnumNameVerdict(letter.verdict());
  value["detail"] = Text(letter.detail());
  value["received_ns"] = letter.received_ns();
  value["payload_bytes"] = letter.payload() == nullptr ? 0u : letter.payload()->size();
  return value;
}

json::object OwnershipJson(const log::OwnershipRecord& record) {
  json::object value;
  value["body"] = log::EnumNameOwnershipBody(record.body_type());
  if (const log::Claim* claim = record.body_as_Claim()) {
    value["region"] = claim->region();
    value["owner"] = Text(claim->owner());
  } else if (const log::Wanted* wanted = record.body_as_Wanted()) {
    value["region"] = wanted->region();
    value["owner"] = Text(wanted->owner());
  }
  return value;
}

template <typename Table>
std::optional<json::object> ValueOf(const LogRecord& record, json::object (*describe)(const Table&)) {
  const Table* table = Parse<Table>(record);
  if (table == nullptr) return std::nullopt;
  return describe(*table);
}

std::optional<json::object> ValueOf(Topic topic, const LogRecord& record) {
  switch (topic) {
    case Topic::kTelemetry: return ValueOf(record, TelemetryJson);
    case Topic::kHistory: return ValueOf(record, HistoryJson);
    case Topic::kCommands: return ValueOf(record, AuditJson);
    case Topic::kHeatmap: return ValueOf(record, HeatmapJson);
    case Topic::kConflicts: return ValueOf(record, ConflictJson);
    case Topic::kDeadLetter: return ValueOf(record, DeadLetterJson);
    case Topic::kOwnership: return ValueOf(record, OwnershipJson);
    case Topic::kVehicleState:
    case Topic::kDispatch:
    case Topic::kProgress: break;
  }
  return json::object();  // Of what is for programs alone: how many bytes.
}

bool IsText(std::span<const std::byte> key) {
  return std::ranges::all_of(key, [](std::byte each) { return each >= std::byte{0x20} && each < std::byte{0x7F}; });
}

}  // namespace

std::optional<Topic> TopicOf(std::string_view name) {
  for (std::size_t i = 0; i < kTopicCount; ++i) {
    if (TopicName(static_cast<Topic>(i)) == name) return static_cast<Topic>(i);
  }
  return std::nullopt;
}

std::string TopicNames() {
  std::string names;
  for (std::size_t i = 0; i < kTopicCount; ++i) {
    if (i > 0) names += ", ";
    names += TopicName(static_cast<Topic>(i));
  }
  return names;
}

std::string RecordJson(Topic topic, const LogRecord& record) {
  json::object line;
  line["offset"] = ToNumber(record.offset);
  line["time_ns"] = ToNs(record.time);
  line["key"] = IsText(record.key)
      ? json::value(Text({reinterpret_cast<const char*>(record.key.data()), record.key.size()}))
      : json::value(nullptr);
  line["bytes"] = record.value.size();
  const std::optional<json::object> value = ValueOf(topic, record);
  if (value) line["value"] = *value;
  if (!value) line["unreadable"] = true;
  return json::serialize(line);
}

Result<std::string> TopicDocument(const RecordSource& records, Topic topic, RegionId region,
                                  const TopicQuestion& question) {
  const Partition partition{ToNumber(region)};
  const Result<Log::Range> range = records.RangeOf(topic, partition);
  if (!range.ok()) return range.status();
  const std::uint64_t first = ToNumber(range.value().first);
  const std::uint64_t end = ToNumber(range.value().end);
  const std::size_t count = std::min(question.count, kTopicRecordsMax);
  const std::uint64_t from = std::clamp(
      question.from ? ToNumber(*question.from) : end - std::min<std::uint64_t>(end, count), first, end);
  std::string list;
  std::uint64_t next = from;
  std::size_t taken = 0;
  if (count > 0 && from < end) {
    const Status status = records.Read(topic, partition, Offset{from}, [&](const LogRecord& record) {
      if (taken > 0) list += ',';
      list += RecordJson(topic, record);
      next = ToNumber(record.offset) + 1;
      return ++taken < count && list.size() < kTopicBytesMax;
    });
    if (!status.ok()) return status;
    // What follows may be no records, but the ends of transactions.
    if (taken == 0) next = end;
  }
  json::object head;
  head["topic"] = Text(TopicName(topic));
  head["region"] = ToNumber(region);
  head["first"] = first;
  head["end"] = end;
  head["next"] = next;
  std::string document = json::serialize(head);
  document.pop_back();
  return document + ",\"records\":[" + list + "]}";
}

}  // namespace starling::cloud
