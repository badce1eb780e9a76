#include "cloud/gateway/fix_gate.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "cloud/gateway/payload_check.h"
#include "common/telemetry/fix_codec.h"

namespace starling::cloud {
namespace {

using log::Verdict;
using wire::NoticeCode;

// A vehicle's own figure; whoever claims more knows nothing about its clock.
constexpr nanoseconds kUncertaintyMax = milliseconds(500);

std::string InMs(nanoseconds span) {
  return std::to_string(std::chrono::duration_cast<milliseconds>(span).count()) + " ms";
}

}  // namespace

void FixGate::OnHello(BootId boot) {
  reported_ = false;
  if (boot == boot_) return;
  boot_ = boot;
  last_sequence_ = 0;
  offset_.reset();
  steps_ = 0;
}

Judgement FixGate::JudgeClock(const GatewayConfig& config, const wire::ClockReport& report, CloudTime now) {
  const auto refuse = [](Verdict verdict, std::string detail) {
    return Refuse(verdict, NoticeCode::ClockImplausible, std::move(detail));
  };
  const std::int64_t offset_ns = report.cloud_minus_boot_ns();
  constexpr auto kOffsetMaxNs = static_cast<std::int64_t>(kBootTimeMaxNs);
  if (report.boot_time_ns() >= kBootTimeMaxNs || offset_ns <= -kOffsetMaxNs || offset_ns >= kOffsetMaxNs) {
    return refuse(Verdict::BadRange, "clock report is outside its range");
  }
  const nanoseconds offset(offset_ns);
  const CloudTime sent = CloudTime(BootTimeFromNs(report.boot_time_ns()).time_since_epoch() + offset);
  if (sent < now - config.fix_age_max || sent > now + config.fix_lead_max) {
    return refuse(Verdict::ClockStep, "clock report places its sending " + InMs(sent - now) + " from now");
  }
  const nanoseconds uncertainty = std::min(
      kUncertaintyMax, nanoseconds(static_cast<std::int64_t>(
                           std::min<std::uint64_t>(report.uncertainty_ns(), kBootTimeMaxNs))));
  const nanoseconds tolerance = config.clock_step_max + uncertainty + uncertainty_;
  if (offset_ && std::chrono::abs(offset - *offset_) > tolerance) {
    const bool consistent = steps_ > 0 && std::chrono::abs(offset - step_candidate_) <= tolerance;
    steps_ = consistent ? steps_ + 1 : 1;
    step_candidate_ = offset;
    if (steps_ < kConsistentMax) {
      return refuse(Verdict::ClockStep, "clock stepped by " + InMs(offset - *offset_) + " within one boot");
    }
  }
  steps_ = 0;
  offset_ = offset;
  uncertainty_ = uncertainty;
  reported_ = true;
  return {};
}

Judgement FixGate::JudgeFix(const GatewayConfig& config, const LocalFrame& frame, const wire::Fix& fix,
                            std::size_t path_arcs, CloudTime now) {
  if (!reported_) {
    return Refuse(Verdict::ClockStep, NoticeCode::ClockImplausible, "no believed clock report on this connection");
  }
  if (const Status range = ValidateFix(fix); !range.ok()) {
    return Refuse(Verdict::BadRange, NoticeCode::FixImplausible, std::string(range.message()));
  }
  if (path_arcs > kPathArcsMax || fix.boot_time_ns() >= kBootTimeMaxNs) {
    return Refuse(Verdict::BadRange, NoticeCode::FixImplausible,
                  path_arcs > kPathArcsMax ? "path has " + std::to_string(path_arcs) + " arcs"
                                           : std::string("boot_time_ns is outside its range"));
  }
  if (Judgement rate = TakeToken(config, now); !rate.accepted()) return rate;
  if (fix.sequence() <= last_sequence_) {
    return Refuse(Verdict::RepeatedSequence, NoticeCode::FixImplausible,
                  "sequence " + std::to_string(fix.sequence()) + " after " + std::to_string(last_sequence_));
  }
  const CloudTime time = CloudTime(BootTimeFromNs(fix.boot_time_ns()).time_since_epoch() + *offset_);
  if (time < now - config.fix_age_max) {
    return Refuse(Verdict::TooOld, NoticeCode::FixImplausible, "fix is " + InMs(now - time) + " old");
  }
  if (time > now + config.fix_lead_max) {
    return Refuse(Verdict::FromTheFuture, NoticeCode::FixImplausible, "fix is " + InMs(time - now) + " ahead");
  }
  if (Judgement move = JudgeMove(config, {frame.ToLocal(PositionFromWire(fix)), time}); !move.accepted()) {
    return move;
  }
  last_sequence_ = fix.sequence();
  last_time_ = time;
  return {};
}

Judgement FixGate::TakeToken(const GatewayConfig& config, CloudTime now) {
  if (tokens_ < 0) {
    tokens_ = config.fixes_burst;
  } else if (now > refilled_) {  // The cloud's clock may step back.
    tokens_ = std::min(config.fixes_burst,
                       tokens_ + config.fixes_per_second * ToSeconds(now - refilled_));
  }
  refilled_ = now;
  if (tokens_ < 1) {
    const double wait_ms = std::ceil((1 - tokens_) / config.fixes_per_second * 1000);
    return Refuse(Verdict::OverRate, NoticeCode::OverRate, "over the rate of fixes",
                  static_cast<std::uint32_t>(std::max(1.0, wait_ms)));
  }
  tokens_ -= 1;
  return {};
}

bool FixGate::CanReach(const GatewayConfig& config, const Place& from, const Place& to) {
  const double elapsed_s = std::max(0.0, ToSeconds(to.time - from.time));
  return Norm(to.position - from.position) <= config.jump_base_m + config.jump_speed_mps * elapsed_s;
}

Judgement FixGate::JudgeMove(const GatewayConfig& config, const Place& place) {
  if (last_place_ && !CanReach(config, *last_place_, place)) {
    const bool consistent = jumps_ > 0 && CanReach(config, *jump_candidate_, place);
    jumps_ = consistent ? jumps_ + 1 : 1;
    jump_candidate_ = place;
    if (jumps_ < kConsistentMax) {
      return Refuse(Verdict::Jump, NoticeCode::FixImplausible,
                    "fix is " + std::to_string(Norm(place.position - last_place_->position)) +
                        " m from the last one");
    }
  }
  jumps_ = 0;
  last_place_ = place;
  return {};
}

}  // namespace starling::cloud
