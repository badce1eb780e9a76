#include "sim/scenario/scenario_run.h"

#include <cmath>
#include <future>
#include <utility>

#include "common/check.h"
#include "sim/city/city_source.h"
#include "sim/truth/encounters.h"

namespace starling::sim {
namespace {

// Where a default orchestrator has its origin, too.
constexpr FrameOrigin kOrigin{481'351'000, 115'820'000};
constexpr nanoseconds kDrainMax = seconds(120);
constexpr int kStepsASecond = static_cast<int>(seconds(1) / Traffic::kStep);

// Watches the true trajectories, with another thread beside the run if it may.
class EncounterWatch {
 public:
  EncounterWatch(const Traffic& traffic, bool beside, ScenarioRecord* record)
      : traffic_(traffic), beside_(beside), record_(record), begun_(traffic.time()), encounters_(EncounterConfig()) {}

  // At the beginning of a step.
  void Look(ScenarioOutcome* outcome) {
    Take(outcome);
    states_.clear();
    for (VehicleIndex vehicle = 0; vehicle < traffic_.size(); ++vehicle) {
      if (!traffic_.OnRoad(vehicle)) continue;
      const VehicleTruth truth = traffic_.Truth(vehicle, traffic_.time());
      states_.push_back({vehicle, FrontOf(truth.position, truth.heading_rad, truth.length_m), truth.heading_rad,
                         truth.speed_mps, truth.accel_mps2, static_cast<float>(truth.length_m),
                         static_cast<float>(truth.width_m)});
    }
    const auto add = [this, time = traffic_.time()] { encounters_.Add(time, states_); };
    if (beside_) {
      adding_ = std::async(std::launch::async, add);
    } else {
      add();
    }
  }

  void Finish(ScenarioOutcome* outcome) {
    Take(outcome);
    encounters_.Finish();
    Take(outcome);
    outcome->encounters = encounters_.counters().encounters;
  }

 private:
  void Take(ScenarioOutcome* outcome) {
    if (adding_.valid()) adding_.get();
    for (const Collision& each : encounters_.TakeCollisions()) {
      if (each.time <= begun_) continue;  // They touched before.
      if (traffic_.Scraped(each.first, each.second, each.time)) {
        ++outcome->scrapes;
        continue;
      }
      outcome->collisions.push_back(each);
      outcome->of_rule_breakers += traffic_.BreaksRules(each.first) && traffic_.BreaksRules(each.second) ? 1 : 0;
      if (record_ != nullptr) record_->Add(each, traffic_);
    }
    for (const Encounter& each : encounters_.TakeEncounters()) {
      if (record_ != nullptr) record_->Add(each);
      if (each.type == EncounterType::kCollision || !each.min_ttc || each.min_ttc->value >= kNearMissTtcS) continue;
      outcome->near_misses.push_back(each.min_ttc->position);
    }
  }

  const Traffic& traffic_;
  const bool beside_;
  ScenarioRecord* const record_;
  const SimTime begun_;
  Encounters encounters_;
  std::vector<VehicleState> states_;
  std::future<void> adding_;
};

}  // namespace

void Judge(ScenarioOutcome* outcome) {
  const VirtualFigures& fleet = outcome->fleet;
  const edge::AgentLedger& ledger = fleet.totals.ledger;
  const std::uint64_t dropped = ledger.dropped_spool_full + ledger.dropped_refused + ledger.dropped_io;
  const auto expect = [&](bool met, const std::string& failure) {
    if (!met) outcome->failures.push_back(failure);
  };
  const auto number = [](std::uint64_t value) { return std::to_string(value); };
  expect(fleet.drained, "not everything had arrived or ended when the drain's time was up");
  expect(ledger.sampled == fleet.vehicles.samples &&
             ledger.sampled == ledger.delivered + dropped + fleet.totals.dropped_reboot + ledger.in_flight &&
             outcome->held_samples >= ledger.delivered &&
             outcome->held_samples <= ledger.delivered + fleet.totals.dropped_reboot + ledger.in_flight,
         "the ledger does not balance: sampled " + number(ledger.sampled) + ", delivered " + number(ledger.delivered) +
             ", dropped " + number(dropped + fleet.totals.dropped_reboot) + ", in flight " + number(ledger.in_flight) +
             "; the cloud holds " + number(outcome->held_samples));
  expect(outcome->acted_late == 0, number(outcome->acted_late) + " commands were acted on too late");
  expect(outcome->acted_twice == 0, number(outcome->acted_twice) + " commands were acted on twice");
  for (std::size_t kind = 0; kind < outcome->opposed.size(); ++kind) {
    expect(outcome->opposed[kind] == 0,
           number(outcome->opposed[kind]) + " times live commands worked against each other (" +
               kOppositionNames[kind] + "); the first: " + outcome->first_opposed);
  }
  expect(outcome->shard.closed_twice == 0, number(outcome->shard.closed_twice) + " commands ended twice");
  expect(!fleet.drained || outcome->shard.outbox_open == 0, number(outcome->shard.outbox_open) + " commands have no end");
  expect(outcome->causes_unknown == 0, number(outcome->causes_unknown) + " commands name a cause that was never sampled");
  expect(fleet.streams_broken == 0, number(fleet.streams_broken) + " times a stream could not be followed");
  expect(fleet.totals.agents.samples_refused == 0,
         number(fleet.totals.agents.samples_refused) + " samples were refused by their agents");
}

namespace {

// What is counted from time 0 on.
TrafficCounters Since(const TrafficCounters& before, TrafficCounters now) {
  now.updates -= before.updates;
  now.trips -= before.trips;
  now.collisions -= before.collisions;
  now.scrapes -= before.scrapes;
  now.emergency_brakings -= before.emergency_brakings;
  now.hard_brakings -= before.hard_brakings;
  now.red_light_runs -= before.red_light_runs;
  now.lane_changes -= before.lane_changes;
  now.turns_missed -= before.turns_missed;
  now.detours -= before.detours;
  now.near_misses_following -= before.near_misses_following;
  now.near_misses_crossing -= before.near_misses_crossing;
  now.breakdowns -= before.breakdowns;
  return now;
}

}  // namespace

Result<City> CityOf(const Scenario& scenario, std::string* remark) {
  Result<OpenedCity> opened = OpenCity({scenario.network, scenario.signals, scenario.city});
  if (!opened.ok()) return opened.status();
  *remark = opened.value().remark;
  if (const std::uint32_t room = Traffic::RoomIn(opened.value().city); room < scenario.traffic.vehicles) {
    return Status(ErrorCode::kInvalidArgument, "the city has room for " + std::to_string(room) + " vehicles, not for " +
                                                   std::to_string(scenario.traffic.vehicles));
  }
  return std::move(opened).value().city;
}

ScenarioOutcome RunScenario(const Scenario& scenario, const City& city, const OnScenarioProgress& progress,
                            ScenarioRecord* record) {
  ScenarioOutcome outcome;
  TrafficConfig traffic_config = scenario.traffic;
  traffic_config.threads = scenario.fleet.threads;
  Traffic traffic(city, traffic_config);
  const TrafficCounters before = traffic.counters();
  VirtualFleet fleet(FleetIn(scenario, {city.south_west(), city.north_east()}), cloud::ShardConfig(), kOrigin, &traffic);
  const cloud::ShardConfig shard_config;
  OpposedCommands opposed(shard_config.planner, shard_config.heatmap.advice_lease);
  fleet.SetWatch([&opposed, record](const cloud::ShardOutputs& outputs, SimTime time) {
    opposed.Add(outputs, time);
    if (record != nullptr && record->wants_outputs()) record->Add(outputs, time);
  });
  EncounterWatch watch(traffic, scenario.fleet.threads > 1, record);
  fleet.Connect();

  const int steps = static_cast<int>(scenario.seconds) * kStepsASecond;
  const int steps_a_value = static_cast<int>(kSpeedEveryS) * kStepsASecond;
  double sum_mps = 0;
  double value_mps = 0;
  double trip_s = 0;
  double trip_m = 0;
  double loss_s = 0;
  int step = 0;
  while (step < steps && !outcome.interrupted) {
    fleet.BeginStep();
    watch.Look(&outcome);
    if (record != nullptr) record->AddStep(traffic);
    const double mean_mps = traffic.MeanSpeed();
    fleet.EndStep();
    sum_mps += mean_mps;
    value_mps += mean_mps;
    for (const Mistake& each : traffic.TakeMistakes()) {
      ++outcome.mistakes[static_cast<std::size_t>(each.kind)];
      if (record != nullptr) record->Add(each);
    }
    for (const TripRecord& trip : traffic.TakeFinished()) {
      ++outcome.trips;
      trip_s += trip.took_s();
      trip_m += trip.route_m;
      loss_s += trip.lost_s();
    }
    ++step;
    if (step % steps_a_value == 0) outcome.speeds_mps.push_back(std::exchange(value_mps, 0) / steps_a_value);
    if (step % kStepsASecond == 0) {
      outcome.interrupted = !progress({static_cast<double>(step) / kStepsASecond, static_cast<double>(scenario.seconds),
                                       mean_mps, traffic.counters().collisions - before.collisions,
                                       fleet.book().figures(wire::CommandKind::None).handed_over});
    }
  }
  watch.Finish(&outcome);
  outcome.jammed = traffic.StandingVehicles(kJammedS);
  outcome.traffic = Since(before, traffic.counters());
  (void)fleet.Drain(kDrainMax);

  outcome.driven_s = static_cast<double>(step) / kStepsASecond;
  const auto mean = [](double sum, std::uint64_t count) { return count > 0 ? sum / static_cast<double>(count) : 0; };
  outcome.mean_trip_s = mean(trip_s, outcome.trips);
  outcome.mean_trip_m = mean(trip_m, outcome.trips);
  outcome.mean_loss_s = mean(loss_s, outcome.trips);
  outcome.mean_speed_mps = mean(sum_mps, static_cast<std::uint64_t>(step));
  outcome.fleet = fleet.Figures();
  outcome.shard = fleet.shard().counters();
  outcome.held_samples = fleet.cloud().held_samples();
  outcome.refused = fleet.cloud().refused();
  const KindFigures& all = fleet.book().figures(wire::CommandKind::None);
  outcome.by_sample = LegQuantiles::Of(all.by_sample);
  outcome.by_tick = LegQuantiles::Of(all.by_tick);
  outcome.acted = all.handed_over;
  outcome.acted_late = fleet.book().acted_late();
  outcome.acted_twice = fleet.book().acted_twice();
  for (std::size_t kind = 0; kind < outcome.opposed.size(); ++kind) {
    outcome.opposed[kind] = opposed.count(static_cast<Opposition>(kind));
  }
  outcome.opposed_looks = opposed.looked_at();
  outcome.first_opposed = opposed.first();
  outcome.causes_unknown = fleet.book().causes_unknown();
  outcome.digest = fleet.Digest();
  Judge(&outcome);
  return outcome;
}

}  // namespace starling::sim
