// What a viewer of the live map costs the orchestrator, and what a look costs the shard's thread.
//
//   Viewer/N        one frame each 200 ms to a viewer that has N driving vehicles in view
//   Everything/N    the same if each vehicle were told in each frame: what the prediction saves
#include <benchmark/benchmark.h>

#include <cmath>
#include <random>
#include <string>

#include "cloud/console/live_viewer.h"

namespace starling::cloud {
namespace {

// Vehicles that drive on as they were predicted, but for a share that each second does something else.
class Crowd {
 public:
  explicit Crowd(std::size_t count) : random_(1) {
    picture_.at = CloudTimeFromNs(1'700'000'000'000'000'000);
    for (std::size_t i = 0; i < count; ++i) {
      PictureVehicle vehicle;
      vehicle.vehicle = VehicleId::Parse("veh-" + std::to_string(i)).value();
      vehicle.position = {Between(-3700, 3700), Between(-3700, 3700)};
      Head(&vehicle);
      vehicles_.push_back(vehicle);
    }
    picture_.vehicles.resize(count);
    Step(0);
  }

  void Step(double seconds) {
    picture_.at += nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
    for (std::size_t i = 0; i < vehicles_.size(); ++i) {
      PictureVehicle& vehicle = vehicles_[i];
      vehicle.position = vehicle.position + (seconds / kAheadNearS) * vehicle.near;
      if (Between(0, 1) < 0.4 * seconds) Head(&vehicle);
      picture_.vehicles[i] = Quantised(vehicle);
    }
  }

  const LivePicture& picture() const { return picture_; }

 private:
  double Between(double low, double high) { return std::uniform_real_distribution<>(low, high)(random_); }

  void Head(PictureVehicle* vehicle) {
    vehicle->heading_rad = Between(0, 6.28);
    vehicle->speed_mps = Between(0, 16);
    const Vec2 way{vehicle->speed_mps * std::sin(vehicle->heading_rad), vehicle->speed_mps * std::cos(vehicle->heading_rad)};
    vehicle->near = kAheadNearS * way;
    vehicle->far = kAheadFarS * way;
  }

  std::mt19937 random_;
  std::vector<PictureVehicle> vehicles_;
  LivePicture picture_;
};

constexpr LiveView kCity{{-4000, -4000, 4000, 4000}, 8, {}};

void Viewer(benchmark::State& state) {
  Crowd crowd(static_cast<std::size_t>(state.range(0)));
  LiveViewer viewer({});
  viewer.SetView(kCity);
  if (viewer.Encode(crowd.picture()).size() < crowd.picture().vehicles.size()) state.SkipWithError("not all are told");
  std::size_t bytes = 0;
  for (auto _ : state) {
    state.PauseTiming();
    crowd.Step(0.2);
    state.ResumeTiming();
    bytes += viewer.Encode(crowd.picture()).size();
  }
  state.counters["bytes_a_frame"] = benchmark::Counter(static_cast<double>(bytes), benchmark::Counter::kAvgIterations);
}
BENCHMARK(Viewer)->Arg(1'000)->Arg(10'000)->Unit(benchmark::kMicrosecond);

void Everything(benchmark::State& state) {
  Crowd crowd(static_cast<std::size_t>(state.range(0)));
  std::size_t bytes = 0;
  for (auto _ : state) {
    state.PauseTiming();
    crowd.Step(0.2);
    LiveViewer viewer({});
    viewer.SetView(kCity);
    state.ResumeTiming();
    bytes += viewer.Encode(crowd.picture()).size();
  }
  state.counters["bytes_a_frame"] = benchmark::Counter(static_cast<double>(bytes), benchmark::Counter::kAvgIterations);
}
BENCHMARK(Everything)->Arg(10'000)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace starling::cloud

BENCHMARK_MAIN();
