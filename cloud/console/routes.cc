#include "cloud/console/routes.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "cloud/console/documents.h"
#include "cloud/console/metrics.h"
#include "cloud/console/page.h"

namespace starling::cloud {
namespace {

constexpr std::string_view kText = "text/plain; charset=utf-8";

Answer Refuse(unsigned status, std::string_view message) {
  return {status, "application/json", ErrorDocument(message)};
}

// The answer made of a value, or 503 with the reason why there is none.
template <typename T, typename Write>
Answer Document(const Result<T>& result, Write write) {
  if (!result.ok()) return Refuse(503, result.status().message());
  return {200, "application/json", write(result.value())};
}

// Whole numbers from 0 to 10^9.
std::optional<std::size_t> ParseCount(std::string_view text) {
  std::size_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size() || value > 1'000'000'000) {
    return std::nullopt;
  }
  return value;
}

Answer AnswerVehicles(std::string_view query, ConsoleSource* source) {
  std::size_t first = 0;
  std::size_t count = 100;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    const std::string_view key = pair.substr(0, equals);
    std::size_t* const field = key == "first" ? &first : key == "count" ? &count : nullptr;
    if (field == nullptr) return Refuse(400, "unknown parameter; there are first and count");
    const auto value =
        equals == std::string_view::npos ? std::nullopt : ParseCount(pair.substr(equals + 1));
    if (!value) return Refuse(400, std::string(key) + " takes a whole number");
    *field = *value;
  }
  if (count > kVehiclesPerAnswerMax) {
    return Refuse(400, "count is at most " + std::to_string(kVehiclesPerAnswerMax));
  }
  return Document(source->Vehicles(first, count),
                  [&](const VehiclesAt& vehicles) { return VehiclesDocument(first, vehicles); });
}

Answer AnswerVehicle(std::string_view name, ConsoleSource* source) {
  const Result<VehicleId> vehicle = VehicleId::Parse(name);
  if (!vehicle.ok()) return Refuse(400, "not a vehicle's name");
  const Result<VehicleReport> report = source->Vehicle(vehicle.value());
  Answer answer = Document(report, [&](const VehicleReport& found) {
    return VehicleDocument(vehicle.value(), found);
  });
  if (report.ok() && !report.value().view && !report.value().has_history &&
      !report.value().connected.value_or(false)) {
    answer.status = 404;  // The document says the same in its fields.
  }
  return answer;
}

// What follows the question mark, one NAME=VALUE at a time, until `take` refuses one.
template <typename Take>
std::optional<Answer> ReadQuery(std::string_view query, Take take) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    const std::string_view value = equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    if (std::optional<Answer> refused = take(pair.substr(0, equals), value)) return refused;
  }
  return std::nullopt;
}

// Whole numbers of 64 bits.
std::optional<std::uint64_t> ParseNumber(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Answer NumberWanted(std::string_view key) { return Refuse(400, std::string(key) + " takes a whole number"); }

// A document that was made already, or the reason why not.
Answer Made(const Result<std::string>& document) {
  if (document.ok()) return {200, "application/json", document.value()};
  const bool wrong = document.status().code() == ErrorCode::kInvalidArgument;
  return Refuse(wrong ? 400 : 503, document.status().message());
}

Answer AnswerCommands(std::string_view query, ConsoleSource* source) {
  CommandsQuery wanted;
  const auto refused = ReadQuery(query, [&](std::string_view key, std::string_view value) -> std::optional<Answer> {
    if (key == "vehicle" || key == "kind" || key == "end") {
      (key == "vehicle" ? wanted.vehicle : key == "kind" ? wanted.kind : wanted.end) = value;
      return std::nullopt;
    }
    const std::optional<std::uint64_t> number = ParseNumber(value);
    if (key != "region" && key != "before" && key != "count") {
      return Refuse(400, "unknown parameter; there are region, vehicle, kind, end, before and count");
    }
    if (!number) return NumberWanted(key);
    if (key == "before") wanted.before = *number;
    if (key == "region" && *number > 9'999) return Refuse(400, "a region's number is at most 9999");
    if (key == "region") wanted.region = RegionId{static_cast<std::uint32_t>(*number)};
    if (key == "count") wanted.count = std::min<std::uint64_t>(*number, kCommandsPerAnswerMax + 1);
    return std::nullopt;
  });
  if (refused) return *refused;
  if (wanted.count < 1 || wanted.count > kCommandsPerAnswerMax) {
    return Refuse(400, "count is 1 to " + std::to_string(kCommandsPerAnswerMax));
  }
  return Made(source->Commands(wanted));
}

Answer AnswerCommand(std::string_view text, ConsoleSource* source) {
  const std::optional<std::uint64_t> id = ParseNumber(text);
  if (!id || *id == 0) return Refuse(400, "not a command's id: a whole number, as /v1/commands has it");
  Result<ExplainAnswer> answer = source->Explain(CommandId{*id});
  if (!answer.ok()) return Refuse(503, answer.status().message());
  if (!answer.value().ready) return {202, "application/json", "{\"working\":true}"};
  if (!answer.value().document) {
    return Refuse(404, "the log holds no such command: it is another orchestrator's, or older than topic commands' retention");
  }
  return {200, "application/json", std::move(*answer.value().document)};
}

Answer AnswerTopic(std::string_view topic, std::string_view query, ConsoleSource* source) {
  RecordsQuery wanted;
  wanted.topic = topic;
  const auto refused = ReadQuery(query, [&](std::string_view key, std::string_view value) -> std::optional<Answer> {
    if (key != "region" && key != "from" && key != "count") {
      return Refuse(400, "unknown parameter; there are region, from and count");
    }
    const std::optional<std::uint64_t> number = ParseNumber(value);
    if (!number) return NumberWanted(key);
    if (key == "from") wanted.from = *number;
    if (key == "region" && *number > 9'999) return Refuse(400, "a region's number is at most 9999");
    if (key == "region") wanted.region = RegionId{static_cast<std::uint32_t>(*number)};
    if (key == "count") wanted.count = std::min<std::uint64_t>(*number, kRecordsPerAnswerMax + 1);
    return std::nullopt;
  });
  if (refused) return *refused;
  if (wanted.count > kRecordsPerAnswerMax) {
    return Refuse(400, "count is at most " + std::to_string(kRecordsPerAnswerMax));
  }
  return Made(source->Records(wanted));
}

}  // namespace

Answer AnswerGet(std::string_view target, ConsoleSource* source) {
  constexpr std::string_view kVehicle = "/v1/vehicles/";
  const std::size_t question = target.find('?');
  const std::string_view path = target.substr(0, question);
  const std::string_view query =
      question == std::string_view::npos ? std::string_view() : target.substr(question + 1);

  if (path == "/healthz") return {200, kText, "ok\n"};
  if (path == "/readyz") {
    const Status ready = source->Ready();
    if (ready.ok()) return {200, kText, "ready\n"};
    return {503, kText, std::string(ready.message()) + "\n"};
  }
  if (path == "/metrics") return {200, "text/plain; version=0.0.4; charset=utf-8", MetricsText(source)};
  if (path == "/v1/stats") return {200, "application/json", StatsDocument(source->Figures())};
  if (path == "/v1/heatmap") return Document(source->Heatmap(), HeatmapDocument);
  if (path == "/v1/conflicts") return Document(source->Conflicts(), ConflictsDocument);
  if (path == "/v1/audit") return Document(source->AuditHeads(), AuditDocument);
  if (path == "/v1/vehicles") return AnswerVehicles(query, source);
  if (path.substr(0, kVehicle.size()) == kVehicle) {
    return AnswerVehicle(path.substr(kVehicle.size()), source);
  }
  if (path == "/v1/commands") return AnswerCommands(query, source);
  constexpr std::string_view kCommand = "/v1/commands/";
  if (path.starts_with(kCommand)) return AnswerCommand(path.substr(kCommand.size()), source);
  constexpr std::string_view kTopic = "/v1/topics/";
  if (path.starts_with(kTopic)) return AnswerTopic(path.substr(kTopic.size()), query, source);
  if (path == "/v1/streets") {
    if (source->Streets().empty()) return Refuse(404, "no streets are known here: starling-cloud --map FILE");
    return {200, "application/octet-stream", std::string(source->Streets())};
  }
  if (const std::optional<WebFile> file = FindWebFile(path)) {
    return {200, file->content_type, std::string(file->bytes)};
  }
  return Refuse(404, "no such page; there are / /healthz /readyz /metrics /v1/stats /v1/heatmap "
                     "/v1/conflicts /v1/audit /v1/vehicles /v1/vehicles/NAME /v1/commands /v1/commands/ID "
                     "/v1/topics/NAME /v1/streets /v1/live");
}

}  // namespace starling::cloud
