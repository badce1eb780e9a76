// What a spool on disk costs a vehicle: time on the thread of the live lane, and what its
// flash is written.  The real agent takes 10 samples a second of a noisy drive and commits
// every second of its own time, in the folder of TMPDIR: a memory file system shows the
// program, a disk the disk.
//
//   Sample/0   a sample taken, spool in memory: the baseline
//   Sample/1   on disk, its writer on a thread of its own: as starling-edge has it
//   Sample/2   on disk, written and synced by the thread that takes the samples: the naive way
//   Wear/0     ten minutes without a link: nothing is acknowledged
//   Wear/1     ten minutes with one: a batch is acknowledged as soon as it is sealed
//   Open       a spool of 16 MiB is opened, and its oldest batch read
//
// longest_us is the longest time that one sample kept the thread.  bytes_per_sample is what
// was handed to the file system, columns_per_sample the samples alone, as they are sent;
// syncs_per_minute tells the rest: a flash writes a page and the file system's journal for
// each, however few bytes there are, and pages_per_sample counts one page of 4 KiB for each.
#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <string>

#include "common/check.h"
#include "common/frame/payload_codec.h"
#include "edge/agent/agent.h"
#include "edge/spool/disk_spool.h"
#include "edge/spool/memory_spool.h"
#include "edge/spool/posix_spool_files.h"
#include "edge/spool/spool_writer.h"

namespace starling::edge {
namespace {

constexpr BootId kBoot{7};
constexpr int kTenMinutes = 6000;

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "spool-bench-XXXXXX").string();
    STARLING_CHECK(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }

  template <typename Writer>
  std::unique_ptr<DiskSpool> Open() const {
    DiskSpoolConfig config;
    config.memory_bytes_max = 1 << 26;  // Time is virtual here, and the disk's is not.
    auto files = PosixSpoolFiles::Open(path);
    STARLING_CHECK(files.ok());
    auto writer = std::make_unique<Writer>(files.value().get());
    auto spool = DiskSpool::Open(config, std::move(files).value(), std::move(writer), [] { return 1'800'000'000u; });
    STARLING_CHECK(spool.ok());
    return std::move(spool).value();
  }

  std::string path;
};

// The `i`th sample of a drive with bends, whose sensors err by decimetres.
Sample DriveSample(int i) {
  const auto noise = [i](std::uint64_t what) {
    return static_cast<double>(MixHash(what, static_cast<std::uint64_t>(i)) % 2001) / 1000 - 1;
  };
  Sample sample;
  sample.time = BootTime(milliseconds(100) * (i + 1));
  sample.position.lat_deg = 44.49 + 1e-5 * i + 2e-6 * noise(1);
  sample.position.lon_deg = 11.34 + 3e-6 * (i % 200) + 2e-6 * noise(2);
  sample.heading_rad = 0.3 + 0.002 * (i % 200) + 0.005 * noise(3);
  sample.speed_mps = 11 + 0.1 * noise(4);
  sample.accel_mps2 = 0.2 * noise(5);
  sample.accuracy_m = 0.5;
  return sample;
}

AgentConfig Committing() {
  AgentConfig config;
  config.commit_interval = milliseconds(1000);
  return config;
}

void TakeSamples(benchmark::State& state) {
  Folder folder;
  PayloadCodec codec;
  std::unique_ptr<Spool> spool;
  AgentConfig config = Committing();
  switch (state.range(0)) {
    case 0:
      spool = std::make_unique<MemorySpool>(MemorySpoolConfig());
      config.commit_interval = milliseconds(0);
      break;
    case 1: spool = folder.Open<ThreadSpoolWriter>(); break;
    default: spool = folder.Open<DirectSpoolWriter>();
  }
  Agent agent(config, kBoot, std::move(spool), &codec);
  int i = 0;
  std::chrono::nanoseconds longest{};
  for (auto _ : state) {
    const Sample sample = DriveSample(i++);
    const auto begin = std::chrono::steady_clock::now();
    if (!agent.OnSample(sample, sample.time).ok()) state.SkipWithError("a sample was refused");
    if (sample.time >= agent.next_timer()) agent.OnTimer(sample.time);
    longest = std::max(longest, std::chrono::nanoseconds(std::chrono::steady_clock::now() - begin));
  }
  state.SetItemsProcessed(state.iterations());
  state.counters["longest_us"] = static_cast<double>(longest.count()) * 1e-3;
}
BENCHMARK(TakeSamples)->Name("Sample")->DenseRange(0, 2)->UseRealTime();

void Wear(benchmark::State& state) {
  const bool linked = state.range(0) == 1;
  PayloadCodec codec;
  for (auto _ : state) {
    Folder folder;
    std::unique_ptr<DiskSpool> made = folder.Open<DirectSpoolWriter>();
    DiskSpool* const spool = made.get();
    Agent agent(Committing(), kBoot, std::move(made), &codec);
    std::uint64_t columns = 0;
    std::uint64_t sealed = 0;
    for (int i = 0; i < kTenMinutes; ++i) {
      const Sample sample = DriveSample(i);
      if (!agent.OnSample(sample, sample.time).ok()) state.SkipWithError("a sample was refused");
      if (sample.time >= agent.next_timer()) agent.OnTimer(sample.time);
      const SpooledBatch* last = spool->batches() == 0 ? nullptr : spool->At(spool->batches() - 1);
      if (last == nullptr || last->through_sequence() <= sealed) continue;
      sealed = last->through_sequence();
      columns += last->columns.size();
      if (linked) spool->Delete(kBoot, last->first_sequence);
    }
    // What was written is what was taken: the newest sealed batch is there, or is not needed.
    if (spool->samples() != (linked ? 0 : sealed)) state.SkipWithError("samples are missing");
    const DiskSpoolCounters& counted = spool->counters();
    if (!spool->failure().empty()) state.SkipWithError("the disk refused");
    state.counters["bytes_per_sample"] = static_cast<double>(counted.bytes_written) / kTenMinutes;
    state.counters["columns_per_sample"] = static_cast<double>(columns) / static_cast<double>(sealed);
    state.counters["syncs_per_minute"] = static_cast<double>(counted.syncs) / 10;
    state.counters["pages_per_sample"] = static_cast<double>(counted.syncs) * 4096 / kTenMinutes;
    state.counters["commit_longest_us"] = static_cast<double>(counted.commit_longest.count()) * 1e-3;
  }
  state.SetItemsProcessed(state.iterations() * kTenMinutes);
}
BENCHMARK(Wear)->DenseRange(0, 1)->Iterations(1)->Unit(benchmark::kMillisecond);

void OpenFull(benchmark::State& state) {
  Folder folder;
  {
    std::unique_ptr<DiskSpool> spool = folder.Open<DirectSpoolWriter>();
    std::uint64_t first = 1;
    BootTime now;
    while (spool->dropped_samples() == 0) {
      for (int i = 0; i < 128; ++i, first += 100) {
        STARLING_CHECK(spool->Append({kBoot, first, 100, std::vector<std::byte>(450)}).ok());
      }
      now += seconds(1);
      static_cast<void>(spool->Commit({now, true, kBoot, first - 1, {}}));
    }
  }
  std::uint64_t samples = 0;
  std::size_t bytes = 0;
  for (auto _ : state) {
    const std::unique_ptr<DiskSpool> spool = folder.Open<DirectSpoolWriter>();
    if (spool->At(0) == nullptr || (samples != 0 && spool->samples() != samples)) {
      state.SkipWithError("batches are missing");
    }
    samples = spool->samples();
    bytes = spool->bytes();
    state.PauseTiming();  // Closing it writes.
    benchmark::DoNotOptimize(spool);
    state.ResumeTiming();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
  state.counters["batches"] = static_cast<double>(samples) / 100;
}
BENCHMARK(OpenFull)->Name("Open")->Iterations(5)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace starling::edge

BENCHMARK_MAIN();
