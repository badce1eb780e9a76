// What drivers did wrong, from the portions in which it happened to one log.
#include <algorithm>
#include <tuple>

#include "sim/traffic/traffic.h"

namespace starling::sim {

bool Traffic::BreaksRules(VehicleIndex vehicle) const {
  const Vehicle& me = vehicles_[vehicle];
  const Driver& driver = drivers_[vehicle];
  return driver.red_runner || driver.forceful || me.runner || me.tailgates;
}

bool Traffic::HasFaults(VehicleIndex vehicle) const {
  const Driver& driver = drivers_[vehicle];
  return BreaksRules(vehicle) || driver.inattentive || driver.late_braker;
}

// It counts from the beginning of the step that is being worked on.
void Traffic::Note(VehicleIndex vehicle, MistakeKind kind, Tally* tally) const {
  const Vehicle& me = vehicles_[vehicle];
  tally->mistakes.push_back({SimTime((step_ + 1) * kStep), vehicle, kind,
                             PoseOf(vehicle, me.track, me.along_m, me.changing).position});
}

void Traffic::TakeNotes() {
  const auto first = static_cast<std::ptrdiff_t>(mistakes_.size());
  for (Tally& tally : tallies_) {
    mistakes_.insert(mistakes_.end(), tally.mistakes.begin(), tally.mistakes.end());
    tally.mistakes.clear();
  }
  std::sort(mistakes_.begin() + first, mistakes_.end(), [](const Mistake& a, const Mistake& b) {
    return std::tuple(a.vehicle, a.kind) < std::tuple(b.vehicle, b.kind);
  });
  if (mistakes_.size() <= kMistakesMax) return;
  counters_.mistakes_dropped += mistakes_.size() - kMistakesMax;
  mistakes_.resize(kMistakesMax);
}

}  // namespace starling::sim
