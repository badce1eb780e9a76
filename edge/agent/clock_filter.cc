#include "edge/agent/clock_filter.h"

#include <algorithm>
#include <limits>

namespace starling::edge {
namespace {

// A cloud clock beyond this (the year 2116) is no clock; the sums below cannot
// overflow within it.
constexpr std::int64_t kCloudNsMax = std::numeric_limits<std::int64_t>::max() / 2;

}  // namespace

void ClockFilter::Restart(BootTime now) {
  running_ = true;
  fresh_ = true;
  probes_sent_ = 0;
  next_probe_ = now;
  out_.fill(std::nullopt);
  reported_.reset();
}

void ClockFilter::Stop() {
  running_ = false;
  out_.fill(std::nullopt);
  reported_.reset();
}

nanoseconds ClockFilter::ProbeInterval() const {
  if (probes_sent_ < kProbesQuick) return kQuickInterval;
  const bool sure = !fresh_ && belief_ && belief_->uncertainty <= kSureEnough;
  return sure || probes_sent_ >= kProbesUnsureMax ? kInterval : kUnsureInterval;
}

void ClockFilter::ProbeSent(BootTime now) {
  ++probes_sent_;
  next_probe_ = now + ProbeInterval();
  out_[next_out_] = ToNs(now);
  next_out_ = (next_out_ + 1) % kProbesKept;
}

bool ClockFilter::OnReply(std::uint64_t probe_ns, std::int64_t received_ns, std::int64_t sent_ns,
                          BootTime now) {
  const auto out = std::find(out_.begin(), out_.end(), std::optional(probe_ns));
  if (!running_ || out == out_.end()) return false;
  out->reset();
  if (received_ns < 0 || sent_ns < received_ns || sent_ns > kCloudNsMax) return false;
  const BootTime sent_at = BootTimeFromNs(probe_ns);
  const nanoseconds round_trip = (now - sent_at) - nanoseconds(sent_ns - received_ns);
  if (round_trip < nanoseconds(0)) return false;

  if (fresh_) replies_count_ = next_reply_ = 0;
  fresh_ = false;
  // The middle of both clocks' intervals is the same instant, give or take.
  const nanoseconds cloud_middle(received_ns + (sent_ns - received_ns) / 2);
  const nanoseconds boot_middle = sent_at.time_since_epoch() + (now - sent_at) / 2;
  replies_[next_reply_] = {cloud_middle - boot_middle, round_trip / 2 + nanoseconds(1)};
  next_reply_ = (next_reply_ + 1) % kProbesKept;
  replies_count_ = std::min(replies_count_ + 1, kProbesKept);
  belief_ = *std::min_element(replies_.begin(),
                              replies_.begin() + static_cast<std::ptrdiff_t>(replies_count_),
                              [](const ClockBelief& a, const ClockBelief& b) {
                                return a.uncertainty < b.uncertainty;
                              });
  return true;
}

bool ClockFilter::report_due(BootTime now) const {
  if (!running_ || fresh_ || !belief_) return false;
  if (!reported_ || now - reported_at_ >= kReportInterval) return true;
  const nanoseconds moved = belief_->cloud_minus_boot - reported_->cloud_minus_boot;
  return std::max(moved, -moved) > kMovedMin || 2 * belief_->uncertainty <= reported_->uncertainty;
}

BootTime ClockFilter::next_report() const {
  return running_ && reported_ ? reported_at_ + kReportInterval : BootTime::max();
}

void ClockFilter::ReportSent(BootTime now) {
  reported_ = belief_;
  reported_at_ = now;
}

}  // namespace starling::edge
