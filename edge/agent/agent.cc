#include "edge/agent/agent.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <utility>

#include "common/check.h"
#include "common/geo/trigonometry.h"
#include "common/frame/frame_reader.h"
#include "common/frame/frame_writer.h"
#include "common/prefetch.h"
#include "common/telemetry/fix_codec.h"
#include "edge/agent/clock_filter.h"
#include "edge/agent/history_lane.h"
#include "edge/agent/live_lane.h"
#include "edge/agent/wrapped_history.h"
#include "edge/inbox/inbox.h"
#include "edge/plan/plan_collector.h"
#include "edge/plan/plan_keeper.h"
#include "edge/plan/signal_rules.h"

namespace starling::edge {
namespace {

constexpr char kAgentVersion[] = "0.1.0";

// Our own limits for what the verifier follows; nothing on this link is deeper.
constexpr flatbuffers::uoffset_t kVerifierDepthMax = 8;
constexpr flatbuffers::uoffset_t kVerifierTablesMax = 256;

// Statuses in one report.
constexpr std::size_t kReportStatusesMax = 32;

// The cloud cannot silence a vehicle for longer than this with one notice.
constexpr milliseconds kPauseMax{60'000};

// Nor keep it away for longer by what it asks for its return.
constexpr milliseconds kReconnectSpreadMax{60'000};

constexpr std::size_t kNoticeCharactersMax = 200;
constexpr std::int32_t kOriginLatMaxE7 = 700'000'000;
constexpr std::int32_t kOriginLonMaxE7 = 1'800'000'000;

// What the clock says at its regular intervals waits so long for a live frame, of which there is one a second
// while the vehicle samples: a record of its own, with its segment and acknowledgement, costs 126 bytes more.
constexpr milliseconds kCompanyWait{1000};

// Memory that a burst made the receive buffer take is given back.
constexpr std::size_t kReceiveBytesKept = 4096;

// The table in a payload, or null if the bytes are not one.
template <typename Table>
const Table* Verified(std::span<const std::byte> payload) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(payload.data());
  flatbuffers::Verifier verifier(bytes, payload.size(), kVerifierDepthMax, kVerifierTablesMax);
  return verifier.VerifyBuffer<Table>(nullptr) ? flatbuffers::GetRoot<Table>(bytes) : nullptr;
}

// Scratch memory for one frame at a time: thousands of agents share a thread, and
// none needs it between two calls.
flatbuffers::FlatBufferBuilder& ScratchBuilder() {
  thread_local flatbuffers::FlatBufferBuilder builder(4096);
  builder.Clear();
  return builder;
}

LiveLimits LimitsOf(const AgentConfig& config) {
  return {config.position_error_max_m, config.heading_error_max_rad, config.speed_error_max_mps,
          config.path_departure_max_m, config.silence_max, config.raw};
}

// Those of a plan go before those of the configuration.
LiveLimits LimitsOf(const AgentConfig& config, const Plan& plan) {
  LiveLimits limits = LimitsOf(config);
  if (plan.position_error_m) limits.position_error_m = limits.path_departure_m = *plan.position_error_m;
  if (plan.heading_error_deg) limits.heading_error_rad = *plan.heading_error_deg * (kPi / 180);
  if (plan.speed_error_mps) limits.speed_error_mps = *plan.speed_error_mps;
  if (plan.heartbeat) limits.silence_max = *plan.heartbeat;
  return limits;
}

// One line without control characters, for a person.
std::string NoticeText(const wire::Notice& notice) {
  std::string text = wire::EnumNameNoticeCode(notice.code());
  if (text.empty()) text = "Notice " + std::to_string(static_cast<int>(notice.code()));
  if (notice.detail() == nullptr || notice.detail()->size() == 0) return text;
  text += ": ";
  text.append(notice.detail()->c_str(),
              std::min<std::size_t>(notice.detail()->size(), kNoticeCharactersMax));
  std::replace_if(text.begin(), text.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, ' ');
  return text;
}

}  // namespace

struct Agent::State {
  State(const AgentConfig& agent_config, BootId boot_id, std::unique_ptr<Spool> spool,
        PayloadCodec* payload_codec)
      : config(agent_config),
        boot(boot_id),
        codec(payload_codec),
        live(LimitsOf(config)),
        history({config.batch_samples_max, config.batch_age_max, config.batches_in_flight_max,
                 config.commit_interval},
                boot, std::move(spool)),
        inbox(config.Inbox(), boot) {}

  Status TakeFrame(const FrameView& frame, BootTime now);
  bool TakePayload(FrameType type, std::span<const std::byte> payload, BootTime now);
  bool OnWelcome(const wire::Welcome& welcome, BootTime now);
  void TakeReconnectSpread(std::uint32_t ms) { reconnect_spread = std::min(milliseconds(ms), kReconnectSpreadMax); }
  void OnNotice(const wire::Notice& notice, BootTime now);
  BootTime LatestProbe() const;
  bool ClockWaits(BootTime latest, BootTime now) const {
    return now < latest && !live.due(now) && now - sampled_at < kCompanyWait;
  }
  Status ChangePlan();
  Status TakeSample(const wire::Fix& raw, BootTime now);
  void FinishCollecting();

  template <typename Table>
  void Emit(FrameType type, flatbuffers::FlatBufferBuilder* builder, flatbuffers::Offset<Table> root,
            std::vector<std::byte>* stream);
  void EmitHello(BootTime now, std::vector<std::byte>* stream);
  void EmitReport(std::vector<std::byte>* stream);
  void EmitPlanReport(std::vector<std::byte>* stream);
  void EmitClockReport(BootTime now, std::vector<std::byte>* stream);
  void EmitClockProbe(BootTime now, std::vector<std::byte>* stream);
  void EmitLive(std::vector<std::byte>* stream);
  void EmitHistory(const SpooledBatch& batch, BootTime now, std::vector<std::byte>* stream);

  const AgentConfig config;
  const BootId boot;
  PayloadCodec* const codec;
  LiveLane live;
  HistoryLane history;
  Inbox inbox;
  ClockFilter clock;
  BootTime probe_sent;                 // The last one, or welcomed since.
  PlanKeeper plans;
  std::unique_ptr<SignalRules> rules;  // Of the plan in force, if it has any.
  std::shared_ptr<const CompiledPlan> collecting;  // The collector's plan.
  std::unique_ptr<PlanCollector> collector;        // Of the plan in force, if there is anything to collect.
  CollectorCounters collected;         // By collectors that are gone.
  std::uint64_t results_dropped = 0;
  std::uint64_t values_decimated = 0;
  bool plan_report_due = false;
  BootTime history_resume;             // The plan's share of the link is used up until then.

  std::uint32_t sequence = 0;  // Of the last sample.
  BootTime sample_time = BootTime(nanoseconds(-1));
  BootTime sampled_at = BootTime(-kCompanyWait);  // by the clock that is handed in

  bool connected = false;
  bool hello_due = false;
  bool welcomed = false;
  milliseconds reconnect_spread{};
  bool broken = false;         // The stream cannot be followed any more.
  std::vector<std::byte> received;

  BootTime timer_now;          // Up to here OnTimer has looked.
  AgentCounters counters;
  std::string last_notice;
};

Agent::Agent(const AgentConfig& config, BootId boot, std::unique_ptr<Spool> spool,
             PayloadCodec* codec)
    : state_([&] {
        STARLING_CHECK(config.Validate().ok());
        STARLING_CHECK(ToNumber(boot) != 0 && spool != nullptr && codec != nullptr);
        return std::make_unique<State>(config, boot, std::move(spool), codec);
      }()) {}

Agent::~Agent() = default;

void Agent::PrefetchState() const { Prefetch(state_.get()); }

Status Agent::OnSample(const Sample& sample, BootTime now) {
  State& s = *state_;
  Status valid = ValidateSample(sample);
  if (valid.ok() && sample.time <= s.sample_time) {
    valid = Status(ErrorCode::kInvalidArgument, "sample is not newer than the one before");
  }
  if (valid.ok() && s.sequence == std::numeric_limits<std::uint32_t>::max()) {
    valid = Status(ErrorCode::kInvalidArgument, "this boot has no sequence left");
  }
  if (!valid.ok()) {
    ++s.counters.samples_refused;
    return valid;
  }
  Status changed;
  if (s.plans.pending()) {
    std::optional<CloudTime> cloud_now;
    if (const auto offset = clock_offset()) cloud_now = CloudTime(now.time_since_epoch() + *offset);
    if (s.plans.Advance(cloud_now)) changed = s.ChangePlan();
  }
  s.sample_time = sample.time;
  s.sampled_at = now;
  const wire::Fix fix = ToWire(sample, ++s.sequence);
  s.live.OnSample(sample, fix);
  Status taken = s.TakeSample(fix, now);
  return changed.ok() ? taken : changed;
}

Status Agent::State::TakeSample(const wire::Fix& raw, BootTime now) {
  wire::Fix fix = raw;
  if (rules) values_decimated += rules->Thin(&fix);
  if (!collector) return history.Take(fix, now);
  // What the plan before left goes with this sample, and this plan's with later ones.
  Status former;
  const bool alone = history.has_former_results();
  if (alone) former = history.Take(fix, now);
  collector->OnSample(raw);
  const bool urgent = !collector->captures().empty() && plans.applied()->plan.priority == wire::PlanPriority::Urgent;
  results_dropped += history.AddResults(collecting->hash, &collector->windows(), &collector->captures());
  if (alone) return former;
  Status taken = history.Take(fix, now);
  if (!urgent) return taken;
  Status sealed = history.Seal();
  return taken.ok() ? sealed : taken;
}

void Agent::State::FinishCollecting() {
  if (!collector) return;
  collector->Finish();
  results_dropped += history.AddResults(collecting->hash, &collector->windows(), &collector->captures());
}

// Between two samples.  Errors: those of HistoryLane::Seal; the plan is changed all the same.
Status Agent::State::ChangePlan() {
  FinishCollecting();
  Status sealed = history.Seal();
  if (collector) {
    const CollectorCounters& counted = collector->counters();
    collected.windows += counted.windows;
    collected.captures += counted.captures;
    collected.not_captured += counted.not_captured;
    collector.reset();
  }
  const std::shared_ptr<const CompiledPlan>& applied = plans.applied();
  if (applied != nullptr && !(applied->plan.windows.empty() && applied->plan.triggers.empty())) {
    collecting = applied;
    collector = std::make_unique<PlanCollector>(&collecting->plan);
  }
  live.SetLimits(applied == nullptr ? LimitsOf(config) : LimitsOf(config, applied->plan));
  history.SetPlan(applied == nullptr ? PlanHash{} : applied->hash);
  rules = applied == nullptr || applied->plan.signals.empty() ? nullptr
                                                              : std::make_unique<SignalRules>(applied->plan.signals);
  history_resume = BootTime();
  plan_report_due = true;
  return sealed;
}

Status Agent::RestorePlan(std::span<const std::byte> bytes, std::optional<CloudTime> now) {
  State& s = *state_;
  STARLING_CHECK(s.sequence == 0 && s.plans.taken_version() == 0);
  if (Status status = s.plans.Restore(bytes, now); !status.ok()) return status;
  return s.ChangePlan();
}

void Agent::ObservePlans(std::function<void(const CompiledPlan&)> observer) {
  state_->plans.ObserveTaken(std::move(observer));
}

void Agent::OnConnected(BootTime now) {
  OnDisconnected(now);
  state_->connected = true;
  state_->hello_due = true;
}

void Agent::OnDisconnected(BootTime) {
  State& s = *state_;
  s.connected = s.hello_due = s.welcomed = s.broken = false;
  s.received.clear();
  s.received.shrink_to_fit();
  s.live.Stop();
  s.history.Disconnect();
  s.clock.Stop();
  s.inbox.SendAgain();
}

Status Agent::OnBytes(std::span<const std::byte> bytes, BootTime now) {
  State& s = *state_;
  if (!s.connected || s.broken) {
    return Status(ErrorCode::kCorruption, "bytes without a stream that can be followed");
  }
  const bool whole = s.received.empty();
  if (!whole) s.received.insert(s.received.end(), bytes.begin(), bytes.end());
  std::span<const std::byte> rest = whole ? bytes : std::span<const std::byte>(s.received);
  while (!rest.empty()) {
    const Result<std::optional<FrameView>> frame = ParseFrame(rest);
    if (!frame.ok()) {
      s.broken = true;
      return frame.status();
    }
    if (!frame.value()) break;
    if (Status status = s.TakeFrame(*frame.value(), now); !status.ok()) {
      s.broken = true;
      return status;
    }
    rest = rest.subspan(frame.value()->bytes);
  }
  if (whole) {
    s.received.assign(rest.begin(), rest.end());
  } else {
    s.received.erase(s.received.begin(), s.received.end() - static_cast<std::ptrdiff_t>(rest.size()));
  }
  if (s.received.empty() && s.received.capacity() > kReceiveBytesKept) s.received.shrink_to_fit();
  return Status();
}

Status Agent::State::TakeFrame(const FrameView& frame, BootTime now) {
  if (frame.version != kFrameVersion || frame.type < FrameType::kWelcome ||
      FrameTypeName(frame.type) == "unknown") {
    ++counters.frames_unknown;
    return Status();
  }
  const Result<std::span<const std::byte>> payload = codec->Decode(frame);
  if (!payload.ok()) return payload.status();
  if (!TakePayload(frame.type, payload.value(), now)) ++counters.frames_malformed;
  return Status();
}

// False if the payload is not what its type says, or says what cannot be.
bool Agent::State::TakePayload(FrameType type, std::span<const std::byte> payload, BootTime now) {
  switch (type) {
    case FrameType::kWelcome: {
      const auto* welcome = Verified<wire::Welcome>(payload);
      return welcome != nullptr && OnWelcome(*welcome, now);
    }
    case FrameType::kClockReply: {
      const auto* reply = Verified<wire::ClockReply>(payload);
      if (reply == nullptr) return false;
      TakeReconnectSpread(reply->reconnect_spread_ms());
      return clock.OnReply(reply->probe_boot_time_ns(), reply->received_ns(), reply->sent_ns(), now);
    }
    case FrameType::kHistoryAck: {
      const auto* ack = Verified<wire::HistoryAck>(payload);
      return ack != nullptr && history.Acknowledge(BootId{ack->boot_id()}, ack->first_sequence(),
                                                   ack->through_sequence(), ack->refused());
    }
    case FrameType::kStatusAck: {
      const auto* ack = Verified<wire::StatusAck>(payload);
      if (ack == nullptr || ack->boot_id() != ToNumber(boot)) return false;
      inbox.Acknowledge(ack->through_report_sequence());
      return true;
    }
    case FrameType::kCommand: {
      const auto* command = Verified<wire::Command>(payload);
      if (command != nullptr) inbox.Accept(*command, now);
      if (command != nullptr && collector) collector->OnCommand();
      return command != nullptr;
    }
    case FrameType::kNotice: {
      const auto* notice = Verified<wire::Notice>(payload);
      if (notice != nullptr) OnNotice(*notice, now);
      return notice != nullptr;
    }
    case FrameType::kPlan: {
      plans.Take(payload);
      plan_report_due = true;
      return plans.reply()->verdict != wire::PlanVerdict::RefusedInvalid;
    }
    default: return false;
  }
}

bool Agent::State::OnWelcome(const wire::Welcome& welcome, BootTime now) {
  const FrameOrigin origin{welcome.origin_lat_e7(), welcome.origin_lon_e7()};
  if (hello_due || origin.lat_e7 < -kOriginLatMaxE7 || origin.lat_e7 > kOriginLatMaxE7 ||
      origin.lon_e7 < -kOriginLonMaxE7 || origin.lon_e7 > kOriginLonMaxE7) {
    return false;
  }
  // Said again on one connection it moves the frame, and changes no schedule.
  if (!welcomed) {
    clock.Restart(now);
    probe_sent = now;
  }
  welcomed = true;
  plan_report_due = plans.reply().has_value();
  TakeReconnectSpread(welcome.reconnect_spread_ms());
  live.Start(origin);
  history.AcknowledgeThrough(BootId{welcome.acked_boot_id()}, welcome.acked_through_sequence());
  return true;
}

void Agent::State::OnNotice(const wire::Notice& notice, BootTime now) {
  ++counters.notices;
  last_notice = NoticeText(notice);
  const nanoseconds pause = std::min(milliseconds(notice.retry_after_ms()), kPauseMax);
  if (notice.code() == wire::NoticeCode::SlowHistory) history.Pause(now + pause);
  if (notice.code() == wire::NoticeCode::OverRate) live.Pause(now + pause);
}

bool Agent::NextFrame(BootTime now, std::vector<std::byte>* stream) {
  State& s = *state_;
  if (!s.connected || s.broken) return false;
  if (s.hello_due) {
    s.EmitHello(now, stream);
    return true;
  }
  if (!s.welcomed) return false;
  if (s.inbox.has_reports()) {
    s.EmitReport(stream);
    return true;
  }
  if (s.plan_report_due) {
    s.EmitPlanReport(stream);
    return true;
  }
  // News of the clock are not kept waiting: before its time a report is due because of them.
  const bool regular = now >= s.clock.next_report();
  if (s.clock.report_due(now) && !(regular && s.ClockWaits(s.clock.next_report() + kCompanyWait, now))) {
    s.EmitClockReport(now, stream);
    return true;
  }
  if (s.clock.probe_due(now) && !s.ClockWaits(s.LatestProbe(), now)) {
    s.EmitClockProbe(now, stream);
    return true;
  }
  // Without a clock report the gateway could not tell when a fix was taken.
  if (s.clock.reported() && s.live.due(now)) {
    s.EmitLive(stream);
    return true;
  }
  if (now < s.history_resume) return false;
  if (const SpooledBatch* batch = s.history.Next(now)) {
    s.EmitHistory(*batch, now, stream);
    return true;
  }
  return false;
}

// When the next probe goes, alone if need be.
BootTime Agent::State::LatestProbe() const {
  const BootTime next = clock.next_probe();
  return next - probe_sent >= ClockFilter::kInterval && next != BootTime::max() ? next + kCompanyWait : next;
}

template <typename Table>
void Agent::State::Emit(FrameType type, flatbuffers::FlatBufferBuilder* builder,
                        flatbuffers::Offset<Table> root, std::vector<std::byte>* stream) {
  builder->Finish(root);
  const auto payload = std::as_bytes(std::span(builder->GetBufferPointer(), builder->GetSize()));
  // The largest thing that is sent, a batch of kHistorySamplesMax, fits a frame.
  STARLING_CHECK(AppendFrame(type, payload, codec, stream).ok());
}

void Agent::State::EmitHello(BootTime now, std::vector<std::byte>* stream) {
  const auto cm = [](double m) { return static_cast<std::uint16_t>(std::floor(m * 100 + 0.5)); };
  flatbuffers::FlatBufferBuilder& builder = ScratchBuilder();
  const auto hello = wire::CreateHelloDirect(builder, ToNumber(boot), ToNs(now), kAgentVersion,
                                             cm(config.length_m), cm(config.width_m), sequence,
                                             history.oldest_spooled_sequence(), plans.taken_version(),
                                             ToNumber(plans.taken_hash()));
  Emit(FrameType::kHello, &builder, hello, stream);
  hello_due = false;
}

void Agent::State::EmitReport(std::vector<std::byte>* stream) {
  const std::vector<wire::CommandStatus> statuses = inbox.NextReports(kReportStatusesMax);
  flatbuffers::FlatBufferBuilder& builder = ScratchBuilder();
  const auto report = wire::CreateCommandReportDirect(builder, ToNumber(boot), &statuses);
  Emit(FrameType::kCommandReport, &builder, report, stream);
}

void Agent::State::EmitPlanReport(std::vector<std::byte>* stream) {
  const PlanReply& reply = *plans.reply();
  const std::shared_ptr<const CompiledPlan>& applied = plans.applied();
  flatbuffers::FlatBufferBuilder& builder = ScratchBuilder();
  const auto report = wire::CreatePlanReportDirect(
      builder, ToNumber(boot), reply.version, ToNumber(reply.hash), reply.verdict,
      reply.detail.empty() ? nullptr : reply.detail.c_str(), applied == nullptr ? 0 : applied->plan.version,
      applied == nullptr ? 0 : ToNumber(applied->hash));
  Emit(FrameType::kPlanReport, &builder, report, stream);
  plan_report_due = false;
}

void Agent::State::EmitClockReport(BootTime now, std::vector<std::byte>* stream) {
  const ClockBelief& belief = *clock.belief();
  flatbuffers::FlatBufferBuilder& builder = ScratchBuilder();
  const auto report =
      wire::CreateClockReport(builder, ToNs(now), belief.cloud_minus_boot.count(),
                              static_cast<std::uint64_t>(belief.uncertainty.count()));
  Emit(FrameType::kClockReport, &builder, report, stream);
  clock.ReportSent(now);
}

void Agent::State::EmitClockProbe(BootTime now, std::vector<std::byte>* stream) {
  flatbuffers::FlatBufferBuilder& builder = ScratchBuilder();
  Emit(FrameType::kClockProbe, &builder, wire::CreateClockProbe(builder, ToNs(now)), stream);
  clock.ProbeSent(now);
  probe_sent = now;
}

void Agent::State::EmitLive(std::vector<std::byte>* stream) {
  WireArcs arcs;
  const wire::Fix& fix = live.Send(&arcs);
  flatbuffers::FlatBufferBuilder& builder = ScratchBuilder();
  flatbuffers::Offset<flatbuffers::Vector<const wire::Arc*>> path;
  if (!arcs.empty()) path = builder.CreateVectorOfStructs(arcs.data(), arcs.size());
  Emit(FrameType::kLive, &builder, wire::CreateLive(builder, &fix, path), stream);
  ++counters.live_frames;
}

void Agent::State::EmitHistory(const SpooledBatch& batch, BootTime now, std::vector<std::byte>* stream) {
  const std::size_t before = stream->size();
  if (const auto payload = WrappedHistory(batch.columns); !payload.empty()) {
    STARLING_CHECK(AppendFrame(FrameType::kHistory, payload, codec, stream).ok());
  } else {
    flatbuffers::FlatBufferBuilder& builder = ScratchBuilder();
    const auto columns = builder.CreateVector(
        reinterpret_cast<const std::uint8_t*>(batch.columns.data()), batch.columns.size());
    const auto frame = wire::CreateHistory(builder, ToNumber(batch.boot), batch.first_sequence,
                                           batch.count, columns);
    Emit(FrameType::kHistory, &builder, frame, stream);
  }
  history.Sent();
  ++counters.history_frames;
  if (const auto& applied = plans.applied(); applied != nullptr && applied->plan.link_share_percent < 100) {
    const double rate = kPlanLinkBytesPerSecond * applied->plan.link_share_percent / 100;
    history_resume = now + nanoseconds(static_cast<std::int64_t>(
                               static_cast<double>(stream->size() - before) / rate * 1e9));
  }
}

void Agent::OnTimer(BootTime now) {
  State& s = *state_;
  // A batch that the medium refused is in the ledger; there is no one to tell here.
  if (now >= s.history.seal_time()) static_cast<void>(s.history.Seal());
  s.history.Commit(now);
  s.inbox.Expire(now);
  s.timer_now = std::max(s.timer_now, now);
}

BootTime Agent::next_timer() const {
  const State& s = *state_;
  BootTime next = std::min({s.history.seal_time(), s.history.commit_time(), s.inbox.next_expiry()});
  if (!s.welcomed) return next;
  // What is due already waits for the link, not for time.
  const auto later = [&](BootTime time) { return time > s.timer_now ? time : BootTime::max(); };
  const BootTime report = s.clock.next_report();
  next = std::min({next, later(s.LatestProbe()), later(report == BootTime::max() ? report : report + kCompanyWait),
                   s.live.next_resume(s.timer_now), s.history.next_resume(s.timer_now)});
  if (s.history.has_unsent()) next = std::min(next, later(s.history_resume));
  return next;
}

std::optional<ControlAction> Agent::TakeAction(BootTime now) { return state_->inbox.Take(now); }

void Agent::SetVeto(std::function<bool(const ControlAction&)> veto) { state_->inbox.SetVeto(std::move(veto)); }

void Agent::ObserveClosed(std::function<void(const wire::CommandStatus&)> observer) {
  state_->inbox.ObserveClosed(std::move(observer));
}

DesiredState Agent::desired(BootTime now) const {
  const State& s = *state_;
  // A vehicle that never said how fast it is may need every lease.
  const double speed_mps =
      s.live.has_sample() ? s.live.last_speed_mps() : std::numeric_limits<double>::infinity();
  return s.inbox.Desired(now, speed_mps);
}

bool Agent::avoids(BootTime now) const { return state_->inbox.Avoids(now); }

Status Agent::Flush() {
  State& s = *state_;
  s.FinishCollecting();
  Status sealed = s.history.Seal();
  // The batch before this was sealed with the last sample: there is none to go with.
  s.results_dropped += s.history.GiveUpResults();
  return sealed;
}

bool Agent::drained() const { return state_->history.empty() && state_->inbox.idle(); }

milliseconds Agent::reconnect_spread() const { return state_->reconnect_spread; }

bool Agent::welcomed() const { return state_->welcomed; }

std::optional<nanoseconds> Agent::clock_offset() const {
  const std::optional<ClockBelief>& belief = state_->clock.belief();
  if (!belief) return std::nullopt;
  return belief->cloud_minus_boot;
}

AgentLedger Agent::ledger() const {
  AgentLedger ledger;
  state_->history.AddTo(&ledger);
  ledger.values_decimated = state_->values_decimated;
  return ledger;
}

const AgentCounters& Agent::counters() const {
  AgentCounters& counters = state_->counters;
  const InboxCounters& inbox = state_->inbox.counters();
  counters.live_conflated = state_->live.conflated();
  counters.commands_received = inbox.received;
  counters.commands_repeated = inbox.repeated;
  counters.commands_ignored = inbox.ignored;
  counters.applied = inbox.applied;
  counters.superseded = inbox.superseded;
  counters.expired = inbox.expired;
  counters.rejected = inbox.rejected;
  const CollectorCounters now = state_->collector ? state_->collector->counters() : CollectorCounters();
  counters.plan_windows = state_->collected.windows + now.windows;
  counters.plan_captures = state_->collected.captures + now.captures;
  counters.plan_not_captured = state_->collected.not_captured + now.not_captured;
  counters.plan_results_dropped = state_->results_dropped;
  return counters;
}

AgentPlan Agent::plan() const {
  const PlanKeeper& plans = state_->plans;
  AgentPlan plan;
  plan.replies = plans.replies();
  if (plans.reply()) plan.reply = *plans.reply();
  if (const auto& applied = plans.applied()) {
    plan.name = applied->plan.name;
    plan.version = applied->plan.version;
    plan.hash = applied->hash;
  }
  return plan;
}

const std::string& Agent::last_notice() const { return state_->last_notice; }

}  // namespace starling::edge
