#include "common/plan/plan.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <set>

namespace starling {
namespace {

using wire::PlanOpCode;
using wire::PlanSignal;
using Limits = PlanLimits;

std::string Text(double value) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%.10g", value);
  return text.data();
}

std::string Text(milliseconds time) { return Text(static_cast<double>(time.count()) / 1e3); }

// Collects the first fault; what is checked after it changes nothing.
class Checker {
 public:
  void Enter(std::string section, std::size_t index) {
    section_ = std::move(section);
    index_ = index;
  }
  void Fail(std::string key, std::string why) {
    if (!fault_) fault_ = PlanFault{section_, index_, std::move(key), std::move(why)};
  }
  void Demand(bool good, std::string key, std::string why) {
    if (!good) Fail(std::move(key), std::move(why));
  }
  void Within(const char* key, double value, double least, double most) {
    // A value that is no number is not within either.
    if (value >= least && value <= most) return;
    Fail(key, std::string(key) + " is " + Text(value) + ", must be within " + Text(least) + " and " + Text(most));
  }
  void Within(const char* key, const std::optional<double>& value, double least, double most) {
    if (value) Within(key, *value, least, most);
  }
  void Within(const char* key, milliseconds value, double least_s, double most_s) {
    Within(key, static_cast<double>(value.count()) / 1e3, least_s, most_s);
  }
  void AtMost(const char* what, std::size_t count, std::size_t most) {
    Demand(count <= most, "", std::to_string(count) + " " + what + ", at most " + std::to_string(most));
  }
  void Name(const std::string& name) {
    const auto is_good = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
             c == '-';
    };
    Demand(!name.empty() && name.size() <= Limits::kNameMax && std::all_of(name.begin(), name.end(), is_good), "name",
           "a name is 1 to " + std::to_string(Limits::kNameMax) + " of a-z, A-Z, 0-9, '.', '_' and '-'");
  }

  std::optional<PlanFault> fault() && { return std::move(fault_); }

 private:
  std::string section_;
  std::size_t index_ = 0;
  std::optional<PlanFault> fault_;
};

void CheckPlanItself(const Plan& plan, Checker* check) {
  check->Enter("", 0);
  check->Name(plan.name);
  check->Demand(plan.version >= 1 && plan.version < (std::uint64_t{1} << 63), "version",
                "version is " + std::to_string(plan.version) + ", must be 1 or more, below 2^63");
  // Beyond the year 2200 it is a slip; and nanoseconds since 1970 have to fit 63 bits.
  constexpr seconds kTimeMax{7'258'118'400};
  for (const auto& [key, time] : {std::pair("start", plan.start), std::pair("end", plan.end)}) {
    check->Demand(!time || (time->count() > 0 && *time < kTimeMax), key, std::string(key) + " must be within 1970 and 2200");
  }
  check->Demand(!plan.start || !plan.end || *plan.start < *plan.end, "end", "end is not after start");
  check->Demand(plan.priority <= wire::PlanPriority::MAX, "priority", "there is no such priority");
  check->Demand(plan.link_share_percent >= Limits::kLinkShareMinPercent && plan.link_share_percent <= 100, "link_share",
                "link_share is " + Text(plan.link_share_percent / 100.0) + ", must be within 0.01 and 1");
  check->AtMost("signals", plan.signals.size(), Limits::kSignalsMax);
  check->AtMost("windows", plan.windows.size(), Limits::kWindowsMax);
  check->AtMost("geofences", plan.geofences.size(), Limits::kGeofencesMax);
  check->AtMost("triggers", plan.triggers.size(), Limits::kTriggersMax);
  std::size_t corners = 0;
  for (const PlanGeofence& geofence : plan.geofences) corners += geofence.corners.size();
  check->AtMost("corners of all geofences", corners, Limits::kCornersAllMax);

  check->Enter("live", 0);
  check->Within("position_error_m", plan.position_error_m, Limits::kPositionErrorMinM, Limits::kPositionErrorMaxM);
  check->Within("heading_error_deg", plan.heading_error_deg, Limits::kHeadingErrorMinDeg, Limits::kHeadingErrorMaxDeg);
  check->Within("speed_error_mps", plan.speed_error_mps, Limits::kSpeedErrorMinMps, Limits::kSpeedErrorMaxMps);
  if (plan.heartbeat) check->Within("heartbeat_s", *plan.heartbeat, Limits::kHeartbeatMinS, Limits::kHeartbeatMaxS);
}

void CheckSignals(const Plan& plan, Checker* check) {
  std::set<PlanSignal> seen;
  for (std::size_t i = 0; i < plan.signals.size(); ++i) {
    const PlanSignalRule& rule = plan.signals[i];
    check->Enter("signal", i);
    const PlanSignalInfo* const info = FindPlanSignal(rule.signal);
    check->Demand(info != nullptr && info->recorded, "name", "history has no such signal");
    check->Demand(seen.insert(rule.signal).second, "name", "the signal has a rule already");
    check->Demand(rule.lane <= wire::PlanLane::MAX, "lane", "there is no such lane");
    check->Within("every", rule.every, 1, Limits::kEveryMax);
    if (rule.lane != wire::PlanLane::Windows) continue;
    check->Demand(rule.every == 1, "every", "every is of lane \"history\"; in lane \"windows\" no raw value is kept");
    check->Demand(std::any_of(plan.windows.begin(), plan.windows.end(),
                              [&](const PlanWindow& window) { return window.signal == rule.signal; }),
                  "lane", "lane is \"windows\" and no [[window]] is of this signal: nothing of it would be kept");
  }
}

void CheckWindows(const Plan& plan, Checker* check) {
  constexpr auto kAll = static_cast<std::uint8_t>(wire::PlanAggregate::ANY);
  for (std::size_t i = 0; i < plan.windows.size(); ++i) {
    const PlanWindow& window = plan.windows[i];
    check->Enter("window", i);
    const PlanSignalInfo* const info = FindPlanSignal(window.signal);
    check->Demand(info != nullptr && info->number, "signal", "no window can be of this signal");
    check->Within("seconds", window.length, Limits::kWindowMinS, Limits::kWindowMaxS);
    check->Demand(window.aggregates != 0 && (window.aggregates & ~kAll) == 0, "aggregates",
                  "aggregates is empty, or has what there is not");
    check->Within("above", window.above, -Limits::kNumberMax, Limits::kNumberMax);
    check->Demand(window.above == 0 || window.Has(wire::PlanAggregate::TimeAbove), "above",
                  "above is of the aggregate \"time_above\"");
  }
}

void CheckGeofences(const Plan& plan, Checker* check) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < plan.geofences.size(); ++i) {
    const PlanGeofence& geofence = plan.geofences[i];
    check->Enter("geofence", i);
    check->Name(geofence.name);
    check->Demand(names.insert(geofence.name).second, "name", "another geofence has this name");
    if (geofence.corners.size() < Limits::kCornersMin || geofence.corners.size() > Limits::kCornersMax) {
      check->Fail("corners", std::to_string(geofence.corners.size()) + " corners, must be " +
                                 std::to_string(Limits::kCornersMin) + " to " + std::to_string(Limits::kCornersMax));
      continue;
    }
    const auto span_of = [&](auto field) {
      const auto [least, most] = std::minmax_element(
          geofence.corners.begin(), geofence.corners.end(),
          [&](const PlanCorner& a, const PlanCorner& b) { return a.*field < b.*field; });
      return (static_cast<double>((*most).*field) - static_cast<double>((*least).*field)) * 1e-7;
    };
    for (const PlanCorner& corner : geofence.corners) {
      check->Demand(std::abs(corner.lat_e7 * 1e-7) <= Limits::kLatMaxDeg && std::abs(corner.lon_e7 * 1e-7) <= 180,
                    "corners", "a corner is outside of +-85 degrees of latitude, +-180 of longitude");
    }
    check->Demand(span_of(&PlanCorner::lat_e7) <= Limits::kGeofenceSpanMaxDeg &&
                      span_of(&PlanCorner::lon_e7) <= Limits::kGeofenceSpanMaxDeg,
                  "corners", "the geofence is wider than " + Text(Limits::kGeofenceSpanMaxDeg) + " degrees");
  }
}

// The stack never runs dry and ends with one truth.
void CheckCondition(const Plan& plan, const PlanTrigger& trigger, Checker* check) {
  std::size_t depth = 0;
  bool momentary = false;
  check->Demand(!trigger.condition.empty() && trigger.condition.size() <= Limits::kStepsMax, "when",
                std::to_string(trigger.condition.size()) + " steps in the condition, must be 1 to " +
                    std::to_string(Limits::kStepsMax));
  for (const PlanStep& step : trigger.condition) {
    // A number that is not looked at may be none, which equals nothing.
    check->Demand(step.code <= PlanOpCode::LessEqual || step.value == 0, "when",
                  "a step that compares nothing has a number");
    switch (step.code) {
      case PlanOpCode::Greater:
      case PlanOpCode::GreaterEqual:
      case PlanOpCode::Less:
      case PlanOpCode::LessEqual: {
        const PlanSignalInfo* const info = FindPlanSignal(static_cast<PlanSignal>(step.argument));
        check->Demand(info != nullptr && info->number, "when", "no condition can be about this signal");
        check->Demand(std::abs(step.value) <= Limits::kNumberMax, "when",
                      "a number to compare with is beyond " + Text(Limits::kNumberMax));
        ++depth;
        break;
      }
      case PlanOpCode::Entered:
      case PlanOpCode::Left:
        momentary = true;
        [[fallthrough]];
      case PlanOpCode::Inside:
        check->Demand(step.argument < plan.geofences.size(), "when", "there is no such geofence");
        ++depth;
        break;
      case PlanOpCode::CommandReceived:
        momentary = true;
        ++depth;
        break;
      case PlanOpCode::And:
      case PlanOpCode::Or:
        if (depth < 2) return check->Fail("when", "the condition is not whole");
        --depth;
        break;
      case PlanOpCode::Not:
        if (depth < 1) return check->Fail("when", "the condition is not whole");
        break;
      default: return check->Fail("when", "the condition has a step that there is not");
    }
  }
  check->Demand(depth == 1, "when", "the condition is not whole");
  check->Demand(!momentary || trigger.hold.count() == 0, "when",
                "what is entered, left or received lasts for one sample: 'for' would never be over");
}

void CheckTriggers(const Plan& plan, Checker* check) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < plan.triggers.size(); ++i) {
    const PlanTrigger& trigger = plan.triggers[i];
    check->Enter("trigger", i);
    check->Name(trigger.name);
    check->Demand(names.insert(trigger.name).second, "name", "another trigger has this name");
    CheckCondition(plan, trigger, check);
    const double hold_s = static_cast<double>(trigger.hold.count()) / 1e3;
    check->Demand(hold_s >= 0 && hold_s <= Limits::kHoldMaxS, "when",
                  "for " + Text(trigger.hold) + " s, must be at most " + Text(Limits::kHoldMaxS));
    check->Within("before_s", trigger.before, 0, Limits::kCaptureMaxS);
    check->Within("after_s", trigger.after, 0, Limits::kCaptureMaxS);
    check->Within("cooldown_s", trigger.cooldown, 0, Limits::kCooldownMaxS);
  }
}

}  // namespace

std::string ToHex(PlanHash hash) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(hash));
  return text.data();
}

std::string_view NameOf(wire::PlanVerdict verdict) {
  switch (verdict) {
    case wire::PlanVerdict::None: break;
    case wire::PlanVerdict::Applied: return "applied";
    case wire::PlanVerdict::Waiting: return "waiting";
    case wire::PlanVerdict::Ended: return "ended";
    case wire::PlanVerdict::RefusedNotNewer: return "refused_not_newer";
    case wire::PlanVerdict::RefusedInvalid: return "refused_invalid";
  }
  return "none";
}

const std::vector<PlanSignalInfo>& PlanSignals() {
  static const std::vector<PlanSignalInfo> signals = {
      {PlanSignal::Position, "position", false, true},
      {PlanSignal::Heading, "heading_deg", true, true},
      {PlanSignal::Speed, "speed_mps", true, true},
      {PlanSignal::Accel, "accel_mps2", true, true},
      {PlanSignal::YawRate, "yaw_rate_radps", true, true},
      {PlanSignal::Accuracy, "accuracy_m", true, true},
      {PlanSignal::Brake, "brake_mps2", true, false},
      {PlanSignal::LateralAccel, "lateral_accel_mps2", true, false},
  };
  return signals;
}

const PlanSignalInfo* FindPlanSignal(std::string_view name) {
  for (const PlanSignalInfo& info : PlanSignals()) {
    if (info.name == name) return &info;
  }
  return nullptr;
}

const PlanSignalInfo* FindPlanSignal(PlanSignal signal) {
  for (const PlanSignalInfo& info : PlanSignals()) {
    if (info.signal == signal) return &info;
  }
  return nullptr;
}

std::optional<PlanFault> FindFault(const Plan& plan) {
  Checker check;
  CheckPlanItself(plan, &check);
  CheckSignals(plan, &check);
  CheckWindows(plan, &check);
  CheckGeofences(plan, &check);
  CheckTriggers(plan, &check);
  return std::move(check).fault();
}

}  // namespace starling
