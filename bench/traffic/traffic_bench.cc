// What it costs to move the simulator's traffic: no agents, no links, no cloud.
//
//   Drive     steps of 100 ms of a whole city after 20 s of warm-up; an item is one update
//             of one vehicle
//
// Arguments: vehicles; threads.  The cities are as dense as the one of `./run city`, 180
// vehicles per km², but for 100,000 vehicles, whose city is the largest one, 400 km².
// Before it is timed, the same traffic with one thread and with two must be the same to the bit.
//
// Counters: real_time is seconds of driving for each second, stopped the share of vehicles that
// stand at the end, collisions those of the whole run: a city that stands still is cheap.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>

#include <benchmark/benchmark.h>

#include "common/time.h"
#include "sim/traffic/traffic.h"

namespace starling::sim {
namespace {

constexpr double kPerKm2 = 180;
constexpr double kSideMinM = 1000;
constexpr double kSideMaxM = 20'000;
constexpr std::int64_t kCompared = 50;  // Steps.

class DriveBench : public benchmark::Fixture {
 public:
  // Set-up is made once for each case, however often it is timed: a large city takes seconds.
  void SetUp(benchmark::State& state) override {
    const auto vehicles = static_cast<std::uint32_t>(state.range(0));
    const auto threads = static_cast<std::uint32_t>(state.range(1));
    if (!city_ || vehicles != vehicles_) {
      vehicles_ = vehicles;
      traffic_.reset();
      CityConfig config;
      config.side_m = std::clamp(std::sqrt(vehicles / kPerKm2) * 1000, kSideMinM, kSideMaxM);
      city_ = std::make_unique<City>(City::Generate(config));
    }
    if (traffic_ && threads == threads_) return;
    threads_ = threads;
    traffic_ = Make(threads);
    const std::unique_ptr<Traffic> twin = Make(threads == 1 ? 2 : 1);
    same_ = true;
    for (std::int64_t step = 1; step <= kCompared; ++step) {
      traffic_->AdvanceTo(SimTime(step * Traffic::kStep));
      twin->AdvanceTo(SimTime(step * Traffic::kStep));
      same_ = same_ && traffic_->Digest() == twin->Digest();
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

  static inline std::unique_ptr<City> city_;
  static inline std::unique_ptr<Traffic> traffic_;
  static inline std::uint32_t vehicles_ = 0;
  static inline std::uint32_t threads_ = 0;
  static inline bool same_ = false;
};

BENCHMARK_DEFINE_F(DriveBench, Drive)(benchmark::State& state) {
  if (!same_) {
    state.SkipWithError("another number of threads gives other traffic");
    return;
  }
  for (auto _ : state) traffic_->AdvanceTo(traffic_->time() + Traffic::kStep);
  const auto steps = static_cast<double>(state.iterations());
  state.SetItemsProcessed(state.iterations() * traffic_->size());
  state.counters["real_time"] = benchmark::Counter(steps * ToSeconds(Traffic::kStep), benchmark::Counter::kIsRate);
  state.counters["stopped"] = static_cast<double>(traffic_->StoppedVehicles()) / traffic_->size();
  state.counters["collisions"] = static_cast<double>(traffic_->counters().collisions);
}
BENCHMARK_REGISTER_F(DriveBench, Drive)
    ->ArgNames({"vehicles", "threads"})
    ->ArgsProduct({{1'000, 10'000, 30'000, 100'000}, {1, 2}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace starling::sim

BENCHMARK_MAIN();
