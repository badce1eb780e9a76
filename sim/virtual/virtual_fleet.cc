#include "sim/virtual/virtual_fleet.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "common/check.h"
#include "sim/city/random.h"
#include "sim/fleet/fleet_config.h"

namespace starling::sim {
namespace {

// The cloud's clock at time 0.
constexpr CloudTime kEpoch{seconds(1'700'000'000)};
// Vehicles come up and connect in the first part of the time before 0; in the rest they find out
// what the cloud's clock says.
constexpr SimTime kBegin{-seconds(3)};
constexpr nanoseconds kConnectSpread = seconds(2);
// However slow the links are: a window's vehicles are few then, and its end costs two barriers.
constexpr nanoseconds kWindowMax = milliseconds(5);
constexpr std::uint32_t kLooksAStep = 100;
constexpr double kSilentS = 2;  // an agent speaks every second
constexpr std::size_t kPrefetchAhead = 3;

CloudTime CloudAt(SimTime at) { return kEpoch + at.time_since_epoch(); }

cloud::GatewayConfig GatewayOf(FrameOrigin origin) {
  cloud::GatewayConfig config;
  config.origin = origin;
  return config;
}

LinkConfig PerfectLink(nanoseconds delay) {
  LinkConfig link;
  for (LinkStreamConfig* const stream : {&link.up, &link.down}) stream->delay_min = stream->delay_median = delay;
  return link;
}

// For a heap with the first one on top.
bool IsLater(const UpMessage& a, const UpMessage& b) {
  return std::tie(a.arrives, a.vehicle, a.number) > std::tie(b.arrives, b.vehicle, b.number);
}

}  // namespace

Status VirtualFleetConfig::Validate() const {
  const auto refuse = [](const char* message) { return Status(ErrorCode::kInvalidArgument, message); };
  if (threads < 1 || threads > 64) return refuse("threads must be within 1 and 64");
  if (!(penetration >= 0 && penetration <= 1)) return refuse("penetration must be within 0 and 1");
  if (!(compliance >= 0 && compliance <= 1)) return refuse("compliance must be within 0 and 1");
  if (durable_after < nanoseconds(0) || durable_after > seconds(10)) {
    return refuse("durable_after must be within 0 and 10 s");
  }
  for (const SkyArea& each : sky) {
    if (!each.area.IsProper()) return refuse("sky: an area has no proper size");
  }
  for (const Status& status : {gnss.Validate(), clock.Validate(), restarts.Validate(), link.Validate()}) {
    if (!status.ok()) return status;
  }
  return coverage.extent.IsProper() ? coverage.Validate() : Status();
}

// Vehicles for which one thread at a time works.
struct VirtualFleet::Portion {
  struct Alarm {
    SimTime at;
    std::uint32_t vehicle = 0;

    static bool Later(const Alarm& a, const Alarm& b) { return std::tie(a.at, a.vehicle) > std::tie(b.at, b.vehicle); }
  };

  PayloadCodec codec;
  std::vector<std::uint32_t> members;     // in the order of their samples
  std::uint64_t round = 0;                // of the next sample
  std::size_t member = 0;
  std::vector<Alarm> alarms;              // a heap
  std::vector<SimTime> alarm_of;          // by vehicle / kPortions: the one that counts
  VehicleMail mail;
  std::vector<std::uint32_t> obeying;     // who was told something lately
};

VirtualFleet::VirtualFleet(const VirtualFleetConfig& config, const cloud::ShardConfig& shard, FrameOrigin origin,
                           Traffic* traffic)
    : config_(config),
      frame_(origin),
      traffic_(*traffic),
      schedule_(traffic->size()),
      sky_(config.sky),
      coverage_(config.coverage.extent.IsProper() ? std::make_unique<const CoverageMap>(config.coverage) : nullptr),
      world_{&config_, &sky_, coverage_.get(), &frame_, PerfectLink(config.link.delay_min())},
      window_(std::min(kWindowMax, config.link.delay_min())),
      shared_(config.threads > 1 && ToSeconds(window_) * 10 * traffic->size() >= config.samples_shared),
      workers_(shared_ ? config.threads : 1),
      vehicles_(traffic->size()),
      complies_(traffic->size()),
      boots_(traffic->size()),
      book_(&schedule_, boots_),
      prediction_(traffic),
      connections_(traffic->size()),
      cloud_(shard, GatewayOf(origin), config.durable_after,
             [this](std::size_t vehicle, std::span<const std::byte> frame, CloudTime now) {
               down_.push_back({SimTime(now - kEpoch), static_cast<std::uint32_t>(vehicle), connections_[vehicle],
                                {frame.begin(), frame.end()}});
             },
             nullptr),
      now_(kBegin) {
  STARLING_CHECK(config.Validate().ok() && traffic->time() == SimTime());
  for (std::size_t i = 0; i < kPortions; ++i) {
    portions_.push_back(std::make_unique<Portion>());
    portions_[i]->alarm_of.assign(vehicles_.size() / kPortions + 1, SimTime::max());
  }
  for (std::uint32_t number = 0; number < vehicles_.size(); ++number) {
    Random random(MixHash(config.seed, number));
    const bool has_agent = random.Chance(config.penetration);
    const bool complies = random.Chance(config.compliance) && !traffic->BreaksRules(number);
    const double up_s = random.Unit() * ToSeconds(kConnectSpread);
    if (!has_agent) continue;
    Portion& portion = PortionOf(number);
    portion.members.push_back(number);
    vehicles_[number] = std::make_unique<VirtualVehicle>(
        &world_, &portion.codec, number, kBegin + nanoseconds(static_cast<std::int64_t>(up_s * 1e9)),
        traffic->Truth(number, SimTime()).position);
    boots_[number] = vehicles_[number]->first_boot();
    complies_[number] = config.obey && complies;
    SetAlarm(&portion, number, kBegin);
  }
  book_.Start(kEpoch);
  prediction_.Start(kEpoch);
}

VirtualFleet::~VirtualFleet() = default;

void VirtualFleet::Connect() {
  STARLING_CHECK(now_ == kBegin);
  RunUntil(SimTime());
}

void VirtualFleet::BeginStep() {
  STARLING_CHECK(now_ >= SimTime() && (sampling_ || now_ == SimTime()));
  sampling_ = true;
  Obey();
  traffic_.AdvanceTo(now_);
  LookAtPredictions();
}

void VirtualFleet::SetWatch(std::function<void(const cloud::ShardOutputs& outputs, SimTime time)> watch) {
  cloud_.SetWatch([watch = std::move(watch)](const cloud::ShardOutputs& outputs, CloudTime now) {
    watch(outputs, SimTime(now - kEpoch));
  });
}

void VirtualFleet::EndStep() { RunUntil(now_ + Traffic::kStep); }

bool VirtualFleet::Drain(nanoseconds limit) {
  sampling_ = false;
  prediction_.End(CloudAt(now_));
  for (const auto& portion : portions_) {
    for (const std::uint32_t number : portion->members) {
      vehicles_[number]->Recover(now_, &portion->mail);
      SetAlarm(portion.get(), number, now_);
    }
  }
  HandOver();
  for (const SimTime end = now_ + limit; now_ < end && !drained_;) {
    RunUntil(now_ + Traffic::kStep);
    drained_ = cloud_.shard().counters().outbox_open == 0 &&
               std::ranges::all_of(vehicles_, [](const auto& each) { return !each || each->agent()->drained(); });
  }
  return drained_;
}

void VirtualFleet::RunUntil(SimTime end) {
  while (now_ < end) {
    const SimTime until = std::min(now_ + window_, end);
    const auto work = [&](std::uint32_t number) {
      if (number == 0) {
        RunCloud(until);
      } else {
        RunPortion(portions_[number - 1].get(), until);
      }
    };
    if (shared_) {
      workers_.Run(kPortions + 1, work);
    } else {
      for (std::uint32_t number = 0; number <= kPortions; ++number) work(number);
    }
    now_ = until;
    HandOver();
  }
}

void VirtualFleet::RunCloud(SimTime until) {
  while (!up_.empty() && up_.front().arrives < until) {
    std::ranges::pop_heap(up_, IsLater);
    const UpMessage message = std::move(up_.back());
    up_.pop_back();
    const CloudTime now = CloudAt(message.arrives);
    cloud_.Advance(now);
    std::uint32_t& open = connections_[message.vehicle];
    switch (message.kind) {
      case UpMessage::Kind::kConnect:
        open = message.connection;
        cloud_.Connect(message.vehicle, vehicles_[message.vehicle]->id(), now);
        break;
      case UpMessage::Kind::kLose:
        if (open != message.connection) break;
        cloud_.Disconnect(message.vehicle, now);
        open = 0;
        break;
      case UpMessage::Kind::kBytes:
        if (open == message.connection && !cloud_.OnBytes(message.vehicle, message.bytes, now).ok()) ++streams_broken_;
        break;
    }
  }
  cloud_.Advance(CloudAt(until) - nanoseconds(1));
}

void VirtualFleet::RunPortion(Portion* portion, SimTime until) {
  std::vector<Portion::Alarm>& alarms = portion->alarms;
  for (;;) {
    SimTime sample_at = SimTime::max();
    if (sampling_ && !portion->members.empty()) {
      sample_at = SimTime(schedule_.InstantOf(portion->members[portion->member], portion->round));
    }
    std::uint32_t number = 0;
    SimTime now;
    if (!alarms.empty() && alarms.front().at <= sample_at) {
      now = alarms.front().at;
      if (now >= until) return;
      number = alarms.front().vehicle;
      std::ranges::pop_heap(alarms, Portion::Alarm::Later);
      alarms.pop_back();
      SimTime& counts = portion->alarm_of[number / kPortions];
      if (counts != now) continue;  // Another one took its place.
      counts = SimTime::max();
      vehicles_[number]->Wake(now, &portion->mail);
    } else {
      now = sample_at;
      if (now >= until) return;
      number = portion->members[portion->member];
      // Nothing of the next one's is in the caches.
      vehicles_[portion->members[(portion->member + kPrefetchAhead) % portion->members.size()]]->Prefetch();
      if (portion->round >= schedule_.FirstRound(number)) {
        vehicles_[number]->TakeSample(traffic_.Truth(number, now), portion->round, &portion->mail);
      }
      if (++portion->member == portion->members.size()) {
        portion->member = 0;
        ++portion->round;
      }
    }
    SetAlarm(portion, number, now);
  }
}

void VirtualFleet::SetAlarm(Portion* portion, std::uint32_t vehicle, SimTime now) {
  const SimTime next = vehicles_[vehicle]->next(now);
  SimTime& counts = portion->alarm_of[vehicle / kPortions];
  if (next >= counts) return;
  counts = next;
  portion->alarms.push_back({next, vehicle});
  std::ranges::push_heap(portion->alarms, Portion::Alarm::Later);
}

void VirtualFleet::HandOver() {
  for (const auto& portion : portions_) {
    VehicleMail& mail = portion->mail;
    for (UpMessage& message : mail.up) {
      up_.push_back(std::move(message));
      std::ranges::push_heap(up_, IsLater);
    }
    for (const VehicleMail::Resumed& each : mail.resumed) {
      book_.Resume(each.vehicle, each.boot, each.sequence, each.round);
    }
    mail.up.clear();
    mail.resumed.clear();
  }
  // After all that they can be caused by.
  for (const auto& portion : portions_) {
    for (const VehicleMail::Acted& each : portion->mail.acted) {
      const CloudTime now = CloudAt(each.now);
      book_.OnAction(each.vehicle, each.action, each.boot_now, now);
      acted_digest_ = MixHash(MixHash(acted_digest_, ToNumber(each.action.command)), static_cast<std::uint64_t>(ToNs(now)));
      portion->obeying.push_back(each.vehicle);
    }
    portion->mail.acted.clear();
  }
  for (DownMessage& message : down_) {
    VirtualVehicle& vehicle = *vehicles_[message.vehicle];
    vehicle.PutDown(message.sent, message.connection, std::move(message.bytes));
    SetAlarm(&PortionOf(message.vehicle), message.vehicle, now_ - nanoseconds(1));
  }
  down_.clear();
}

void VirtualFleet::Obey() {
  for (const auto& portion : portions_) {
    std::ranges::sort(portion->obeying);
    portion->obeying.erase(std::unique(portion->obeying.begin(), portion->obeying.end()), portion->obeying.end());
    std::erase_if(portion->obeying, [&](std::uint32_t number) {
      const edge::DesiredState desired = vehicles_[number]->Desired(now_);
      if (complies_[number]) traffic_.SetLimit(number, desired.speed_ceiling_mps, desired.decel_mps2);
      return !desired.speed_ceiling_mps;
    });
  }
}

void VirtualFleet::LookAtPredictions() {
  const CloudTime now = CloudAt(now_);
  for (std::uint32_t i = 0; i < std::min(kLooksAStep, traffic_.size()); ++i) {
    const auto number = static_cast<std::uint32_t>(next_look_++ % vehicles_.size());
    if (vehicles_[number] == nullptr) continue;
    const auto view = cloud_.shard().Find(vehicles_[number]->id(), now);
    // Of one that is silent nobody claims to know where it is.
    if (view && view->fix_age_s <= kSilentS) {
      prediction_.Take({VehicleName(number), now, view->pose.position});
    }
  }
  prediction_.Judge(now, 2 * kLooksAStep);
}

VirtualFigures VirtualFleet::Figures() const {
  VirtualFigures figures;
  for (std::uint32_t number = 0; number < vehicles_.size(); ++number) {
    if (vehicles_[number] == nullptr) continue;
    const VirtualVehicle& vehicle = *vehicles_[number];
    ++figures.with_agent;
    figures.complying += complies_[number];
    vehicle.AddTo(&figures.totals, &figures.vehicles);
    figures.position_jumps += vehicle.gnss().jumps();
    figures.fix_losses += vehicle.gnss().losses();
    figures.clock_steps += vehicle.clock().steps();
  }
  figures.streams_broken = streams_broken_ + figures.vehicles.streams_broken;
  figures.prediction = prediction_.error();
  figures.drained = drained_;
  return figures;
}

std::uint64_t VirtualFleet::Digest() const {
  std::uint64_t digest = MixHash(traffic_.Digest(), acted_digest_);
  const auto mix = [&digest](std::span<const std::byte> bytes) {
    digest = MixHash(digest, bytes.size());
    for (const std::byte byte : bytes) digest = MixHash(digest, static_cast<std::uint64_t>(byte));
  };
  cloud_.shard().Save([&](std::span<const std::byte> key, std::span<const std::byte> value) {
    mix(key);
    mix(value);
  });
  return digest;
}

}  // namespace starling::sim
