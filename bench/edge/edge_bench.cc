// What a vehicle's agent costs for each sample, as far as it is the same on any machine: the real
// agent and its spool on disk, in virtual time, along drives of simulated traffic.
//
//   Drive/V/M   V vehicles for M minutes, after one that is not counted
//
//   allocations_per_sample    of operator new by the agent's code; limit 0 in steady state
//   alloc_quiet, alloc_frames, alloc_commits, alloc_batches   of these, those of samples for which nothing goes
//                             out or to disk, a frame goes out, the spool is committed, a batch is sealed,
//                             sent or acknowledged
//   quiet_samples             how many of the samples are of the first kind, as a share
//   frames_per_sample         that go out, of all lanes
//   live_, history_, other_bytes_per_sample   frames of each lane, upwards; other: clock, greeting
//   tls_bytes_per_sample      22 for each record, into which frames go together
//   flash_bytes_per_sample    that the spool hands to the file system, which writes whole pages
//   flash_pages_per_sample    bytes of one page of 4 KiB for each sync: what flash wears by at least
//
// The time is that of the whole drive, cloud's answers and simulator included: it says nothing of a
// vehicle.  Memory and instructions of the real program: bench/edge/beside_limits.py, which
// ./run bench edge also runs.
#include <benchmark/benchmark.h>

#include <cstdint>

#include "bench/edge/driven_agent.h"

namespace starling {
namespace {

constexpr double kTlsRecordBytes = 22;

void Drive(benchmark::State& state) {
  AgentCosts costs;
  for (auto _ : state) {
    costs = DriveAgents(static_cast<std::size_t>(state.range(0)), static_cast<std::size_t>(state.range(1)));
  }
  const auto samples = static_cast<double>(costs.samples);
  if (costs.samples == 0) return state.SkipWithError("nothing was sampled");
  const auto each = [samples](std::uint64_t sum) { return static_cast<double>(sum) / samples; };
  state.counters["allocations_per_sample"] = each(costs.allocations);
  state.counters["alloc_quiet"] = each(costs.allocations_of_none);
  state.counters["alloc_frames"] = each(costs.allocations_of_frames);
  state.counters["alloc_commits"] = each(costs.allocations_of_commits);
  state.counters["alloc_batches"] = each(costs.allocations_of_batches);
  state.counters["quiet_samples"] = each(costs.quiet_samples);
  state.counters["frames_per_sample"] = each(costs.frames);
  state.counters["live_bytes_per_sample"] = each(costs.live_bytes);
  state.counters["history_bytes_per_sample"] = each(costs.history_bytes);
  state.counters["other_bytes_per_sample"] = each(costs.other_bytes);
  state.counters["tls_bytes_per_sample"] = each(costs.records) * kTlsRecordBytes;
  state.counters["flash_bytes_per_sample"] = each(costs.flash_bytes);
  state.counters["flash_pages_per_sample"] = each(costs.flash_syncs) * 4096;
}
BENCHMARK(Drive)->Args({4, 10})->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace starling

BENCHMARK_MAIN();
