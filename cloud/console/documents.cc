#include "cloud/console/documents.h"

#include <cmath>
#include <string_view>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace starling::cloud {
namespace {

namespace json = boost::json;

json::string_view Text(std::string_view text) { return {text.data(), text.size()}; }

// Counts as whole numbers; JSON has no way to write what is not finite.
json::value Number(double value) {
  if (!std::isfinite(value)) return nullptr;
  if (value >= 0 && value <= 9007199254740992.0 && value == std::floor(value)) {
    return static_cast<std::uint64_t>(value);
  }
  return value;
}

json::value Episode(EpisodeId episode) {
  // As text: readers that keep numbers as doubles would lose its last bits.
  return json::string(std::to_string(ToNumber(episode)));
}

json::object Describe(const VehicleView& view, CloudTime at) {
  json::object vehicle;
  vehicle["name"] = Text(view.vehicle.view());
  vehicle["at_ns"] = ToNs(at);
  vehicle["x_m"] = Number(view.pose.position.x);
  vehicle["y_m"] = Number(view.pose.position.y);
  vehicle["heading_rad"] = Number(view.pose.heading_rad);
  vehicle["speed_mps"] = Number(view.pose.speed_mps);
  vehicle["fix_age_s"] = Number(view.fix_age_s);
  return vehicle;
}

// Since the process began; who wants to know of the last minute asks twice and subtracts.
json::object Describe(const HistogramCounts& counts) {
  const auto ms = [](nanoseconds span) { return Number(ToSeconds(span) * 1e3); };
  json::object document;
  document["count"] = counts.count();
  document["sum_ms"] = Number(static_cast<double>(counts.sum_ns) * 1e-6);
  document["p50_ms"] = ms(counts.Quantile(0.5));
  document["p99_ms"] = ms(counts.Quantile(0.99));
  document["p999_ms"] = ms(counts.Quantile(0.999));
  json::array bounds;
  json::array numbers;
  for (std::size_t i = 0; i < HistogramCounts::kBuckets; ++i) {
    if (counts.buckets[i] == 0) continue;
    // What is longer than all has no bound.
    bounds.push_back(i + 1 < HistogramCounts::kBuckets ? ms(HistogramCounts::BucketBound(i)) : json::value(nullptr));
    numbers.push_back(counts.buckets[i]);
  }
  document["le_ms"] = std::move(bounds);
  document["counts"] = std::move(numbers);
  return document;
}

// Versions and hashes as text, for the same reason as an episode.
json::object Describe(const CompiledPlan* wanted, const std::optional<ReportedPlan>& said) {
  json::object document;
  document["wanted"] = nullptr;
  document["said"] = nullptr;
  document["in_force"] = nullptr;
  if (wanted != nullptr) {
    json::object plan;
    plan["name"] = wanted->plan.name;
    plan["version"] = std::to_string(wanted->plan.version);
    plan["hash"] = ToHex(wanted->hash);
    document["wanted"] = std::move(plan);
  }
  if (!said) return document;
  json::object reply;
  reply["verdict"] = Text(starling::NameOf(said->verdict));
  reply["version"] = std::to_string(said->version);
  reply["hash"] = ToHex(said->hash);
  reply["detail"] = said->detail;
  reply["at_ns"] = ToNs(said->at);
  document["said"] = std::move(reply);
  if (said->applied_version == 0) return document;
  json::object applied;
  applied["version"] = std::to_string(said->applied_version);
  applied["hash"] = ToHex(said->applied_hash);
  document["in_force"] = std::move(applied);
  return document;
}

}  // namespace

std::string StatsDocument(const std::vector<Figure>& figures) {
  json::object document;
  for (const Figure& figure : figures) {
    json::value& group = document[Text(figure.group)];
    if (group.is_null()) group.emplace_object();
    json::value& field = group.as_object()[Text(figure.name)];
    json::value value = figure.kind == FigureKind::kHistogram ? Describe(*figure.histogram) : Number(figure.value);
    if (figure.label.empty()) {
      field = std::move(value);
      continue;
    }
    if (field.is_null()) field.emplace_object();
    field.as_object()[Text(figure.label_value)] = std::move(value);
  }
  return json::serialize(document);
}

std::string HeatmapDocument(const std::vector<HeatmapCell>& cells) {
  json::array list;
  list.reserve(cells.size());
  for (const HeatmapCell& cell : cells) {
    json::object entry;
    entry["x"] = cell.cell.x;
    entry["y"] = cell.cell.y;
    entry["vehicles"] = cell.vehicles;
    entry["mean_speed_mps"] = Number(cell.mean_speed_mps);
    entry["congestion"] = Number(cell.congestion);
    entry["confidence"] = Number(cell.confidence);
    entry["age_s"] = Number(cell.age_s);
    entry["congested"] = cell.congested;
    list.push_back(std::move(entry));
  }
  json::object document;
  document["cell_side_m"] = kCellSideM;
  document["cells"] = std::move(list);
  return json::serialize(document);
}

std::string ConflictsDocument(const std::vector<OpenConflict>& conflicts) {
  json::array list;
  list.reserve(conflicts.size());
  for (const OpenConflict& conflict : conflicts) {
    json::object entry;
    entry["episode"] = Episode(conflict.episode);
    entry["vehicle_a"] = Text(conflict.vehicle_a.view());
    entry["vehicle_b"] = Text(conflict.vehicle_b.view());
    entry["x_m"] = Number(conflict.contact.x);
    entry["y_m"] = Number(conflict.contact.y);
    entry["ttc_s"] = Number(conflict.ttc_s);
    entry["drac_mps2"] = Number(conflict.drac_mps2);
    entry["probability"] = Number(conflict.probability);
    list.push_back(std::move(entry));
  }
  json::object document;
  document["conflicts"] = std::move(list);
  return json::serialize(document);
}

std::string AuditDocument(const std::vector<AuditHeadView>& heads) {
  json::array list;
  for (const AuditHeadView& head : heads) {
    json::object entry;
    entry["region"] = ToNumber(head.region);
    entry["index"] = head.index;
    entry["head"] = Text(head.head);
    list.push_back(std::move(entry));
  }
  json::object document;
  document["heads"] = std::move(list);
  return json::serialize(document);
}

std::string VehiclesDocument(std::size_t first, const VehiclesAt& vehicles) {
  json::array list;
  list.reserve(vehicles.vehicles.size());
  for (const VehicleView& view : vehicles.vehicles) list.push_back(Describe(view, vehicles.at));
  json::object document;
  document["at_ns"] = ToNs(vehicles.at);
  document["first"] = first;
  document["total"] = vehicles.total;
  document["vehicles"] = std::move(list);
  return json::serialize(document);
}

std::string VehicleDocument(const VehicleId& vehicle, const VehicleReport& report) {
  json::object document;
  if (report.view) document = Describe(*report.view, report.at);
  document["name"] = Text(vehicle.view());
  document["at_ns"] = ToNs(report.at);
  document["known"] = report.view.has_value();
  document["connected"] = report.connected ? json::value(*report.connected) : json::value(nullptr);
  if (report.has_history) {
    json::object history;
    history["samples"] = report.held_samples;
    // As text, for the same reason as an episode.
    history["boot_id"] = json::string(std::to_string(ToNumber(report.held_boot)));
    history["through_sequence"] = report.held_through_sequence;
    document["history"] = std::move(history);
  } else {
    document["history"] = nullptr;
  }
  document["plan"] = Describe(report.wanted_plan.get(), report.plan);
  return json::serialize(document);
}

std::string ErrorDocument(std::string_view message) {
  json::object document;
  document["error"] = Text(message);
  return json::serialize(document);
}

}  // namespace starling::cloud
