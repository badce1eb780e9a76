#include "edge/plan/signal_rules.h"

#include <algorithm>

#include "common/check.h"

namespace starling::edge {
namespace {

using wire::PlanSignal;

// Copies the recorded values of a signal.
void CopySignal(PlanSignal signal, const wire::Fix& from, wire::Fix* to) {
  switch (signal) {
    case PlanSignal::Position:
      to->mutate_lat_e7(from.lat_e7());
      to->mutate_lon_e7(from.lon_e7());
      return;
    case PlanSignal::Heading: return to->mutate_heading(from.heading());
    case PlanSignal::Speed: return to->mutate_speed_cmps(from.speed_cmps());
    case PlanSignal::Accel: return to->mutate_accel_cmps2(from.accel_cmps2());
    case PlanSignal::YawRate: return to->mutate_yaw_rate_e4(from.yaw_rate_e4());
    case PlanSignal::Accuracy: return to->mutate_accuracy_dm(from.accuracy_dm());
    default: STARLING_CHECK(false);
  }
}

}  // namespace

double SignalValue(PlanSignal signal, const wire::Fix& fix) {
  switch (signal) {
    case PlanSignal::Heading: return fix.heading() * (360.0 / 65536);
    case PlanSignal::Speed: return fix.speed_cmps() * 0.01;
    case PlanSignal::Accel: return fix.accel_cmps2() * 0.01;
    case PlanSignal::YawRate: return fix.yaw_rate_e4() * 1e-4;
    case PlanSignal::Accuracy: return fix.accuracy_dm() * 0.1;
    case PlanSignal::Brake: return std::max(0, -fix.accel_cmps2()) * 0.01;
    case PlanSignal::LateralAccel: return fix.speed_cmps() * 0.01 * (fix.yaw_rate_e4() * 1e-4);
    default: break;
  }
  STARLING_CHECK(false);
  return 0;
}

std::uint32_t SignalRules::Thin(wire::Fix* fix) {
  std::uint32_t thinned = 0;
  for (const PlanSignalRule& rule : rules_) {
    if (first_ || (rule.lane == wire::PlanLane::History && fix->sequence() % rule.every == 0)) {
      CopySignal(rule.signal, *fix, &kept_);
    } else {
      CopySignal(rule.signal, kept_, fix);
      ++thinned;
    }
  }
  first_ = false;
  return thinned;
}

}  // namespace starling::edge
