// What it costs to find all encounters of a city, and whether that keeps up with real time.
//
//   Find      Encounters::Add for one step of 100 ms of the simulator's traffic, once the delay is filled; an item is one
//             vehicle's state
//   Copy      the baseline: the same states copied, as whoever only keeps them would
//
// Argument: vehicles, 180 of them per km², as in the city of `./run city`.
// Before it is timed, a second finder that is handed the vehicles in the opposite order must find the same collisions
// and as many encounters.
//
// Counters: real_time is seconds of driving for each second; pairs those looked at for each vehicle and step.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <memory>
#include <vector>

#include <benchmark/benchmark.h>

#include "common/time.h"
#include "sim/traffic/traffic.h"
#include "sim/truth/encounters.h"

namespace starling::sim {
namespace {

constexpr double kPerKm2 = 180;
constexpr double kSideMinM = 1000;
constexpr int kFilled = 110;    // Steps: the delay, and some.
constexpr int kCompared = 30;   // Steps after that.

class TruthBench : public benchmark::Fixture {
 public:
  void SetUp(benchmark::State& state) override {
    const auto vehicles = static_cast<std::uint32_t>(state.range(0));
    if (traffic_ && vehicles == vehicles_) return;
    vehicles_ = vehicles;
    traffic_.reset();
    CityConfig config;
    config.side_m = std::max(std::sqrt(vehicles / kPerKm2) * 1000, kSideMinM);
    city_ = std::make_unique<City>(City::Generate(config));
    TrafficConfig traffic;
    traffic.vehicles = vehicles;
    traffic.warm_up_s = 20;
    traffic_ = std::make_unique<Traffic>(*city_, traffic);
    finder_ = std::make_unique<Encounters>(EncounterConfig());
    Encounters twin{EncounterConfig()};
    for (int step = 0; step < kFilled + kCompared; ++step) {
      Step();
      finder_->Add(traffic_->time(), states_);
      std::vector<VehicleState> reversed(states_.rbegin(), states_.rend());
      twin.Add(traffic_->time(), reversed);
    }
    same_ = finder_->TakeCollisions().size() == twin.TakeCollisions().size() &&
            finder_->counters().pair_steps == twin.counters().pair_steps;
  }
  void TearDown(benchmark::State&) override {}

 protected:
  static void Step() {
    traffic_->AdvanceTo(traffic_->time() + Traffic::kStep);
    states_.clear();
    for (VehicleIndex i = 0; i < traffic_->size(); ++i) {
      const VehicleTruth truth = traffic_->Truth(i, traffic_->time());
      VehicleState state;
      state.vehicle = i;
      state.front = FrontOf(truth.position, truth.heading_rad, truth.length_m);
      state.heading_rad = truth.heading_rad;
      state.speed_mps = truth.speed_mps;
      state.accel_mps2 = truth.accel_mps2;
      state.length_m = static_cast<float>(truth.length_m);
      state.width_m = static_cast<float>(truth.width_m);
      states_.push_back(state);
    }
  }

  // Of what is timed alone.
  template <typename Work>
  static void Time(benchmark::State& state, Work work) {
    double worked_s = 0;
    for (auto _ : state) {
      Step();
      const auto begin = std::chrono::steady_clock::now();
      work();
      const double took_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
      state.SetIterationTime(took_s);
      worked_s += took_s;
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(states_.size()));
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(states_.size() * sizeof(VehicleState)));
    state.counters["real_time"] = static_cast<double>(state.iterations()) * ToSeconds(Traffic::kStep) / worked_s;
  }

  static inline std::unique_ptr<City> city_;
  static inline std::unique_ptr<Traffic> traffic_;
  static inline std::unique_ptr<Encounters> finder_;
  static inline std::vector<VehicleState> states_;
  static inline std::uint32_t vehicles_ = 0;
  static inline bool same_ = false;
};

BENCHMARK_DEFINE_F(TruthBench, Find)(benchmark::State& state) {
  if (!same_) {
    state.SkipWithError("another order of the vehicles gives other encounters");
    return;
  }
  const EncounterCounters before = finder_->counters();
  Time(state, [&] {
    finder_->Add(traffic_->time(), states_);
    benchmark::DoNotOptimize(finder_->TakeEncounters());
    benchmark::DoNotOptimize(finder_->TakeCollisions());
  });
  const EncounterCounters& after = finder_->counters();
  state.counters["pairs"] =
      static_cast<double>(after.pair_steps - before.pair_steps) / static_cast<double>(after.states - before.states);
}
BENCHMARK_REGISTER_F(TruthBench, Find)->ArgName("vehicles")->Arg(1'000)->Arg(10'000)->UseManualTime()->Unit(
    benchmark::kMillisecond);

BENCHMARK_DEFINE_F(TruthBench, Copy)(benchmark::State& state) {
  std::vector<VehicleState> copy;
  for (auto _ : state) {
    copy = states_;
    benchmark::DoNotOptimize(copy.data());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(states_.size()));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(states_.size() * sizeof(VehicleState)));
}
BENCHMARK_REGISTER_F(TruthBench, Copy)->ArgName("vehicles")->Arg(10'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace starling::sim

BENCHMARK_MAIN();
