#include "cloud/console/routes.h"

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
  if (path == "/") return {200, "text/html; charset=utf-8", std::string(Page())};
  return Refuse(404, "no such page; there are / /healthz /readyz /metrics /v1/stats /v1/heatmap "
                     "/v1/conflicts /v1/audit /v1/vehicles /v1/vehicles/NAME");
}

}  // namespace starling::cloud
