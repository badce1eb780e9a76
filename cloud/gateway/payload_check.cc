#include "cloud/gateway/payload_check.h"

#include <cstdint>
#include <string>

namespace starling::cloud {
namespace {

// Those of the agent's configuration.
constexpr std::uint16_t kLengthMinCm = 10, kLengthMaxCm = 3'000;
constexpr std::uint16_t kWidthMinCm = 10, kWidthMaxCm = 500;

Judgement BadRange(const char* field, std::uint64_t value) {
  return Refuse(log::Verdict::BadRange, wire::NoticeCode::Malformed,
                std::string(field) + " is " + std::to_string(value) + ", outside its range");
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

Judgement CheckProbe(const wire::ClockProbe& probe) {
  if (probe.boot_time_ns() >= kBootTimeMaxNs) return BadRange("boot_time_ns", probe.boot_time_ns());
  return {};
}

}  // namespace starling::cloud
