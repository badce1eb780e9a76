#include "cloud/shard/planner.h"

#include <algorithm>
#include <cmath>

#include "cloud/shard/decision_observer.h"

namespace starling::cloud {
namespace {

// From comfort to emergency, m/s².
constexpr std::array<double, 4> kDecelerations = {2, 3.5, 5, 7};
// A ceiling under this is a stop: nobody creeps into a conflict.
constexpr double kCrawlMps = 1;
// So long after it was told to, somebody who brakes can be seen to: what he does reaches the cloud when it differs from
// what is predicted by half a metre a second.
constexpr std::int64_t kObeyedWithinNs = 600'000'000;
// Every brake that was sharpened is sharpened by at least this.
constexpr double kDecelChangeMin = 1;

double SpeedNow(const VehicleTable& vehicles, Slot slot, std::int64_t now_ns) {
  const VehicleState& state = vehicles.state(slot);
  const double age_s = std::max(static_cast<double>(now_ns - state.sample_time_ns) * 1e-9, 0.0);
  return std::max(TravelAfter(state.speed_mps(), state.accel_mps2(), age_s).speed_mps, 0.0);
}

}  // namespace

Planner::Planner(const PlannerConfig& config, const VehicleTable* vehicles, Horizon* horizon,
                 CommandIssuer* issuer)
    : config_(config), vehicles_(*vehicles), horizon_(*horizon), issuer_(*issuer) {}

std::vector<std::uint32_t> Planner::ComponentOf(std::uint32_t index) {
  std::vector<std::uint32_t> component = {index};
  in_component_.assign(horizon_.indices(), false);
  in_component_[index] = true;
  if (reached_.size() < vehicles_.slots()) reached_.resize(vehicles_.slots());
  for (const Slot slot : horizon_.pair(index).slots) reached_[slot] = true;
  // As many rounds as the component is wide; a crowd around one vehicle takes two.
  for (bool grown = true; grown;) {
    grown = false;
    for (const std::uint32_t other : horizon_.pairs()) {
      const Pair& pair = horizon_.pair(other);
      if (!pair.open || in_component_[other]) continue;
      if (!reached_[pair.slots[0]] && !reached_[pair.slots[1]]) continue;
      in_component_[other] = true;
      component.push_back(other);
      for (const Slot slot : pair.slots) reached_[slot] = true;
      grown = true;
    }
  }
  for (const std::uint32_t member : component) {
    for (const Slot slot : horizon_.pair(member).slots) reached_[slot] = false;
  }
  std::sort(component.begin(), component.end(), [this](std::uint32_t one, std::uint32_t other) {
    const Pair& a = horizon_.pair(one);
    const Pair& b = horizon_.pair(other);
    if (a.latest.contact_s != b.latest.contact_s) return a.latest.contact_s < b.latest.contact_s;
    return ToNumber(a.episode) < ToNumber(b.episode);
  });
  return component;
}

void Planner::OnOpened(std::uint32_t pair, std::int64_t now_ns, const Cause& cause) {
  if (horizon_.pair(pair).planned) return;  // With one that the same record opened.
  for (const std::uint32_t index : ComponentOf(pair)) {
    if (!horizon_.pair(index).planned) Resolve(index, now_ns, cause);
  }
}

std::optional<SpeedProfile> Planner::Constraint(Slot slot, EpisodeId except,
                                                std::int64_t now_ns) const {
  std::optional<SpeedProfile> strictest;
  if (vehicles_.profile(slot).suspected_pairs == 0) return strictest;
  for (const std::uint32_t index : horizon_.pairs()) {
    const Pair& pair = horizon_.pair(index);
    if (!pair.open || pair.episode == except) continue;
    for (std::size_t side = 0; side < 2; ++side) {
      const Instruction& told = pair.told[side];
      if (pair.slots[side] != slot || told.command == CommandId{} || told.expires_ns <= now_ns) continue;
      if (issuer_.Withholds(pair)) continue;
      const SpeedProfile& profile = told.profile;
      if (!strictest || profile.ceiling_mps < strictest->ceiling_mps ||
          (profile.ceiling_mps == strictest->ceiling_mps && profile.decel_mps2 > strictest->decel_mps2)) {
        strictest = profile;
      }
    }
  }
  return strictest;
}

Slot Planner::RunsInto(Slot slot, const SpeedProfile& profile, Slot other, std::int64_t now_ns) {
  horizon_.Neighbours(slot, &neighbours_);
  for (const Slot third : neighbours_) {
    if (third == other) continue;
    // By id, as everywhere, so that the same pair gives the same bits.
    const bool swapped = vehicles_.id(third) < vehicles_.id(slot);
    const auto meet = [&](const std::optional<SpeedProfile>& own) {
      const std::optional<SpeedProfile> theirs = Constraint(third, EpisodeId{}, now_ns);
      return swapped ? horizon_.Foresee(third, theirs, slot, own, now_ns, 0)
                     : horizon_.Foresee(slot, own, third, theirs, now_ns, 0);
    };
    const std::optional<Encounter> met = meet(profile);
    if (!met || met->overlapping || !horizon_.IsHit(*met)) continue;
    const std::optional<Encounter> anyway = meet(std::nullopt);
    if (!anyway || !horizon_.IsHit(*anyway)) return third;  // New: the braking makes it.
  }
  return kNoSlot;
}

void Planner::TellOf(const Pair& pair, const PlanTrial& trial) const {
  if (observer_ != nullptr) observer_->OnTried(vehicles_, pair, trial);
}

Planner::Plan Planner::MakePlan(const Pair& pair, int yields, std::int64_t now_ns) {
  const auto side = static_cast<std::size_t>(yields);
  const Slot yielder = pair.slots[side];
  const Slot other = pair.slots[1 - side];
  const double v = SpeedNow(vehicles_, yielder, now_ns);
  const double other_v = SpeedNow(vehicles_, other, now_ns);
  const SpeedProfile hold{other_v, config_.hold_decel_mps2};
  const std::optional<SpeedProfile> constraint = Constraint(other, pair.episode, now_ns);
  // One that slows down by itself is predicted doing so, not holding its speed.
  std::optional<SpeedProfile> other_motion = constraint;
  if (!other_motion && vehicles_.state(other).accel_cmps2 > 0) other_motion = hold;

  const auto resolves = [&](const SpeedProfile& profile, const std::optional<SpeedProfile>& theirs) {
    const auto met = yields == 0
        ? horizon_.Foresee(yielder, profile, other, theirs, now_ns, config_.margin_m)
        : horizon_.Foresee(other, theirs, yielder, profile, now_ns, config_.margin_m);
    TellOf(pair, {PlanTrial::What::kYields, yields, profile, met, kNoSlot});
    return !met;
  };

  Plan plan;
  plan.profiles[1 - side] = hold;
  const bool following = pair.latest.type == log::Encounter::Following;
  const bool crossing = pair.latest.type == log::Encounter::Crossing;
  for (const double decel : kDecelerations) {
    double ceiling = 0;
    if (following) ceiling = std::min(other_v, v);
    if (crossing && std::isfinite(pair.latest.first_exit_s)) {
      const double since_s = static_cast<double>(now_ns - pair.latest_at_ns) * 1e-9;
      ceiling = v - decel * std::max(pair.latest.first_exit_s - since_s, 0.0);
    }
    if (ceiling < kCrawlMps) ceiling = 0;
    SpeedProfile& profile = plan.profiles[side];
    profile = {ceiling, decel};
    plan.resolved = resolves(profile, other_motion);
    if (!plan.resolved && ceiling > 0) {
      profile.ceiling_mps = 0;
      plan.resolved = resolves(profile, other_motion);
    }
    if (plan.resolved) break;
  }
  const SpeedProfile& chosen = plan.profiles[side];
  plan.both_brake = !following && !plan.resolved;
  if (!following && plan.resolved) {
    const Slot third = RunsInto(yielder, chosen, other, now_ns);
    plan.both_brake = third != kNoSlot;
    if (third != kNoSlot) TellOf(pair, {PlanTrial::What::kThird, yields, chosen, std::nullopt, third});
  }
  if (plan.both_brake) plan.profiles[1 - side] = {0, chosen.decel_mps2};
  return plan;
}

bool Planner::Disregards(const Pair& pair, std::int64_t now_ns) const {
  const auto side = static_cast<std::size_t>(pair.yields);
  if (pair.told[side].command == CommandId{} || pair.asked_ns == 0 || now_ns - pair.asked_ns < kObeyedWithinNs) {
    return false;
  }
  const SpeedProfile& told = pair.told[side].profile;
  const Slot slot = pair.slots[side];
  // Silence says the same: whoever brakes would have told.
  return vehicles_.state(slot).accel_mps2() > -0.5 * told.decel_mps2 &&
         SpeedNow(vehicles_, slot, now_ns) > told.ceiling_mps + kCrawlMps;
}

Planner::Plan Planner::PlanAround(const Pair& pair, std::int64_t now_ns) {
  const auto side = static_cast<std::size_t>(pair.yields);
  const Slot ignores = pair.slots[side];
  const Slot other = pair.slots[1 - side];
  Plan plan;
  plan.both_brake = true;
  plan.profiles[side] = pair.told[side].profile;
  for (const double decel : kDecelerations) {
    plan.profiles[1 - side] = {0, decel};
    const auto met = side == 0 ? horizon_.Foresee(ignores, std::nullopt, other, plan.profiles[1], now_ns, config_.margin_m)
                               : horizon_.Foresee(other, plan.profiles[0], ignores, std::nullopt, now_ns, config_.margin_m);
    TellOf(pair, {PlanTrial::What::kAround, 1 - pair.yields, plan.profiles[1 - side], met, kNoSlot});
    plan.resolved = !met;
    if (plan.resolved) break;
  }
  return plan;
}

void Planner::Resolve(std::uint32_t index, std::int64_t now_ns, const Cause& cause) {
  Pair& pair = horizon_.pair(index);
  const bool was_reversed = pair.reversed;
  if (observer_ != nullptr) observer_->OnPlanning(vehicles_, pair, now_ns);
  Plan plan = MakePlan(pair, pair.yields, now_ns);
  if (!plan.resolved && pair.planned && !pair.reversed &&
      pair.latest.type == log::Encounter::Crossing) {
    const Plan reverse = MakePlan(pair, 1 - pair.yields, now_ns);
    if (reverse.resolved && !reverse.both_brake) {
      plan = reverse;
      pair.reversed = true;
      pair.yields = 1 - pair.yields;
      pair.asked_ns = 0;
    }
  }
  if (pair.latest.type != log::Encounter::Following && Disregards(pair, now_ns)) {
    const Plan around = PlanAround(pair, now_ns);
    if (around.resolved) plan = around;
  }
  pair.planned = true;
  pair.both_brake = plan.both_brake;
  if (observer_ != nullptr) {
    observer_->OnPlanned(vehicles_, pair,
                         {plan.profiles, plan.resolved, plan.both_brake, pair.reversed && !was_reversed});
  }
  for (int side = 0; side < 2; ++side) {
    const auto i = static_cast<std::size_t>(side);
    const Instruction& told = pair.told[i];
    const SpeedProfile& wanted = plan.profiles[i];
    const bool material =
        told.command == CommandId{} ||
        std::abs(wanted.ceiling_mps - told.profile.ceiling_mps) >= config_.speed_change_min_mps ||
        wanted.decel_mps2 >= told.profile.decel_mps2 + kDecelChangeMin;
    if (material) Tell(&pair, side, wanted, now_ns, cause);
    if (side == pair.yields && pair.asked_ns == 0) pair.asked_ns = now_ns;
  }
}

void Planner::Tell(Pair* pair, int side, const SpeedProfile& profile, std::int64_t now_ns,
                   const Cause& cause) {
  const auto i = static_cast<std::size_t>(side);
  Instruction& told = pair->told[i];
  CommandRequest request;
  request.target = pair->slots[i];
  request.kind = wire::CommandKind::Avoidance;
  request.episode = pair->episode;
  request.supersedes = told.command;
  request.profile = profile;
  request.lease = config_.lease;
  request.cause = cause;
  const CommandId id = issuer_.Issue(request);
  if (id == CommandId{}) return;
  told = {id, now_ns, now_ns + config_.lease.count(), profile};
}

void Planner::Maintain(std::uint32_t index, std::int64_t now_ns, const Cause& cause) {
  Pair& pair = horizon_.pair(index);
  if (!pair.open || pair.foreign) return;
  const std::int64_t issued_ns = std::max(pair.told[0].issued_ns, pair.told[1].issued_ns);
  if (pair.meets && pair.hit_ns == now_ns && now_ns - issued_ns >= config_.reissue_interval.count()) {
    Resolve(index, now_ns, cause);
  }
  for (int side = 0; side < 2; ++side) {
    const Instruction told = pair.told[static_cast<std::size_t>(side)];
    if (told.command == CommandId{}) continue;
    if (told.expires_ns - now_ns <= config_.renew_before.count()) {
      Tell(&pair, side, told.profile, now_ns, cause);
    }
  }
}

void Planner::OnClosed(const Pair& pair, std::int64_t now_ns, const Cause& cause) {
  for (std::size_t side = 0; side < 2; ++side) {
    const Instruction& told = pair.told[side];
    if (told.command == CommandId{} || told.expires_ns <= now_ns) continue;
    if (!vehicles_.alive(pair.slots[side])) continue;
    CommandRequest request;
    request.target = pair.slots[side];
    request.kind = wire::CommandKind::Release;
    request.episode = pair.episode;
    request.supersedes = told.command;
    request.lease = config_.lease;
    request.cause = cause;
    issuer_.Issue(request);
  }
}

}  // namespace starling::cloud
