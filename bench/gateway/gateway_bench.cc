// CPU that the server takes for each frame, user and system, over 1,000 connections;
// the vehicles are a process of their own and send the same in all cases, spread
// evenly.  The argument is frames per second.
//
//   BareLoop      baseline: Asio's ssl::stream reads and throws away
//   Gateway       TLS, frame, decompression, verification, plausibility, the record;
//                 the log is a stand-in that counts what it is given
//   GatewayAndLog the same with the embedded log: the CPU of its threads, which write
//                 and sync and are the log's own affair, is in it
//
// Before it is timed, each case shows that it got every frame: the bare loop every
// byte, the gateway one Accepted for each.  "us_per_frame" is the figure;
// "vs_bare" is the gateway's over the bare loop's of the same run.
// Not for latency, and not for handshakes.

#include <benchmark/benchmark.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>

#include "bench/gateway/bare_loop.h"
#include "bench/gateway/frame_client.h"
#include "cloud/fleet_ca/fleet_ca.h"
#include "cloud/gateway/gateway.h"
#include "cloud/gateway/history_ledger.h"
#include "cloud/log/embedded_log.h"

namespace starling::cloud {
namespace {

constexpr std::size_t kConnections = 1'000;
constexpr std::size_t kFramesPerConnection = 10;  // in one iteration
constexpr milliseconds kPatience{10'000};

FrameClient* client = nullptr;
CertificateFolder certificates;
std::map<std::int64_t, double> bare_us;  // by frames per second

double CpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds_of = [](timeval time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

template <typename Condition>
bool Await(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(milliseconds(2));
  }
  return true;
}

// Runs the rounds; `all_received` says when everything that was sent has arrived.
template <typename Condition>
std::optional<double> Measure(benchmark::State& state, std::uint16_t port, Condition all_received) {
  const auto rate = static_cast<std::size_t>(state.range(0));
  if (!client->Connect({port, kConnections, kFramesPerConnection, rate}) || !Await(all_received)) {
    state.SkipWithError("not everything arrived before the measurement");
    return std::nullopt;
  }
  double cpu_s = 0;
  for (auto _ : state) {
    const double before = CpuSeconds();
    const bool sent = client->Send();
    if (!sent || !Await(all_received)) {
      state.SkipWithError("not every frame arrived");
      return std::nullopt;
    }
    const double used_s = CpuSeconds() - before;
    cpu_s += used_s;
    state.SetIterationTime(used_s);
  }
  const double frames = static_cast<double>(state.iterations()) * static_cast<double>(kConnections * kFramesPerConnection);
  state.SetItemsProcessed(static_cast<std::int64_t>(frames));
  state.counters["us_per_frame"] = cpu_s * 1e6 / frames;
  return cpu_s * 1e6 / frames;
}

void BareLoopCase(benchmark::State& state) {
  const BareLoop loop(certificates);
  const auto us = Measure(state, loop.port(), [&loop] { return loop.bytes() == client->bytes_sent(); });
  if (us) bare_us[state.range(0)] = *us;
}

// Stand-in for the log: takes everything and keeps nothing.
class CountingLog final : public Log {
 public:
  Result<Ticket> Append(Topic, Partition, std::span<const std::byte>, std::span<const std::byte>) override {
    return Ticket{tickets_.fetch_add(1, std::memory_order_relaxed) + 1};
  }
  Ticket emitted() const override { return Ticket{tickets_.load(std::memory_order_relaxed)}; }
  Ticket durable() const override { return emitted(); }
  void ObserveDurable(std::function<void(Ticket)>) override {}
  Status Subscribe(Topic, Partition, Offset, LogConsumer*) override { return Status(); }
  Range RangeOf(Topic, Partition) const override { return {}; }
  Offset OffsetAt(Topic, Partition, CloudTime) const override { return {}; }
  Status Read(Topic, Partition, Offset, const std::function<bool(const LogRecord&)>&) const override {
    return Status();
  }
  Status status() const override { return Status(); }
  Status Close() override { return Status(); }

 private:
  std::atomic<std::uint64_t> tickets_{0};  // any thread adds, in no order
};

void MeasureGateway(benchmark::State& state, Log* log) {
  HistoryLedger ledger;
  GatewayConfig config;
  config.host = "127.0.0.1";
  config.port = 0;
  config.fixes_per_second = 1000;  // what is measured is the way of an accepted fix
  config.fixes_burst = 10'000;
  {
    Gateway gateway(config, log, &ledger);
    if (const Status status = gateway.Start(certificates); !status.ok()) {
      return state.SkipWithError(std::string(status.message()).c_str());
    }
    const auto accepted = [&gateway] { return gateway.counters().verdicts[0]; };
    const auto us = Measure(state, gateway.port(), [&] { return gateway.counters().bytes_in == client->bytes_sent(); });
    if (us && accepted() != gateway.counters().frames_in) state.SkipWithError("a frame was refused");
    if (us && bare_us[state.range(0)] > 0) state.counters["vs_bare"] = *us / bare_us[state.range(0)];
  }
  (void)log->Close();
}

void GatewayCase(benchmark::State& state) {
  CountingLog log;
  MeasureGateway(state, &log);
}

void GatewayAndLogCase(benchmark::State& state) {
  EmbeddedLogConfig log_config;
  log_config.directory = (certificates.root / "log").string();
  MeasureGateway(state, EmbeddedLog::Open(log_config).value().get());
}

BENCHMARK(BareLoopCase)->Name("BareLoop")->Arg(20'000)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(GatewayCase)->Name("Gateway")->Arg(20'000)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(GatewayAndLogCase)->Name("GatewayAndLog")->Arg(20'000)->UseManualTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace starling::cloud

int main(int argc, char** argv) {
  using namespace starling::cloud;
  std::string pattern = (std::filesystem::temp_directory_path() / "starling_gateway_bench_XXXXXX").string();
  certificates.root = ::mkdtemp(pattern.data());
  FleetConfig fleet;
  fleet.vehicles = kConnections;
  const auto made = InitFleet(certificates, fleet, starling::CloudNow(), nullptr);
  if (!made.ok()) {
    std::fprintf(stderr, "gateway_bench: %s\n", std::string(made.status().message()).c_str());
    return 1;
  }
  {
    FrameClient vehicles(certificates, kConnections);
    client = &vehicles;
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
  }
  std::filesystem::remove_all(certificates.root);
  return 0;
}
