#include "cloud/console/actions.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <set>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "cloud/console/documents.h"

namespace starling::cloud {
namespace {

namespace json = boost::json;

constexpr std::string_view kCommands = "/v1/commands";
constexpr std::string_view kSwitch = "/v1/switch";
constexpr double kLimitDecelMps2 = 1.5;      // where nobody says: comfort
constexpr double kBrakeDecelMps2 = 3.5;
constexpr double kLeaseS = 4;
constexpr std::size_t kRequestIdMax = 64;

Answer Refuse(unsigned status, std::string_view message) {
  return {status, "application/json", ErrorDocument(message)};
}

Answer RefuseBy(const Status& status) {
  const unsigned code = status.code() == ErrorCode::kInvalidArgument ? 400 : 503;
  return Refuse(code, status.message());
}

// The fields of a request, each taken once; what nobody took is unknown.  The first mistake stays.
class Fields {
 public:
  explicit Fields(std::string_view body) {
    boost::system::error_code failure;
    document_ = json::parse({body.data(), body.size()}, failure);
    if (failure) {
      mistake_ = "the body is not JSON: " + failure.message();
    } else if (!document_.is_object()) {
      mistake_ = "the body is not an object";
    }
  }

  std::optional<std::string> Text(std::string_view name) {
    const json::value* const value = Take(name);
    if (value == nullptr) return std::nullopt;
    if (value->is_string()) return std::string(value->as_string());
    Complain(name, "is not a string");
    return std::nullopt;
  }
  std::optional<double> Number(std::string_view name) {
    const json::value* const value = Take(name);
    if (value == nullptr) return std::nullopt;
    if (value->is_number() && std::isfinite(value->to_number<double>())) return value->to_number<double>();
    Complain(name, "is not a number");
    return std::nullopt;
  }
  std::optional<bool> Flag(std::string_view name) {
    const json::value* const value = Take(name);
    if (value == nullptr) return std::nullopt;
    if (value->is_bool()) return value->as_bool();
    Complain(name, "is not true or false");
    return std::nullopt;
  }
  // Whole, within [low, high].
  std::optional<std::int64_t> Whole(std::string_view name, std::int64_t low, std::int64_t high) {
    const json::value* const value = Take(name);
    return value == nullptr ? std::nullopt : WholeOf(name, *value, low, high);
  }
  std::optional<CommandArea> Area(std::string_view name) {
    const json::value* const value = Take(name);
    if (value == nullptr) return std::nullopt;
    if (!value->is_array() || value->as_array().size() != 4) {
      Complain(name, "is not [x, y, columns, rows]");
      return std::nullopt;
    }
    const json::array& parts = value->as_array();
    const auto x = WholeOf(name, parts[0], INT32_MIN, INT32_MAX);
    const auto y = WholeOf(name, parts[1], INT32_MIN, INT32_MAX);
    const auto columns = WholeOf(name, parts[2], 1, 65'535);
    const auto rows = WholeOf(name, parts[3], 1, 65'535);
    if (!x || !y || !columns || !rows) return std::nullopt;
    return CommandArea{{static_cast<std::int32_t>(*x), static_cast<std::int32_t>(*y)},
                       static_cast<std::uint16_t>(*columns), static_cast<std::uint16_t>(*rows)};
  }

  void Complain(std::string_view name, std::string_view why) {
    if (mistake_.empty()) mistake_ = std::string(name) + " " + std::string(why);
  }

  // What is wrong with them; empty: nothing.  Call it last.
  std::string Mistake() {
    if (!mistake_.empty()) return mistake_;
    for (const auto& entry : document_.as_object()) {
      const std::string key(entry.key().data(), entry.key().size());
      if (!taken_.contains(key)) return "\"" + key + "\" is unknown";
    }
    return {};
  }

 private:
  const json::value* Take(std::string_view name) {
    taken_.emplace(name);
    if (!document_.is_object()) return nullptr;
    const json::value* const value = document_.as_object().if_contains({name.data(), name.size()});
    return value != nullptr && value->is_null() ? nullptr : value;
  }
  std::optional<std::int64_t> WholeOf(std::string_view name, const json::value& value, std::int64_t low,
                                      std::int64_t high) {
    boost::system::error_code failure;
    const auto number = value.to_number<std::int64_t>(failure);
    if (!failure && number >= low && number <= high) return number;
    Complain(name, "is not a whole number of its range");
    return std::nullopt;
  }

  json::value document_;
  std::set<std::string, std::less<>> taken_;
  std::string mistake_;
};

// Nobody can name another one's request: the caller is part of it.
std::uint64_t RequestNumber(std::string_view caller, std::string_view id) {
  const TokenDigest digest = DigestOfToken(std::string(caller) + "\n" + std::string(id));
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < 8; ++i) number = number << 8 | digest[i];
  return number == 0 ? 1 : number;
}

std::uint16_t Hundredths(Fields* fields, std::string_view name, double value, double most) {
  if (!(value >= 0 && value <= most)) {
    fields->Complain(name, "is outside its range");
    return 0;
  }
  return static_cast<std::uint16_t>(std::floor(value * 100 + 0.5));
}

std::string StageOf(const CommandFate& fate) {
  switch (fate.stage) {
    case CommandFate::Stage::kTaken: return "taken";
    case CommandFate::Stage::kIssued: return "issued";
    case CommandFate::Stage::kWithheld: return "withheld";
    case CommandFate::Stage::kRefused: return "refused";
    case CommandFate::Stage::kClosed: return "closed";
  }
  return "taken";
}

Answer DescribeFate(const OperatorCommand& command, const std::string& request_id, const CommandFate& fate) {
  json::object document;
  // As text: readers that keep numbers as doubles would lose its last bits.
  document["command_id"] = std::to_string(ToNumber(command.Id()));
  document["request_id"] = request_id;
  document["vehicle"] = command.vehicle.ToString();
  document["region"] = ToNumber(fate.region);
  document["by"] = command.by;
  document["stage"] = StageOf(fate);
  document["withheld_by"] = nullptr;
  document["refused_because"] = nullptr;
  document["outcome"] = nullptr;
  document["reject_reason"] = nullptr;
  switch (fate.stage) {
    case CommandFate::Stage::kWithheld:
      document["withheld_by"] = fate.mode == CommandMode::Stop ? "stop" : "shadow";
      break;
    case CommandFate::Stage::kRefused: document["refused_because"] = log::EnumNameRefusal(fate.refusal); break;
    case CommandFate::Stage::kClosed:
      document["outcome"] = wire::EnumNameCommandOutcome(fate.outcome);
      if (fate.outcome == wire::CommandOutcome::Rejected) {
        document["reject_reason"] = wire::EnumNameRejectReason(fate.reject);
      }
      break;
    default: break;
  }
  const bool settled = fate.stage != CommandFate::Stage::kTaken && fate.stage != CommandFate::Stage::kIssued;
  return {settled ? 200u : 202u, "application/json", json::serialize(document)};
}

Answer AnswerCommand(std::string_view body, const Caller& caller, ActionTarget* target) {
  Fields fields(body);
  OperatorCommand command;
  const std::string vehicle = fields.Text("vehicle").value_or("");
  const std::string kind = fields.Text("kind").value_or("");
  const std::optional<double> speed_mps = fields.Number("speed_mps");
  const std::optional<double> decel_mps2 = fields.Number("decel_mps2");
  const double for_s = fields.Number("for_s").value_or(kLeaseS);
  command.reason = fields.Text("reason").value_or("");
  std::string request_id = fields.Text("request_id").value_or("");
  const Result<VehicleId> parsed = VehicleId::Parse(vehicle);
  if (!parsed.ok()) fields.Complain("vehicle", "is no vehicle's name");
  if (kind == "speed_limit") {
    command.kind = wire::CommandKind::SpeedAdvice;
    if (!speed_mps) fields.Complain("speed_mps", "is missing");
  } else if (kind == "brake") {
    command.kind = wire::CommandKind::Avoidance;
  } else if (kind == "release") {
    command.kind = wire::CommandKind::Release;
    if (decel_mps2) fields.Complain("decel_mps2", "has no meaning in a release");
  } else {
    fields.Complain("kind", "is none of speed_limit, brake and release");
  }
  if (kind != "speed_limit" && speed_mps) fields.Complain("speed_mps", "is for a speed_limit");
  command.speed_ceiling_cmps = Hundredths(&fields, "speed_mps", speed_mps.value_or(0), OperatorCommand::kSpeedMaxMps);
  const double decel_default = kind == "speed_limit" ? kLimitDecelMps2 : kind == "brake" ? kBrakeDecelMps2 : 0;
  command.decel_cmps2 =
      Hundredths(&fields, "decel_mps2", decel_mps2.value_or(decel_default), OperatorCommand::kBrakeMaxMps2);
  if (!(for_s > 0 && for_s <= ToSeconds(OperatorCommand::kLeaseMax))) {
    fields.Complain("for_s", "is outside (0, 8]");
  } else {
    command.lease = milliseconds(std::max<std::int64_t>(1, static_cast<std::int64_t>(for_s * 1000 + 0.5)));
  }
  if (command.reason.empty()) fields.Complain("reason", "is missing: it stands in the audit trail");
  if (request_id.size() > kRequestIdMax) fields.Complain("request_id", "has more than 64 bytes");
  if (const std::string mistake = fields.Mistake(); !mistake.empty()) return Refuse(400, mistake);
  if (request_id.empty()) {
    Result<std::string> random = RandomText(12);
    if (!random.ok()) return RefuseBy(random.status());
    request_id = std::move(random).value();
  }
  command.vehicle = parsed.value();
  command.by = caller.name;
  command.request = RequestNumber(caller.name, request_id);
  command.asked_ns = ToNs(CloudNow());
  if (const Status status = command.Validate(); !status.ok()) return RefuseBy(status);
  const Result<std::optional<CommandFate>> fate = target->Command(command);
  if (!fate.ok()) return RefuseBy(fate.status());
  if (!fate.value()) {
    return Refuse(404, "no region of this process has " + vehicle + " now; /v1/vehicles/" + vehicle +
                           " says what is known of it, `starling regions show` who owns the other regions");
  }
  return DescribeFate(command, request_id, *fate.value());
}

json::object Describe(const CommandRule& rule) {
  json::object document;
  document["mode"] = rule.mode == CommandMode::Stop ? "stop" : "shadow";
  document["region"] = nullptr;
  document["fleet"] = nullptr;
  document["area"] = nullptr;
  document["kind"] = nullptr;
  if (rule.scope.region) document["region"] = ToNumber(*rule.scope.region);
  if (!rule.scope.fleet.empty()) document["fleet"] = rule.scope.fleet;
  if (const std::optional<CommandArea>& area = rule.scope.area) {
    document["area"] = json::array{area->low.x, area->low.y, area->columns, area->rows};
  }
  if (rule.scope.kind == wire::CommandKind::Avoidance) document["kind"] = "avoidance";
  if (rule.scope.kind == wire::CommandKind::SpeedAdvice) document["kind"] = "advice";
  document["by"] = rule.by;
  document["reason"] = rule.reason;
  document["set_ns"] = rule.set_ns;
  return document;
}

Answer DescribeSettings(const CommandSettings& settings) {
  json::object document;
  document["version"] = std::to_string(settings.version);
  document["by"] = settings.by;
  document["reason"] = settings.reason;
  document["set_ns"] = settings.set_ns;
  json::array rules;
  for (const CommandRule& rule : settings.rules) rules.push_back(Describe(rule));
  document["rules"] = std::move(rules);
  return {200, "application/json", json::serialize(document)};
}

Answer AnswerSwitch(std::string_view body, const Caller& caller, ActionTarget* target) {
  Fields fields(body);
  SettingsChange change;
  const std::string mode = fields.Text("mode").value_or("");
  if (mode == "stop") {
    change.verb = SettingsChange::Verb::kStop;
  } else if (mode == "shadow") {
    change.verb = SettingsChange::Verb::kShadow;
  } else if (mode == "start") {
    change.verb = SettingsChange::Verb::kStart;
  } else {
    fields.Complain("mode", "is none of stop, shadow and start");
  }
  if (const auto region = fields.Whole("region", 0, 9'999)) {
    change.scope.region = RegionId{static_cast<std::uint32_t>(*region)};
  }
  change.scope.fleet = fields.Text("fleet").value_or("");
  change.scope.area = fields.Area("area");
  const std::string kind = fields.Text("kind").value_or("");
  if (kind == "avoidance") {
    change.scope.kind = wire::CommandKind::Avoidance;
  } else if (kind == "advice") {
    change.scope.kind = wire::CommandKind::SpeedAdvice;
  } else if (!kind.empty()) {
    fields.Complain("kind", "is none of avoidance and advice");
  }
  change.all = fields.Flag("all").value_or(false);
  change.by = caller.name;
  change.reason = fields.Text("reason").value_or("");
  if (change.reason.empty()) fields.Complain("reason", "is missing: it stands in the audit trail");
  if (const std::string mistake = fields.Mistake(); !mistake.empty()) return Refuse(400, mistake);
  const Result<CommandSettings> settings = target->ChangeSettings(change);
  return settings.ok() ? DescribeSettings(settings.value()) : RefuseBy(settings.status());
}

}  // namespace

bool IsAction(std::string_view method, std::string_view path) {
  if (method == "POST") return path == kSwitch || path == kCommands;
  return path == kSwitch && (method == "GET" || method == "HEAD");
}

Answer AnswerAction(std::string_view method, std::string_view path, std::string_view body, const Caller& caller,
                    ActionTarget* target) {
  if (target == nullptr) return Refuse(503, "this process takes no commands");
  if (method == "POST") {
    return path == kCommands ? AnswerCommand(body, caller, target) : AnswerSwitch(body, caller, target);
  }
  const Result<std::optional<CommandSettings>> settings = target->Settings();
  if (!settings.ok()) return RefuseBy(settings.status());
  return DescribeSettings(settings.value().value_or(CommandSettings()));
}

}  // namespace starling::cloud
