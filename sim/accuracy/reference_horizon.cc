#include "sim/accuracy/reference_horizon.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "cloud/shard/encounter.h"
#include "common/geo/trigonometry.h"
#include "sim/accuracy/boxes_meet.h"
#include "sim/accuracy/future_path.h"

namespace starling::sim {
namespace {

// cloud/shard/horizon.cc's.
constexpr double kStandingMps = 0.5;
constexpr double kStillClosingMps = 2;

struct Present {
  std::uint32_t track = 0;
  cloud::VehicleState state;
  std::optional<cloud::Mover> mover;
  Foreseen places;
  double reach_m = 0;  // from its place, while it drives, its body included
};

struct Suspect {
  unsigned hits = 0;       // the newest in bit 0
  std::uint32_t step = 0;  // of the newest
  SimTime hit;
  std::optional<std::size_t> open;  // index of the decision
};

class Reference {
 public:
  Reference(const Recording& recording, const cloud::HorizonConfig& config, bool planned_paths)
      : recording_(recording), config_(config) {
    if (planned_paths) paths_.resize(recording.tracks.size());
    begin_at_.resize(recording.times.size());
    for (std::uint32_t track = 0; track < recording.tracks.size(); ++track) {
      begin_at_[recording.tracks[track].first_step].push_back(track);
    }
  }

  ReferenceDecisions Run(const std::function<bool(double)>& progress) {
    for (std::uint32_t step = 0; step < recording_.times.size(); ++step) {
      Place(step);
      std::ranges::sort(present_, [](const Present& a, const Present& b) {
        const double a_west = a.state.position.x - a.reach_m;
        const double b_west = b.state.position.x - b.reach_m;
        return a_west != b_west ? a_west < b_west : a.track < b.track;
      });
      for (std::size_t i = 0; i < present_.size(); ++i) {
        const Present& a = present_[i];
        for (std::size_t j = i + 1; j < present_.size(); ++j) {
          const Present& b = present_[j];
          if (b.state.position.x - b.reach_m > a.state.position.x + a.reach_m) break;
          Look(a, b, step);
        }
      }
      CloseWhatIsOver(step);
      if (progress && !progress(static_cast<double>(step + 1) / static_cast<double>(recording_.times.size())))
        return {};
    }
    return std::move(outcome_);
  }

 private:
  void Place(std::uint32_t step) {
    std::erase_if(here_, [&](std::uint32_t track) { return !recording_.tracks[track].At(step); });
    here_.insert(here_.end(), begin_at_[step].begin(), begin_at_[step].end());
    present_.clear();
    for (const std::uint32_t track : here_) {
      VehicleTruth truth = recording_.TruthAt(track, recording_.times[step]);
      if (!paths_.empty()) {
        if (paths_[track] == nullptr) paths_[track] = std::make_unique<FuturePath>(&recording_, track);
        truth.path = paths_[track]->At(truth);
      }
      Present& made = present_.emplace_back();
      made.track = track;
      made.state = ShardStateOf(truth);
      made.mover.emplace(made.state, 0, std::nullopt);
      made.places = ForeseePlaces(*made.mover, config_.horizon_s);
      made.reach_m = made.mover->DistanceAt(config_.horizon_s) + made.places.radius_m;
    }
  }

  void Look(const Present& a, const Present& b, std::uint32_t step) {
    if (a.state.standing() && b.state.standing()) return;
    const double reach_m = a.reach_m + b.reach_m;
    if (NormSquared(a.state.position - b.state.position) > reach_m * reach_m) return;
    ++outcome_.pairs;
    const std::optional<double> contact_s = FirstContact(a.places, b.places);
    if (!contact_s) return;
    ++outcome_.contacts;
    // As in the shard: the smaller one first.
    const bool ordered = a.track < b.track;
    const cloud::Mover& first = ordered ? *a.mover : *b.mover;
    const cloud::Mover& second = ordered ? *b.mover : *a.mover;
    const std::optional<cloud::Encounter> met = cloud::Meet(first, second, {0, config_.horizon_s}, 0);
    if (!met) {
      // At the horizon's very end Meet's next step may lie beyond it.
      if (*contact_s < config_.horizon_s - kForesightStepS / 2) ++outcome_.contacts_not_met;
      return;
    }
    if (met->overlapping) {
      const double apart = Norm(b.state.position - a.state.position);
      const double soon = Norm(b.mover->PoseAt(0.1).position - a.mover->PoseAt(0.1).position);
      if ((apart - soon) / 0.1 < kStillClosingMps) return;
    }
    if (first.SpeedAt(met->contact_s) < kStandingMps && second.SpeedAt(met->contact_s) < kStandingMps) return;
    if (met->probability < config_.probability_min) return;
    const bool urgent = met->contact_s < config_.urgent_ttc_s;
    const double enough = urgent ? std::min(config_.urgent_decel_min_mps2, config_.required_decel_min_mps2)
                                 : config_.required_decel_min_mps2;
    if (met->required_mps2 < enough) return;
    Hit(std::minmax(a.track, b.track), *met, urgent, step);
  }

  void Hit(std::pair<std::uint32_t, std::uint32_t> pair, const cloud::Encounter& met, bool urgent, std::uint32_t step) {
    const auto [found, is_new] = suspects_.try_emplace(pair);
    Suspect& suspect = found->second;
    const std::uint32_t passed = is_new ? 1 : step - suspect.step;
    suspect.hits = passed < 8 ? (suspect.hits << passed) | 1U : 1U;
    suspect.step = step;
    suspect.hit = recording_.times[step];
    if (suspect.open) return;
    const unsigned recent = suspect.hits & ((1U << config_.evaluations) - 1);
    if (!urgent && static_cast<std::uint32_t>(__builtin_popcount(recent)) < config_.hits_min) return;
    suspect.open = outcome_.decisions.size();
    outcome_.decisions.push_back({pair.first, pair.second, suspect.hit, SimTime::max(), met.type, met.ttc_s});
  }

  void CloseWhatIsOver(std::uint32_t step) {
    const SimTime now = recording_.times[step];
    std::erase_if(suspects_, [&](const auto& each) {
      const Suspect& suspect = each.second;
      if (now - suspect.hit <= config_.clear_after) return false;
      if (suspect.open) outcome_.decisions[*suspect.open].closed = now;
      return true;
    });
  }

  const Recording& recording_;
  const cloud::HorizonConfig& config_;
  std::vector<std::vector<std::uint32_t>> begin_at_;  // by step
  std::vector<std::unique_ptr<FuturePath>> paths_;    // by track; empty: no plans
  std::vector<std::uint32_t> here_;
  std::vector<Present> present_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, Suspect> suspects_;
  ReferenceDecisions outcome_;
};

}  // namespace

ReferenceDecisions DecideByBruteForce(const Recording& recording, const cloud::HorizonConfig& config,
                                      bool planned_paths, const std::function<bool(double share)>& progress) {
  return Reference(recording, config, planned_paths).Run(progress);
}

std::uint64_t CountWithout(const std::vector<Decision>& decisions, const std::vector<Decision>& others,
                           double within_s) {
  const nanoseconds within(static_cast<std::int64_t>(within_s * 1e9));
  std::multimap<std::pair<std::uint32_t, std::uint32_t>, const Decision*> by_pair;
  for (const Decision& other : others) by_pair.emplace(std::pair(other.a, other.b), &other);
  const auto later = [&](SimTime time) { return time == SimTime::max() ? time : time + within; };
  return static_cast<std::uint64_t>(std::ranges::count_if(decisions, [&](const Decision& each) {
    const auto [begin, end] = by_pair.equal_range({each.a, each.b});
    return std::none_of(begin, end, [&](const auto& other) {
      return other.second->opened <= later(each.closed) && later(other.second->closed) >= each.opened;
    });
  }));
}

}  // namespace starling::sim
