#include "cloud/starling/plan_status.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "schemas/log/history_generated.h"

namespace starling::cloud {
namespace {

namespace json = boost::json;

constexpr std::array kStates = {PlanState::kInForce, PlanState::kWaiting, PlanState::kEnded,
                                PlanState::kRefused, PlanState::kBehind,  PlanState::kUnwanted};

json::string_view Text(std::string_view text) { return {text.data(), text.size()}; }
std::string ToString(json::string_view text) { return {text.data(), text.size()}; }

// Null if there is none of that name, or it is no object.
const json::object* ObjectAt(const json::object& parent, json::string_view name) {
  const json::value* const value = parent.if_contains(name);
  return value == nullptr ? nullptr : value->if_object();
}
std::string TextAt(const json::object& parent, json::string_view name) {
  const json::value* const value = parent.if_contains(name);
  const json::string* const text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? "" : ToString(*text);
}
PlanHash HashAt(const json::object& parent, json::string_view name) {
  const std::string text = TextAt(parent, name);
  std::uint64_t hash = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), hash, 16);
  return error == std::errc() && end == text.data() + text.size() ? PlanHash{hash} : PlanHash{};
}

Result<json::object> Parse(std::string_view text) {
  json::error_code failure;
  json::value document = json::parse(Text(text), failure);
  if (failure || !document.is_object()) {
    return Status(ErrorCode::kCorruption, "the orchestrator's answer is not what docs/formats/http.md says");
  }
  return std::move(document.as_object());
}

// One line without control characters: what vehicles say is theirs to choose.
std::string Plain(std::string text) {
  std::replace_if(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c >= 0x7F; }, '?');
  return text;
}

std::string TimeText(std::optional<std::uint64_t> unix_ns) {
  if (!unix_ns) return "-";
  const auto at = static_cast<std::time_t>(*unix_ns / 1'000'000'000);
  std::tm utc{};
  char text[32] = "-";
  if (::gmtime_r(&at, &utc) != nullptr) std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

}  // namespace

struct PlanStatus::Line {
  std::string name;
  const PlanOfVehicle* vehicle = nullptr;
  std::shared_ptr<const CompiledPlan> wanted;
  std::string in_force_version;  // empty: none, or not known here
  PlanState state{};
};

std::string_view NameOf(PlanState state) {
  switch (state) {
    case PlanState::kInForce: return "in_force";
    case PlanState::kWaiting: return "waiting";
    case PlanState::kEnded: return "ended";
    case PlanState::kRefused: return "refused";
    case PlanState::kBehind: return "behind";
    default: return "unwanted";
  }
}

PlanState StateOf(const PlanOfVehicle& vehicle, const CompiledPlan* wanted) {
  if (wanted == nullptr) return PlanState::kUnwanted;
  if (vehicle.in_force == wanted->hash) return PlanState::kInForce;
  // What it said of another plan says nothing of this one.
  if (vehicle.said != wanted->hash) return PlanState::kBehind;
  if (vehicle.verdict == "waiting") return PlanState::kWaiting;
  if (vehicle.verdict == "ended") return PlanState::kEnded;
  if (vehicle.verdict.starts_with("refused")) return PlanState::kRefused;
  return PlanState::kBehind;
}

PlanStatus::PlanStatus(WantedPlans wanted) : wanted_(std::move(wanted)) {
  for (const auto& [vehicle, plan] : wanted_.vehicles) vehicles_.try_emplace(vehicle.ToString());
}

Status PlanStatus::TakeBatch(std::span<const std::byte> record) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(record.data());
  flatbuffers::Verifier verifier(bytes, record.size(), 8, 64);
  if (record.empty() || !log::VerifyHistoryBatchBuffer(verifier)) {
    return Status(ErrorCode::kCorruption, "not a history batch");
  }
  const log::HistoryBatch& batch = *log::GetHistoryBatch(bytes);
  const Result<VehicleId> vehicle = VehicleId::Parse(batch.vehicle()->string_view());
  if (!vehicle.ok()) return Status(ErrorCode::kCorruption, "a history batch is of no vehicle");
  PlanOfVehicle& of = vehicles_[vehicle.value().ToString()];
  const auto received = static_cast<std::uint64_t>(std::max<std::int64_t>(batch.received_ns(), 0));
  if (of.batch_received_ns && *of.batch_received_ns > received) return Status();
  of.batch_received_ns = received;
  of.in_force = PlanHash{batch.plan_hash()};
  return Status();
}

Result<std::uint64_t> PlanStatus::TakePage(std::string_view text, std::uint64_t* on_page) {
  const Result<json::object> page = Parse(text);
  if (!page.ok()) return page.status();
  const Status wrong(ErrorCode::kCorruption, "the orchestrator's list of vehicles is not what docs/formats/http.md says");
  const json::value* const total = page.value().if_contains("total");
  const json::value* const listed = page.value().if_contains("vehicles");
  if (total == nullptr || listed == nullptr || !listed->is_array()) return wrong;
  json::error_code failure;
  const auto count = total->to_number<std::uint64_t>(failure);
  if (failure) return wrong;
  for (const json::value& each : listed->get_array()) {
    if (!each.is_object()) return wrong;
    const Result<VehicleId> vehicle = VehicleId::Parse(TextAt(each.get_object(), "name"));
    if (!vehicle.ok()) return wrong;
    vehicles_.try_emplace(vehicle.value().ToString());
  }
  *on_page = listed->get_array().size();
  return count;
}

Status PlanStatus::TakeVehicle(const VehicleId& vehicle, std::string_view text) {
  const Result<json::object> document = Parse(text);
  if (!document.ok()) return document.status();
  PlanOfVehicle& of = vehicles_[vehicle.ToString()];
  const json::object* const plan = ObjectAt(document.value(), "plan");
  const json::object* const said = plan == nullptr ? nullptr : ObjectAt(*plan, "said");
  if (said == nullptr) return Status();
  of.verdict = Plain(TextAt(*said, "verdict"));
  of.said = HashAt(*said, "hash");
  of.detail = Plain(TextAt(*said, "detail"));
  // It is newer than any batch.
  const json::object* const in_force = ObjectAt(*plan, "in_force");
  of.in_force = in_force == nullptr ? PlanHash{} : HashAt(*in_force, "hash");
  return Status();
}

std::vector<VehicleId> PlanStatus::vehicles() const {
  std::vector<VehicleId> all;
  for (const auto& [name, of] : vehicles_) all.push_back(VehicleId::Parse(name).value());
  return all;
}

std::vector<PlanStatus::Line> PlanStatus::Lines(const std::filesystem::path& plans,
                                                const std::optional<VehicleId>& only) const {
  std::vector<Line> lines;
  std::map<PlanHash, std::string> versions;  // Files that were looked for.
  for (const auto& [name, of] : vehicles_) {
    const VehicleId vehicle = VehicleId::Parse(name).value();
    if (only && *only != vehicle) continue;
    Line line{name, &of, wanted_.For(vehicle), "", {}};
    if (of.in_force != PlanHash{}) {
      const auto [found, fresh] = versions.try_emplace(of.in_force);
      if (fresh) {
        const Result<CompiledPlan> known = FindKnownPlan(plans, of.in_force);
        if (known.ok()) found->second = std::to_string(known.value().plan.version);
      }
      line.in_force_version = found->second;
    }
    line.state = StateOf(of, line.wanted.get());
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string PlanStatus::Table(const std::filesystem::path& plans, const std::optional<VehicleId>& only) const {
  std::vector<std::array<std::string, 6>> rows = {{"vehicle", "state", "wanted", "in force", "newest batch", "said"}};
  std::map<PlanState, std::size_t> counts;
  const auto plan_text = [](const std::string& version, PlanHash hash) {
    if (hash == PlanHash{}) return std::string("none");
    return (version.empty() ? "unknown" : version) + " " + ToHex(hash);
  };
  for (const Line& line : Lines(plans, only)) {
    ++counts[line.state];
    const PlanOfVehicle& of = *line.vehicle;
    rows.push_back({line.name, std::string(NameOf(line.state)),
                    line.wanted == nullptr ? "none" : plan_text(std::to_string(line.wanted->plan.version), line.wanted->hash),
                    plan_text(line.in_force_version, of.in_force), TimeText(of.batch_received_ns),
                    of.verdict.empty() ? "-" : of.verdict + (of.detail.empty() ? "" : ": " + of.detail)});
  }
  std::array<std::size_t, 6> widths{};
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string table;
  for (auto& row : rows) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) row[i].resize(widths[i] + 2, ' ');
    for (const std::string& cell : row) table += cell;
    table += "\n";
  }
  for (const PlanState state : kStates) {
    if (counts[state] != 0) table += std::to_string(counts[state]) + " " + std::string(NameOf(state)) + "  ";
  }
  while (!table.empty() && table.back() == ' ') table.pop_back();
  return table.back() == '\n' ? table : table + "\n";
}

std::string PlanStatus::Json(const std::filesystem::path& plans, const std::optional<VehicleId>& only) const {
  json::object counts;
  for (const PlanState state : kStates) counts[Text(NameOf(state))] = 0;
  json::array vehicles;
  for (const Line& line : Lines(plans, only)) {
    json::value& count = counts[Text(NameOf(line.state))];
    count = count.to_number<std::int64_t>() + 1;
    const PlanOfVehicle& of = *line.vehicle;
    json::object each;
    each["vehicle"] = line.name;
    each["state"] = Text(NameOf(line.state));
    each["wanted"] = nullptr;
    if (line.wanted != nullptr) {
      // As text: readers that keep numbers as doubles would lose a version's last bits.
      each["wanted"] = json::object{{"name", line.wanted->plan.name},
                                    {"version", std::to_string(line.wanted->plan.version)},
                                    {"hash", ToHex(line.wanted->hash)}};
    }
    each["in_force"] = nullptr;
    if (of.in_force != PlanHash{}) {
      json::object in_force{{"version", nullptr}, {"hash", ToHex(of.in_force)}};
      if (!line.in_force_version.empty()) in_force["version"] = line.in_force_version;
      each["in_force"] = std::move(in_force);
    }
    each["batch_received_ns"] = nullptr;
    if (of.batch_received_ns) each["batch_received_ns"] = *of.batch_received_ns;
    each["said"] = nullptr;
    if (!of.verdict.empty()) {
      each["said"] = json::object{{"verdict", of.verdict}, {"hash", ToHex(of.said)}, {"detail", of.detail}};
    }
    vehicles.push_back(std::move(each));
  }
  return json::serialize(json::object{{"counts", std::move(counts)}, {"vehicles", std::move(vehicles)}});
}

}  // namespace starling::cloud
