#include "cloud/gateway/payload_check.h"

#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/plan/plan.h"
#include "common/telemetry/history_reader.h"

namespace starling::cloud {
namespace {

// Those of the agent's configuration.
constexpr std::uint16_t kLengthMinCm = 10, kLengthMaxCm = 3'000;
constexpr std::uint16_t kWidthMinCm = 10, kWidthMaxCm = 500;

Judgement BadRange(const char* field, std::uint64_t value) {
  return Refuse(log::Verdict::BadRange, wire::NoticeCode::Malformed,
                std::string(field) + " is " + std::to_string(value) + ", outside its range");
}

// FlatBuffers' verifier looks at where a vector begins, not at what its elements need.
template <typename Struct>
bool Aligned(const flatbuffers::Vector<const Struct*>& structs) {
  return reinterpret_cast<std::uintptr_t>(structs.Data()) % alignof(Struct) == 0;
}

Judgement CheckWindows(const flatbuffers::Vector<const wire::WindowValue*>& windows) {
  if (!Aligned(windows)) return Refuse(log::Verdict::BadRange, wire::NoticeCode::Malformed, "windows are not aligned");
  if (windows.size() > kWindowsOfBatchMax) return BadRange("windows' length", windows.size());
  for (const wire::WindowValue* window : windows) {
    if (window->window() >= PlanLimits::kWindowsMax) return BadRange("window", window->window());
    if (window->count() == 0) return BadRange("a window's count", 0);
    if (window->begin_boot_time_ns() >= kBootTimeMaxNs) return BadRange("a window's begin", window->begin_boot_time_ns());
    for (const float value : {window->min(), window->max(), window->mean(), window->last()}) {
      if (!std::isfinite(value)) return BadRange("a window's value", 0);
    }
  }
  return {};
}

Judgement CheckCaptures(const flatbuffers::Vector<flatbuffers::Offset<wire::Capture>>& captures) {
  if (captures.size() > kCapturesOfBatchMax) return BadRange("captures' length", captures.size());
  std::vector<wire::Fix> fixes;
  for (const wire::Capture* capture : captures) {
    if (capture->trigger() >= PlanLimits::kTriggersMax) return BadRange("trigger", capture->trigger());
    const auto columns = std::as_bytes(std::span(capture->columns()->data(), capture->columns()->size()));
    if (const Status status = ReadHistoryColumns(columns, capture->first_sequence(), capture->count(), &fixes);
        !status.ok()) {
      return Refuse(log::Verdict::Undecodable, wire::NoticeCode::Malformed, "capture: " + std::string(status.message()));
    }
    if (capture->fired_sequence() < fixes.front().sequence() || capture->fired_sequence() > fixes.back().sequence()) {
      return BadRange("fired_sequence", capture->fired_sequence());
    }
  }
  return {};
}

}  // namespace

Judgement CheckHello(const wire::Hello& hello) {
  if (hello.boot_id() == 0) return BadRange("boot_id", 0);
  if (hello.boot_time_ns() >= kBootTimeMaxNs) return BadRange("boot_time_ns", hello.boot_time_ns());
  if (hello.length_cm() < kLengthMinCm || hello.length_cm() > kLengthMaxCm) {
    return BadRange("length_cm", hello.length_cm());
  }
  if (hello.width_cm() < kWidthMinCm || hello.width_cm() > kWidthMaxCm) {
    return BadRange("width_cm", hello.width_cm());
  }
  if (hello.agent_version() != nullptr && hello.agent_version()->size() > kVersionBytesMax) {
    return BadRange("agent_version's length", hello.agent_version()->size());
  }
  return {};
}

Judgement CheckHistory(const wire::History& history) {
  if (history.boot_id() == 0) return BadRange("boot_id", 0);
  if (history.count() == 0) return BadRange("count", 0);
  if (history.first_sequence() == 0 || history.first_sequence() >= kBootTimeMaxNs) {
    return BadRange("first_sequence", history.first_sequence());
  }
  if (history.columns()->size() == 0) return BadRange("columns' length", 0);
  if (history.windows() == nullptr && history.captures() == nullptr) return {};
  if (history.plan_hash() == 0 && history.results_plan_hash() == 0) return BadRange("plan_hash", 0);
  if (history.windows() != nullptr) {
    if (Judgement judgement = CheckWindows(*history.windows()); !judgement.accepted()) return judgement;
  }
  if (history.captures() != nullptr) return CheckCaptures(*history.captures());
  return {};
}

Judgement CheckReport(const wire::CommandReport& report) {
  if (report.boot_id() == 0) return BadRange("boot_id", 0);
  const auto& statuses = *report.statuses();
  // FlatBuffers' verifier looks at where a vector begins, not at what its elements need.
  if (reinterpret_cast<std::uintptr_t>(statuses.Data()) % alignof(wire::CommandStatus) != 0) {
    return Refuse(log::Verdict::BadRange, wire::NoticeCode::Malformed, "statuses are not aligned");
  }
  if (statuses.size() == 0 || statuses.size() > kStatusesMax) return BadRange("statuses' length", statuses.size());
  for (const wire::CommandStatus* status : statuses) {
    if (status->report_sequence() == 0) return BadRange("report_sequence", 0);
    const auto outcome = static_cast<std::uint8_t>(status->outcome());
    if (outcome == 0 || status->outcome() > wire::CommandOutcome::MAX) return BadRange("outcome", outcome);
    if (status->reason() > wire::RejectReason::MAX) {
      return BadRange("reason", static_cast<std::uint8_t>(status->reason()));
    }
    if (status->boot_time_ns() >= kBootTimeMaxNs) return BadRange("boot_time_ns", status->boot_time_ns());
  }
  return {};
}

Judgement CheckPlanReport(const wire::PlanReport& report) {
  if (report.boot_id() == 0) return BadRange("boot_id", 0);
  const auto verdict = static_cast<std::uint8_t>(report.verdict());
  if (verdict == 0 || report.verdict() > wire::PlanVerdict::MAX) return BadRange("verdict", verdict);
  if (report.detail() != nullptr && report.detail()->size() > kPlanDetailBytesMax) {
    return BadRange("detail's length", report.detail()->size());
  }
  return {};
}

Judgement CheckProbe(const wire::ClockProbe& probe) {
  if (probe.boot_time_ns() >= kBootTimeMaxNs) return BadRange("boot_time_ns", probe.boot_time_ns());
  return {};
}

}  // namespace starling::cloud
