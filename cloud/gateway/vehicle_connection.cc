#include "cloud/gateway/vehicle_connection.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <optional>
#include <utility>

#include "cloud/gateway/payload_check.h"
#include "common/frame/frame_format.h"
#include "common/telemetry/fix_codec.h"
#include "common/telemetry/history_reader.h"

namespace starling::cloud {
namespace {

using log::Verdict;
using wire::NoticeCode;
using Tally = ThreadCounters;

// A connection that says this much nonsense in this time is cut.
constexpr int kRefusedMax = 100;
constexpr nanoseconds kRefusedWindow = seconds(10);

constexpr nanoseconds kNoticeInterval = seconds(1);  // of one code on one connection
constexpr std::uint32_t kSlowHistoryMs = 500;

Judgement Undecodable(std::string detail) {
  return Refuse(Verdict::Undecodable, NoticeCode::Malformed, std::move(detail));
}

FrameClass ClassOf(FrameType type) {
  switch (type) {
    case FrameType::kLive: return FrameClass::kLive;
    case FrameType::kHistory: return FrameClass::kHistory;
    default: return FrameClass::kSession;
  }
}

// Neither of these says that the vehicle did wrong.
bool IsMisconduct(Verdict verdict) {
  return verdict != Verdict::Accepted && verdict != Verdict::Duplicate && verdict != Verdict::Shed;
}

}  // namespace

VehicleConnection::VehicleConnection(boost::asio::ip::tcp::socket socket, AddressTable::Place address,
                                     GatewayThread* thread)
    : TlsConnection(std::move(socket), thread->shared->config.write_bytes_max),
      thread_(thread), address_(std::move(address)), active_(std::chrono::steady_clock::now()) {}

void VehicleConnection::AwaitFirstMove() {
  half_open_ = thread_->EnterHalfOpen(this);
  AwaitClientHello();
}

void VehicleConnection::LeaveHalfOpen() {
  if (half_open_) thread_->LeaveHalfOpen(*half_open_);
  half_open_.reset();
}

void VehicleConnection::BeginHandshake(SSL_CTX* tls) {
  stage_ = Stage::kShaking;
  active_ = std::chrono::steady_clock::now();
  if (const Status status = Start(tls); !status.ok()) Close(std::string(status.message()));
}

bool VehicleConnection::ParkIfStalled(std::chrono::steady_clock::time_point now) {
  if (now - active_ <= thread_->shared->config.handshake_slot_timeout) return false;
  stage_ = Stage::kParked;
  half_open_ = thread_->EnterHalfOpen(this);
  return true;
}

void VehicleConnection::OnClientHello() {
  LeaveHalfOpen();
  stage_ = Stage::kQueued;
  thread_->QueueHandshake(std::static_pointer_cast<VehicleConnection>(shared_from_this()));
}

void VehicleConnection::OnEstablished(const SSL* ssl) {
  if (stage_ == Stage::kShaking) thread_->OnHandshakeOver();
  LeaveHalfOpen();
  stage_ = Stage::kIdentified;
  // As it stands now: the handshake may have begun before a change.
  const std::shared_ptr<const ServerTls> tls = thread_->shared->certificates->current();
  const Result<VehicleId> vehicle = tls->Identify(ssl, CloudNow());
  if (!vehicle.ok()) {
    Tally::Add(&thread_->tally().handshakes_failed);
    return Close(std::string(vehicle.status().message()));
  }
  if (tls->Revokes(ssl)) {
    Tally::Add(&thread_->tally().handshakes_failed);
    Tally::Add(&thread_->tally().revoked_refused);
    return Close("the certificate is revoked");
  }
  const auto self = std::static_pointer_cast<VehicleConnection>(shared_from_this());
  VehicleDirectory::Claimed claimed = thread_->shared->directory.Claim(vehicle.value(), {thread_->index, self}, CloudNow());
  if (claimed.refused) {
    Tally::Add(&thread_->tally().refused_twins);
    return Close("replaced too often: another one has this certificate, or the vehicle is in a loop");
  }
  Tally::Add(SSL_session_reused(ssl) == 1 ? &thread_->tally().handshakes_resumed
                                          : &thread_->tally().handshakes_full);
  Tally::Add(&thread_->tally().connections);
  vehicle_.id = vehicle.value();
  active_ = thread_->coarse_now();
  record_ = std::move(claimed.record);
  thread_->shared->connected.fetch_add(1, std::memory_order_relaxed);
  ticket_due_ = SSL_session_reused(ssl) == 1;
  if (const auto former = claimed.former.connection.lock()) {
    Tally::Add(&thread_->tally().replaced_connections);
    boost::asio::post(former->thread_->context(), [former] { former->Replace(); });
  }
}

void VehicleConnection::OnClosed(const std::string&) {
  CountWireBytes();
  if (stage_ < Stage::kIdentified) Tally::Add(&thread_->tally().handshakes_failed);
  if (stage_ == Stage::kShaking) thread_->OnHandshakeOver();
  LeaveHalfOpen();
  if (record_ != nullptr) {
    const bool was_current = thread_->shared->directory.Release(vehicle_.id, this);
    // A replaced connection is no absence: the newer one has said that it is there.
    if (was_current && vehicle_.boot != BootId{} && !session_pending_) {
      acked_through_ = 0;
      (void)AppendSession(false);
    }
    thread_->shared->connected.fetch_sub(1, std::memory_order_relaxed);
    // Last, so that who sees it go sees its consequences.
    Tally::Add(&thread_->tally().connections, static_cast<std::uint64_t>(-1));
  }
  thread_->Forget(this);
}

void VehicleConnection::CutIfRevoked(const ServerTls& server_tls) {
  if (closed() || record_ == nullptr || !server_tls.Revokes(tls())) return;
  Tally::Add(&thread_->tally().revoked_cut);
  Close("the certificate was revoked");
}

bool VehicleConnection::SendTicketIfDue() {
  if (!ticket_due_ || closed() || !SendTicket()) return false;
  ticket_due_ = false;
  return true;
}

void VehicleConnection::Replace() {
  Close("replaced by a newer connection");
}

void VehicleConnection::CountWireBytes() {
  const std::uint64_t read = wire_bytes_read();
  const std::uint64_t written = wire_bytes_written();
  Tally::Add(&thread_->tally().wire_bytes_in, read - wire_read_);
  Tally::Add(&thread_->tally().wire_bytes_out, written - wire_written_);
  wire_read_ = read;
  wire_written_ = written;
}

void VehicleConnection::CheckTimeouts(std::chrono::steady_clock::time_point now) {
  CountWireBytes();
  const GatewayConfig& config = thread_->shared->config;
  const auto close_after = [&](milliseconds timeout, const char* why) {
    if (now - active_ > timeout) Close(why);
  };
  switch (stage_) {
    case Stage::kSilent: return close_after(config.handshake_timeout, "no TLS hello in time");
    case Stage::kQueued:
    case Stage::kShaking: return;  // Parked sooner than that.
    case Stage::kParked: return close_after(config.handshake_timeout, "no handshake in time");
    case Stage::kIdentified: return close_after(config.handshake_timeout, "no Hello in time");
    case Stage::kWelcomed:
      if (!carry_.empty() && now - carry_since_ > config.frame_timeout) return Close("no whole frame in time");
      return close_after(config.idle_timeout, "silent");
  }
}

void VehicleConnection::OnBytes(std::span<const std::byte> bytes) {
  received_ = CloudNow();
  active_ = thread_->coarse_now();
  Cork();
  TakeBytes(bytes);
  Uncork();
}

void VehicleConnection::TakeBytes(std::span<const std::byte> bytes) {
  if (carry_.empty()) {
    const std::size_t taken = TakeFrames(bytes);
    if (!closed() && taken < bytes.size()) {
      carry_.assign(bytes.begin() + static_cast<std::ptrdiff_t>(taken), bytes.end());
      carry_since_ = thread_->coarse_now();
    }
    return;
  }
  // Bounded: a frame that is longer than it may be is refused by its header.
  carry_.insert(carry_.end(), bytes.begin(), bytes.end());
  const std::size_t taken = TakeFrames(carry_);
  if (closed()) return;
  if (taken > 0) carry_since_ = thread_->coarse_now();
  carry_.erase(carry_.begin(), carry_.begin() + static_cast<std::ptrdiff_t>(taken));
  if (carry_.empty()) carry_ = {};
}

std::size_t VehicleConnection::TakeFrames(std::span<const std::byte> stream) {
  std::size_t taken = 0;
  while (!closed() && taken < stream.size()) {
    const Result<std::optional<FrameView>> parsed = ParseFrame(stream.subspan(taken));
    if (!parsed.ok()) {
      const bool oversized = parsed.status().code() == ErrorCode::kExhausted;
      Conclude(Refuse(oversized ? Verdict::Oversized : Verdict::BadFrame, NoticeCode::Malformed,
                      std::string(parsed.status().message())),
               0, stream.subspan(taken));
      Close(std::string(parsed.status().message()));
      break;
    }
    if (!parsed.value()) break;
    TakeFrame(*parsed.value());
    taken += parsed.value()->bytes;
  }
  return taken;
}

void VehicleConnection::TakeFrame(const FrameView& frame) {
  Tally::Add(&thread_->tally().bytes_in, frame.bytes);
  const Judgement judgement = Judge(frame);
  if (frame.type == FrameType::kHistory) {
    Tally::Add(&thread_->tally().history_verdicts[static_cast<std::size_t>(judgement.verdict)]);
  }
  Conclude(judgement, static_cast<std::uint8_t>(frame.type), frame.payload);
  if (judgement.verdict != Verdict::Shed) return;
  Tally::Add(&thread_->tally().shed[static_cast<std::size_t>(ClassOfFrame(frame.type))]);
  // Neither must get lost, and an agent sends them again on a new connection.
  if (frame.type == FrameType::kCommandReport) Close("no room for a command's status");
  if (frame.type == FrameType::kHello) Close("no room for the session");
}

Judgement VehicleConnection::Judge(const FrameView& frame) {
  if (frame.version != kFrameVersion) {
    return Refuse(Verdict::UnknownVersion, NoticeCode::UnknownVersion,
                  "frame version " + std::to_string(frame.version));
  }
  if (frame.type < FrameType::kHello || frame.type > FrameType::kPlanReport) {
    return Refuse(Verdict::UnknownType, NoticeCode::UnknownType,
                  "frame type " + std::to_string(static_cast<int>(frame.type)));
  }
  if (vehicle_.boot == BootId{} && frame.type != FrameType::kHello) {
    return Refuse(Verdict::BeforeHello, NoticeCode::Malformed,
                  std::string(FrameTypeName(frame.type)) + " before hello");
  }
  if (Judgement rate = JudgeRate(frame); !rate.accepted()) return rate;
  const Result<std::span<const std::byte>> payload = thread_->codec.Decode(frame);
  if (!payload.ok()) return Undecodable(std::string(payload.status().message()));
  if (payload.value().size() > frame.bytes) {
    MutexLock lock(record_->mutex);
    record_->bytes.Owe(static_cast<double>(payload.value().size() - frame.bytes));
  }
  switch (frame.type) {
    case FrameType::kHello: return OnHello(payload.value());
    case FrameType::kLive: return OnLive(payload.value());
    case FrameType::kHistory: return OnHistory(payload.value());
    case FrameType::kCommandReport: return OnReport(payload.value());
    case FrameType::kClockProbe: return OnProbe(payload.value());
    case FrameType::kPlanReport: return OnPlanReport(payload.value());
    default: return OnClock(payload.value());
  }
}

FrameClass VehicleConnection::ClassOfFrame(FrameType type) const {
  const FrameClass of = ClassOf(type);
  return of == FrameClass::kLive && received_ - commanded_ < kInvolvedFor ? FrameClass::kInvolved : of;
}

Judgement VehicleConnection::JudgeRate(const FrameView& frame) {
  const FrameClass of = ClassOfFrame(frame.type);
  bool of_all = false;  // under its own rate, so that of all vehicles decides
  {
    MutexLock lock(record_->mutex);
    of_all = record_->bytes.Take(received_, static_cast<double>(frame.bytes));
  }
  if (of_all) {
    GatewayShared& shared = *thread_->shared;
    if (shared.admission.Admit(of, frame.bytes, shared.log->fill(), received_)) return {};
    Tally::Add(&thread_->tally().turned_away[static_cast<std::size_t>(of)]);
    if (of != FrameClass::kHistory) return Refuse(Verdict::Shed, NoticeCode::None, "more than the cloud can take");
    return Refuse(Verdict::Shed, NoticeCode::SlowHistory, "more than the cloud can take", kSlowHistoryMs);
  }
  // What an agent sends again is shed as by a full log.
  const char* const detail = "over the rate of bytes";
  switch (frame.type) {
    case FrameType::kHistory: return Refuse(Verdict::Shed, NoticeCode::SlowHistory, detail, kSlowHistoryMs);
    case FrameType::kHello:
    case FrameType::kCommandReport: return Refuse(Verdict::Shed, NoticeCode::OverRate, detail);
    default: return Refuse(Verdict::OverRate, NoticeCode::OverRate, detail);
  }
}

Judgement VehicleConnection::OnHello(std::span<const std::byte> payload) {
  const auto* hello = ReadPayload<wire::Hello>(payload);
  if (hello == nullptr) return Undecodable("not a hello");
  if (vehicle_.boot != BootId{}) return Refuse(Verdict::Duplicate, NoticeCode::None, "second hello");
  if (Judgement judgement = CheckHello(*hello); !judgement.accepted()) return judgement;
  vehicle_.boot = BootId{hello->boot_id()};
  vehicle_.length_cm = hello->length_cm();
  vehicle_.width_cm = hello->width_cm();
  plan_version_ = hello->plan_version();
  {
    MutexLock lock(record_->mutex);
    record_->gate.OnHello(vehicle_.boot);
  }
  const GatewayShared& shared = *thread_->shared;
  const std::uint64_t through = shared.ledger->DurableThrough(vehicle_.id, vehicle_.boot, shared.log->durable());
  acked_through_ = through;
  const RegionMap& map = thread_->region_map();
  RegionId region = map.regions().front();
  if (map.single()) {
    // Before Welcome: the session is in the log before anything that rests on it.
    if (!AppendSession(true)) {
      vehicle_.boot = BootId{};  // Who was never there is not gone either.
      return Refuse(Verdict::Shed, NoticeCode::None, "the log is full");
    }
  } else {
    session_pending_ = true;
    MutexLock lock(record_->mutex);
    if (record_->router.routed() && map.Has(record_->router.owner())) region = record_->router.owner();
  }
  Send(thread_->downlink.Welcome(CloudNow(), region, shared.regions.EpochOf(region), shared.config.origin,
                                 vehicle_.boot, through, shared.ReconnectSpread()),
       Priority::kUrgent);
  stage_ = Stage::kWelcomed;
  PushPlan();
  return {};
}

void VehicleConnection::PushPlan() {
  if (closed() || stage_ != Stage::kWelcomed) return;
  const std::shared_ptr<const CompiledPlan> wanted = thread_->shared->plans.WantedFor(vehicle_.id);
  if (wanted == nullptr || wanted->plan.version <= plan_version_) return;
  plan_version_ = wanted->plan.version;
  Tally::Add(&thread_->tally().plans_sent);
  Send(thread_->downlink.Plan(wanted->bytes), Priority::kNormal);
}

Judgement VehicleConnection::OnPlanReport(std::span<const std::byte> payload) {
  const auto* report = ReadPayload<wire::PlanReport>(payload);
  if (report == nullptr) return Undecodable("not a plan report");
  if (Judgement judgement = CheckPlanReport(*report); !judgement.accepted()) return judgement;
  std::string detail = report->detail() == nullptr ? std::string() : report->detail()->str();
  std::replace_if(detail.begin(), detail.end(), [](char c) { return c < 0x20 || c == 0x7F; }, '?');  // Not ASCII: < 0.
  thread_->shared->plans.Note(vehicle_.id, {received_, report->version(), PlanHash{report->hash()}, report->verdict(),
                                            std::move(detail), report->applied_version(),
                                            PlanHash{report->applied_hash()}});
  return {};
}

Judgement VehicleConnection::OnLive(std::span<const std::byte> payload) {
  const auto* live = ReadPayload<wire::Live>(payload);
  if (live == nullptr) return Undecodable("not a live fix");
  const std::size_t arcs = live->path() == nullptr ? 0 : live->path()->size();
  CloudTime sample_time;
  {
    MutexLock lock(record_->mutex);
    FixGate& gate = record_->gate;
    if (gate.boot() != vehicle_.boot) {
      return Refuse(Verdict::ClockStep, NoticeCode::None, "a newer connection has another boot");
    }
    Judgement judgement = gate.JudgeFix(thread_->shared->config, thread_->shared->frame, *live->fix(), arcs, received_);
    if (!judgement.accepted()) return judgement;
    sample_time = gate.sample_time();
  }
  return AppendFix(*live, sample_time);
}

Judgement VehicleConnection::AppendFix(const wire::Live& live, CloudTime sample_time) {
  const RegionMap& map = thread_->region_map();
  RegionId owner = map.regions().front();
  thread_->ghosts.clear();
  thread_->left.clear();
  if (!map.single()) {
    VehicleState state;
    const MotionState motion = MotionFromWire(*live.fix(), thread_->shared->frame);
    state.position = motion.position;
    state.heading_rad = motion.heading_rad;
    state.curvature_per_m = motion.curvature_per_m;
    state.speed_cmps = live.fix()->speed_cmps();
    state.accel_cmps2 = live.fix()->accel_cmps2();
    state.length_cm = vehicle_.length_cm;
    state.width_cm = vehicle_.width_cm;
    state.accuracy_dm = live.fix()->accuracy_dm();
    if (live.path() != nullptr) {
      for (const wire::Arc* arc : *live.path()) state.path[state.path_size++] = {arc->length_cm(), arc->curvature_e5()};
    }
    MutexLock lock(record_->mutex);
    RegionRouter& router = record_->router;
    router.Route(map, state);
    owner = router.owner();
    thread_->ghosts.assign(router.ghosts().begin(), router.ghosts().end());
    thread_->left.assign(router.left().begin(), router.left().end());
  }
  const Judgement shed = Refuse(Verdict::Shed, NoticeCode::None, "the log is full");
  if (session_pending_) {
    if (!AppendSession(true)) return shed;
    session_pending_ = false;
  }
  const CloudTime now = CloudNow();
  const auto append = [&](RegionId region, bool leaves) {
    return Append(Topic::kTelemetry, region,
                  thread_->records.Fix(vehicle_, live, sample_time, {region, owner, leaves}, now), nullptr);
  };
  if (!append(owner, false)) return shed;
  thread_->tally().uplink.Record(now - sample_time);
  const auto copy = [&](RegionId region, bool leaves) {
    Tally::Add(append(region, leaves) ? &thread_->tally().ghosts : &thread_->tally().ghosts_shed);
  };
  for (const RegionId region : thread_->ghosts) copy(region, false);
  for (const RegionId region : thread_->left) copy(region, true);
  return {};
}

Judgement VehicleConnection::OnHistory(std::span<const std::byte> payload) {
  const auto* history = ReadPayload<wire::History>(payload);
  if (history == nullptr) return Undecodable("not a history batch");
  const BootId boot{history->boot_id()};
  const SequenceRange range{history->first_sequence(), history->first_sequence() + history->count() - 1};
  Judgement judgement = CheckHistory(*history);
  if (judgement.accepted()) {
    const auto columns = std::as_bytes(std::span(history->columns()->data(), history->columns()->size()));
    if (const Status status = ReadHistoryColumns(columns, range.first, history->count(), &thread_->samples);
        !status.ok()) {
      judgement = Undecodable(std::string(status.message()));
    }
  }
  if (!judgement.accepted()) {
    // It will not get better by being sent again.
    Send(thread_->downlink.HistoryAck(boot, range.first, range.last, true), Priority::kNormal);
    return judgement;
  }
  GatewayThread::Ack ack{Ticket{}, std::static_pointer_cast<VehicleConnection>(shared_from_this()), false, boot,
                         range.first, range.last};
  {
    MutexLock lock(record_->mutex);
    if (const std::optional<Ticket> held = thread_->shared->ledger->Holds(vehicle_.id, boot, range)) {
      ack.ticket = *held;
      judgement = Refuse(Verdict::Duplicate, NoticeCode::None, "held already");
    } else if (Append(Topic::kHistory, thread_->shared->config.region,
                      thread_->records.History(vehicle_.id, *history,
                                               record_->gate.clock_offset(), received_),
                      &ack.ticket)) {
      thread_->shared->ledger->Record(vehicle_.id, boot, range, ack.ticket);
    } else {
      return Refuse(Verdict::Shed, NoticeCode::SlowHistory, "the log is full", kSlowHistoryMs);
    }
  }
  thread_->QueueAck(std::move(ack));
  return judgement;
}

Judgement VehicleConnection::OnReport(std::span<const std::byte> payload) {
  const auto* report = ReadPayload<wire::CommandReport>(payload);
  if (report == nullptr) return Undecodable("not a command report");
  if (Judgement judgement = CheckReport(*report); !judgement.accepted()) return judgement;
  const BootId boot{report->boot_id()};
  GatewayThread::Ack ack{Ticket{}, std::static_pointer_cast<VehicleConnection>(shared_from_this()), true, boot, 0, 0};
  Judgement judgement;
  {
    MutexLock lock(record_->mutex);
    const std::uint32_t held = record_->reports_boot == boot ? record_->reports_through : 0;
    std::vector<wire::CommandStatus> fresh;
    std::uint32_t through = held;
    for (const wire::CommandStatus* status : *report->statuses()) {
      ack.through = std::max<std::uint64_t>(ack.through, status->report_sequence());
      if (status->report_sequence() <= held) continue;
      fresh.push_back(*status);
      through = std::max(through, status->report_sequence());
    }
    if (fresh.empty()) {
      ack.ticket = record_->reports_ticket;
      judgement = Refuse(Verdict::Duplicate, NoticeCode::None, "held already");
    } else if (!record_->statuses.Take(received_, static_cast<double>(fresh.size()))) {
      judgement = Refuse(Verdict::Shed, NoticeCode::OverRate, "over the rate of statuses");
    } else if (AppendReport(boot, fresh, &ack.ticket)) {
      record_->reports_boot = boot;
      record_->reports_through = through;
      record_->reports_ticket = ack.ticket;
      const nanoseconds offset = record_->gate.boot() == boot ? record_->gate.clock_offset() : nanoseconds(0);
      for (const wire::CommandStatus& status : fresh) TimeDelivery(status, offset);
    } else {
      judgement = Refuse(Verdict::Shed, NoticeCode::None, "the log is full");
    }
  }
  if (judgement.verdict != Verdict::Shed) thread_->QueueAck(std::move(ack));
  return judgement;
}

void VehicleConnection::TimeDelivery(const wire::CommandStatus& status, nanoseconds offset) {
  const std::optional<CloudTime> emitted = thread_->sent_commands.Take(status.command_id());
  if (status.outcome() != wire::CommandOutcome::Applied) return;
  if (!emitted) return Tally::Add(&thread_->tally().deliveries_untimed);
  thread_->tally().acknowledgement.Record(received_ - *emitted);
  // Before its first report nobody knows what the vehicle's clock means.
  if (offset == nanoseconds(0)) return Tally::Add(&thread_->tally().deliveries_untimed);
  const CloudTime applied(BootTimeFromNs(status.boot_time_ns()).time_since_epoch() + offset);
  thread_->tally().delivery.Record(applied - *emitted);
}

Judgement VehicleConnection::OnProbe(std::span<const std::byte> payload) {
  const auto* probe = ReadPayload<wire::ClockProbe>(payload);
  if (probe == nullptr) return Undecodable("not a clock probe");
  if (Judgement judgement = CheckProbe(*probe); !judgement.accepted()) return judgement;
  Send(thread_->downlink.ClockReply(probe->boot_time_ns(), received_, CloudNow(), thread_->shared->ReconnectSpread()),
       Priority::kUrgent);
  return {};
}

Judgement VehicleConnection::OnClock(std::span<const std::byte> payload) {
  const auto* report = ReadPayload<wire::ClockReport>(payload);
  if (report == nullptr) return Undecodable("not a clock report");
  MutexLock lock(record_->mutex);
  if (record_->gate.boot() != vehicle_.boot) {
    return Refuse(Verdict::ClockStep, NoticeCode::None, "a newer connection has another boot");
  }
  return record_->gate.JudgeClock(thread_->shared->config, *report, received_);
}

void VehicleConnection::Conclude(const Judgement& judgement, std::uint8_t frame_type,
                                 std::span<const std::byte> payload) {
  Tally::Add(&thread_->tally().frames_in);
  Tally::Add(&thread_->tally().verdicts[static_cast<std::size_t>(judgement.verdict)]);
  if (judgement.accepted()) return;
  if (judgement.notice != NoticeCode::None) SendNotice(judgement);
  if (!IsMisconduct(judgement.verdict)) return;
  bool write_letter = false;
  {
    MutexLock lock(record_->mutex);
    write_letter = record_->dead_letters.Take(received_);
  }
  if (write_letter) {
    thread_->shared->dead_letters.Write(vehicle_.id, judgement, frame_type, payload, received_);
  }
  if (received_ - refused_since_ > kRefusedWindow) {
    refused_since_ = received_;
    refused_ = 0;
  }
  if (++refused_ >= kRefusedMax) Close("too many refused frames");
}

void VehicleConnection::SendNotice(const Judgement& judgement) {
  CloudTime& last = noticed_[static_cast<std::size_t>(judgement.notice)];
  // SlowHistory also says that a batch has to be sent again: each one counts, and the
  // pause that it asks for limits them.
  if (judgement.notice != NoticeCode::SlowHistory && received_ - last < kNoticeInterval) return;
  last = received_;
  Send(thread_->downlink.Notice(judgement.notice, judgement.retry_after_ms, judgement.detail), Priority::kNormal);
}

void VehicleConnection::SendCommand(std::span<const std::byte> wire_command) {
  const std::span<const std::byte> frame = thread_->downlink.Command(wire_command);
  // Before Hello an agent refuses commands; its shard sends them again.
  if (closed() || vehicle_.boot == BootId{} || frame.empty()) {
    Tally::Add(&thread_->tally().commands_unroutable);
    return;
  }
  Tally::Add(&thread_->tally().commands_sent);
  // Stamped by this process: there is nothing to verify.
  const auto* command = flatbuffers::GetRoot<wire::Command>(wire_command.data());
  thread_->sent_commands.Note(command->command_id(), command->emitted_time_ns());
  if (command->issued_time_ns() != 0) {
    thread_->tally().dispatch.Record(nanoseconds(command->emitted_time_ns() - command->issued_time_ns()));
  }
  Send(frame, Priority::kUrgent);
  commanded_ = CloudNow();
}

void VehicleConnection::SendAck(const GatewayThread::Ack& ack) {
  Send(ack.is_status ? thread_->downlink.StatusAck(ack.boot, static_cast<std::uint32_t>(ack.through))
                     : thread_->downlink.HistoryAck(ack.boot, ack.first, ack.through, false),
       Priority::kNormal);
}

void VehicleConnection::SendDraining() {
  PauseReading();
  if (established()) Send(thread_->downlink.Notice(NoticeCode::Draining, 0, "the gateway stops"), Priority::kNormal);
}

void VehicleConnection::Send(std::span<const std::byte> frame, Priority priority) {
  if (closed()) return;
  // Counted first, here and by the callers: what a vehicle has got, the figures know of.
  Tally::Add(&thread_->tally().frames_out);
  Tally::Add(&thread_->tally().bytes_out, frame.size());
  Write(frame, priority);
}

bool VehicleConnection::AppendSession(bool connected) {
  const RegionMap& map = thread_->region_map();
  std::vector<RegionId> regions;
  if (map.single()) {
    regions.push_back(map.regions().front());
  } else {
    MutexLock lock(record_->mutex);
    if (record_->router.routed()) regions.push_back(record_->router.owner());
    regions.insert(regions.end(), record_->router.ghosts().begin(), record_->router.ghosts().end());
    for (const RegionId region : record_->commanded_by) {
      if (std::find(regions.begin(), regions.end(), region) == regions.end()) regions.push_back(region);
    }
    std::erase_if(regions, [&map](RegionId region) { return !map.Has(region); });
  }
  for (const RegionId region : regions) {
    if (Append(Topic::kTelemetry, region, thread_->records.Session(vehicle_, connected, acked_through_, region),
               nullptr)) {
      continue;
    }
    Tally::Add(&thread_->tally().sessions_shed);
    return false;
  }
  return true;
}

bool VehicleConnection::AppendReport(BootId boot, const std::vector<wire::CommandStatus>& statuses, Ticket* ticket) {
  const RegionMap& map = thread_->region_map();
  // What names no region that there is goes where it is counted as unmatched.
  const auto region_of = [&map](const wire::CommandStatus& status) {
    const RegionId region{status.region()};
    return map.single() || !map.Has(region) ? map.regions().front() : region;
  };
  std::vector<wire::CommandStatus> sorted = statuses;
  std::stable_sort(sorted.begin(), sorted.end(), [&](const wire::CommandStatus& a, const wire::CommandStatus& b) {
    return region_of(a) < region_of(b);
  });
  for (std::size_t first = 0; first < sorted.size();) {
    const RegionId region = region_of(sorted[first]);
    std::size_t last = first;
    while (last < sorted.size() && region_of(sorted[last]) == region) ++last;
    const std::span<const wire::CommandStatus> part(&sorted[first], last - first);
    // Tickets rise: the last one stands for all.
    if (!Append(Topic::kTelemetry, region, thread_->records.Report(vehicle_.id, boot, part, region), ticket)) {
      return false;
    }
    first = last;
  }
  return true;
}

bool VehicleConnection::Append(Topic topic, RegionId partition, std::span<const std::byte> value, Ticket* ticket) {
  const Result<Ticket> outcome = thread_->shared->log->Append(
      topic, Partition{ToNumber(partition)}, std::as_bytes(std::span(vehicle_.id.view())), value);
  if (outcome.ok() && ticket != nullptr) *ticket = outcome.value();
  return outcome.ok();
}

}  // namespace starling::cloud
