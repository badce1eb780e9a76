#include "common/plan/plan_codec.h"

#include <openssl/sha.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>

namespace starling {
namespace {

// No table of a plan is deeper, and no plan within the limits has more.
constexpr flatbuffers::uoffset_t kVerifierDepthMax = 8;
constexpr flatbuffers::uoffset_t kVerifierTablesMax = 64;
static_assert(1 + PlanLimits::kSignalsMax + PlanLimits::kWindowsMax + PlanLimits::kGeofencesMax +
                  PlanLimits::kTriggersMax <= kVerifierTablesMax);

std::uint32_t Thousandths(const std::optional<double>& value) {
  return value ? static_cast<std::uint32_t>(std::floor(*value * 1e3 + 0.5)) : 0;
}

std::optional<double> FromThousandths(std::uint32_t value) {
  if (value == 0) return std::nullopt;
  return value / 1e3;
}

std::uint32_t Ms(milliseconds time) { return static_cast<std::uint32_t>(time.count()); }

std::string Text(const flatbuffers::String* text) { return text == nullptr ? std::string() : text->str(); }

Status Invalid(const PlanFault& fault) {
  std::string where = fault.section;
  if (!where.empty()) where.append(" ").append(std::to_string(fault.index + 1)).append(": ");
  return Status(ErrorCode::kInvalidArgument, where + fault.why);
}

// FlatBuffers' verifier looks at where a vector begins, not at what its elements need.
template <typename Struct>
bool Aligned(const flatbuffers::Vector<const Struct*>* structs) {
  return structs == nullptr || reinterpret_cast<std::uintptr_t>(structs->Data()) % alignof(Struct) == 0;
}

// The fields as they are; what they mean FindFault looks at.  False if a vector is not aligned.
bool Unpack(const wire::Plan& from, Plan* plan) {
  plan->name = Text(from.name());
  plan->version = from.version();
  if (from.start_s() != 0) plan->start = seconds(from.start_s());
  if (from.end_s() != 0) plan->end = seconds(from.end_s());
  plan->priority = from.priority();
  plan->link_share_percent = from.link_share_percent();
  plan->position_error_m = FromThousandths(from.position_error_mm());
  plan->heading_error_deg = FromThousandths(from.heading_error_mdeg());
  plan->speed_error_mps = FromThousandths(from.speed_error_mmps());
  if (from.heartbeat_ms() != 0) plan->heartbeat = milliseconds(from.heartbeat_ms());
  if (from.signals() != nullptr) {
    for (const auto* rule : *from.signals()) plan->signals.push_back({rule->signal(), rule->lane(), rule->every()});
  }
  if (from.windows() != nullptr) {
    for (const auto* window : *from.windows()) {
      plan->windows.push_back({window->signal(), milliseconds(window->length_ms()),
                               static_cast<std::uint8_t>(window->aggregates()), window->above()});
    }
  }
  if (from.geofences() != nullptr) {
    for (const auto* geofence : *from.geofences()) {
      if (!Aligned(geofence->corners())) return false;
      PlanGeofence& to = plan->geofences.emplace_back();
      to.name = Text(geofence->name());
      for (const wire::PlanCorner* corner : *geofence->corners()) {
        to.corners.push_back({corner->lat_e7(), corner->lon_e7()});
      }
    }
  }
  if (from.triggers() != nullptr) {
    for (const auto* trigger : *from.triggers()) {
      if (!Aligned(trigger->condition())) return false;
      PlanTrigger& to = plan->triggers.emplace_back();
      to.name = Text(trigger->name());
      for (const wire::PlanOp* op : *trigger->condition()) to.condition.push_back({op->code(), op->argument(), op->value()});
      to.hold = milliseconds(trigger->hold_ms());
      to.before = milliseconds(trigger->before_ms());
      to.after = milliseconds(trigger->after_ms());
      to.cooldown = milliseconds(trigger->cooldown_ms());
    }
  }
  return true;
}

}  // namespace

PlanHash HashOf(std::span<const std::byte> bytes) {
  std::uint8_t digest[SHA256_DIGEST_LENGTH];
  ::SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest);
  std::uint64_t hash = 0;
  for (std::size_t i = 0; i < sizeof(hash); ++i) hash = hash << 8 | digest[i];
  return PlanHash{hash};
}

Result<CompiledPlan> CompilePlan(const Plan& plan) {
  if (const std::optional<PlanFault> fault = FindFault(plan)) return Invalid(*fault);
  flatbuffers::FlatBufferBuilder builder;
  std::vector<flatbuffers::Offset<wire::PlanSignalRule>> signals;
  for (const PlanSignalRule& rule : plan.signals) {
    signals.push_back(
        wire::CreatePlanSignalRule(builder, rule.signal, rule.lane, static_cast<std::uint16_t>(rule.every)));
  }
  std::vector<flatbuffers::Offset<wire::PlanWindow>> windows;
  for (const PlanWindow& window : plan.windows) {
    windows.push_back(wire::CreatePlanWindow(builder, window.signal, Ms(window.length),
                                             static_cast<wire::PlanAggregate>(window.aggregates), window.above));
  }
  std::vector<flatbuffers::Offset<wire::PlanGeofence>> geofences;
  for (const PlanGeofence& geofence : plan.geofences) {
    std::vector<wire::PlanCorner> corners;
    for (const PlanCorner& corner : geofence.corners) corners.emplace_back(corner.lat_e7, corner.lon_e7);
    geofences.push_back(wire::CreatePlanGeofenceDirect(builder, geofence.name.c_str(), &corners));
  }
  std::vector<flatbuffers::Offset<wire::PlanTrigger>> triggers;
  for (const PlanTrigger& trigger : plan.triggers) {
    std::vector<wire::PlanOp> condition;
    for (const PlanStep& step : trigger.condition) condition.emplace_back(step.value, step.code, step.argument);
    triggers.push_back(wire::CreatePlanTriggerDirect(builder, trigger.name.c_str(), &condition, Ms(trigger.hold),
                                                     Ms(trigger.before), Ms(trigger.after), Ms(trigger.cooldown)));
  }
  builder.Finish(wire::CreatePlanDirect(
      builder, plan.name.c_str(), plan.version, plan.start.value_or(seconds(0)).count(),
      plan.end.value_or(seconds(0)).count(), plan.priority, static_cast<std::uint8_t>(plan.link_share_percent),
      Thousandths(plan.position_error_m), Thousandths(plan.heading_error_deg), Thousandths(plan.speed_error_mps),
      Ms(plan.heartbeat.value_or(milliseconds(0))), signals.empty() ? nullptr : &signals,
      windows.empty() ? nullptr : &windows, geofences.empty() ? nullptr : &geofences,
      triggers.empty() ? nullptr : &triggers));
  return ReadCompiledPlan(std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize())));
}

Result<CompiledPlan> ReadCompiledPlan(std::span<const std::byte> bytes) {
  if (bytes.size() > PlanLimits::kBytesMax) {
    return Status(ErrorCode::kInvalidArgument, "a plan of " + std::to_string(bytes.size()) + " bytes, at most " +
                                                   std::to_string(PlanLimits::kBytesMax));
  }
  // Wherever they come from: at a multiple of eight.
  std::vector<std::uint64_t> words(bytes.size() / sizeof(std::uint64_t) + 1);
  if (!bytes.empty()) std::memcpy(words.data(), bytes.data(), bytes.size());
  const auto* aligned = reinterpret_cast<const std::uint8_t*>(words.data());
  flatbuffers::Verifier verifier(aligned, bytes.size(), kVerifierDepthMax, kVerifierTablesMax);
  CompiledPlan compiled;
  if (!verifier.VerifyBuffer<wire::Plan>(nullptr) || !Unpack(*flatbuffers::GetRoot<wire::Plan>(aligned), &compiled.plan)) {
    return Status(ErrorCode::kCorruption, "not a plan");
  }
  if (const std::optional<PlanFault> fault = FindFault(compiled.plan)) return Invalid(*fault);
  compiled.hash = HashOf(bytes);
  if (compiled.hash == PlanHash{}) return Status(ErrorCode::kInvalidArgument, "its hash is 0, which is none");
  compiled.bytes.assign(bytes.begin(), bytes.end());
  return compiled;
}

}  // namespace starling
