#include "cloud/starling/plan_results.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <vector>

#include "cloud/gateway/plan_folder.h"
#include "common/telemetry/fix_codec.h"
#include "common/telemetry/history_reader.h"
#include "schemas/log/history_generated.h"

namespace starling::cloud {
namespace {

namespace json = boost::json;

json::string Text(std::string_view text) { return json::string(text.data(), text.size()); }

json::object Describe(const wire::WindowValue& value, const Plan* plan) {
  json::object line;
  line["window"] = value.window();
  // Without its plan nobody knows which of them were asked for.
  PlanWindow all;
  all.aggregates = static_cast<std::uint8_t>(wire::PlanAggregate::ANY);
  const bool known = plan != nullptr && value.window() < plan->windows.size();
  const PlanWindow& window = known ? plan->windows[value.window()] : all;
  if (known) {
    line["signal"] = Text(FindPlanSignal(window.signal)->name);
    line["seconds"] = static_cast<double>(window.length.count()) / 1e3;
  }
  line["begin_boot_time_ns"] = value.begin_boot_time_ns();
  line["count"] = value.count();
  if (window.Has(wire::PlanAggregate::Min)) line["min"] = value.min();
  if (window.Has(wire::PlanAggregate::Max)) line["max"] = value.max();
  if (window.Has(wire::PlanAggregate::Mean)) line["mean"] = value.mean();
  if (window.Has(wire::PlanAggregate::Last)) line["last"] = value.last();
  if (window.Has(wire::PlanAggregate::TimeAbove)) line["time_above_s"] = value.above_ms() / 1e3;
  line["partial"] = value.partial();
  return line;
}

json::object Describe(const wire::Capture& capture, const Plan* plan) {
  json::object line;
  line["trigger"] = capture.trigger();
  if (plan != nullptr && capture.trigger() < plan->triggers.size()) line["name"] = plan->triggers[capture.trigger()].name;
  line["fired_sequence"] = capture.fired_sequence();
  line["cut"] = capture.cut();
  std::vector<wire::Fix> fixes;
  const auto columns = std::as_bytes(std::span(capture.columns()->data(), capture.columns()->size()));
  if (!ReadHistoryColumns(columns, capture.first_sequence(), capture.count(), &fixes).ok()) return line;
  json::array samples;
  for (const wire::Fix& fix : fixes) {
    json::object sample;
    const GeoPoint position = PositionFromWire(fix);
    sample["sequence"] = fix.sequence();
    sample["boot_time_ns"] = fix.boot_time_ns();
    sample["lat_deg"] = position.lat_deg;
    sample["lon_deg"] = position.lon_deg;
    sample["heading_deg"] = fix.heading() * (360.0 / 65536);
    sample["speed_mps"] = fix.speed_cmps() / 100.0;
    sample["accel_mps2"] = fix.accel_cmps2() / 100.0;
    sample["yaw_rate_radps"] = fix.yaw_rate_e4() / 1e4;
    sample["accuracy_m"] = fix.accuracy_dm() / 10.0;
    samples.push_back(std::move(sample));
  }
  line["samples"] = std::move(samples);
  return line;
}

}  // namespace

Status DescribePlanResults(std::span<const std::byte> record, const std::filesystem::path& plans,
                           const std::optional<VehicleId>& vehicle, const std::function<void(const std::string&)>& line) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(record.data());
  flatbuffers::Verifier verifier(bytes, record.size(), 8, 64);
  if (record.empty() || !log::VerifyHistoryBatchBuffer(verifier)) return Status(ErrorCode::kCorruption, "not a history batch");
  const log::HistoryBatch& batch = *log::GetHistoryBatch(bytes);
  if (batch.windows() == nullptr && batch.captures() == nullptr) return Status();
  if (vehicle && batch.vehicle()->string_view() != vehicle->view()) return Status();
  const PlanHash hash{batch.results_plan_hash() != 0 ? batch.results_plan_hash() : batch.plan_hash()};
  const Result<CompiledPlan> known = FindKnownPlan(plans, hash);
  const Plan* const plan = known.ok() ? &known.value().plan : nullptr;
  const auto say = [&](const json::object& what) {
    json::object document;
    document["vehicle"] = Text(batch.vehicle()->string_view());
    document["boot_id"] = std::to_string(batch.boot_id());
    document["plan"] = ToHex(hash);
    if (plan != nullptr) document["plan_name"] = plan->name;
    for (const auto& [key, value] : what) document[key] = value;
    line(json::serialize(document));
  };
  if (batch.windows() != nullptr) {
    for (const wire::WindowValue* window : *batch.windows()) say(Describe(*window, plan));
  }
  if (batch.captures() != nullptr) {
    for (const wire::Capture* capture : *batch.captures()) say(Describe(*capture, plan));
  }
  return Status();
}

}  // namespace starling::cloud
