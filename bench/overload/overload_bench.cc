// What happens when there is more to do than one core can: log and shard on one core,
// whoever offers on another one.
//
//   Overload/N   N tenths of what that core holds are offered: 5, 10, 20, 50
//
// 10,000 vehicles, 1,440 to the km² (eight times as dense as the city, so that a core is
// full sooner than the one that feeds it), a history batch of 600 bytes to 25 fixes.
// What the core holds is measured first: fixes offered as fast as the log takes them,
// without admission.  Then each case offers for three seconds, through Admission as the
// gateway does, without its sockets: TLS and frames are bench/gateway's.
//
//   offered, applied   fixes a second
//   shed_history, shed_fixes, shed_involved   share of what was offered of that class
//   log_refused        records that passed admission and met a full queue: has to be 0
//   age_p50_ms, age_p99_ms   of a fix from its offer to its decision
//   command_p99_ms     the same for fixes that caused a command
//   rss_mb             at the end
//   after_ms           from the last offer until nothing waits
//   vs_half_age        age_p99_ms over that at half load, in the same run
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/engine/street_traffic.h"
#include "cloud/gateway/admission.h"
#include "cloud/log/embedded_log.h"
#include "cloud/shard/shard.h"
#include "cloud/shard/shard_config.h"
#include "common/time.h"

namespace starling::cloud {
namespace {

constexpr int kVehicles = 10'000;
constexpr double kPerKm2 = 1'440;
constexpr std::size_t kFixesToABatch = 25;
constexpr std::size_t kBatchBytes = 600;
constexpr std::size_t kAgesMax = 1 << 20;

double Seconds() {
  const char* const given = std::getenv("STARLING_OVERLOAD_SECONDS");
  return given != nullptr ? std::atof(given) : 3;
}

// On a machine with one core there is no other one: then both share it.
void StayOn(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core % static_cast<int>(std::max(std::thread::hardware_concurrency(), 1u)), &set);
  (void)::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);
}

// The shard behind the log: applies, writes its outputs back, takes the time.
class Consumer final : public LogConsumer {
 public:
  explicit Consumer(Log* log) : log_(log), shard_(ShardConfig(), kRegion, kOrigin), commanded_(kVehicles) {}

  void OnRecords(std::span<const LogRecord> records) override {
    for (const LogRecord& record : records) {
      outputs_.Clear();
      shard_.Apply(record, &outputs_);
      Measure(record);
      for (const ShardOutputs::Record& output : outputs_.records) {
        if (!log_->Append(output.topic, kPartition, output.key, output.value).ok()) refused_.fetch_add(1, std::memory_order_relaxed);
      }
    }
  }
  void Forget() {
    std::lock_guard lock(mutex_);
    ages_.clear();
    command_ages_.clear();
    applied_ = 0;
  }
  struct Figures {
    std::vector<double> ages_ms;
    std::vector<double> command_ages_ms;
    std::uint64_t applied = 0;
  };
  Figures Take() {
    std::lock_guard lock(mutex_);
    return {std::move(ages_), std::move(command_ages_), applied_};
  }
  std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }
  // Cloud time at which the vehicle was last sent a command.
  std::int64_t commanded_ns(std::size_t vehicle) const { return commanded_[vehicle].load(std::memory_order_relaxed); }

  static constexpr Partition kPartition{ToNumber(kRegion)};

 private:
  void Measure(const LogRecord& record) {
    const log::Fix* const fix = log::GetTelemetry(record.value.data())->body_as_Fix();
    const std::int64_t now_ns = ToNs(CloudNow());
    for (const ShardOutputs::Command& command : outputs_.commands) {
      const auto vehicle = static_cast<std::size_t>(std::atol(command.vehicle.ToString().c_str() + 5));  // "taxi-N"
      if (vehicle < commanded_.size()) commanded_[vehicle].store(now_ns, std::memory_order_relaxed);
    }
    if (fix == nullptr) return;
    std::lock_guard lock(mutex_);
    ++applied_;
    const double age_ms = static_cast<double>(now_ns - fix->sample_time_ns()) * 1e-6;
    if (applied_ % 8 == 0 && ages_.size() < kAgesMax) ages_.push_back(age_ms);
    if (!outputs_.commands.empty() && command_ages_.size() < kAgesMax) command_ages_.push_back(age_ms);
  }

  Log* const log_;
  Shard shard_;
  ShardOutputs outputs_;
  std::atomic<std::uint64_t> refused_{0};               // Counts.
  std::vector<std::atomic<std::int64_t>> commanded_;    // The shard's thread writes, the offering one reads; hints.
  std::mutex mutex_;
  std::vector<double> ages_;                            // Guarded by mutex_, as the next two.
  std::vector<double> command_ages_;
  std::uint64_t applied_ = 0;
};

struct Offered {
  std::uint64_t fixes = 0;
  std::array<std::uint64_t, kFrameClasses> by_class{};
  std::array<std::uint64_t, kFrameClasses> shed{};
  std::uint64_t log_refused = 0;
};

class Bench {
 public:
  Bench() : traffic_(kVehicles, kPerKm2) {
    const char* const parent = std::getenv("TMPDIR");
    std::string pattern = std::string(parent != nullptr ? parent : ".") + "/overload_bench_XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    directory_ = pattern;
    StayOn(1);  // The log's threads inherit it.
    EmbeddedLogConfig config;
    config.directory = directory_;
    auto log = EmbeddedLog::Open(config);
    if (!log.ok()) std::abort();
    log_ = std::move(log).value();
    StayOn(0);
    consumer_ = std::make_unique<Consumer>(log_.get());
    if (!log_->Subscribe(Topic::kTelemetry, Consumer::kPartition, Offset{0}, consumer_.get()).ok()) std::abort();
    capacity_ = MeasureCapacity();
  }
  ~Bench() {
    log_.reset();
    std::error_code error;
    std::filesystem::remove_all(directory_, error);
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  double capacity() const { return capacity_; }
  Consumer& consumer() { return *consumer_; }

  Offered Offer(double per_second, double for_s) {
    Offered offered;
    const auto started = std::chrono::steady_clock::now();
    for (;;) {
      const std::chrono::duration<double> since = std::chrono::steady_clock::now() - started;
      if (since.count() >= for_s) break;
      const auto due = static_cast<std::uint64_t>(since.count() * per_second);
      if (offered.fixes >= due) {
        std::this_thread::sleep_for(std::chrono::microseconds(200));
        continue;
      }
      for (std::uint64_t n = std::min<std::uint64_t>(due - offered.fixes, 256); n > 0; --n) OfferOne(&offered);
    }
    return offered;
  }
  // Until nothing waits; milliseconds.
  double Settle() {
    const auto started = std::chrono::steady_clock::now();
    (void)log_->AwaitEmitted(last_);
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - started).count();
  }

 private:
  void OfferOne(Offered* offered) {
    const CloudTime now = CloudNow();
    const std::size_t i = next_++ % traffic_.size();
    if (!traffic_.is_fix(i)) {
      Append(Topic::kTelemetry, traffic_.Fresh(i, 0), offered);  // A tick: the owner's own.
      return;
    }
    ++offered->fixes;
    const std::size_t vehicle = (i - 1 - i / (kVehicles + 1)) % kVehicles;
    const bool involved = ToNs(now) - consumer_->commanded_ns(vehicle) < nanoseconds(kInvolvedFor).count();
    const auto value = traffic_.Fresh(i, ToNs(now));
    Admit(involved ? FrameClass::kInvolved : FrameClass::kLive, Topic::kTelemetry, value, now, offered);
    if (offered->fixes % kFixesToABatch == 0) Admit(FrameClass::kHistory, Topic::kHistory, batch_, now, offered);
  }
  void Admit(FrameClass of, Topic topic, std::span<const std::byte> value, CloudTime now, Offered* offered) {
    ++offered->by_class[static_cast<std::size_t>(of)];
    if (admission_.Admit(of, value.size(), log_->fill(), now)) {
      Append(topic, value, offered);
    } else {
      ++offered->shed[static_cast<std::size_t>(of)];
    }
  }
  void Append(Topic topic, std::span<const std::byte> value, Offered* offered) {
    const auto appended = log_->Append(topic, Consumer::kPartition, {}, value);
    if (appended.ok()) {
      last_ = appended.value();
    } else {
      ++offered->log_refused;
    }
  }

  // The queue is kept part full, so that the core never waits and the log never refuses.
  double MeasureCapacity() {
    for (const double for_s : {Seconds() / 3, Seconds()}) {  // The first one warms up.
      consumer_->Forget();
      Offered offered;
      const auto started = std::chrono::steady_clock::now();
      std::chrono::duration<double> since{};
      while ((since = std::chrono::steady_clock::now() - started).count() < for_s) {
        if (log_->fill() > 0.05) {
          std::this_thread::sleep_for(std::chrono::microseconds(100));
          continue;
        }
        for (int n = 0; n < 64; ++n) {
          const std::size_t i = next_++ % traffic_.size();
          Append(Topic::kTelemetry, traffic_.Fresh(i, ToNs(CloudNow())), &offered);
        }
      }
      capacity_ = static_cast<double>(consumer_->Take().applied) / since.count();
      Settle();
    }
    return capacity_;
  }

  StreetTraffic traffic_;
  const std::vector<std::byte> batch_ = std::vector<std::byte>(kBatchBytes, std::byte{7});
  std::string directory_;
  std::unique_ptr<Consumer> consumer_;     // Outlives the log's Close.
  std::unique_ptr<EmbeddedLog> log_;
  // By delay alone: no rate of a fleet is set here.
  Admission admission_{{.frames_per_second = 1e9, .bytes_per_second = 1e12}};
  std::size_t next_ = 0;
  Ticket last_{};
  double capacity_ = 0;
};

double At(std::vector<double>* values, double part) {
  if (values->empty()) return 0;
  std::sort(values->begin(), values->end());
  return (*values)[static_cast<std::size_t>(part * static_cast<double>(values->size() - 1))];
}

double ResidentMegabytes() {
  double pages = 0;
  double resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1 << 20);
}

void Overload(benchmark::State& state) {
  static Bench bench;  // One for all cases: each begins when the one before has settled.
  static double half_age = 0;
  const double per_second = bench.capacity() * static_cast<double>(state.range(0)) / 10;
  const std::uint64_t refused_before = bench.consumer().refused();
  bench.consumer().Forget();
  Offered offered;
  double after_ms = 0;
  for (auto _ : state) {
    offered = bench.Offer(per_second, Seconds());
    after_ms = bench.Settle();
  }
  Consumer::Figures figures = bench.consumer().Take();
  const auto shed = [&](FrameClass of) {
    const auto i = static_cast<std::size_t>(of);
    return static_cast<double>(offered.shed[i]) / static_cast<double>(std::max<std::uint64_t>(offered.by_class[i], 1));
  };
  const double age_p99 = At(&figures.ages_ms, 0.99);
  if (state.range(0) == 5) half_age = age_p99;
  state.counters["capacity"] = bench.capacity();
  state.counters["offered"] = static_cast<double>(offered.fixes) / Seconds();
  state.counters["applied"] = static_cast<double>(figures.applied) / Seconds();
  state.counters["shed_history"] = shed(FrameClass::kHistory);
  state.counters["shed_fixes"] = shed(FrameClass::kLive);
  state.counters["shed_involved"] = shed(FrameClass::kInvolved);
  state.counters["log_refused"] = static_cast<double>(offered.log_refused + bench.consumer().refused() - refused_before);
  state.counters["age_p50_ms"] = At(&figures.ages_ms, 0.5);
  state.counters["age_p99_ms"] = age_p99;
  state.counters["command_p99_ms"] = At(&figures.command_ages_ms, 0.99);
  state.counters["rss_mb"] = ResidentMegabytes();
  state.counters["after_ms"] = after_ms;
  if (half_age > 0) state.counters["vs_half_age"] = age_p99 / half_age;
  if (offered.log_refused > 0 || bench.consumer().refused() > refused_before) {
    state.SkipWithError("the log was full for records that had been admitted");
  }
  std::uint64_t admitted = 0;
  for (const FrameClass of : {FrameClass::kLive, FrameClass::kInvolved}) {
    admitted += offered.by_class[static_cast<std::size_t>(of)] - offered.shed[static_cast<std::size_t>(of)];
  }
  if (figures.applied != admitted) state.SkipWithError("not every admitted fix was applied");
}
BENCHMARK(Overload)->Arg(5)->Arg(10)->Arg(20)->Arg(50)->Iterations(1)->UseRealTime()->Unit(benchmark::kSecond);

}  // namespace
}  // namespace starling::cloud

BENCHMARK_MAIN();
