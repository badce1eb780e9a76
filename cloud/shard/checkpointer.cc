#include "cloud/shard/checkpointer.h"

#include <pthread.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

#include "common/check.h"

namespace starling::cloud {
namespace {

// Commands go before states: the thread takes what others leave.
constexpr int kNiceness = 10;

// The thread wakes so often, or when this share of the feed is full: a wake-up for each
// commit of the log would cost more than the work.
constexpr milliseconds kRest{25};
constexpr std::size_t kHurryShare = 4;

// While a state waits for its outputs to be written.
constexpr milliseconds kSettlePoll{2};

constexpr std::size_t kBlockBytes = 64 << 10;
constexpr std::size_t kSpareBlocksMax = 16;
constexpr std::size_t kPieceBytes = 64;

nanoseconds ThreadCpu() {
  timespec used{};
  if (::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) != 0) return nanoseconds(0);
  return seconds(used.tv_sec) + nanoseconds(used.tv_nsec);
}

Offset After(Offset offset) { return Offset{ToNumber(offset) + 1}; }

}  // namespace

Status CheckpointerConfig::Validate() const {
  const auto refuse = [](const char* field) {
    return Status(ErrorCode::kInvalidArgument,
                  std::string(field) + " is outside its range (see checkpointer.h)");
  };
  if (interval < milliseconds(100) || interval > std::chrono::minutes(1)) return refuse("interval");
  if (feed_bytes_max < (1u << 20) || feed_bytes_max > (1u << 30)) return refuse("feed_bytes_max");
  if (changelog_interval < seconds(1) || changelog_interval > std::chrono::minutes(10)) {
    return refuse("changelog_interval");
  }
  return {};
}

Checkpointer::Checkpointer(const CheckpointerConfig& config, const ShardConfig& shard_config,
                           RegionId region, FrameOrigin origin, Log* log, StateStore* store)
    : config_(config),
      partition_{ToNumber(region)},
      log_(log),
      store_(store),
      follower_(std::make_unique<Shard>(shard_config, region, origin)),
      stored_at_(std::chrono::steady_clock::now()) {
  STARLING_CHECK(config.Validate().ok());
}

Checkpointer::~Checkpointer() { Stop(); }

void Checkpointer::Start(SavedState entries, bool store_holds, Offset next) {
  fed_next_ = next;
  next_ = next;
  thread_ = std::thread([this, store_holds, stored = std::move(entries)]() mutable {
    (void)pthread_setname_np(pthread_self(), "checkpointer");
    (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNiceness);
    if (Restore(stored)) {
      if (store_holds) diff_.Seed(stored);
      stored = {};
      Run();
    }
    stopped_.store(true, std::memory_order_release);
  });
}

bool Checkpointer::Restore(const SavedState& entries) {
  if (entries.size() == 0) return true;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const SavedState::Entry entry = entries[i];
    if (Status status = follower_->RestoreEntry(entry.key, *entry.value); !status.ok()) {
      Fail(std::move(status));
      return false;
    }
  }
  if (Status status = follower_->FinishRestore(); !status.ok()) {
    Fail(std::move(status));
    return false;
  }
  return true;
}

void Checkpointer::Feed(std::span<const LogRecord> records, std::uint64_t digest) {
  if (records.empty()) return;
  std::size_t bytes = 0;
  for (const LogRecord& record : records) bytes += record.key.size() + record.value.size() + kPieceBytes;
  const Offset follows = fed_next_;
  fed_next_ = After(records.back().offset);
  bool hurry = false;
  {
    std::lock_guard lock(feed_mutex_);
    if (feed_bytes_ + bytes > config_.feed_bytes_max) {
      skipped_ += records.size();
      skipping_ = true;
      return;
    }
    if (blocks_.empty() || skipping_ || blocks_.back().bytes.size() >= kBlockBytes) {
      Block block;
      if (!spare_.empty()) {
        block = std::move(spare_.back());
        spare_.pop_back();
      }
      block.follows = follows;
      blocks_.push_back(std::move(block));
    }
    skipping_ = false;
    Block& block = blocks_.back();
    for (const LogRecord& record : records) {
      block.bytes.resize((block.bytes.size() + 7) / 8 * 8);
      block.pieces.push_back({record.offset, record.time, block.bytes.size(), record.value.size(),
                              record.key.size()});
      block.bytes.insert(block.bytes.end(), record.value.begin(), record.value.end());
      block.bytes.insert(block.bytes.end(), record.key.begin(), record.key.end());
    }
    block.digest = digest;
    const std::size_t hurry_from = config_.feed_bytes_max / kHurryShare;
    hurry = feed_bytes_ < hurry_from && feed_bytes_ + bytes >= hurry_from;
    feed_bytes_ += bytes;
  }
  if (hurry) fed_.notify_one();
}

void Checkpointer::Run() {
  const Steady now = std::chrono::steady_clock::now();
  store_due_ = now + config_.interval;
  changelog_due_ = now;
  while (WaitForWork()) {
    TakeIn();
    StoreIfDue(/*last=*/false);
    MutexLock lock(result_mutex_);
    counters_.cpu = ThreadCpu();
  }
  bool abandoned = false;
  {
    std::lock_guard lock(feed_mutex_);
    abandoned = abandoned_;
  }
  if (abandoned) return;
  TakeIn();
  StoreIfDue(/*last=*/true);
}

// False once the end is near.
bool Checkpointer::WaitForWork() {
  std::unique_lock lock(feed_mutex_);
  fed_.wait_for(lock, kRest, [this] {
    return ending_ || abandoned_ || feed_bytes_ >= config_.feed_bytes_max / kHurryShare;
  });
  return !ending_ && !abandoned_ && status().ok();
}

void Checkpointer::TakeIn() {
  std::deque<Block> taken;
  {
    std::lock_guard lock(feed_mutex_);
    taken.swap(blocks_);
    feed_bytes_ = 0;
  }
  for (Block& block : taken) {
    if (!status().ok()) break;
    ApplyBlock(block);
    block.bytes.clear();
    block.pieces.clear();
  }
  std::lock_guard lock(feed_mutex_);
  for (Block& block : taken) {
    if (spare_.size() == kSpareBlocksMax) break;
    spare_.push_back(std::move(block));
  }
}

void Checkpointer::Apply(const LogRecord& record) {
  outputs_.Clear();
  follower_->Apply(record, &outputs_);
  digest_ = DigestOf(outputs_, digest_);
  next_ = After(record.offset);
}

void Checkpointer::ApplyBlock(const Block& block) {
  if (block.follows > next_ && !ReadSkipped(block.follows)) return;
  const std::span<const std::byte> bytes(block.bytes);
  for (const Block::Piece& piece : block.pieces) {
    Apply({piece.offset, piece.time, bytes.subspan(piece.at + piece.value_bytes, piece.key_bytes),
           bytes.subspan(piece.at, piece.value_bytes)});
  }
  if (digest_ == block.digest) return;
  {
    MutexLock lock(result_mutex_);
    ++counters_.digest_mismatches;
  }
  Fail({ErrorCode::kCorruption,
        "the shard and its follower have decided differently on the records before offset " +
            std::to_string(ToNumber(next_)) +
            " of region " + std::to_string(static_cast<std::uint32_t>(partition_)) +
            ": memory or program is faulty; no state is stored any more, restart this process"});
}

bool Checkpointer::ReadSkipped(Offset until) {
  const Offset from = next_;
  const Result<Log::Range> range = log_->QueryRange(Topic::kTelemetry, partition_);
  if (!range.ok()) {
    Fail(range.status());
    return false;
  }
  if (range.value().first > from) {
    Fail({ErrorCode::kCorruption, "the log has dropped records from offset " +
                                      std::to_string(ToNumber(from)) +
                                      " on before the follower had read them: no state is stored any more; "
                                      "raise the log's bounds or checkpoint.feed_bytes_max"});
    return false;
  }
  const Status status = log_->Read(Topic::kTelemetry, partition_, from, [&](const LogRecord& record) {
    if (record.offset >= until) return false;
    Apply(record);
    return true;
  });
  if (!status.ok()) Fail(status);
  return status.ok();
}

bool Checkpointer::Settled() const { return committed_.load(std::memory_order_acquire) >= ToNumber(next_); }

void Checkpointer::StoreIfDue(bool last) {
  if (!last && std::chrono::steady_clock::now() < store_due_) return;
  // Nothing more is taken in meanwhile: this is the point in time.
  while (!Settled()) {
    std::unique_lock lock(feed_mutex_);
    fed_.wait_for(lock, kSettlePoll);
    if (abandoned_ || (ending_ && !last)) return;
    // The log lags far behind: rather a later state than none of the records.
    if (!last && feed_bytes_ > config_.feed_bytes_max / 2) return;
  }
  if (!status().ok()) return;
  if (store_ != nullptr) Store();
  HandOver();
  store_due_ = std::chrono::steady_clock::now() + config_.interval;
}

void Checkpointer::Store() {
  const Steady started = std::chrono::steady_clock::now();
  changes_.Clear();
  diff_.Find(*follower_, &changes_);
  const std::vector<StateChange> changes = changes_.Changes();
  const Status status = store_->Write(Topic::kTelemetry, partition_, next_, changes);
  const Steady now = std::chrono::steady_clock::now();
  MutexLock lock(result_mutex_);
  if (!status.ok()) {
    if (counters_.failures++ == 0) {
      std::fprintf(stderr, "starling-cloud: the state of region %u cannot be stored: %s; trying again\n",
                   static_cast<unsigned>(partition_), std::string(status.message()).c_str());
    }
    return;
  }
  diff_.Accept();
  ++counters_.checkpoints;
  for (const StateChange& change : changes) {
    ++(change.value ? counters_.entries_written : counters_.entries_erased);
    counters_.bytes_written += change.key.size() + (change.value ? change.value->size() : 0);
  }
  counters_.offset = ToNumber(next_);
  counters_.last_duration = now - started;
  stored_at_ = now;
}

void Checkpointer::StartChangelog() {
  MutexLock lock(result_mutex_);
  changelog_wanted_ = true;
}

void Checkpointer::StopChangelog() {
  MutexLock lock(result_mutex_);
  changelog_wanted_ = false;
  ++changelog_generation_;
  changelog_.reset();
}

void Checkpointer::HandOver() {
  const Steady now = std::chrono::steady_clock::now();
  if (now < changelog_due_) return;
  std::uint64_t generation = 0;
  {
    MutexLock lock(result_mutex_);
    if (!changelog_wanted_ || changelog_) return;  // Or the last one was not taken yet.
    generation = changelog_generation_;
  }
  Changelog next;
  next.whole = std::exchange(changelog_begun_, generation) != generation;
  if (next.whole) changelog_diff_ = {};
  changelog_diff_.Find(*follower_, &next.changes);
  changelog_diff_.Accept();
  next.next = next_;
  changelog_due_ = now + config_.changelog_interval;
  MutexLock lock(result_mutex_);
  // Stopped meanwhile: it is of a generation that has ended.
  if (generation == changelog_generation_) changelog_ = std::move(next);
}

std::optional<Checkpointer::Changelog> Checkpointer::TakeChangelog() {
  MutexLock lock(result_mutex_);
  return std::exchange(changelog_, std::nullopt);
}

void Checkpointer::BeginStop() {
  {
    std::lock_guard lock(feed_mutex_);
    ending_ = true;
  }
  fed_.notify_one();
}

void Checkpointer::Stop() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(feed_mutex_);
    abandoned_ = true;
  }
  fed_.notify_one();
  thread_.join();
}

void Checkpointer::Fail(Status status) {
  std::fprintf(stderr, "starling-cloud: %s\n", std::string(status.message()).c_str());
  MutexLock lock(result_mutex_);
  if (status_.ok()) status_ = std::move(status);
}

Status Checkpointer::status() const {
  MutexLock lock(result_mutex_);
  return status_;
}

CheckpointerCounters Checkpointer::counters() const {
  CheckpointerCounters copy;
  {
    MutexLock lock(result_mutex_);
    copy = counters_;
    copy.age_s = ToSeconds(std::chrono::steady_clock::now() - stored_at_);
  }
  std::lock_guard lock(feed_mutex_);
  copy.records_skipped = skipped_;
  copy.feed_bytes = feed_bytes_;
  return copy;
}

}  // namespace starling::cloud
