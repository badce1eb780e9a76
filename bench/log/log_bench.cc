// What the embedded log costs beside a plain file.
//
//   EmitPlainFile     groups of records into one buffer and write(2): the least that
//                     surviving a kill -9 can cost
//   EmitLog           the same records through EmbeddedLog, until emitted
//   DurablePlainFile  groups into write(2) and fdatasync(2), one after the other
//   DurableLog        the same groups, each until durable, one after the other;
//                     syncing without a pause, unlike the default of 4 ms
//   PacedLog          a fixed rate for a second, as in a city: CPU and the time from
//                     Append to the consumer
//
// Arguments: records in a group and bytes in a value.  150 is a telemetry fix, 600 a
// history batch.  Of PacedLog: fixes of 150 bytes and history batches of 600, per
// second, and milliseconds between syncs: 10,000 is none, to see what syncing does
// to delivery.  The disk is that of the current directory, or of $TMPDIR.
//
// `records_per_s` is by wall time; `cpu_us_per_record` is of the whole process, with
// the log's threads.  `records_per_commit` and `syncs_per_group` say what was shared.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>

#include "cloud/log/embedded_log.h"
#include "cloud/log/group_writer.h"

namespace starling::cloud {
namespace {

constexpr Partition kPartition{1};
constexpr std::size_t kKeyBytes = 12;  // A vehicle's name.

class Directory {
 public:
  Directory() {
    const char* parent = std::getenv("TMPDIR");
    std::string pattern = std::string(parent != nullptr ? parent : ".") + "/log_bench_XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  ~Directory() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

double ProcessCpuSeconds() {
  struct rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds_of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

// Values that differ, and compress as fixes do: half of the bytes are noise.
class Records {
 public:
  Records(std::size_t count, std::size_t value_bytes) {
    std::uint32_t state = 1;
    for (std::size_t i = 0; i < count; ++i) {
      std::vector<std::byte> value(value_bytes);
      for (std::size_t at = 0; at < value_bytes; at += 2) {
        value[at] = static_cast<std::byte>((state = state * 1'664'525 + 1'013'904'223) >> 24);
      }
      values_.push_back(std::move(value));
    }
  }
  std::span<const std::byte> key() const { return key_; }
  const std::vector<std::vector<std::byte>>& values() const { return values_; }

 private:
  const std::vector<std::byte> key_ = std::vector<std::byte>(kKeyBytes, std::byte{'v'});
  std::vector<std::vector<std::byte>> values_;
};

// The naive log: the same framing, one file.
class PlainFile {
 public:
  explicit PlainFile(const std::string& directory)
      : fd_(::open((directory + "/plain").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600)) {
    if (fd_ < 0) std::abort();
  }
  ~PlainFile() { ::close(fd_); }
  PlainFile(const PlainFile&) = delete;
  PlainFile& operator=(const PlainFile&) = delete;

  void Write(const Records& records) {
    group_.Clear();
    for (const auto& value : records.values()) group_.Append(records.key(), value);
    group_.Seal(MakeGroupKey(kPartition, Offset{offset_}), CloudNow());
    offset_ += group_.count();
    const auto bytes = group_.bytes();
    if (::write(fd_, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) std::abort();
  }
  void Sync() {
    if (::fdatasync(fd_) != 0) std::abort();
  }

  // The values of the first group, one after the other.
  std::vector<std::byte> ReadFirst(std::size_t count) {
    std::vector<std::byte> stored(group_.bytes().size());
    if (::pread(fd_, stored.data(), stored.size(), 0) != static_cast<ssize_t>(stored.size())) {
      std::abort();
    }
    std::vector<std::byte> values;
    std::size_t at = kGroupHeaderBytes;
    for (std::size_t i = 0; i < count; ++i) {
      const auto length = LoadLittleEndian<std::uint32_t>(stored.data() + at + kRecordValueLengthOffset);
      const std::byte* value = stored.data() + at + kRecordHeaderBytes;
      values.insert(values.end(), value, value + length);
      at += RecordBytes(kKeyBytes, length);
    }
    return values;
  }

 private:
  const int fd_;
  GroupWriter group_;
  std::uint64_t offset_ = 0;
};

std::unique_ptr<EmbeddedLog> OpenLog(const std::string& directory, milliseconds sync_interval) {
  EmbeddedLogConfig config;
  config.sync_interval = sync_interval;
  config.directory = directory + "/log";
  auto log = EmbeddedLog::Open(config);
  if (!log.ok()) std::abort();
  return std::move(log).value();
}

Ticket AppendAll(EmbeddedLog& log, Topic topic, const Records& records) {
  Ticket last{};
  for (const auto& value : records.values()) {
    for (;;) {
      const auto ticket = log.Append(topic, kPartition, records.key(), value);
      if (ticket.ok()) {
        last = ticket.value();
        break;
      }
      if (ticket.status().code() != ErrorCode::kExhausted) std::abort();
      std::this_thread::yield();
    }
  }
  return last;
}

std::vector<std::byte> ReadFirst(const EmbeddedLog& log, Topic topic, std::size_t count) {
  std::vector<std::byte> values;
  std::size_t seen = 0;
  const Status status = log.Read(topic, kPartition, Offset{}, [&](const LogRecord& record) {
    values.insert(values.end(), record.value.begin(), record.value.end());
    return ++seen < count;
  });
  if (!status.ok()) std::abort();
  return values;
}

// Both store the same bytes, or comparing their speed says nothing.
bool BothReadBackTheSame(const Records& records) {
  const Directory directory;
  PlainFile file(directory.path());
  file.Write(records);
  const auto log = OpenLog(directory.path(), milliseconds(4));
  if (!log->AwaitEmitted(AppendAll(*log, Topic::kTelemetry, records)).ok()) return false;
  std::vector<std::byte> expected;
  for (const auto& value : records.values()) {
    expected.insert(expected.end(), value.begin(), value.end());
  }
  return file.ReadFirst(records.values().size()) == expected &&
         ReadFirst(*log, Topic::kTelemetry, records.values().size()) == expected;
}

Records RecordsOf(const benchmark::State& state) {
  return Records(static_cast<std::size_t>(state.range(0)), static_cast<std::size_t>(state.range(1)));
}

void Count(benchmark::State& state, double cpu_s) {
  const auto records = static_cast<double>(state.iterations() * state.range(0));
  state.SetBytesProcessed(state.iterations() * state.range(0) * state.range(1));
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["records_per_s"] = benchmark::Counter(records, benchmark::Counter::kIsRate);
  state.counters["cpu_us_per_record"] = cpu_s * 1e6 / records;
}

void EmitPlainFile(benchmark::State& state) {
  const Records records = RecordsOf(state);
  if (!BothReadBackTheSame(records)) return state.SkipWithError("read other bytes than written");
  const Directory directory;
  PlainFile file(directory.path());
  const double cpu_before = ProcessCpuSeconds();
  for (auto _ : state) file.Write(records);
  Count(state, ProcessCpuSeconds() - cpu_before);
}

void EmitLog(benchmark::State& state) {
  const Records records = RecordsOf(state);
  const Directory directory;
  const auto log = OpenLog(directory.path(), milliseconds(4));
  Ticket last{};
  const double cpu_before = ProcessCpuSeconds();
  for (auto _ : state) last = AppendAll(*log, Topic::kTelemetry, records);
  if (!log->AwaitEmitted(last).ok()) state.SkipWithError("log stopped");
  Count(state, ProcessCpuSeconds() - cpu_before);
  const auto counters = log->counters();
  state.counters["records_per_commit"] =
      static_cast<double>(counters.records) / static_cast<double>(counters.commits);
}

void DurablePlainFile(benchmark::State& state) {
  const Records records = RecordsOf(state);
  if (!BothReadBackTheSame(records)) return state.SkipWithError("read other bytes than written");
  const Directory directory;
  PlainFile file(directory.path());
  const double cpu_before = ProcessCpuSeconds();
  for (auto _ : state) {
    file.Write(records);
    file.Sync();
  }
  Count(state, ProcessCpuSeconds() - cpu_before);
}

void DurableLog(benchmark::State& state) {
  const Records records = RecordsOf(state);
  const Directory directory;
  const auto log = OpenLog(directory.path(), milliseconds(0));
  const double cpu_before = ProcessCpuSeconds();
  for (auto _ : state) {
    if (!log->AwaitDurable(AppendAll(*log, Topic::kTelemetry, records)).ok()) std::abort();
  }
  Count(state, ProcessCpuSeconds() - cpu_before);
  state.counters["syncs_per_group"] =
      static_cast<double>(log->counters().syncs) / static_cast<double>(state.iterations());
}

// Measures the time from Append, which the value's first bytes hold, to delivery.
class Stopwatch : public LogConsumer {
 public:
  void OnRecords(std::span<const LogRecord> records) override {
    const auto now = static_cast<std::uint64_t>(ToNs(CloudNow()));
    for (const LogRecord& record : records) {
      delays_us_.push_back(
          static_cast<double>(now - LoadLittleEndian<std::uint64_t>(record.value.data())) * 1e-3);
    }
  }
  // After Close.
  double Quantile(double share) {
    if (delays_us_.empty()) return 0;
    std::sort(delays_us_.begin(), delays_us_.end());
    return delays_us_[static_cast<std::size_t>(share * static_cast<double>(delays_us_.size() - 1))];
  }
  double Max() { return Quantile(1); }

 private:
  std::vector<double> delays_us_;
};

void PacedLog(benchmark::State& state) {
  // Every millisecond a thousandth of the second's records, as a loop that polls
  // its sockets appends them.
  const auto fixes = static_cast<std::size_t>(state.range(0)) / 1'000;
  const Records batches(static_cast<std::size_t>(state.range(1)) / 1'000, 600);
  std::vector<std::byte> fix(Records(1, 150).values().front());
  const Directory directory;
  const auto log = OpenLog(directory.path(), milliseconds(state.range(2)));
  Stopwatch stopwatch;
  if (!log->Subscribe(Topic::kTelemetry, kPartition, Offset{}, &stopwatch).ok()) std::abort();
  std::uint64_t refused = 0;
  double wall_s = 0;
  const double cpu_before = ProcessCpuSeconds();
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    for (int tick = 0; tick < 1'000; ++tick) {
      std::this_thread::sleep_until(start + milliseconds(tick));
      for (std::size_t i = 0; i < fixes; ++i) {
        StoreLittleEndian(static_cast<std::uint64_t>(ToNs(CloudNow())), fix.data());
        if (!log->Append(Topic::kTelemetry, kPartition, batches.key(), fix).ok()) ++refused;
      }
      for (const auto& batch : batches.values()) {
        if (!log->Append(Topic::kHistory, kPartition, batches.key(), batch).ok()) ++refused;
      }
    }
    wall_s += ToSeconds(std::chrono::steady_clock::now() - start);
  }
  const double cpu_s = ProcessCpuSeconds() - cpu_before;
  const auto counters = log->counters();
  if (!log->Close().ok()) std::abort();
  state.SetItemsProcessed(static_cast<std::int64_t>(counters.records));
  state.counters["cpu_cores"] = cpu_s / wall_s;
  state.counters["commits_per_s"] = static_cast<double>(counters.commits) / wall_s;
  state.counters["syncs_per_s"] = static_cast<double>(counters.syncs) / wall_s;
  state.counters["refused"] = static_cast<double>(refused);
  state.counters["delay_us_p50"] = stopwatch.Quantile(0.5);
  state.counters["delay_us_p99"] = stopwatch.Quantile(0.99);
  state.counters["delay_us_max"] = stopwatch.Max();
}

void Sizes(benchmark::internal::Benchmark* bench) {
  bench->Args({1, 150})->Args({100, 150})->Args({1'000, 150})->Args({100, 600})->UseRealTime();
}
BENCHMARK(EmitPlainFile)->Apply(Sizes);
BENCHMARK(EmitLog)->Apply(Sizes);
BENCHMARK(DurablePlainFile)->Apply(Sizes);
BENCHMARK(DurableLog)->Apply(Sizes);
BENCHMARK(PacedLog)
    ->Args({15'000, 1'000, 4})
    ->Args({15'000, 1'000, 10'000})
    ->Args({100'000, 1'000, 4})
    ->Args({100'000, 1'000, 10'000})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace starling::cloud

BENCHMARK_MAIN();
