// An hour's worth of a fleet's records through the log and the state store: whether
// size, memory and latency stay flat.
//
//   Hour/S        the S-th twelfth of the hour, 0 to 11, one after the other on the same
//                 data: telemetry at 2.5 a second and vehicle, a history batch of each
//                 vehicle every ten seconds, a point in time of 300 bytes a vehicle
//                 every two seconds
//   SealedHour/S  the same with everything encrypted
//
// 500 vehicles by default, STARLING_HOUR_VEHICLES names another number; as fast as the
// disk takes it, so an hour lasts minutes.  Topics are bounded to what a quarter of an
// hour writes, so that retention works all the time.  Each group of 25 records waits
// until it is emitted: p50_us, p99_us and max_us are those waits.  disk_mb and rss_mb
// are as the slice ends, state_b_per_vehicle after everything is compacted that is due;
// write_amp is bytes that the process wrote to files over bytes of keys and values that
// it was given, state_amp the state store's alone; syncs_per_s counts fsync and fdatasync
// by wall time, syncs_per_point those of one point in time.  The first slice is the
// baseline: vs_first_p99, vs_first_rss.
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "cloud/log/embedded_log.h"
#include "cloud/store/key_file.h"
#include "cloud/store/rocks_state_store.h"
#include "common/ids.h"

namespace {

// Of the whole process: those of RocksDB go through these two as well.
std::atomic<std::uint64_t> syncs_made{0};

}  // namespace

extern "C" int fsync(int fd) {
  syncs_made.fetch_add(1, std::memory_order_relaxed);
  return static_cast<int>(::syscall(SYS_fsync, fd));
}
extern "C" int fdatasync(int fd) {
  syncs_made.fetch_add(1, std::memory_order_relaxed);
  return static_cast<int>(::syscall(SYS_fdatasync, fd));
}

namespace starling::cloud {
namespace {

constexpr Partition kPartition{0};
constexpr int kSlices = 12;
constexpr int kSecondsPerSlice = 3600 / kSlices;
constexpr std::size_t kGroup = 25;
constexpr std::size_t kFixBytes = 150;
constexpr std::size_t kBatchBytes = 900;
constexpr std::size_t kStateBytes = 300;

std::size_t Vehicles() {
  const char* const given = std::getenv("STARLING_HOUR_VEHICLES");
  const long vehicles = given != nullptr ? std::atol(given) : 500;
  return static_cast<std::size_t>(std::clamp(vehicles, 10L, 100'000L));
}

// What the whole of it is made of; half of the bytes are noise.
class Hour {
 public:
  explicit Hour(bool sealed) {
    const char* const parent = std::getenv("TMPDIR");
    std::string pattern = std::string(parent != nullptr ? parent : ".") + "/hour_bench_XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    directory_ = pattern;
    EmbeddedLogConfig config;
    config.directory = directory_ + "/log";
    std::filesystem::create_directories(config.directory);
    config.commit_interval_min = std::chrono::microseconds(0);
    for (TopicConfig& topic : config.topics) topic.memtable_bytes = std::min<std::size_t>(topic.memtable_bytes, 1 << 20);
    const auto bound = [&](Topic topic, std::size_t bytes_a_second) {
      const std::uint64_t quarter = std::max<std::uint64_t>(Vehicles() * 900 * bytes_a_second, 8 << 20);
      config.topics[static_cast<std::size_t>(topic)].bytes_max = quarter;
      bound_ += quarter;
    };
    bound(Topic::kTelemetry, kFixBytes * 5 / 2);
    bound(Topic::kHistory, kBatchBytes / 10);
    StoreEncryption encryption;
    if (sealed) {
      const std::string keys = directory_ + "/keys";
      if (!InitKeyFile(keys, "key1").ok()) std::abort();
      auto ring = KeyRing::Open(keys);
      if (!ring.ok()) std::abort();
      encryption.keys = std::move(ring).value();
    }
    auto log = EmbeddedLog::Open(config, CloudNow, encryption);
    RocksStateStoreConfig store_config;
    store_config.directory = directory_ + "/state";
    auto store = RocksStateStore::Open(store_config, encryption);
    if (!log.ok() || !store.ok()) std::abort();
    log_ = std::move(log).value();
    store_ = std::move(store).value();
  }
  ~Hour() {
    log_.reset();
    store_.reset();
    std::error_code error;
    std::filesystem::remove_all(directory_, error);
  }
  Hour(const Hour&) = delete;
  Hour& operator=(const Hour&) = delete;

  // One simulated second; false if something failed.
  bool Second(std::vector<double>* waits_us) {
    const std::size_t fixes = Vehicles() * 5 / 2;
    for (std::size_t i = 0; i < fixes; i += kGroup) {
      const auto started = std::chrono::steady_clock::now();
      Ticket last{};
      for (std::size_t k = i; k < std::min(i + kGroup, fixes); ++k) {
        if (!Append(Topic::kTelemetry, k % Vehicles(), kFixBytes, &last)) return false;
      }
      if (!log_->AwaitEmitted(last).ok()) return false;
      waits_us->push_back(
          std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - started).count());
    }
    Ticket last{};
    for (std::size_t vehicle = second_ % 10; vehicle < Vehicles(); vehicle += 10) {
      if (!Append(Topic::kHistory, vehicle, kBatchBytes, &last)) return false;
    }
    if (++second_ % 2 == 0 && !StorePoint()) return false;
    return true;
  }

  std::uint64_t given_bytes() const { return given_bytes_; }
  StateStoreStats Compacted() {
    store_->AwaitCompaction();
    return store_->Stats();
  }
  std::uint64_t points() const { return points_; }
  std::uint64_t point_syncs() const { return point_syncs_; }
  const std::string& directory() const { return directory_; }
  std::uint64_t bound() const { return bound_; }
  bool retention_worked() const { return ToNumber(log_->RangeOf(Topic::kTelemetry, kPartition).first) > 0; }

 private:
  std::span<const std::byte> Fill(std::size_t bytes) {
    buffer_.resize(bytes);
    for (std::size_t at = 0; at < bytes; at += 2) {
      buffer_[at] = static_cast<std::byte>((random_ = random_ * 1'664'525 + 1'013'904'223) >> 24);
    }
    return buffer_;
  }
  bool Append(Topic topic, std::size_t vehicle, std::size_t bytes, Ticket* ticket) {
    char name[24];
    const int length = std::snprintf(name, sizeof name, "veh-%05zu", vehicle);
    const auto key = std::as_bytes(std::span(name, static_cast<std::size_t>(length)));
    const auto appended = log_->Append(topic, kPartition, key, Fill(bytes));
    if (!appended.ok()) return false;
    given_bytes_ += key.size() + bytes;
    *ticket = appended.value();
    return true;
  }
  bool StorePoint() {
    std::vector<std::string> keys;
    std::vector<std::vector<std::byte>> values;
    std::vector<StateChange> changes;
    for (std::size_t vehicle = 0; vehicle < Vehicles(); ++vehicle) {
      char name[24];
      std::snprintf(name, sizeof name, "v%07zu", vehicle);
      keys.emplace_back(name);
      const auto filled = Fill(kStateBytes);
      values.emplace_back(filled.begin(), filled.end());
      given_bytes_ += keys.back().size() + kStateBytes;
    }
    for (std::size_t i = 0; i < keys.size(); ++i) {
      changes.push_back({std::as_bytes(std::span(keys[i])), std::span<const std::byte>(values[i])});
    }
    // The log's syncer would be counted too while it has something to sync.
    if (!log_->AwaitDurable(log_->emitted()).ok()) return false;
    const std::uint64_t syncs = syncs_made.load(std::memory_order_relaxed);
    const bool stored = store_->Write(Topic::kTelemetry, kPartition, Offset{second_}, changes).ok();
    point_syncs_ += syncs_made.load(std::memory_order_relaxed) - syncs;
    ++points_;
    return stored;
  }

  std::string directory_;
  std::uint64_t bound_ = 0;
  std::unique_ptr<EmbeddedLog> log_;
  std::unique_ptr<RocksStateStore> store_;
  std::vector<std::byte> buffer_;
  std::uint32_t random_ = 1;
  std::uint64_t second_ = 0;
  std::uint64_t given_bytes_ = 0;
  std::uint64_t points_ = 0;
  std::uint64_t point_syncs_ = 0;
};

std::uint64_t DiskBytes(const std::string& directory) {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator at(directory, error), end; at != end; at.increment(error)) {
    std::error_code gone;  // A file that was just dropped.
    const std::uint64_t size = at->is_regular_file(gone) ? at->file_size(gone) : 0;
    if (!gone) bytes += size;
  }
  return bytes;
}

std::uint64_t ResidentBytes() {
  std::uint64_t pages = 0;
  std::uint64_t resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// wchar: what the process has handed to write(2), whatever reaches the disk later.
std::uint64_t WrittenBytes() {
  std::ifstream file("/proc/self/io");
  std::string name;
  std::uint64_t value = 0;
  while (file >> name >> value) {
    if (name == "wchar:") return value;
  }
  return 0;
}

void HourSlice(benchmark::State& state, bool sealed) {
  static std::unique_ptr<Hour> hour;
  static double first_p99 = 0;
  static double first_rss = 0;
  const auto slice = static_cast<int>(state.range(0));
  if (slice == 0 || hour == nullptr) {
    hour = std::make_unique<Hour>(sealed);
    first_p99 = 0;
  }
  const int seconds_here = std::getenv("STARLING_HOUR_SECONDS") != nullptr
                               ? std::atoi(std::getenv("STARLING_HOUR_SECONDS"))
                               : kSecondsPerSlice;
  std::vector<double> waits_us;
  const std::uint64_t given = hour->given_bytes();
  const std::uint64_t written = WrittenBytes();
  const std::uint64_t syncs = syncs_made.load();
  const std::uint64_t points = hour->points();
  const std::uint64_t point_syncs = hour->point_syncs();
  const auto started = std::chrono::steady_clock::now();
  for (auto _ : state) {
    for (int second = 0; second < seconds_here; ++second) {
      if (!hour->Second(&waits_us)) return state.SkipWithError("the log or the store refused");
    }
  }
  const double wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  std::sort(waits_us.begin(), waits_us.end());
  const auto at = [&](double part) { return waits_us[static_cast<std::size_t>(part * static_cast<double>(waits_us.size() - 1))]; };
  const std::uint64_t syncs_of_slice = syncs_made.load() - syncs;
  const StateStoreStats stored = hour->Compacted();
  const double disk = static_cast<double>(DiskBytes(hour->directory()));
  const double rss = static_cast<double>(ResidentBytes());
  if (first_p99 == 0) {
    first_p99 = at(0.99);
    first_rss = rss;
  }
  state.counters["disk_mb"] = disk / (1 << 20);
  state.counters["rss_mb"] = rss / (1 << 20);
  state.counters["p50_us"] = at(0.5);
  state.counters["p99_us"] = at(0.99);
  state.counters["max_us"] = waits_us.back();
  state.counters["write_amp"] =
      static_cast<double>(WrittenBytes() - written) / static_cast<double>(hour->given_bytes() - given);
  state.counters["syncs_per_s"] = static_cast<double>(syncs_of_slice) / wall_s;
  state.counters["syncs_per_point"] = static_cast<double>(hour->point_syncs() - point_syncs) /
                                      static_cast<double>(std::max<std::uint64_t>(hour->points() - points, 1));
  state.counters["state_amp"] = stored.write_amplification();
  state.counters["state_b_per_vehicle"] =
      static_cast<double>(stored.bytes_on_disk) / static_cast<double>(Vehicles());
  state.counters["hours_per_hour"] = seconds_here / wall_s;
  state.counters["vs_first_p99"] = at(0.99) / first_p99;
  state.counters["vs_first_rss"] = rss / first_rss;
  if (slice == kSlices - 1) {
    // Two topics of the bound each, their memtables, the WAL, and the store.
    const double most = 2.5 * static_cast<double>(hour->bound()) + (256 << 20);
    if (disk > most) state.SkipWithError("the disk was not kept within the bounds of the topics");
    if (seconds_here == kSecondsPerSlice && !hour->retention_worked()) state.SkipWithError("retention dropped nothing");
    hour.reset();
  }
}
void Slices(benchmark::internal::Benchmark* bench) {
  bench->DenseRange(0, kSlices - 1)->Iterations(1)->Unit(benchmark::kSecond);
}
BENCHMARK_CAPTURE(HourSlice, plain, false)->Name("Hour")->Apply(Slices);
BENCHMARK_CAPTURE(HourSlice, sealed, true)->Name("SealedHour")->Apply(Slices);

}  // namespace
}  // namespace starling::cloud

BENCHMARK_MAIN();
