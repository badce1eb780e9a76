#include "sim/links/link_model.h"

#include <algorithm>
#include <cmath>

#include "common/check.h"

namespace starling::sim {
namespace {

constexpr double kHeaderBytes = 52;        // of a segment: IPv4, TCP with timestamps
constexpr std::uint64_t kDuplicates = 3;   // segments behind a lost one that show it
constexpr int kRepetitionsMax = 16;        // of one segment; then it arrives
constexpr SimTime kNever = SimTime::max();

enum Purpose : std::uint64_t { kUpJitter = 41, kDownJitter, kUpLosses, kDownLosses, kRetries };

nanoseconds WholeNs(double ns) { return nanoseconds(static_cast<nanoseconds::rep>(ns)); }

double Ns(nanoseconds span) { return static_cast<double>(span.count()); }

}  // namespace

LinkModel::LinkModel(const LinkConfig* config, const CoverageMap* coverage, std::uint64_t vehicle, SimTime begin)
    : config_(config),
      coverage_(coverage),
      hazard_(-Log(1 - config->loss)),
      streams_{Stream(SequenceSeed(config->seed, vehicle, kUpJitter), SequenceSeed(config->seed, vehicle, kUpLosses)),
               Stream(SequenceSeed(config->seed, vehicle, kDownJitter),
                      SequenceSeed(config->seed, vehicle, kDownLosses))},
      retries_(SequenceSeed(config->seed, vehicle, kRetries)) {
  STARLING_CHECK(config->Validate().ok());
  for (const LinkDirection direction : {LinkDirection::kUp, LinkDirection::kDown}) {
    const LinkStreamConfig& figures = this->config(direction);
    stream(direction).jitter_median_ns = Ns(figures.delay_median - figures.delay_min);
    stream(direction).ns_per_byte = 1e9 / figures.bytes_per_s;
    stream(direction).until_loss = DrawExponential(&stream(direction).losses);
  }
  BeginConnection(begin);
}

std::optional<SimTime> LinkModel::Deliver(LinkDirection direction, Vec2 where, SimTime now, std::size_t bytes) {
  Stream& to = stream(direction);
  STARLING_CHECK(now >= to.now && bytes > 0);
  to.now = now;
  const auto refuse = [this] {
    ++counters_.refused;
    return std::nullopt;
  };
  if (!connected_ || to.refusing) return refuse();
  const CoverageMap::Spot spot = SpotAt(where, now);
  if (!spot.passes) {
    to.refusing = true;
    to.stalled_since = now;
    broken_since_ = std::min(broken_since_, now);
    return refuse();
  }
  if (to.bottleneck_free - now > config_->backlog_max) {
    to.refusing = true;
    to.flows_at = to.bottleneck_free - config_->backlog_max / 2;
    return refuse();
  }
  const std::uint64_t segments = (bytes + config_->segment_bytes - 1) / config_->segment_bytes;
  const double wire_bytes = static_cast<double>(bytes) + kHeaderBytes * static_cast<double>(segments);
  to.bottleneck_free = std::max(to.bottleneck_free, now) + WholeNs(wire_bytes * to.ns_per_byte);

  const double delay_ns = DrawDelayNs(direction, spot.extra_delay);
  const double round_trip_ns = 2 * delay_ns;
  SimTime arrival = to.bottleneck_free + WholeNs(delay_ns);
  const double hazard = hazard_ + spot.loss_hazard;
  if (hazard > 0) arrival += Repair(&to, segments, hazard, round_trip_ns);
  // RFC 6298, 2.3; a stream's own delay, twice, stands for the round trip.
  to.deviation_ns += (std::abs(to.smoothed_ns - round_trip_ns) - to.deviation_ns) / 4;
  to.smoothed_ns += (round_trip_ns - to.smoothed_ns) / 8;

  to.last_arrival = std::max(to.last_arrival, arrival);
  ++counters_.handed_over;
  counters_.bytes += bytes;
  return to.last_arrival;
}

std::optional<LinkEvent> LinkModel::Poll(Vec2 where, SimTime now) {
  STARLING_CHECK(now >= polled_);
  polled_ = now;
  const CoverageMap::Spot spot = SpotAt(where, now);
  return connected_ ? PollConnected(spot, now) : PollLost(spot, now);
}

SimTime LinkModel::wake() const {
  if (!connected_) return std::min(returns_at_, retry_at_);
  // Without radio no stream goes on, whatever its time.
  if (broken_since_ != kNever) return Deadline();
  return std::min({Deadline(), streams_[0].flows_at, streams_[1].flows_at});
}

std::optional<LinkEvent> LinkModel::PollConnected(const CoverageMap::Spot& spot, SimTime now) {
  // First of all: a caller that comes late finds what it would have found in time.
  if (const SimTime deadline = Deadline(); deadline <= now) {
    Drop(deadline);
    return LinkEvent{.kind = LinkEvent::Kind::kLost, .at = deadline};
  }
  if (!spot.passes) {
    broken_since_ = std::min(broken_since_, now);
    for (Stream& each : streams_) {
      if (!each.refusing) continue;
      each.stalled_since = std::min(each.stalled_since, broken_since_);
      each.flows_at = kNever;
    }
    return std::nullopt;
  }
  broken_since_ = kNever;
  for (const LinkDirection direction : {LinkDirection::kUp, LinkDirection::kDown}) {
    Stream& each = stream(direction);
    if (!each.refusing) continue;
    if (each.flows_at == kNever) each.flows_at = NextRetransmission(each, now);
    if (each.flows_at > now) continue;
    const SimTime at = each.flows_at;
    each.refusing = false;
    each.flows_at = each.stalled_since = kNever;
    return LinkEvent{.kind = LinkEvent::Kind::kFlows, .direction = direction, .at = at};
  }
  return std::nullopt;
}

std::optional<LinkEvent> LinkModel::PollLost(const CoverageMap::Spot& spot, SimTime now) {
  if (returns_at_ != kNever && !spot.passes) {
    returns_at_ = kNever;
    ScheduleRetry(now);
  }
  while (returns_at_ == kNever && retry_at_ <= now) {
    if (!spot.passes) {
      ScheduleRetry(retry_at_);
      continue;
    }
    double handshake_ns = 0;
    for (std::uint32_t i = 0; i < config_->handshake_round_trips; ++i) {
      handshake_ns += DrawDelayNs(LinkDirection::kUp, spot.extra_delay);
      handshake_ns += DrawDelayNs(LinkDirection::kDown, spot.extra_delay);
    }
    // A caller that comes late does not get back the time that it was not asked for.
    returns_at_ = std::max(retry_at_, now) + WholeNs(handshake_ns);
    retry_at_ = kNever;
  }
  if (returns_at_ > now) return std::nullopt;
  const SimTime at = returns_at_;
  BeginConnection(at);
  ++counters_.returned;
  return LinkEvent{.kind = LinkEvent::Kind::kReturned, .at = at};
}

CoverageMap::Spot LinkModel::SpotAt(Vec2 where, SimTime now) const {
  return coverage_ == nullptr ? CoverageMap::Spot() : coverage_->At(where, now);
}

double LinkModel::DrawDelayNs(LinkDirection direction, nanoseconds extra) {
  const LinkStreamConfig& figures = config(direction);
  Stream& of = stream(direction);
  double delay_ns = Ns(figures.delay_min + extra);
  if (of.jitter_median_ns > 0) {
    delay_ns += figures.delay_spread > 0 ? of.jitter_median_ns * Exp(figures.delay_spread * of.jitter.Next())
                                         : of.jitter_median_ns;
  }
  return delay_ns;
}

nanoseconds LinkModel::Timeout(const Stream& of) const {
  const double timeout_ns = of.smoothed_ns + std::max(Ns(config_->rto_min), 4 * of.deviation_ns);
  return std::min(config_->rto_max, WholeNs(timeout_ns));
}

// How much later all of a call's segments are there because some were lost.
nanoseconds LinkModel::Repair(Stream* of, std::uint64_t segments, double hazard, double round_trip_ns) {
  nanoseconds latest{};
  const double loss = 1 - Exp(-hazard);
  std::uint64_t left = segments;
  // Expected losses until the next one, used up segment by segment: which one is lost is
  // geometric, and nothing is drawn for those that are not.
  while (of->until_loss < hazard * static_cast<double>(left)) {
    const auto passed = std::min(left - 1, static_cast<std::uint64_t>(of->until_loss / hazard));
    left -= passed + 1;
    of->until_loss = DrawExponential(&of->losses);
    ++counters_.segments_lost;
    nanoseconds wait{};
    nanoseconds timeout = Timeout(*of);
    int tries = 0;
    if (left >= kDuplicates) {
      wait = WholeNs(round_trip_ns);
      ++tries;
    }
    for (; tries == 0 || (tries < kRepetitionsMax && of->losses.Chance(loss)); ++tries) {
      wait += timeout;
      timeout = std::min(config_->rto_max, 2 * timeout);
      ++counters_.timeouts;
    }
    latest = std::max(latest, wait);
  }
  of->until_loss -= hazard * static_cast<double>(left);
  return latest;
}

// The first of the sender's attempts, at growing intervals since it stalled, that is not before `from`.
SimTime LinkModel::NextRetransmission(const Stream& of, SimTime from) const {
  nanoseconds timeout = Timeout(of);
  SimTime at = of.stalled_since;
  while (at < from) {
    at += timeout;
    timeout = std::min(config_->rto_max, 2 * timeout);
  }
  return at;
}

SimTime LinkModel::Deadline() const {
  const SimTime since = std::min({broken_since_, streams_[0].stalled_since, streams_[1].stalled_since});
  return since == kNever ? kNever : since + config_->timeout;
}

void LinkModel::BeginConnection(SimTime at) {
  connected_ = true;
  broken_since_ = retry_at_ = returns_at_ = kNever;
  for (const LinkDirection direction : {LinkDirection::kUp, LinkDirection::kDown}) {
    Stream& each = stream(direction);
    each.refusing = false;
    each.stalled_since = each.flows_at = kNever;
    each.bottleneck_free = each.last_arrival = at;
    each.smoothed_ns = 2 * Ns(config(direction).delay_median);  // as the handshake would show
    each.deviation_ns = each.smoothed_ns / 2;
  }
}

void LinkModel::Drop(SimTime at) {
  connected_ = false;
  broken_since_ = kNever;
  backoff_ = config_->retry_min;
  ++counters_.lost;
  ScheduleRetry(at);
}

void LinkModel::ScheduleRetry(SimTime from) {
  retry_at_ = from + WholeNs(Ns(backoff_) * retries_.Between(0.5, 1.5));
  backoff_ = std::min(config_->retry_max, 2 * backoff_);
}

}  // namespace starling::sim
