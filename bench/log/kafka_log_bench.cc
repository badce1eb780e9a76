// What a record costs through a Kafka broker.
//
//   PacedKafka  a fixed rate for two seconds, as in a city: time from Append to the
//               consumer, time until durable, CPU of this process (the broker's is not in it)
//
// Arguments: fixes of 150 bytes per second, history batches of 600 per second, regions
// that the fixes are spread over, and microseconds of linger.  5,000 is the default; 0 is
// the baseline, as many requests as the broker answers.
//
// The broker is the one that STARLING_KAFKA names (./run kafka starts one and prints its
// address); without it nothing is measured.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>

#include "cloud/log/kafka_log.h"
#include "cloud/topics/kafka_admin.h"
#include "cloud/topics/topic_plan.h"

namespace starling::cloud {
namespace {

constexpr std::uint32_t kRegions = 16;

double ProcessCpuSeconds() {
  struct rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds_of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

// Topics of its own for each run of the program.
const std::string& Prefix() {
  static const std::string prefix = "bench-" + std::to_string(ToNs(CloudNow())) + ".";
  return prefix;
}

Status MakeTopics(const KafkaConfig& config) {
  static bool made = false;
  if (made) return {};
  auto admin = KafkaAdmin::Open(config);
  if (!admin.ok()) return admin.status();
  const auto plans = PlanTopics({.prefix = config.prefix, .regions = kRegions, .replication = 1, .retention = {}});
  for (const TopicChange& change : CompareTopics(plans, {})) {
    if (Status status = admin.value()->Apply(change); !status.ok()) return status;
  }
  made = true;
  return admin.value()->AwaitLeaders(plans);
}

// The value's first bytes hold when it was appended.
class Stopwatch : public LogConsumer {
 public:
  void OnRecords(std::span<const LogRecord> records) override {
    const std::int64_t now = ToNs(CloudNow());
    ++batches_;
    for (const LogRecord& record : records) {
      std::int64_t appended = 0;
      std::memcpy(&appended, record.value.data(), sizeof appended);
      delays_us_.push_back(static_cast<double>(now - appended) * 1e-3);
    }
  }
  // After Close.
  double Quantile(double share) {
    if (delays_us_.empty()) return 0;
    std::sort(delays_us_.begin(), delays_us_.end());
    return delays_us_[static_cast<std::size_t>(share * static_cast<double>(delays_us_.size() - 1))];
  }
  std::size_t records() const { return delays_us_.size(); }
  double batches() const { return static_cast<double>(batches_); }

 private:
  std::vector<double> delays_us_;
  std::uint64_t batches_ = 0;
};

void PacedKafka(benchmark::State& state) {
  const char* broker = std::getenv("STARLING_KAFKA");
  if (broker == nullptr || *broker == '\0') {
    state.SetLabel("no broker: STARLING_KAFKA is not set");
    for (auto _ : state) {
    }
    return;
  }
  KafkaConfig config;
  config.bootstrap = broker;
  config.prefix = Prefix();
  config.linger = std::chrono::microseconds(state.range(3));
  if (Status status = MakeTopics(config); !status.ok()) {
    return state.SkipWithError(std::string(status.message()).c_str());
  }
  auto opened = KafkaLog::Open(config);
  if (!opened.ok()) return state.SkipWithError(std::string(opened.status().message()).c_str());
  KafkaLog& log = *opened.value();
  const auto regions = static_cast<std::uint32_t>(state.range(2));
  Stopwatch stopwatch;  // One delivery thread serves all.
  for (std::uint32_t region = 0; region < regions; ++region) {
    const Partition partition{region};
    const Offset end = log.RangeOf(Topic::kTelemetry, partition).end;
    if (!log.Subscribe(Topic::kTelemetry, partition, end, &stopwatch).ok()) std::abort();
  }
  const std::vector<std::byte> key(12, std::byte{'v'});
  std::vector<std::byte> fix(150, std::byte{'f'});
  const std::vector<std::byte> batch(600, std::byte{'h'});
  const auto fixes = static_cast<std::size_t>(state.range(0)) / 1'000;
  const auto batches = static_cast<std::size_t>(state.range(1)) / 1'000;
  std::uint64_t refused = 0;
  std::uint64_t appended = 0;
  double wall_s = 0;
  double cpu_s = 0;
  for (auto _ : state) {
    const double cpu_before = ProcessCpuSeconds();
    const auto start = std::chrono::steady_clock::now();
    for (int tick = 0; tick < 2'000; ++tick) {
      std::this_thread::sleep_until(start + milliseconds(tick));
      for (std::size_t i = 0; i < fixes; ++i) {
        const std::int64_t now = ToNs(CloudNow());
        std::memcpy(fix.data(), &now, sizeof now);
        const Partition partition{static_cast<std::uint32_t>(i) % regions};
        log.Append(Topic::kTelemetry, partition, key, fix).ok() ? ++appended : ++refused;
      }
      for (std::size_t i = 0; i < batches; ++i) {
        if (!log.Append(Topic::kHistory, Partition{static_cast<std::uint32_t>(i) % regions}, key, batch).ok()) ++refused;
      }
    }
    wall_s += ToSeconds(std::chrono::steady_clock::now() - start);
    cpu_s += ProcessCpuSeconds() - cpu_before;
  }
  while (log.counters().records_read < appended) std::this_thread::sleep_for(milliseconds(1));
  const auto counters = log.counters();
  if (!log.Close().ok()) std::abort();
  if (stopwatch.records() != appended) state.SkipWithError("records were lost or repeated");
  state.SetItemsProcessed(static_cast<std::int64_t>(counters.producer.delivered));
  state.SetBytesProcessed(static_cast<std::int64_t>(counters.producer.delivered_bytes));
  state.counters["cpu_cores"] = cpu_s / wall_s;
  state.counters["refused"] = static_cast<double>(refused);
  state.counters["records_per_batch"] = static_cast<double>(stopwatch.records()) / stopwatch.batches();
  state.counters["delay_us_p50"] = stopwatch.Quantile(0.5);
  state.counters["delay_us_p99"] = stopwatch.Quantile(0.99);
  state.counters["delay_us_max"] = stopwatch.Quantile(1);
}
BENCHMARK(PacedKafka)
    ->Args({1'000, 0, 1, 0})
    ->Args({25'000, 1'000, 1, 0})
    ->Args({25'000, 1'000, 1, 500})
    ->Args({25'000, 1'000, 1, 5'000})
    ->Args({25'000, 1'000, 16, 500})
    ->Args({25'000, 1'000, 16, 2'000})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace starling::cloud

BENCHMARK_MAIN();
