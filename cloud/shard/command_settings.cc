#include "cloud/shard/command_settings.h"

#include <algorithm>
#include <utility>

#include "schemas/log/telemetry_generated.h"

namespace starling::cloud {
namespace {

constexpr std::uint32_t kEveryRegion = UINT32_MAX;

bool IsWithin(wire::CommandKind kind, wire::CommandKind scope) {
  if (kind == wire::CommandKind::Release) kind = wire::CommandKind::Avoidance;
  return scope == wire::CommandKind::None || kind == scope;
}

bool IsWithin(RegionId region, std::optional<RegionId> scope) { return !scope || *scope == region; }

Status Refuse(const std::string& what) { return {ErrorCode::kInvalidArgument, "command settings: " + what}; }

Status ValidateText(const std::string& name, const std::string& text) {
  if (text.size() > CommandSettings::kTextMax) {
    return Refuse(name + " has more than " + std::to_string(CommandSettings::kTextMax) + " bytes");
  }
  const bool control = std::any_of(text.begin(), text.end(), [](char c) { return c >= 0 && c < ' '; });
  return control ? Refuse(name + " has a control character") : Status();
}

Status ValidateRule(const CommandRule& rule) {
  if (rule.mode != CommandMode::Shadow && rule.mode != CommandMode::Stop) {
    return Refuse("a rule that withholds nothing");
  }
  if (rule.scope.kind != wire::CommandKind::None && rule.scope.kind != wire::CommandKind::Avoidance &&
      rule.scope.kind != wire::CommandKind::SpeedAdvice) {
    return Refuse("a rule's kind is avoidance or speed advice; releases belong to avoidance");
  }
  if (!rule.scope.fleet.empty() && !VehicleId::Parse(rule.scope.fleet).ok()) {
    return Refuse("'" + rule.scope.fleet + "' begins no vehicle's name");
  }
  if (rule.scope.area && (rule.scope.area->columns == 0 || rule.scope.area->rows == 0)) {
    return Refuse("an area without cells");
  }
  if (rule.scope.region && ToNumber(*rule.scope.region) == kEveryRegion) return Refuse("no such region");
  if (Status status = ValidateText("who set a rule", rule.by); !status.ok()) return status;
  return ValidateText("the reason of a rule", rule.reason);
}

std::string TextOf(const flatbuffers::String* text) { return text == nullptr ? std::string() : text->str(); }

}  // namespace

std::string CommandScope::ToText() const {
  std::string text;
  const auto add = [&text](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (region) add("region " + std::to_string(ToNumber(*region)));
  if (!fleet.empty()) add("fleet " + fleet);
  if (area) {
    add("area " + std::to_string(area->low.x) + "," + std::to_string(area->low.y) + "," +
        std::to_string(area->columns) + "," + std::to_string(area->rows));
  }
  if (kind == wire::CommandKind::Avoidance) add("kind avoidance");
  if (kind == wire::CommandKind::SpeedAdvice) add("kind advice");
  return text.empty() ? "every command" : text;
}

Status CommandSettings::Validate() const {
  if (version == 0) return Refuse("version 0");
  if (rules.size() > kRulesMax) return Refuse("more than " + std::to_string(kRulesMax) + " rules");
  for (const CommandRule& rule : rules) {
    if (Status status = ValidateRule(rule); !status.ok()) return status;
  }
  if (Status status = ValidateText("who made them", by); !status.ok()) return status;
  return ValidateText("the reason", reason);
}

CommandMode CommandSettings::ModeOf(RegionId region, std::string_view vehicle, CellIndex cell,
                                    wire::CommandKind kind) const {
  CommandMode strictest = CommandMode::Send;
  for (const CommandRule& rule : rules) {
    const CommandScope& scope = rule.scope;
    if (IsWithin(region, scope.region) && IsWithin(kind, scope.kind) && vehicle.starts_with(scope.fleet) &&
        (!scope.area || scope.area->Contains(cell))) {
      strictest = std::max(strictest, rule.mode);
    }
  }
  return strictest;
}

CommandMode CommandSettings::ModeOf(RegionId region, wire::CommandKind kind) const {
  CommandMode strictest = CommandMode::Send;
  for (const CommandRule& rule : rules) {
    const CommandScope& scope = rule.scope;
    if (IsWithin(region, scope.region) && IsWithin(kind, scope.kind) && scope.fleet.empty() && !scope.area) {
      strictest = std::max(strictest, rule.mode);
    }
  }
  return strictest;
}

flatbuffers::Offset<log::CommandSettings> PackCommandSettings(const CommandSettings& settings,
                                                              flatbuffers::FlatBufferBuilder* builder) {
  std::vector<flatbuffers::Offset<log::CommandRule>> rules;
  for (const CommandRule& rule : settings.rules) {
    const auto fleet = rule.scope.fleet.empty() ? flatbuffers::Offset<flatbuffers::String>()
                                                : builder->CreateString(rule.scope.fleet);
    const auto by = builder->CreateString(rule.by);
    const auto reason = builder->CreateString(rule.reason);
    std::optional<log::CellArea> area;
    if (const std::optional<CommandArea>& of = rule.scope.area) {
      area = log::CellArea(of->low.x, of->low.y, of->columns, of->rows);
    }
    const std::uint32_t region = rule.scope.region ? ToNumber(*rule.scope.region) : kEveryRegion;
    rules.push_back(log::CreateCommandRule(*builder, rule.mode, region, fleet, area ? &*area : nullptr,
                                           rule.scope.kind, by, reason, rule.set_ns));
  }
  const auto packed = builder->CreateVector(rules);
  const auto by = builder->CreateString(settings.by);
  const auto reason = builder->CreateString(settings.reason);
  return log::CreateCommandSettings(*builder, settings.version, packed, by, reason, settings.set_ns);
}

Result<CommandSettings> UnpackCommandSettings(const log::CommandSettings& record) {
  CommandSettings settings;
  settings.version = record.version();
  settings.by = TextOf(record.by());
  settings.reason = TextOf(record.reason());
  settings.set_ns = record.set_ns();
  for (const log::CommandRule* each : *record.rules()) {
    CommandRule rule;
    rule.mode = each->mode();
    if (each->region() != kEveryRegion) rule.scope.region = RegionId{each->region()};
    rule.scope.fleet = TextOf(each->fleet());
    if (const log::CellArea* area = each->area()) {
      rule.scope.area = CommandArea{{area->x(), area->y()}, area->columns(), area->rows()};
    }
    rule.scope.kind = each->kind();
    rule.by = TextOf(each->by());
    rule.reason = TextOf(each->reason());
    rule.set_ns = each->set_ns();
    settings.rules.push_back(std::move(rule));
  }
  if (Status status = settings.Validate(); !status.ok()) return status;
  return settings;
}

std::vector<std::byte> CommandSettingsRecord(const CommandSettings& settings, RegionId region) {
  flatbuffers::FlatBufferBuilder builder;
  const auto body = PackCommandSettings(settings, &builder);
  builder.Finish(log::CreateTelemetry(builder, ToNumber(region), log::TelemetryBody::CommandSettings, body.Union()));
  const auto bytes = std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
  return {bytes.begin(), bytes.end()};
}

}  // namespace starling::cloud
