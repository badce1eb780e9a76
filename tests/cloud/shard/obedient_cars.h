// Cars with the inboxes that vehicles have: they obey, and report what became of each
// command.
#pragma once

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "edge/inbox/inbox.h"
#include "tests/cloud/shard/region_harness.h"

namespace starling::cloud {

// Whether two cars' boxes overlap, by the axes of both.
inline bool Overlap(const Car& a, const Car& b) {
  const auto corners = [](const Car& car) {
    const Vec2 along{SinCos(car.motion.heading_rad).sin, SinCos(car.motion.heading_rad).cos};
    const Vec2 across{along.y, -along.x};
    const double l = car.length_cm * 0.005;
    const double w = car.width_cm * 0.005;
    return std::array{car.motion.position + l * along + w * across, car.motion.position + l * along - w * across,
                      car.motion.position - l * along + w * across, car.motion.position - l * along - w * across};
  };
  const auto separated_along = [&](Vec2 axis) {
    std::array<double, 2> low{std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
    std::array<double, 2> high{-low[0], -low[1]};
    for (int side = 0; side < 2; ++side) {
      const auto i = static_cast<std::size_t>(side);
      for (const Vec2 corner : corners(side == 0 ? a : b)) {
        const double at = corner.x * axis.x + corner.y * axis.y;
        low[i] = std::min(low[i], at);
        high[i] = std::max(high[i], at);
      }
    }
    return high[0] < low[1] || high[1] < low[0];
  };
  for (const Car* car : {&a, &b}) {
    const auto heading = SinCos(car->motion.heading_rad);
    if (separated_along({heading.sin, heading.cos}) || separated_along({heading.cos, -heading.sin})) return false;
  }
  return true;
}

class ObedientCars {
 public:
  ObedientCars(RegionHarness* harness, std::vector<Car> cars) : harness_(harness), cars_(std::move(cars)) {
    for (const Car& car : cars_) {
      inboxes_.emplace(car.name, edge::Inbox(edge::InboxConfig(), BootId{car.boot_id}));
    }
  }

  // Every car: what has come is read and reported, obeyed if `obey`, and a fix is sent;
  // then all drive for 100 ms.
  void Step(double at_s, bool obey = true) {
    Deliver(at_s);
    for (Car& car : cars_) {
      edge::Inbox& inbox = inboxes_.at(car.name);
      inbox.Expire(BootAt(at_s));
      while (inbox.Take(BootAt(at_s))) {
      }
      const std::vector<wire::CommandStatus> statuses = inbox.NextReports(100);
      if (!statuses.empty()) {
        for (const auto& status : statuses) {
          ++outcomes_[status.outcome()];
          ++reported_[status.command_id()];
        }
        inbox.Acknowledge(statuses.back().report_sequence());
        harness_->Report(car, statuses, at_s);
      }
      if (obey) {
        const edge::DesiredState desired = inbox.Desired(BootAt(at_s), car.motion.speed_mps);
        const bool faster = desired.speed_ceiling_mps && car.motion.speed_mps > *desired.speed_ceiling_mps;
        car.motion.accel_mps2 = faster ? -desired.decel_mps2 : 0;
      }
      harness_->Fix(car, at_s);
    }
    for (Car& car : cars_) Move(&car, 0.1);
    harness_->Tick(at_s + 0.05);
    for (std::size_t i = 0; i < cars_.size(); ++i) {
      for (std::size_t j = i + 1; j < cars_.size(); ++j) {
        const Vec2 apart = cars_[i].motion.position - cars_[j].motion.position;
        if (Norm(apart) < 12 && Overlap(cars_[i], cars_[j])) collisions_.insert({cars_[i].name, cars_[j].name});
      }
    }
  }
  void Drive(double until_s, bool obey = true) {
    for (int step = 0; step < static_cast<int>(until_s * 10 + 0.5); ++step) Step(step * 0.1, obey);
  }

  const std::set<std::pair<std::string, std::string>>& collisions() const { return collisions_; }
  const std::vector<Car>& cars() const { return cars_; }
  const edge::Inbox& inbox(const std::string& car) const { return inboxes_.at(car); }
  std::uint64_t Outcomes(wire::CommandOutcome outcome) const {
    const auto found = outcomes_.find(outcome);
    return found == outcomes_.end() ? 0 : found->second;
  }
  // Commands that were reported on more than once.
  std::size_t ReportedTwice() const {
    return static_cast<std::size_t>(
        std::count_if(reported_.begin(), reported_.end(), [](const auto& each) { return each.second > 1; }));
  }

 private:
  static BootTime BootAt(double at_s) { return BootTimeFromNs(static_cast<std::uint64_t>((at_s + 100) * 1e9 + 0.5)); }

  void Deliver(double at_s) {
    for (; delivered_ < harness_->commands().size(); ++delivered_) {
      const RegionHarness::Command& command = harness_->commands()[delivered_];
      const auto found = inboxes_.find(command.vehicle);
      if (found == inboxes_.end()) continue;
      found->second.Accept(*flatbuffers::GetRoot<wire::Command>(command.bytes.data()), BootAt(at_s));
    }
  }

  RegionHarness* const harness_;
  std::vector<Car> cars_;
  std::map<std::string, edge::Inbox> inboxes_;
  std::size_t delivered_ = 0;
  std::set<std::pair<std::string, std::string>> collisions_;
  std::map<wire::CommandOutcome, std::uint64_t> outcomes_;
  std::map<std::uint64_t, int> reported_;
};

}  // namespace starling::cloud
