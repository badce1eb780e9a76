#include "edge/plan/plan_collector.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "edge/plan/signal_rules.h"

namespace starling::edge {
namespace {

using wire::PlanOpCode;
using wire::PlanSignal;

// A gap between two samples that is longer says nothing of what was in it.
constexpr std::uint64_t kAboveGapMaxNs = 1'000'000'000;

static_assert(PlanLimits::kGeofencesMax <= 32, "a bit each");
static_assert(PlanLimits::kStepsMax <= 32, "a bit of the stack each");

std::uint64_t Ns(milliseconds time) { return static_cast<std::uint64_t>(nanoseconds(time).count()); }

}  // namespace

// An edge counts if it crosses the ray from the point to the east.
// Source: W. R. Franklin, PNPOLY; we deviate in cross-multiplying instead of dividing.
bool IsInside(const PlanGeofence& geofence, std::int32_t lat_e7, std::int32_t lon_e7) {
  bool inside = false;
  const std::vector<PlanCorner>& corners = geofence.corners;
  // Far away the products below would overflow; within a geofence's extent plus itself they
  // are less than 2^54.
  constexpr std::int64_t kFar = static_cast<std::int64_t>(PlanLimits::kGeofenceSpanMaxDeg * 1e7);
  for (std::size_t i = 0, j = corners.size() - 1; i < corners.size(); j = i++) {
    const std::int64_t lat_i = std::int64_t{corners[i].lat_e7} - lat_e7;
    const std::int64_t lat_j = std::int64_t{corners[j].lat_e7} - lat_e7;
    const std::int64_t lon_i = std::int64_t{corners[i].lon_e7} - lon_e7;
    const std::int64_t lon_j = std::int64_t{corners[j].lon_e7} - lon_e7;
    if (std::max({lat_i, lat_j, lon_i, lon_j}) > kFar || std::min({lat_i, lat_j, lon_i, lon_j}) < -kFar) return false;
    if ((lat_i > 0) == (lat_j > 0)) continue;
    // Where the edge is at the point's latitude: lon_i - lat_i (lon_j - lon_i) / (lat_j - lat_i).
    const std::int64_t crossing = lon_i * (lat_j - lat_i) - lat_i * (lon_j - lon_i);
    if ((crossing > 0) == (lat_j > lat_i) && crossing != 0) inside = !inside;
  }
  return inside;
}

PlanCollector::PlanCollector(const Plan* plan)
    : plan_(*plan), open_(plan_.windows.size()), armed_(plan_.triggers.size()) {
  const bool looks_back = std::any_of(plan_.triggers.begin(), plan_.triggers.end(),
                                      [](const PlanTrigger& trigger) { return trigger.before.count() > 0; });
  if (looks_back) ring_.resize(kCaptureSamplesMax);
  windows_.reserve(plan_.windows.size());
  captures_.reserve(plan_.triggers.size());
}

void PlanCollector::OnSample(const wire::Fix& fix) {
  was_inside_ = inside_;
  inside_ = 0;
  for (std::size_t i = 0; i < plan_.geofences.size(); ++i) {
    if (IsInside(plan_.geofences[i], fix.lat_e7(), fix.lon_e7())) inside_ |= std::uint32_t{1} << i;
  }
  // Where the vehicle was before the plan nobody asked.
  if (first_) was_inside_ = inside_;
  for (std::size_t i = 0; i < open_.size(); ++i) Window(i, fix);
  for (std::size_t i = 0; i < armed_.size(); ++i) Trigger(i, fix);
  if (!ring_.empty()) {
    ring_[ring_next_] = fix;
    ring_next_ = (ring_next_ + 1) % ring_.size();
  }
  ++seen_;
  last_ns_ = fix.boot_time_ns();
  first_ = false;
  command_ = false;
}

void PlanCollector::Window(std::size_t index, const wire::Fix& fix) {
  const PlanWindow& window = plan_.windows[index];
  OpenWindow& open = open_[index];
  const std::uint64_t begin_ns = fix.boot_time_ns() / Ns(window.length) * Ns(window.length);
  if (open.count > 0 && begin_ns != open.begin_ns) Close(index, false);
  const double value = SignalValue(window.signal, fix);
  if (open.count == 0) open = {begin_ns, 0, value, value, 0, 0, 0};
  ++open.count;
  open.min = std::min(open.min, value);
  open.max = std::max(open.max, value);
  open.sum += value;
  open.last = value;
  if (!first_ && value > window.above) open.above_ns += std::min(fix.boot_time_ns() - last_ns_, kAboveGapMaxNs);
}

void PlanCollector::Close(std::size_t index, bool partial) {
  const PlanWindow& window = plan_.windows[index];
  OpenWindow& open = open_[index];
  const auto asked = [&](wire::PlanAggregate aggregate, double value) {
    return window.Has(aggregate) ? static_cast<float>(value) : 0.0F;
  };
  const std::uint64_t above_ms = window.Has(wire::PlanAggregate::TimeAbove) ? open.above_ns / 1'000'000 : 0;
  windows_.emplace_back(open.begin_ns, open.count, asked(wire::PlanAggregate::Min, open.min),
                        asked(wire::PlanAggregate::Max, open.max),
                        asked(wire::PlanAggregate::Mean, open.sum / open.count),
                        asked(wire::PlanAggregate::Last, open.last), static_cast<std::uint32_t>(above_ms),
                        static_cast<std::uint8_t>(index), partial);
  open.count = 0;
  ++counters_.windows;
}

bool PlanCollector::IsTrue(const PlanTrigger& trigger, const wire::Fix& fix) const {
  std::uint32_t stack = 0;  // The newest truth in bit 0.
  const auto push = [&stack](bool truth) { stack = (stack << 1) | (truth ? 1u : 0u); };
  const auto bit = [](std::uint32_t bits, std::uint8_t index) { return ((bits >> index) & 1) != 0; };
  for (const PlanStep& step : trigger.condition) {
    switch (step.code) {
      case PlanOpCode::Greater: push(SignalValue(static_cast<PlanSignal>(step.argument), fix) > step.value); break;
      case PlanOpCode::GreaterEqual: push(SignalValue(static_cast<PlanSignal>(step.argument), fix) >= step.value); break;
      case PlanOpCode::Less: push(SignalValue(static_cast<PlanSignal>(step.argument), fix) < step.value); break;
      case PlanOpCode::LessEqual: push(SignalValue(static_cast<PlanSignal>(step.argument), fix) <= step.value); break;
      case PlanOpCode::Inside: push(bit(inside_, step.argument)); break;
      case PlanOpCode::Entered: push(bit(inside_ & ~was_inside_, step.argument)); break;
      case PlanOpCode::Left: push(bit(was_inside_ & ~inside_, step.argument)); break;
      case PlanOpCode::CommandReceived: push(command_); break;
      case PlanOpCode::And: stack = ((stack >> 2) << 1) | (stack & (stack >> 1) & 1); break;
      case PlanOpCode::Or: stack = ((stack >> 2) << 1) | ((stack | (stack >> 1)) & 1); break;
      case PlanOpCode::Not: stack ^= 1; break;
      case PlanOpCode::None: STARLING_CHECK(false);
    }
  }
  return (stack & 1) != 0;
}

void PlanCollector::Trigger(std::size_t index, const wire::Fix& fix) {
  const PlanTrigger& trigger = plan_.triggers[index];
  Armed& armed = armed_[index];
  const std::uint64_t now_ns = fix.boot_time_ns();
  if (armed.capture) {
    if (now_ns > armed.capture_until_ns) {
      Complete(index, false);
    } else if (armed.capture->fixes.size() == kCaptureSamplesMax) {
      Complete(index, true);
    } else {
      armed.capture->fixes.push_back(fix);
    }
  }
  if (!IsTrue(trigger, fix)) {
    armed.true_since_ns.reset();
    armed.fired = false;
    return;
  }
  if (!armed.true_since_ns) armed.true_since_ns = now_ns;
  if (armed.fired || now_ns - *armed.true_since_ns < Ns(trigger.hold)) return;
  armed.fired = true;
  ++counters_.fired;
  if (armed.capture || now_ns < armed.quiet_until_ns) {
    ++counters_.not_captured;
    return;
  }
  Begin(index, fix);
}

void PlanCollector::Begin(std::size_t index, const wire::Fix& fix) {
  const PlanTrigger& trigger = plan_.triggers[index];
  Armed& armed = armed_[index];
  CapturedSamples& capture = armed.capture.emplace();
  capture.trigger = static_cast<std::uint8_t>(index);
  capture.fired_sequence = fix.sequence();
  capture.fixes.reserve(kCaptureSamplesMax);
  armed.capture_until_ns = fix.boot_time_ns() + Ns(trigger.after);
  const std::uint64_t from_ns = fix.boot_time_ns() - std::min(fix.boot_time_ns(), Ns(trigger.before));
  // The one that fires has its place, and what comes after it.
  const std::size_t held = static_cast<std::size_t>(std::min<std::uint64_t>({seen_, ring_.size(), kCaptureSamplesMax / 2}));
  bool reaches = trigger.before.count() == 0;
  for (std::size_t back = reaches ? 0 : held; back > 0; --back) {
    const wire::Fix& earlier = ring_[(ring_next_ + ring_.size() - back) % ring_.size()];
    if (earlier.boot_time_ns() <= from_ns) reaches = true;
    if (earlier.boot_time_ns() >= from_ns) capture.fixes.push_back(earlier);
  }
  // Nothing from before `from` was seen: the plan, or what is kept, begins later.
  capture.cut = !reaches;
  capture.fixes.push_back(fix);
  if (trigger.after.count() == 0) Complete(index, false);
}

void PlanCollector::Complete(std::size_t index, bool cut) {
  Armed& armed = armed_[index];
  armed.capture->cut = armed.capture->cut || cut;
  const std::uint64_t end_ns = armed.capture->fixes.back().boot_time_ns();
  armed.quiet_until_ns = std::max(armed.capture_until_ns, end_ns) + Ns(plan_.triggers[index].cooldown);
  captures_.push_back(*std::exchange(armed.capture, std::nullopt));
  ++counters_.captures;
}

void PlanCollector::Finish() {
  for (std::size_t i = 0; i < open_.size(); ++i) {
    if (open_[i].count > 0) Close(i, true);
  }
  for (std::size_t i = 0; i < armed_.size(); ++i) {
    if (armed_[i].capture) Complete(i, true);
  }
}

}  // namespace starling::edge
