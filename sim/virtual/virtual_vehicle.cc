#include "sim/virtual/virtual_vehicle.h"

#include <algorithm>

#include "common/check.h"
#include "edge/spool/memory_spool.h"
#include "sim/fleet/byte_baseline.h"
#include "sim/fleet/fleet_config.h"
#include "sim/fleet/sim_vehicle.h"

namespace starling::sim {
namespace {

// A timer that is due and stays so is looked at again after this.
constexpr nanoseconds kAgain = milliseconds(1);
constexpr std::size_t kSpoolBytesMax = 4 << 20;  // an hour at 10 Hz takes about 200 KB

VehicleId IdOf(std::uint32_t number) {
  const Result<VehicleId> id = VehicleId::Parse(VehicleName(number));
  STARLING_CHECK(id.ok());
  return id.value();
}

}  // namespace

void VehicleCounters::Add(const LinkCounters& link) {
  links.handed_over += link.handed_over;
  links.bytes += link.bytes;
  links.refused += link.refused;
  links.segments_lost += link.segments_lost;
  links.timeouts += link.timeouts;
  links.lost += link.lost;
  links.returned += link.returned;
}

VirtualVehicle::VirtualVehicle(const VehicleWorld* world, PayloadCodec* codec, std::uint32_t number, SimTime up_at,
                               Vec2 where, VehicleBody body)
    : world_(world),
      codec_(codec),
      number_(number),
      body_(body),
      id_(IdOf(number)),
      clock_(world->config->clock, number, up_at),
      gnss_(&world->config->gnss, world->sky, number),
      restarts_(world->config->restarts, number, up_at),
      returns_(up_at),
      where_(where) {}

BootId VirtualVehicle::BootOf(std::uint32_t number) const {
  return BootId{MixHash(MixHash(world_->config->seed, number_), number) | 1};
}

void VirtualVehicle::MakeLink(SimTime now) {
  if (link_) counters_.Add(link_->counters());
  // Another one with each boot: what is drawn for it goes by its number.
  const std::uint64_t draws = MixHash(number_, links_made_++);
  link_.emplace(recovered_ ? &world_->well : &world_->config->link, recovered_ ? nullptr : world_->coverage, draws, now);
  down_offered_ = now;
  down_refused_ = false;
}

void VirtualVehicle::Boot(SimTime now, VehicleMail* mail) {
  returns_ = SimTime::max();
  if (boots_ > 0) clock_.Reboot(now);
  sequence_ = 0;
  skipped_ = true;
  edge::AgentConfig config;
  config.raw = world_->config->raw;
  config.length_m = body_.length_m;
  config.width_m = body_.width_m;
  edge::MemorySpoolConfig spool;
  spool.bytes_max = kSpoolBytesMax;
  agent_ = std::make_unique<edge::Agent>(config, BootOf(boots_++), std::make_unique<edge::MemorySpool>(spool), codec_);
  MakeLink(now);
  Connect(now, mail);
}

void VirtualVehicle::GoAway(SimTime now, VehicleMail* mail) {
  if (connected_) Lose(now, mail);
  ++counters_.restarts;
  ended_.AddEnded(*agent_);
  counters_.Add(link_->counters());
  link_.reset();
  agent_.reset();
}

void VirtualVehicle::Connect(SimTime now, VehicleMail* mail) {
  connected_ = true;
  down_refused_ = false;
  ++connection_;
  Post(UpMessage::Kind::kConnect, now + link_->delay_min(), {}, mail);
  agent_->OnConnected(clock_.At(now));
}

void VirtualVehicle::Lose(SimTime now, VehicleMail* mail) {
  connected_ = false;
  agent_->OnDisconnected(clock_.At(now));
  up_waiting_.clear();
  down_waiting_.clear();
  down_.clear();
  // The orchestrator hears of it after all that is on its way.
  Post(UpMessage::Kind::kLose, now + link_->delay_min(), {}, mail);
}

void VirtualVehicle::Post(UpMessage::Kind kind, SimTime arrives, std::vector<std::byte> bytes, VehicleMail* mail) {
  posted_last_ = std::max(posted_last_, arrives);
  mail->up.push_back({posted_last_, number_, posted_++, connection_, kind, std::move(bytes)});
}

void VirtualVehicle::Prefetch() const {
  if (agent_ != nullptr) agent_->PrefetchState();
}

void VirtualVehicle::TakeSample(VehicleTruth truth, std::uint64_t round, VehicleMail* mail) {
  where_ = truth.position;
  const std::optional<Observation> seen = gnss_.Observe({truth.time, truth.position, truth.heading_rad, truth.speed_mps,
                                                         truth.accel_mps2, truth.yaw_rate_radps});
  if (!seen || agent_ == nullptr) {
    ++counters_.silent;
    skipped_ = true;
    return Wake(truth.time, mail);
  }
  truth.position = seen->position;
  truth.heading_rad = seen->heading_rad;
  truth.speed_mps = seen->speed_mps;
  truth.accel_mps2 = seen->accel_mps2;
  truth.yaw_rate_radps = seen->yaw_rate_radps;
  const BootTime boot_now = clock_.At(truth.time);
  Sample sample = SampleOf(truth, *world_->frame, boot_now);
  sample.accuracy_m = seen->accuracy_m;
  // A refusal is counted by the agent, and a spool in memory takes all.
  if (agent_->OnSample(sample, boot_now).ok()) {
    ++counters_.samples;
    ++sequence_;
    if (std::exchange(skipped_, false)) mail->resumed.push_back({number_, BootOf(boots_ - 1), sequence_, round});
  } else {
    skipped_ = true;
  }
  Wake(truth.time, mail);
}

void VirtualVehicle::PutDown(SimTime sent, std::uint32_t connection, std::vector<std::byte> bytes) {
  if (connected_ && connection == connection_) down_waiting_.push_back({sent, std::move(bytes)});
}

void VirtualVehicle::Wake(SimTime now, VehicleMail* mail) {
  if (returns_ <= now) Boot(now, mail);
  if (agent_ != nullptr && !recovered_ && restarts_.next() && restarts_.next()->begin <= now) {
    returns_ = restarts_.next()->end;
    restarts_.Pass();
    GoAway(now, mail);
  }
  if (agent_ == nullptr) return;
  while (const std::optional<LinkEvent> event = link_->Poll(where_, now)) {
    switch (event->kind) {
      case LinkEvent::Kind::kLost: Lose(now, mail); break;
      case LinkEvent::Kind::kReturned: Connect(now, mail); break;
      case LinkEvent::Kind::kFlows:
        if (event->direction == LinkDirection::kUp) OfferUp(now, mail);
        else down_refused_ = false;
        break;
    }
  }
  const BootTime boot_now = clock_.At(now);
  OfferDown(now);
  for (; !down_.empty() && down_.front().at <= now; down_.pop_front()) {
    if (!agent_->OnBytes(down_.front().bytes, boot_now).ok()) ++counters_.streams_broken;
  }
  if (agent_->next_timer() <= boot_now) agent_->OnTimer(boot_now);
  while (const std::optional<edge::ControlAction> action = agent_->TakeAction(boot_now)) {
    mail->acted.push_back({number_, *action, boot_now, now});
  }
  if (connected_ && up_waiting_.empty()) {
    while (agent_->NextFrame(boot_now, &up_waiting_)) {
    }
    OfferUp(now, mail);
  }
}

SimTime VirtualVehicle::next(SimTime now) const {
  if (agent_ == nullptr) return returns_;
  SimTime next = link_->wake();
  if (!recovered_ && restarts_.next()) next = std::min(next, restarts_.next()->begin);
  if (!down_.empty()) next = std::min(next, down_.front().at);
  if (!down_waiting_.empty() && !down_refused_) next = std::min(next, down_waiting_.front().at + link_->delay_min());
  if (const BootTime timer = agent_->next_timer(); timer != BootTime::max()) {
    next = std::min(next, clock_.WhenReaches(timer));
  }
  return next > now ? next : now + kAgain;
}

void VirtualVehicle::OfferUp(SimTime now, VehicleMail* mail) {
  if (up_waiting_.empty()) return;
  const std::size_t bytes = up_waiting_.size() + kTlsRecordOverheadBytes;
  const std::optional<SimTime> arrives = link_->Deliver(LinkDirection::kUp, where_, now, bytes);
  if (!arrives) return;
  counters_.bytes_up += bytes;
  Post(UpMessage::Kind::kBytes, *arrives, std::exchange(up_waiting_, {}), mail);
}

void VirtualVehicle::OfferDown(SimTime now) {
  const nanoseconds least = link_->delay_min();
  while (!down_refused_ && !down_waiting_.empty() && down_waiting_.front().at + least <= now) {
    Chunk& chunk = down_waiting_.front();
    // Handed over when it was sent, or after those that were before it.
    down_offered_ = std::max(down_offered_, chunk.at);
    const std::size_t bytes = chunk.bytes.size() + kTlsRecordOverheadBytes;
    const std::optional<SimTime> arrives = link_->Deliver(LinkDirection::kDown, where_, down_offered_, bytes);
    down_refused_ = !arrives;
    if (!arrives) return;
    counters_.bytes_down += bytes;
    // Not before what a former link has still under way.
    const SimTime last = down_.empty() ? now : down_.back().at;
    down_.push_back({std::max({*arrives, last, now}), std::move(chunk.bytes)});
    down_waiting_.pop_front();
  }
}

void VirtualVehicle::Recover(SimTime now, VehicleMail* mail) {
  recovered_ = true;
  if (agent_ == nullptr) {
    Boot(now, mail);
  } else {
    MakeLink(now);
    if (!connected_) Connect(now, mail);
    OfferUp(now, mail);
  }
  static_cast<void>(agent_->Flush());  // A spool in memory takes everything.
  Wake(now, mail);
}

edge::DesiredState VirtualVehicle::Desired(SimTime now) {
  return agent_ == nullptr ? edge::DesiredState() : agent_->desired(clock_.At(now));
}

void VirtualVehicle::AddTo(FleetTotals* totals, VehicleCounters* counters) const {
  totals->Add(ended_);
  if (agent_ != nullptr) totals->Add(*agent_);
  if (connected_) ++totals->connected;
  totals->uplinks.bytes_up += counters_.bytes_up;
  totals->uplinks.bytes_down += counters_.bytes_down;
  counters->samples += counters_.samples;
  counters->silent += counters_.silent;
  counters->restarts += counters_.restarts;
  counters->streams_broken += counters_.streams_broken;
  counters->bytes_up += counters_.bytes_up;
  counters->bytes_down += counters_.bytes_down;
  counters->Add(counters_.links);
  if (link_) counters->Add(link_->counters());
}

}  // namespace starling::sim
