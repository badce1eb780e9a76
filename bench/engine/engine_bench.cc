// What one core does with a partition of telemetry.
//
//   Decode    verify, read, translate and store each fix by vehicle: no grid, no
//             horizon, no heatmap; the least that can be paid
//   Engine    Shard::Apply: decode, state, grid, horizon, heatmap, commands
//
// Arguments: vehicles; vehicles per km².  180 is the city of 10,000 vehicles on
// 55 km²; 1,440 is eight times as dense.  An item is one fix.  Vehicles drive on a
// street grid with blocks of 100 m on two opposite lanes of 3.2 m: north and south
// flow, one in ten of them turning with a planned path; east and west stand at
// the lights or brake for them.  Each has a fix every 100 ms of its own motion,
// spread over the 100 ms, and the log has a tick every 100 ms.
// The records of one second are made before the clock starts, and applied again
// under later times: vehicles jump back once a second.
//
// Counters: fix_max_us and tick_max_us are the longest single records, commands
// and episodes those of each million fixes, tested and refined the pairs that came
// to tracks and to boxes for each fix.
#include <algorithm>
#include <ctime>
#include <cstdlib>
#include <random>
#include <unordered_map>
#include <vector>

#include <benchmark/benchmark.h>

#include "cloud/shard/shard_config.h"
#include "tests/cloud/shard/traffic_log.h"

namespace starling::cloud {
namespace {

constexpr double kBlockM = 100;
constexpr double kLaneM = 1.6;             // from the street's middle to the lane's
constexpr int kRounds = 10;                // of 100 ms in the recording
constexpr std::int64_t kRoundNs = 100'000'000;

// Positions of the fields that are rewritten for each pass.
struct Recorded {
  std::vector<std::uint64_t> words;
  std::size_t bytes = 0;
  std::int64_t at_ns = 0;                  // since the recording's start
  bool fix = false;
};

// Traffic of one second.
class Traffic {
 public:
  Traffic(int vehicles, double per_km2) {
    std::mt19937_64 random(1);
    const double side_m = std::sqrt(vehicles / per_km2) * 1000;
    const int streets = std::max(static_cast<int>(side_m / kBlockM), 1);
    std::uniform_int_distribution<int> street(0, streets - 1);
    // Places along lanes, so that nobody stands in another one's box: 8 m each.
    const int places = std::max(static_cast<int>(side_m / 8), 1);
    std::vector<Car> cars;
    std::unordered_map<std::uint64_t, bool> taken;
    while (cars.size() < static_cast<std::size_t>(vehicles)) {
      const int direction = static_cast<int>(random() % 4);
      const int on = street(random);
      const int place = static_cast<int>(random() % static_cast<std::uint64_t>(places));
      const std::uint64_t key = (static_cast<std::uint64_t>(direction) << 60) |
                                (static_cast<std::uint64_t>(on) << 30) | static_cast<std::uint64_t>(place);
      if (taken[key]) continue;
      taken[key] = true;
      cars.push_back(MakeOne(static_cast<int>(cars.size()), direction, on * kBlockM - side_m / 2,
                             place * 8.0 - side_m / 2, static_cast<int>(random() % 100)));
    }
    RecordEncoder encoder;
    for (int round = 0; round < kRounds; ++round) {
      Keep(encoder.Tick(), round * kRoundNs, false);
      for (std::size_t i = 0; i < cars.size(); ++i) {
        const std::int64_t at_ns =
            round * kRoundNs + static_cast<std::int64_t>(i) * kRoundNs / static_cast<std::int64_t>(cars.size());
        Keep(encoder.Fix(cars[i], static_cast<std::uint32_t>(round + 1), static_cast<std::uint64_t>(at_ns) + 1,
                         kStartNs + at_ns), at_ns, true);
        const Travel travel = TravelAfter(cars[i].motion.speed_mps, cars[i].motion.accel_mps2, 0.1);
        const Pose pose = DriveAlong(cars[i].motion, cars[i].path, travel.distance_m);
        cars[i].motion.position = pose.position;
        cars[i].motion.heading_rad = pose.heading_rad;
        cars[i].motion.speed_mps = travel.speed_mps;
        cars[i].path = cars[i].path.After(travel.distance_m);
      }
    }
  }

  // Moves every fix by one second, in its own clock and in the cloud's.
  void NextSecond() {
    ++second_;
    for (Recorded& record : records_) {
      if (!record.fix) continue;
      auto* telemetry = log::GetMutableTelemetry(record.words.data());
      auto* fix = static_cast<log::Fix*>(telemetry->mutable_body());
      fix->mutate_sample_time_ns(fix->sample_time_ns() + 1'000'000'000);
      auto* motion = fix->mutable_fix();
      motion->mutate_boot_time_ns(motion->boot_time_ns() + 1'000'000'000);
      motion->mutate_sequence(motion->sequence() + kRounds);
    }
  }

  LogRecord At(std::size_t i) const {
    const Recorded& record = records_[i];
    return {Offset{i}, CloudTimeFromNs(kStartNs + record.at_ns + second_ * 1'000'000'000 + 500'000), {},
            std::as_bytes(std::span(record.words)).first(record.bytes)};
  }
  std::size_t size() const { return records_.size(); }
  bool is_fix(std::size_t i) const { return records_[i].fix; }

 private:
  // North and south have green: one speed for each street, one in ten turns right.
  // East and west stand, or brake for the stop line 12 m before the next street.
  static Car MakeOne(int number, int direction, double street_m, double along_m, int kind) {
    const double heading_deg = direction * 90.0;
    const Vec2 ahead = HeadingVector(heading_deg * kDegree);
    const Vec2 right{ahead.y, -ahead.x};
    const Vec2 position = along_m * Vec2{std::abs(ahead.x), std::abs(ahead.y)} +
                          street_m * Vec2{std::abs(ahead.y), std::abs(ahead.x)} + kLaneM * right;
    Car car = MakeCar(Numbered("taxi-", static_cast<std::uint64_t>(number)), position.x, position.y, heading_deg, 0);
    if (ahead.y * ahead.y > 0.5) {
      car.motion.speed_mps = 8 + std::abs(static_cast<int>(street_m) / 100) % 5;
      if (kind >= 90) {
        car.path.Append({20, 0});
        car.path.Append({12, 0.13});
        car.path.Append({60, 0});
      }
    } else if (kind < 30) {
      const double sign = ahead.x > 0 ? 1 : -1;
      const double blocks = sign * along_m / kBlockM;
      const double to_line_m = (std::floor(blocks) + 1 - blocks) * kBlockM - 12;
      if (to_line_m > 30) {
        car.motion.speed_mps = 9;
        car.motion.accel_mps2 = -81 / (2 * to_line_m);
      }
    }
    return car;
  }
  void Keep(std::span<const std::byte> value, std::int64_t at_ns, bool fix) {
    Recorded record;
    record.words.assign((value.size() + 7) / 8, 0);
    std::memcpy(record.words.data(), value.data(), value.size());
    record.bytes = value.size();
    record.at_ns = at_ns;
    record.fix = fix;
    records_.push_back(std::move(record));
  }

  std::vector<Recorded> records_;
  std::int64_t second_ = 0;
};

struct Stored {
  MotionState motion;
  PlannedPath path;
  std::uint64_t boot_id = 0;
  std::uint64_t boot_time_ns = 0;
  std::int64_t sample_time_ns = 0;
};

void Decode(benchmark::State& state) {
  Traffic traffic(static_cast<int>(state.range(0)), static_cast<double>(state.range(1)));
  const LocalFrame frame(kOrigin);
  std::unordered_map<VehicleId, std::size_t> slots;
  std::vector<Stored> stored;
  std::int64_t fixes = 0;
  for (auto _ : state) {
    for (std::size_t i = 0; i < traffic.size(); ++i) {
      const LogRecord record = traffic.At(i);
      const auto* bytes = reinterpret_cast<const std::uint8_t*>(record.value.data());
      flatbuffers::Verifier verifier(bytes, record.value.size(), 8, 64);
      if (!log::VerifyTelemetryBuffer(verifier)) std::abort();
      const log::Fix* fix = log::GetTelemetry(bytes)->body_as_Fix();
      if (fix == nullptr) continue;
      const auto name = VehicleId::Parse(fix->vehicle()->string_view());
      if (!name.ok() || !ValidateFix(*fix->fix()).ok()) std::abort();
      const auto [at, added] = slots.try_emplace(name.value(), stored.size());
      if (added) stored.emplace_back();
      stored[at->second] = {MotionFromWire(*fix->fix(), frame), PathFromWire(fix->path()),
                            fix->boot_id(), fix->fix()->boot_time_ns(), fix->sample_time_ns()};
      ++fixes;
    }
    state.PauseTiming();
    traffic.NextSecond();
    state.ResumeTiming();
  }
  benchmark::DoNotOptimize(stored.data());
  state.SetItemsProcessed(fixes);
}

std::int64_t ThreadTimeNs() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

void Engine(benchmark::State& state) {
  Traffic traffic(static_cast<int>(state.range(0)), static_cast<double>(state.range(1)));
  ShardConfig config;
  Shard shard(config, kRegion, kOrigin);
  ShardOutputs outputs;
  // A second before the clock starts: everybody is known then.
  for (std::size_t i = 0; i < traffic.size(); ++i) {
    outputs.Clear();
    shard.Apply(traffic.At(i), &outputs);
  }
  traffic.NextSecond();
  const ShardCounters before = shard.counters();
  for (auto _ : state) {
    for (std::size_t i = 0; i < traffic.size(); ++i) {
      outputs.Clear();
      shard.Apply(traffic.At(i), &outputs);
      benchmark::DoNotOptimize(outputs.commands.data());
    }
    state.PauseTiming();
    traffic.NextSecond();
    state.ResumeTiming();
  }
  const ShardCounters after = shard.counters();
  const double fixes = static_cast<double>(after.fixes - before.fixes);
  if (after.fixes_stale != 0 || after.records_refused != 0) state.SkipWithError("a fix was not taken");
  state.SetItemsProcessed(static_cast<std::int64_t>(fixes));

  // The longest record, in one more second with a clock around each; of this
  // thread's own time, so that other programs do not count.
  std::int64_t longest = 0;
  std::int64_t longest_tick = 0;
  for (std::size_t i = 0; i < traffic.size(); ++i) {
    outputs.Clear();
    const std::int64_t started = ThreadTimeNs();
    shard.Apply(traffic.At(i), &outputs);
    const std::int64_t took = ThreadTimeNs() - started;
    std::int64_t& kind = traffic.is_fix(i) ? longest : longest_tick;
    kind = std::max(kind, took);
  }
  const auto issued = [](const ShardCounters& c) {
    return static_cast<double>(c.speed_advice_issued + c.avoidance_issued + c.releases_issued);
  };
  state.counters["fix_max_us"] = static_cast<double>(longest) * 1e-3;
  state.counters["tick_max_us"] = static_cast<double>(longest_tick) * 1e-3;
  state.counters["commands_per_M"] = (issued(after) - issued(before)) / fixes * 1e6;
  state.counters["episodes_per_M"] = static_cast<double>(after.episodes - before.episodes) / fixes * 1e6;
  state.counters["tested_per_fix"] = static_cast<double>(after.pairs_tested - before.pairs_tested) / fixes;
  state.counters["refined_per_fix"] = static_cast<double>(after.pairs_refined - before.pairs_refined) / fixes;
}

void Cases(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"vehicles", "per_km2"})->Unit(benchmark::kMillisecond);
  for (const int vehicles : {10'000, 100'000}) {
    for (const int per_km2 : {180, 1'440}) bench->Args({vehicles, per_km2});
  }
}
BENCHMARK(Decode)->Apply(Cases);
BENCHMARK(Engine)->Apply(Cases);

}  // namespace
}  // namespace starling::cloud

BENCHMARK_MAIN();
