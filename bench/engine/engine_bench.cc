// What one core does with a partition of telemetry.
//
//   Decode    verify, read, translate and store each fix by vehicle: no grid, no
//             horizon, no heatmap; the least that can be paid
//   Engine    Shard::Apply: decode, state, grid, horizon, heatmap, commands
//   Copy      the vehicles' hot state and profiles copied: the least that a snapshot costs
//   Save      Shard::Save after a second of the same traffic; an item is one vehicle.
//             disk_b_per_vehicle: the state store's folder once it has the state twice
//             over, and has compacted it
//   Restore   RestoreEntry for every entry, and FinishRestore
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
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <unordered_map>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/engine/street_traffic.h"
#include "cloud/shard/shard_config.h"
#include "cloud/shard/vehicle_table.h"
#include "cloud/store/rocks_state_store.h"

namespace starling::cloud {
namespace {

struct Stored {
  MotionState motion;
  PlannedPath path;
  std::uint64_t boot_id = 0;
  std::uint64_t boot_time_ns = 0;
  std::int64_t sample_time_ns = 0;
};

void Decode(benchmark::State& state) {
  StreetTraffic traffic(static_cast<int>(state.range(0)), static_cast<double>(state.range(1)));
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
  StreetTraffic traffic(static_cast<int>(state.range(0)), static_cast<double>(state.range(1)));
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

// A shard after a second of traffic, and its state.
struct Snapshot {
  explicit Snapshot(const benchmark::State& state) {
    const StreetTraffic traffic(static_cast<int>(state.range(0)), static_cast<double>(state.range(1)));
    ShardOutputs outputs;
    for (std::size_t i = 0; i < traffic.size(); ++i) {
      outputs.Clear();
      shard.Apply(traffic.At(i), &outputs);
    }
    shard.Save([this](std::span<const std::byte> key, std::span<const std::byte> value) {
      keys.emplace_back(key.begin(), key.end());
      values.emplace_back(value.begin(), value.end());
      bytes += key.size() + value.size();
      if (key[0] == std::byte{'v'}) vehicle_bytes += key.size() + value.size();
    });
  }

  const ShardConfig config;
  Shard shard{config, kRegion, kOrigin};
  std::vector<std::vector<std::byte>> keys;
  std::vector<std::vector<std::byte>> values;
  std::size_t bytes = 0;
  std::size_t vehicle_bytes = 0;
};

void Report(benchmark::State& state, const Snapshot& snapshot) {
  const auto vehicles = static_cast<double>(snapshot.shard.vehicles());
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(snapshot.shard.vehicles()));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(snapshot.bytes));
  state.counters["bytes_per_vehicle"] = static_cast<double>(snapshot.bytes) / vehicles;
  state.counters["own_entry_bytes"] = static_cast<double>(snapshot.vehicle_bytes) / vehicles;
}

void Copy(benchmark::State& state) {
  struct Whole {
    std::array<std::byte, kHotBytesPerVehicle + sizeof(VehicleProfile)> bytes;
  };
  const std::vector<Whole> vehicles(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    std::vector<Whole> copy(vehicles);
    benchmark::DoNotOptimize(copy.data());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.SetBytesProcessed(state.iterations() * state.range(0) * static_cast<std::int64_t>(sizeof(Whole)));
}

// Bytes of the state store's folder with this state; 0 if it failed.
std::uint64_t BytesOnDisk(const Snapshot& snapshot) {
  const char* const parent = std::getenv("TMPDIR");
  std::string directory = std::string(parent != nullptr ? parent : ".") + "/engine_bench_XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr) return 0;
  std::uint64_t bytes = 0;
  {
    RocksStateStoreConfig config;
    config.directory = directory + "/state";
    auto store = RocksStateStore::Open(config);
    std::vector<StateChange> changes;
    for (std::size_t i = 0; i < snapshot.keys.size(); ++i) {
      changes.push_back({snapshot.keys[i], std::span<const std::byte>(snapshot.values[i])});
    }
    bool stored = store.ok();
    for (const std::uint64_t next : {1, 2}) {
      stored = stored && store.value()->Write(Topic::kTelemetry, Partition{0}, Offset{next}, changes).ok();
    }
    if (stored) {
      store.value()->AwaitCompaction();
      bytes = store.value()->Stats().bytes_on_disk;
    }
  }
  std::error_code failure;
  std::filesystem::remove_all(directory, failure);
  return bytes;
}

void Save(benchmark::State& state) {
  const Snapshot snapshot(state);
  for (auto _ : state) {
    std::size_t bytes = 0;
    snapshot.shard.Save([&bytes](std::span<const std::byte> key, std::span<const std::byte> value) {
      bytes += key.size() + value.size();
    });
    if (bytes != snapshot.bytes) state.SkipWithError("the same state gave other entries");
  }
  Report(state, snapshot);
  const std::uint64_t on_disk = BytesOnDisk(snapshot);
  if (on_disk == 0) state.SkipWithError("the state store refused");
  state.counters["disk_b_per_vehicle"] = static_cast<double>(on_disk) / static_cast<double>(snapshot.shard.vehicles());
}

void Restore(benchmark::State& state) {
  const Snapshot snapshot(state);
  for (auto _ : state) {
    Shard shard(snapshot.config, kRegion, kOrigin);
    for (std::size_t i = 0; i < snapshot.keys.size(); ++i) {
      if (!shard.RestoreEntry(snapshot.keys[i], snapshot.values[i]).ok()) state.SkipWithError("an entry was refused");
    }
    if (!shard.FinishRestore().ok() || shard.vehicles() != snapshot.shard.vehicles()) {
      state.SkipWithError("the state was refused");
    }
  }
  Report(state, snapshot);
}

void Cases(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"vehicles", "per_km2"})->Unit(benchmark::kMillisecond);
  for (const int vehicles : {10'000, 100'000}) {
    for (const int per_km2 : {180, 1'440}) bench->Args({vehicles, per_km2});
  }
}
BENCHMARK(Decode)->Apply(Cases);
BENCHMARK(Engine)->Apply(Cases);

// One shard's worth only: it takes a second of traffic each to get there.
void SnapshotCases(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"vehicles", "per_km2"})->Unit(benchmark::kMillisecond);
  for (const int per_km2 : {180, 1'440}) bench->Args({10'000, per_km2});
}
BENCHMARK(Copy)->Apply(SnapshotCases);
BENCHMARK(Save)->Apply(SnapshotCases);
BENCHMARK(Restore)->Apply(SnapshotCases);

}  // namespace
}  // namespace starling::cloud

BENCHMARK_MAIN();
