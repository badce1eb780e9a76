#include "sim/chaos/fault_plan.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "common/ids.h"
#include "sim/city/random.h"

namespace starling::sim {
namespace {

struct Kind {
  FaultKind kind;
  std::string_view name;
  std::uint32_t weight;  // how often it is drawn
};

constexpr std::array<Kind, kFaultKinds> kKinds = {{
    {FaultKind::kKill, "kill", 6},
    {FaultKind::kPause, "pause", 3},
    {FaultKind::kDiskFull, "disk full", 3},
    {FaultKind::kSyncFails, "sync fails", 3},
    {FaultKind::kSlowSync, "slow sync", 2},
    {FaultKind::kClockStep, "clock step", 2},
    {FaultKind::kReboot, "reboot", 3},
    {FaultKind::kCut, "cut", 2},
    {FaultKind::kRefuse, "refuse", 1},
    {FaultKind::kStall, "stall", 2},
    {FaultKind::kBlackHole, "black hole", 2},
    {FaultKind::kDelay, "delay", 2},
    {FaultKind::kThin, "thin", 1},
    {FaultKind::kHalfClose, "half-close", 1},
    {FaultKind::kBroker, "broker", 4},
}};

milliseconds Ms(Random* random, double low, double high) {
  return milliseconds(static_cast<std::int64_t>(random->Between(low, high)));
}

// 0 for kinds that are not drawn at all.
std::uint32_t WeightOf(const Kind& kind, const PlanLimits& limits) {
  if (kind.kind == FaultKind::kBroker && limits.brokers < 2) return 0;
  const auto& only = limits.kinds;
  const bool drawn = only.empty() || std::find(only.begin(), only.end(), kind.kind) != only.end();
  return drawn ? kind.weight : 0;
}

FaultKind DrawKind(const PlanLimits& limits, Random* random) {
  std::uint32_t sum = 0;
  for (const Kind& kind : kKinds) sum += WeightOf(kind, limits);
  std::uint32_t drawn = random->Below(sum);
  for (const Kind& kind : kKinds) {
    const std::uint32_t weight = WeightOf(kind, limits);
    if (drawn < weight) return kind.kind;
    drawn -= weight;
  }
  return FaultKind::kKill;
}

double Share(Random* random) { return random->Chance(0.4) ? 1 : random->Between(0.1, 0.9); }

PlannedFault DrawFault(const PlanLimits& limits, Random* random) {
  PlannedFault fault;
  fault.kind = DrawKind(limits, random);
  fault.at = Ms(random, 100, static_cast<double>(limits.drive.count()) * 2 / 3);
  const bool down = random->Chance(0.5);
  switch (fault.kind) {
    case FaultKind::kKill: break;
    case FaultKind::kPause: fault.lasts = Ms(random, 50, 1'200); break;
    case FaultKind::kDiskFull: fault.lasts = Ms(random, 50, 700); break;
    case FaultKind::kSyncFails: fault.lasts = Ms(random, 20, 400); break;
    case FaultKind::kSlowSync:
      fault.lasts = Ms(random, 300, 1'500);
      fault.amount = Ms(random, 20, 400).count();
      break;
    case FaultKind::kClockStep:
      fault.amount = Ms(random, 20, 2'500).count() * (random->Chance(0.5) ? 1 : -1);
      break;
    case FaultKind::kReboot:
      // The simulator counts in whole seconds.
      fault.at = milliseconds(1'000);
      fault.share = random->Between(0.02, 0.3);
      break;
    case FaultKind::kCut: fault.share = Share(random); break;
    case FaultKind::kRefuse: fault.lasts = Ms(random, 100, 800); break;
    case FaultKind::kStall:
    case FaultKind::kBlackHole:
      fault.lasts = Ms(random, 200, 1'500);
      fault.share = Share(random);
      fault.direction = down ? Direction::kDown : Direction::kUp;
      break;
    case FaultKind::kDelay:
      fault.lasts = Ms(random, 300, 1'500);
      fault.share = Share(random);
      fault.amount = Ms(random, 20, 800).count();
      break;
    case FaultKind::kThin:
      fault.lasts = Ms(random, 300, 1'200);
      fault.share = Share(random);
      fault.amount = Ms(random, 500, 8'000).count();
      break;
    case FaultKind::kHalfClose:
      fault.share = random->Between(0.05, 0.5);
      fault.direction = down ? Direction::kDown : Direction::kUp;
      break;
    case FaultKind::kBroker:
      fault.lasts = Ms(random, 200, 1'500);
      fault.target = 1 + random->Below(limits.brokers);
      break;
  }
  if (limits.kafka && (fault.kind == FaultKind::kKill || fault.kind == FaultKind::kPause)) {
    fault.target = 1 + random->Below(static_cast<std::uint32_t>(kProcessNames.size()) - 1);
  }
  return fault;
}

std::uint64_t SeedOf(std::uint64_t seed, std::uint32_t round) { return MixHash(MixHash(seed, 0xC405), round); }

bool Fresh(std::uint64_t seed, std::uint32_t round, const PlanLimits& limits) {
  if (round == 0) return true;
  std::uint32_t before = 1;
  for (std::uint32_t i = round; i-- > 0; ++before) {
    const bool drawn = i == 0 || Random(SeedOf(seed, i)).Chance(0.4);
    if (drawn) break;
  }
  // A chain that has become long ends, wherever in it the draws would go on.
  return before % limits.chain_max == 0 || Random(SeedOf(seed, round)).Chance(0.4);
}

}  // namespace

std::string_view FaultName(FaultKind kind) { return kKinds[static_cast<std::size_t>(kind)].name; }

std::optional<FaultKind> FaultNamed(std::string_view name) {
  for (const Kind& kind : kKinds) {
    if (kind.name == name) return kind.kind;
  }
  return std::nullopt;
}

std::string Describe(const PlannedFault& fault) {
  char text[128];
  const auto kind = static_cast<std::size_t>(fault.kind);
  int used = std::snprintf(text, sizeof text, "%.1f s %s", static_cast<double>(fault.at.count()) / 1000,
                           std::string(kKinds[kind].name).c_str());
  const auto add = [&](const char* format, auto value) {
    used += std::snprintf(text + used, sizeof text - static_cast<std::size_t>(used), format, value);
  };
  const bool directed = fault.kind == FaultKind::kBlackHole || fault.kind == FaultKind::kHalfClose;
  if (directed) add("%s", fault.direction == Direction::kUp ? " up" : " down");
  if (fault.kind == FaultKind::kBroker) {
    add(" %u", fault.target);
  } else if (fault.target != 0) {
    add(" of %s", std::string(kProcessNames[fault.target]).c_str());
  }
  if (fault.kind == FaultKind::kThin) {
    add(" %lld B/s", static_cast<long long>(fault.amount));
  } else if (fault.amount != 0) {
    add(" %lld ms", static_cast<long long>(fault.amount));
  }
  if (fault.share < 1) add(" of %.0f %%", fault.share * 100);
  if (fault.lasts.count() > 0) add(" for %lld ms", static_cast<long long>(fault.lasts.count()));
  return text;
}

RoundPlan DrawRound(std::uint64_t seed, std::uint32_t round, const PlanLimits& limits) {
  RoundPlan plan;
  plan.round = round;
  plan.seed = SeedOf(seed, round);
  plan.fresh = Fresh(seed, round, limits);
  Random random(MixHash(plan.seed, 1));
  const auto kinds = static_cast<std::uint32_t>(limits.kinds.empty() ? kFaultKinds : limits.kinds.size());
  const std::uint32_t count = std::min(kinds, 1 + random.Below(limits.faults_max));
  while (plan.faults.size() < count) {
    PlannedFault fault = DrawFault(limits, &random);
    // One of a kind in a round: two that overlap would end each other.
    const bool there = std::any_of(plan.faults.begin(), plan.faults.end(),
                                   [&](const PlannedFault& other) { return other.kind == fault.kind; });
    if (!there) plan.faults.push_back(fault);
  }
  std::stable_sort(plan.faults.begin(), plan.faults.end(),
                   [](const PlannedFault& a, const PlannedFault& b) { return a.at < b.at; });
  return plan;
}

std::uint32_t ChainStart(std::uint64_t seed, std::uint32_t round, const PlanLimits& limits) {
  while (!Fresh(seed, round, limits)) --round;
  return round;
}

}  // namespace starling::sim
