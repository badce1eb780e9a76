#include "sim/scenario/opposed_commands.h"

#include <algorithm>
#include <cstdio>
#include <set>

namespace starling::sim {
namespace {

// What is on the wire is in hundredths.
constexpr double kRoundingMps = 0.005;

// Longer than any episode is silent before it is told of again.
constexpr nanoseconds kKeptAfterEnd = seconds(60);
constexpr nanoseconds kForgetInterval = seconds(10);

bool IsAvoidance(const LiveCommand& command) { return command.kind == wire::CommandKind::Avoidance; }
bool IsAdvice(const LiveCommand& command) { return command.kind == wire::CommandKind::SpeedAdvice; }

bool GivesWay(const LiveCommand& command, double hold_decel_mps2) {
  return IsAvoidance(command) && command.decel_mps2 > hold_decel_mps2 + kRoundingMps;
}

}  // namespace

std::optional<Opposition> Against(const LiveCommand& one, const LiveCommand& other, double hold_decel_mps2) {
  if (one.episode != other.episode) return std::nullopt;
  if (one.vehicle != other.vehicle) {
    const bool yields = GivesWay(one, hold_decel_mps2) || GivesWay(other, hold_decel_mps2);
    if (IsAvoidance(one) && IsAvoidance(other) && !yields) return Opposition::kNobodyYields;
    return std::nullopt;
  }
  const LiveCommand& advice = IsAdvice(one) ? one : other;
  const LiveCommand& avoidance = IsAdvice(one) ? other : one;
  if (IsAdvice(advice) && IsAvoidance(avoidance) && advice.ceiling_mps > avoidance.ceiling_mps + kRoundingMps) {
    return Opposition::kLoosened;
  }
  return std::nullopt;
}

void OpposedCommands::Add(const cloud::ShardOutputs& outputs, SimTime time) {
  std::set<EpisodeId> touched;
  for (const cloud::ShardOutputs::Command& each : outputs.commands) {
    const auto& command = *flatbuffers::GetRoot<wire::Command>(each.wire_command.data());
    Take(each.vehicle, command, time);
    touched.insert(EpisodeId{command.episode_id()});
  }
  // After all of them: what a record changes for two vehicles is one decision.
  for (const EpisodeId episode : touched) Look(episode, &episodes_[episode], time);
  if (time >= next_forget_) Forget(time);
}

void OpposedCommands::Take(const VehicleId& vehicle, const wire::Command& command, SimTime time) {
  Told& told = episodes_[EpisodeId{command.episode_id()}];
  const bool advice = command.kind() == wire::CommandKind::SpeedAdvice;
  LiveCommand taken{vehicle, EpisodeId{command.episode_id()}, command.kind(), command.speed_ceiling_cmps() * 0.01,
                    command.decel_cmps2() * 0.01, command.sequence(), time + (advice ? advice_lease_ : lease_)};
  told.ends = std::max(told.ends, taken.ends);
  const auto before = std::find_if(told.live.begin(), told.live.end(), [&](const LiveCommand& each) {
    return each.vehicle == vehicle && IsAdvice(each) == advice;
  });
  if (before == told.live.end()) {
    told.live.push_back(taken);
  } else if (taken.sequence > before->sequence) {
    *before = taken;  // A release too: what it ended, and what is older, does not come back.
  }
}

void OpposedCommands::Look(EpisodeId episode, Told* told, SimTime time) {
  const std::vector<LiveCommand>& live = told->live;
  for (std::size_t i = 0; i < live.size(); ++i) {
    for (std::size_t j = i + 1; j < live.size(); ++j) {
      if (live[i].ends <= time || live[j].ends <= time) continue;
      ++looked_at_;
      if (const auto opposition = Against(live[i], live[j], hold_decel_mps2_)) Note(*opposition, episode, time);
    }
  }
  LookForReversal(episode, told, time);
}

void OpposedCommands::LookForReversal(EpisodeId episode, Told* told, SimTime time) {
  VehicleId yields;
  std::size_t count = 0;
  for (const LiveCommand& each : told->live) {
    if (each.ends <= time || !GivesWay(each, hold_decel_mps2_)) continue;
    yields = each.vehicle;
    ++count;
  }
  if (count != 1) return;  // Nobody, or both brake: that is no change of roles.
  if (!told->yields.empty() && told->yields != yields && ++told->reversals > 1) {
    Note(Opposition::kReversedAgain, episode, time);
  }
  told->yields = yields;
}

void OpposedCommands::Note(Opposition kind, EpisodeId episode, SimTime time) {
  ++counts_[static_cast<std::size_t>(kind)];
  if (!first_.empty()) return;
  std::array<char, 96> text{};
  std::snprintf(text.data(), text.size(), "%s at %.3f s in episode %016llx",
                kOppositionNames[static_cast<std::size_t>(kind)], SecondsOf(time),
                static_cast<unsigned long long>(ToNumber(episode)));
  first_ = text.data();
}

void OpposedCommands::Forget(SimTime time) {
  std::erase_if(episodes_, [time](const auto& each) { return each.second.ends + kKeptAfterEnd < time; });
  next_forget_ = time + kForgetInterval;
}

}  // namespace starling::sim
