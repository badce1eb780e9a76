#include "sim/fleet/fleet.h"

#include <sys/prctl.h>

#include <algorithm>
#include <random>
#include <string>
#include <thread>
#include <utility>

#include "common/check.h"
#include "common/prefetch.h"
#include "common/telemetry/fix_codec.h"
#include "edge/source/sample_json.h"
#include "edge/spool/memory_spool.h"
#include "sim/city/random.h"

namespace starling::sim {
namespace {

// Turns between two looks at the sockets while the loop is catching up.
constexpr std::uint64_t kTurnsAtOnce = 32;
// Totals are gathered over five rounds, from a fifth of the vehicles in each: twice a second.
constexpr std::uint64_t kGatherRounds = 5;
// Vehicles ahead of the one that has its turn: their objects, and what these point to in turn.
constexpr std::size_t kPrefetchFar = 12;
constexpr std::size_t kPrefetchNear = 6;
constexpr std::size_t kPrefetchNext = 3;
// A connection attempt that takes longer no longer holds up those behind it.
constexpr milliseconds kAdmissionMax{5'000};
// From power to the first attempt to connect.
constexpr milliseconds kRebootMin{300};
constexpr std::uint64_t kRebootSpreadMs = 400;
constexpr std::size_t kSpoolBytesMax = 4 << 20;  // An hour at 10 Hz takes about 200 KB.

// Set by a signal handler; nothing else is handed over with it: relaxed.
std::atomic<bool> stop_requested{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler writes it");

std::uint64_t Entropy() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

}  // namespace

Fleet::Fleet(const FleetConfig& config, FrameOrigin origin, Traffic* traffic,
             const FleetClock* clock, FleetExchange* exchange, const FleetHooks& hooks)
    : config_(config),
      frame_(origin),
      clock_(clock),
      exchange_(exchange),
      hooks_(hooks),
      schedule_(static_cast<std::uint32_t>(config.vehicles)),
      boots_(config.vehicles),
      journal_(config.journal.empty() ? nullptr : std::make_unique<JournalKeeper>(config.vehicles)),
      vehicles_(config.vehicles),
      book_(&schedule_, boots_),
      outages_(&config_),
      driving_(traffic, &schedule_, clock, exchange, config.quantum) {}

Fleet::~Fleet() = default;

void Fleet::RequestStop() { stop_requested.store(true, std::memory_order_relaxed); }

Result<std::unique_ptr<Fleet>> Fleet::Create(const FleetConfig& config, FrameOrigin origin,
                                             Traffic* traffic, const FleetClock* clock,
                                             FleetExchange* exchange, const FleetHooks& hooks) {
  STARLING_CHECK(config.Validate().ok() && traffic->size() == config.vehicles);
  std::unique_ptr<Fleet> fleet(new Fleet(config, origin, traffic, clock, exchange, hooks));
  const CertificateFolder folder{config.certificates};
  Result<SslContextPtr> tls = MakeClientContext(folder.ca());
  if (!tls.ok()) return tls.status();
  fleet->tls_ = std::move(tls).value();
  for (std::size_t i = 0; i < config.vehicles; ++i) {
    if (Status status = fleet->AddVehicle(i, folder); !status.ok()) return status;
  }
  return fleet;
}

Status Fleet::AddVehicle(std::size_t index, const CertificateFolder& folder) {
  SimVehicle& vehicle = vehicles_[index];
  const Result<VehicleId> id = VehicleId::Parse(VehicleName(index));
  STARLING_CHECK(id.ok());
  Result<Credentials> credentials =
      LoadCredentials(folder.vehicle(id.value()), folder.vehicle_key(id.value()));
  if (!credentials.ok()) return credentials.status();
  vehicle.credentials = std::move(credentials).value();

  // Up to eleven days ago, so that no two vehicles' clocks look alike.
  Random random(Entropy());
  vehicle.booted = clock_->Now() - seconds(60) -
                   nanoseconds(static_cast<std::int64_t>(random.Unit() * 1e15));
  Boot(index);
  boots_[index] = vehicle.boot;
  return Status();
}

void Fleet::Boot(std::size_t index) {
  SimVehicle& vehicle = vehicles_[index];
  // Boots are new in every run, whatever its seed: the cloud would take the
  // samples of one that it knows for repeats.
  vehicle.boot = BootId{Entropy() | 1};
  vehicle.sequence = 0;

  edge::AgentConfig agent;
  agent.raw = config_.raw;
  edge::MemorySpoolConfig spool_config;
  spool_config.bytes_max = kSpoolBytesMax;
  std::unique_ptr<edge::Spool> spool = std::make_unique<edge::MemorySpool>(spool_config);
  if (journal_) {
    const Result<VehicleId> id = VehicleId::Parse(VehicleName(index));
    spool = journal_->Begin(index, id.value(), vehicle.boot, std::move(spool));
  }
  vehicle.agent = std::make_unique<edge::Agent>(agent, vehicle.boot, std::move(spool), &codec_);
  if (journal_) {
    vehicle.agent->ObserveClosed(
        [this, index](const wire::CommandStatus& status) { journal_->OnClosed(index, status); });
  }

  // The clock is read anew: the agent's own idea of the time decided already.
  edge::Uplink::Controller controller = [this, index, booted = vehicle.booted](
                                            const edge::ControlAction& action, BootTime) {
    const CloudTime now = clock_->Now();
    book_.OnAction(static_cast<std::uint32_t>(index), action, BootTime(now - booted), now);
    outages_.OnAction(action, now);
    if (config_.obey && phase_ == FleetPhase::kDriving) commanded_.push_back(static_cast<std::uint32_t>(index));
    if (journal_) journal_->OnAction(index, action, BootTime(now - booted), now);
  };
  if (hooks_.controller) controller = hooks_.controller(index, &context_, std::move(controller));
  edge::UplinkConfig uplink;
  uplink.host = config_.host;
  uplink.port = config_.port;
  vehicle.uplink = std::make_unique<edge::Uplink>(
      uplink, &context_, tls_.get(), &vehicle.credentials, vehicle.agent.get(),
      [this, booted = vehicle.booted] { return BootTime(clock_->Now() - booted); },
      std::move(controller), MixHash(config_.seed, index));
}

// A vehicle's memory is some ten kilobytes that nobody has touched for 100 ms.
void Fleet::PrefetchFrom(std::uint32_t vehicle) const {
  const SimVehicle& far = vehicles_[(vehicle + kPrefetchFar) % vehicles_.size()];
  Prefetch(far.agent.get());
  Prefetch(far.uplink.get());
  const SimVehicle& near = vehicles_[(vehicle + kPrefetchNear) % vehicles_.size()];
  near.agent->PrefetchState();
  near.uplink->PrefetchState();
  vehicles_[(vehicle + kPrefetchNext) % vehicles_.size()].uplink->PrefetchLink();
}

void Fleet::RunWheel(CloudTime start, std::uint64_t turns, Visit visit,
                     const std::function<bool(CloudTime now)>& until) {
  std::uint64_t next = 0;
  std::uint64_t quanta = 0;
  const auto due_by = [&](CloudTime now) {
    const std::uint64_t due = std::min(turns, schedule_.DueBy(now - start));
    return phase_ == FleetPhase::kDriving ? std::min(due, next + driving_.ready()) : due;
  };
  while (next < turns) {
    CloudTime now = clock_->Now();
    const std::uint64_t due = due_by(now);
    const std::uint64_t stop = std::min(due, next + kTurnsAtOnce);
    for (; next < stop; ++next) {
      const Schedule::Turn turn = schedule_.At(next);
      PrefetchFrom(turn.vehicle);
      (this->*visit)(turn, start + turn.instant);
      const bool round_ends = turn.vehicle + 1 == schedule_.vehicles();
      if (round_ends && turn.round % kGatherRounds == kGatherRounds - 1) Publish();
    }
    context_.restart();
    context_.poll();
    now = clock_->Now();
    for (const std::uint32_t vehicle : commanded_) Obey(vehicle, now);
    commanded_.clear();
    if (until(now)) return;
    if (next < due_by(now)) continue;
    // The quanta lie on a fixed raster: work in one does not push the next away.  The
    // traffic's is half a quantum earlier.
    quanta = std::max(quanta + 1, static_cast<std::uint64_t>((now - start) / config_.quantum) + 1);
    const CloudTime wake = start + nanoseconds(config_.quantum) * static_cast<std::int64_t>(quanta) +
                           nanoseconds(config_.quantum) / 2;
    if (wake > now) std::this_thread::sleep_for(wake - now);
  }
}

void Fleet::Tend(SimVehicle* vehicle, BootTime now) {
  // The next visit is 100 ms away: what falls due before it is done now.
  if (vehicle->agent->next_timer() <= now + kSampleInterval / 2) vehicle->agent->OnTimer(now);
  vehicle->uplink->Pump();
}

void Fleet::Obey(std::uint32_t index, CloudTime now) {
  SimVehicle& vehicle = vehicles_[index];
  const edge::DesiredState desired = std::as_const(*vehicle.agent).desired(vehicle.BootNow(now));
  if (!desired.speed_ceiling_mps && !vehicle.limited) return;
  if (!driving_.SetLimit(index, desired.speed_ceiling_mps, desired.decel_mps2)) return;
  vehicle.limited = desired.speed_ceiling_mps.has_value();
}

void Fleet::VisitSampling(const Schedule::Turn& turn, CloudTime scheduled) {
  SimVehicle& vehicle = vehicles_[turn.vehicle];
  const VehicleTruth truth = driving_.Take();
  const std::uint64_t first = schedule_.FirstRound(turn.vehicle);
  if (turn.round < first || turn.round >= first + rounds_sampled()) {
    return VisitIdle(turn, scheduled);  // It drives, but is not with the fleet yet, or any more.
  }
  const Sample sample = SampleOf(truth, frame_, vehicle.BootNow(scheduled));
  const CloudTime now = clock_->Now();
  outcome_.lateness.Record(now - scheduled);
  TakeSample(turn, sample, now);
  // So late that the vehicle's next sample is due already: nothing is sent in
  // between, and the live lane conflates, as behind a link that is full.
  if (now - scheduled < kSampleInterval) Tend(&vehicle, vehicle.BootNow(now));
  // A lease ends by itself.
  if (config_.obey) Obey(turn.vehicle, now);
  if (ByteBaseline::Picks(outcome_.samples)) {
    baseline_.Record(VehicleName(turn.vehicle), edge::ToJsonLine(sample));
  }
  ++outcome_.samples;
  Gather(vehicle, turn);
}

void Fleet::TakeSample(const Schedule::Turn& turn, const Sample& sample, CloudTime now) {
  SimVehicle& vehicle = vehicles_[turn.vehicle];
  if (vehicle.rebooted && vehicle.sequence == 0) book_.Resume(turn.vehicle, vehicle.boot, 1, turn.round);
  // A refusal is counted by the agent, and fails the run in its report.
  if (!vehicle.agent->OnSample(sample, vehicle.BootNow(now)).ok()) return;
  ++vehicle.sequence;
  if (journal_) journal_->OnSample(turn.vehicle, ToWire(sample, vehicle.sequence));
}

void Fleet::VisitIdle(const Schedule::Turn& turn, CloudTime) {
  SimVehicle& vehicle = vehicles_[turn.vehicle];
  Tend(&vehicle, vehicle.BootNow(clock_->Now()));
  Gather(vehicle, turn);
}

void Fleet::VisitFlushing(const Schedule::Turn& turn, CloudTime scheduled) {
  // MemorySpool's Append never fails.
  if (turn.round == 0) static_cast<void>(vehicles_[turn.vehicle].agent->Flush());
  VisitIdle(turn, scheduled);
}

void Fleet::Gather(const SimVehicle& vehicle, const Schedule::Turn& turn) {
  if (turn.vehicle % kGatherRounds == turn.round % kGatherRounds) {
    gathering_.Add(*vehicle.agent);
    gathering_.Add(*vehicle.uplink);
  }
}

void Fleet::Publish() {
  gathered_ = std::exchange(gathering_, ended_);
  ++rounds_gathered_;
  FleetSnapshot snapshot;
  snapshot.phase = phase_;
  snapshot.vehicles = config_.vehicles;
  snapshot.elapsed_s = ToSeconds(clock_->Now() - phase_start_);
  snapshot.phase_s = phase_ == FleetPhase::kConnecting ? ToSeconds(config_.connect_timeout)
                     : phase_ == FleetPhase::kDriving  ? config_.seconds
                                                       : ToSeconds(config_.drain_timeout);
  snapshot.totals = gathered_;
  for (std::size_t kind = 0; kind < CommandBook::kKinds; ++kind) {
    snapshot.handed_over[kind] = book_.figures(static_cast<wire::CommandKind>(kind)).handed_over;
  }
  snapshot.latency = LegQuantiles::Of(book_.figures(wire::CommandKind::None).by_sample);
  snapshot.acted_late = book_.acted_late();
  snapshot.acted_twice = book_.acted_twice();
  snapshot.lateness = Quantiles::Of(outcome_.lateness);
  const TrafficThread::Figures traffic = driving_.figures();
  snapshot.collisions = traffic.collisions;
  snapshot.prediction = traffic.prediction;
  exchange_->Publish(snapshot);
}

bool Fleet::Admit(CloudTime now) {
  std::erase_if(admitting_, [&](const Admission& admission) {
    return vehicles_[admission.vehicle].agent->welcomed() || now - admission.since > kAdmissionMax;
  });
  while (admitted_ < vehicles_.size() && admitting_.size() < config_.handshakes_max) {
    vehicles_[admitted_].uplink->Start();
    admitting_.push_back({admitted_++, now});
  }
  return admitted_ == vehicles_.size() && admitting_.empty();
}

void Fleet::Connect() {
  // Sleeps of half a millisecond should not last longer than that.
  static_cast<void>(::prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL));
  phase_ = FleetPhase::kConnecting;
  phase_start_ = clock_->Now();
  const CloudTime limit = phase_start_ + config_.connect_timeout;
  bool all = false;
  RunWheel(phase_start_, UINT64_MAX, &Fleet::VisitIdle, [&](CloudTime now) {
    // Those that were given up on may still come: the totals say when all are there.
    all = Admit(now);
    return (all && rounds_gathered_ > 0 && gathered_.welcomed == vehicles_.size()) || now > limit ||
           stop_requested.load(std::memory_order_relaxed);
  });
  while (admitted_ < vehicles_.size()) {
    vehicles_[admitted_].uplink->Start(milliseconds(admitted_ % 10'000));
    ++admitted_;
  }
  outcome_.connect_s = ToSeconds(clock_->Now() - phase_start_);
  FleetTotals totals = ended_;
  for (const SimVehicle& vehicle : vehicles_) {
    totals.Add(*vehicle.agent);
    totals.Add(*vehicle.uplink);
  }
  outcome_.connected = totals;
  gathering_ = ended_;
}

void Fleet::CutSome() {
  cut_done_ = true;
  for (std::size_t i = 0; i < config_.cut_vehicles; ++i) {
    vehicles_[i * vehicles_.size() / config_.cut_vehicles].uplink->Cut();
  }
}

void Fleet::RebootSome() {
  reboot_done_ = true;
  for (std::size_t i = 0; i < config_.reboot_vehicles; ++i) {
    // Others than those whose links are cut.
    const std::size_t index = (2 * i + 1) * vehicles_.size() / (2 * config_.reboot_vehicles);
    SimVehicle& vehicle = vehicles_[index];
    vehicle.uplink->Stop();
    ended_.AddEnded(*vehicle.agent);
    ended_.AddEnded(*vehicle.uplink);
    if (journal_) journal_->End(index, vehicle.agent->ledger(), true);
    vehicle.uplink.reset();
    vehicle.booted = clock_->Now();
    vehicle.rebooted = true;
    Boot(index);
    vehicle.uplink->Start(kRebootMin + milliseconds(Entropy() % kRebootSpreadMs));
  }
  // The present round's totals miss them; the next one has them.
  gathering_ = ended_;
}

void Fleet::Drive() {
  phase_ = FleetPhase::kDriving;
  phase_start_ = clock_->Now();
  // A moment ahead, so that the first samples are not late already.
  drive_start_ = phase_start_ + milliseconds(50);
  book_.Start(drive_start_);
  outages_.Start(drive_start_);
  // Until the last vehicle to join has taken its last sample; the cloud's picture is
  // judged while all are in it.
  const std::uint64_t turns =
      std::uint64_t{config_.vehicles} * (rounds_sampled() + Schedule::kJoinRounds - 1);
  driving_.Start(drive_start_, turns, drive_start_ + seconds(config_.seconds));
  const CloudTime cut_at = drive_start_ + seconds(config_.cut_at_s);
  const CloudTime reboot_at = drive_start_ + seconds(config_.reboot_at_s);
  RunWheel(drive_start_, turns, &Fleet::VisitSampling, [&](CloudTime now) {
    outages_.Poll(now, vehicles_);
    if (config_.cut_vehicles > 0 && !cut_done_ && now >= cut_at) CutSome();
    if (config_.reboot_vehicles > 0 && !reboot_done_ && now >= reboot_at) RebootSome();
    return stop_requested.load(std::memory_order_relaxed);
  });
  outcome_.sampling_s = ToSeconds(clock_->Now() - drive_start_);
  outcome_.interrupted = stop_requested.exchange(false, std::memory_order_relaxed);
  driving_.Stop();
  gathering_ = ended_;
}

void Fleet::Drain() {
  phase_ = FleetPhase::kDraining;
  phase_start_ = clock_->Now();
  rounds_gathered_ = 0;
  const CloudTime limit = phase_start_ + config_.drain_timeout;
  std::uint64_t looks = exchange_->cloud_looks();
  std::uint64_t looks_wanted = UINT64_MAX;
  CloudTime agents_done_at{};
  RunWheel(phase_start_, UINT64_MAX, &Fleet::VisitFlushing, [&](CloudTime now) {
    outages_.Poll(now, vehicles_);
    if (now > limit || stop_requested.load(std::memory_order_relaxed)) return true;
    // The first round flushes; only one after it sees what is left.
    const bool agents_done = rounds_gathered_ > 1 && gathered_.undrained == 0;
    if (!agents_done) {
      looks_wanted = UINT64_MAX;
      return false;
    }
    // The look that is under way may have begun before: the next one counts.
    if (looks_wanted == UINT64_MAX) {
      looks_wanted = exchange_->cloud_looks() + 2;
      agents_done_at = now;
    }
    if (exchange_->cloud_looks() == looks) return false;
    looks = exchange_->cloud_looks();
    if (looks < looks_wanted) return false;
    FleetExchange::CloudLook look = exchange_->LatestCloud();
    outcome_.drained = CountOf(look.figures, "shard.outbox_open") == 0;
    // The shard goes on: it may command vehicles that it does not hear any more.
    // This look is the one at which both sides were through.
    if (outcome_.drained) outcome_.cloud_drained = std::move(look.figures);
    if (outcome_.drained && journal_) journal_->Drained(agents_done_at);
    return outcome_.drained;
  });
  outcome_.drain_s = ToSeconds(clock_->Now() - phase_start_);
  FleetTotals totals = ended_;
  for (const SimVehicle& vehicle : vehicles_) {
    totals.Add(*vehicle.agent);
    totals.Add(*vehicle.uplink);
  }
  outcome_.total = totals;
  outcome_.prediction = driving_.figures().prediction;
  outcome_.clock_stepped = clock_->Stepped();
  outcome_.outages = outages_.outages();
  outcome_.kill_failure = outages_.failure();
  phase_ = FleetPhase::kDone;
  gathering_ = totals;
  Publish();
}

Journal Fleet::TakeJournal() {
  STARLING_CHECK(journal_ != nullptr);
  for (std::size_t i = 0; i < vehicles_.size(); ++i) {
    journal_->End(i, vehicles_[i].agent->ledger(), false);
  }
  return journal_->Take();
}

}  // namespace starling::sim
