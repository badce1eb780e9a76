// What it costs to move the simulator's traffic: no agents, no links, no cloud.
//
//   Drive     10 s of driving in a whole city, in steps of 100 ms, after 20 s of warm-up; an item
//             is one update of one vehicle
//
// Arguments: vehicles; threads.  All cities are as dense as the largest one with the most
// vehicles, 250 per km² (the one of `./run city` has 180), and each is driven in for the same 10 s: what an
// update costs depends on how many others are near and how long queues have grown.
// Before it is timed, the same traffic with one thread and with two must be the same to the bit.
//
// Counters: real_time is seconds of driving for each second, per_lane_km how many vehicles there
// are on each kilometre of lane (small cities have a little more of it, for their edge), stopped the share
// of vehicles that stand at the end, collisions those of one run: a city that stands still is cheap.
#include <cmath>
#include <cstdint>
#include <memory>

#include <benchmark/benchmark.h>

#include "common/time.h"
#include "sim/traffic/traffic.h"

namespace starling::sim {
namespace {

constexpr double kPerKm2 = 250;
constexpr std::int64_t kSteps = 100;
constexpr std::int64_t kCompared = 50;  // Of these.

class DriveBench : public benchmark::Fixture {
 public:
  // A large city takes seconds: it is drawn once for all cases with as many vehicles.
  void SetUp(benchmark::State& state) override {
    const auto vehicles = static_cast<std::uint32_t>(state.range(0));
    if (city_ && vehicles == vehicles_) return;
    vehicles_ = vehicles;
    CityConfig config;
    config.side_m = std::sqrt(vehicles / kPerKm2) * 1000;
    city_ = std::make_unique<City>(City::Generate(config));
    const std::unique_ptr<Traffic> traffic = Make(1);
    const std::unique_ptr<Traffic> twin = Make(2);
    same_ = true;
    for (std::int64_t step = 1; step <= kCompared; ++step) {
      traffic->AdvanceTo(SimTime(step * Traffic::kStep));
      twin->AdvanceTo(SimTime(step * Traffic::kStep));
      same_ = same_ && traffic->Digest() == twin->Digest();
    }
  }
  void TearDown(benchmark::State&) override {}

 protected:
  std::unique_ptr<Traffic> Make(std::uint32_t threads) const {
    TrafficConfig config;
    config.vehicles = vehicles_;
    config.threads = threads;
    config.places = 32;
    config.warm_up_s = 20;
    return std::make_unique<Traffic>(*city_, config);
  }

  double PerLaneKm() const {
    double lanes_m = 0;
    for (LaneIndex lane = 0; lane < city_->lanes().size(); ++lane) lanes_m += city_->track(lane).length_m;
    return 1000 * vehicles_ / lanes_m;
  }

  static inline std::unique_ptr<City> city_;
  static inline std::uint32_t vehicles_ = 0;
  static inline bool same_ = false;
};

BENCHMARK_DEFINE_F(DriveBench, Drive)(benchmark::State& state) {
  if (!same_) {
    state.SkipWithError("another number of threads gives other traffic");
    return;
  }
  std::unique_ptr<Traffic> traffic;
  for (auto _ : state) {
    state.PauseTiming();
    traffic = Make(static_cast<std::uint32_t>(state.range(1)));
    state.ResumeTiming();
    for (std::int64_t step = 1; step <= kSteps; ++step) traffic->AdvanceTo(SimTime(step * Traffic::kStep));
  }
  const auto steps = static_cast<double>(state.iterations() * kSteps);
  state.SetItemsProcessed(state.iterations() * kSteps * vehicles_);
  state.counters["real_time"] = benchmark::Counter(steps * ToSeconds(Traffic::kStep), benchmark::Counter::kIsRate);
  state.counters["per_lane_km"] = PerLaneKm();
  state.counters["stopped"] = static_cast<double>(traffic->StoppedVehicles()) / traffic->size();
  state.counters["collisions"] = static_cast<double>(traffic->counters().collisions);
}
BENCHMARK_REGISTER_F(DriveBench, Drive)
    ->ArgNames({"vehicles", "threads"})
    ->ArgsProduct({{1'000, 10'000, 30'000, 100'000}, {1, 2}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace starling::sim

BENCHMARK_MAIN();
