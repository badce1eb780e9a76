#include "cloud/log/embedded_log.h"

#include <pthread.h>

#include <algorithm>
#include <ctime>
#include <string>
#include <utility>

#include "cloud/log/group_store.h"

namespace starling::cloud {
namespace {

// The ends of the partitions are stored this often.
constexpr seconds kEndsInterval{1};

// And after so many bytes: before a group is even in a file that retention could
// drop, the end that it leads to is stored.
std::uint64_t EndsBytesMax(const EmbeddedLogConfig& config) {
  std::uint64_t bytes = UINT64_MAX;
  for (const TopicConfig& topic : config.topics) {
    bytes = std::min<std::uint64_t>(bytes, topic.memtable_bytes);
  }
  return bytes;
}

// Stored records delivered between two commits, so that one that catches up does
// not hold up those that have.
constexpr std::size_t kCatchUpRecords = 4'096;

// Log time never goes back.  Were it far ahead of the clock, every record would look
// as old as the difference, until the clock has caught up.  A step of a clock that is
// being disciplined is much shorter.
constexpr seconds kClockBehindMax{60};

std::int64_t SteadyNs() { return nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// "2026-01-31T12:00:00Z"
std::string UtcOf(CloudTime time) {
  const std::time_t seconds_of_unix =
      static_cast<std::time_t>(std::chrono::floor<seconds>(time).time_since_epoch().count());
  struct tm parts = {};
  char text[32] = "";
  if (::gmtime_r(&seconds_of_unix, &parts) != nullptr) {
    (void)std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  }
  return text;
}

Status CheckClock(const std::string& directory, const std::vector<PartitionEnd>& ends, CloudTime now) {
  for (const PartitionEnd& end : ends) {
    if (end.time <= now + kClockBehindMax) continue;
    return {ErrorCode::kUnavailable, "the last record of the log in " + directory + " is of " +
                                         UtcOf(end.time) + ", this machine's clock says " + UtcOf(now) +
                                         ": set the clock, or use another data folder"};
  }
  return {};
}

}  // namespace

// Threading: the writer's, but for `end` and `subscribed`.
struct EmbeddedLog::PartitionState {
  explicit PartitionState(PartitionId id_of) : id(id_of) {}

  const PartitionId id;
  // The writer stores after the commit, readers load.  Release and acquire: the
  // records before it are in the store.
  std::atomic<std::uint64_t> end{0};
  bool subscribed = false;  // Guarded by the log's mutex_.

  Offset next{};                      // `end`, once what is being committed is.
  CloudTime time = CloudTime::min();  // Of the last record.
  bool unsaved = false;
  LogConsumer* consumer = nullptr;
  bool live = false;                  // The consumer has had all up to `end`.
  Offset delivered{};                 // Next one for the consumer while it is not live.
};

Result<std::unique_ptr<EmbeddedLog>> EmbeddedLog::Open(const EmbeddedLogConfig& config,
                                                       std::function<CloudTime()> now,
                                                       const StoreEncryption& encryption) {
  if (Status status = config.Validate(); !status.ok()) return status;
  auto store = GroupStore::Open(config, now, encryption);
  if (!store.ok()) return store.status();
  if (Status status = CheckClock(config.directory, store.value()->recovered(), now()); !status.ok()) {
    return status;
  }
  return std::unique_ptr<EmbeddedLog>(
      new EmbeddedLog(config, std::move(now), std::move(store).value()));
}

EmbeddedLog::EmbeddedLog(const EmbeddedLogConfig& config, std::function<CloudTime()> now,
                         std::unique_ptr<GroupStore> store)
    : config_(config),
      now_(std::move(now)),
      ends_bytes_max_(EndsBytesMax(config)),
      queue_({config.queue_bytes_max, config.queue_records_max, config.bulk_share_percent}),
      store_(std::move(store)),
      ends_saved_at_(now_()) {
  for (const PartitionEnd& end : store_->recovered()) {
    PartitionState* partition = FindOrAdd(end.id);
    partition->end.store(static_cast<std::uint64_t>(end.end), std::memory_order_release);
    partition->next = end.end;
    partition->time = end.time;
  }
  writer_ = std::thread([this] { WriteLoop(); });
  syncer_ = std::thread([this] { SyncLoop(); });
  // For people who look at the process; it works without.
  (void)pthread_setname_np(writer_.native_handle(), "log-writer");
  (void)pthread_setname_np(syncer_.native_handle(), "log-syncer");
}

EmbeddedLog::~EmbeddedLog() {
  // Whoever wants to know closes first; here there is nobody to tell.
  (void)Close();
}

Result<Ticket> EmbeddedLog::Append(Topic topic, Partition partition,
                                   std::span<const std::byte> key,
                                   std::span<const std::byte> value) {
  return queue_.Append({topic, partition}, key, value);
}

Result<Ticket> EmbeddedLog::AppendAll(std::span<const AppendEntry> entries) {
  return queue_.AppendAll(entries);
}

Ticket EmbeddedLog::emitted() const { return Ticket{emitted_.load(std::memory_order_acquire)}; }
Ticket EmbeddedLog::durable() const { return Ticket{durable_.load(std::memory_order_acquire)}; }

void EmbeddedLog::ObserveDurable(std::function<void(Ticket)> observer) {
  std::lock_guard lock(mutex_);
  observers_.push_back(std::move(observer));
}

void EmbeddedLog::WriteLoop() {
  AppendRound round;
  for (;;) {
    queue_.Take(/*wait=*/catching_up_.empty(), &round);
    if (stopped_.load(std::memory_order_acquire)) return;
    const auto next_commit = std::chrono::steady_clock::now() + config_.commit_interval_min;
    TakeSubscriptions();
    if (!round.empty()) {
      if (Status status = CommitRound(round); !status.ok()) return Fail(status);
      DeliverRound(round);
      if (unsynced_since_ns_.load(std::memory_order_relaxed) == 0) {
        unsynced_since_ns_.store(SteadyNs(), std::memory_order_relaxed);
      }
      emitted_.store(static_cast<std::uint64_t>(round.last()), std::memory_order_release);
      PublishProgress();
      std::lock_guard lock(sync_mutex_);
      if (std::exchange(sync_asleep_, false)) sync_wanted_.notify_one();
    }
    if (closing_.load(std::memory_order_acquire)) {
      if (queue_.Close("log is closed", /*discard=*/false)) break;
      continue;
    }
    if (Status status = CatchUp(); !status.ok()) return Fail(status);
    if (catching_up_.empty() && !round.empty()) std::this_thread::sleep_until(next_commit);
  }
  AddUnsavedEnds();
  if (Status status = store_->Commit(); !status.ok()) Fail(status);
}

Status EmbeddedLog::CommitRound(const AppendRound& round) {
  const CloudTime now = now_();
  std::uint64_t records = 0;
  for (const auto& group : round.groups()) {
    PartitionState* partition = FindOrAdd(group->id);
    partition->time = std::max(partition->time, now);
    const GroupKey key = MakeGroupKey(group->id.partition, partition->next);
    group->writer.Seal(key, partition->time);
    store_->Add(group->id, key, group->writer.bytes());
    partition->next = Advance(partition->next, group->writer.count());
    records += group->writer.count();
    bytes_since_ends_ += group->writer.bytes().size();
    if (!std::exchange(partition->unsaved, true)) unsaved_.push_back(partition);
  }
  if (now >= ends_saved_at_ + kEndsInterval || now < ends_saved_at_ ||
      bytes_since_ends_ >= ends_bytes_max_) {
    AddUnsavedEnds();
    ends_saved_at_ = now;
  }
  const std::int64_t began = SteadyNs();
  if (Status status = store_->Commit(); !status.ok()) return status;
  commit_time_.Record(nanoseconds(SteadyNs() - began));
  records_.fetch_add(records, std::memory_order_relaxed);
  commits_.fetch_add(1, std::memory_order_relaxed);
  return Status();
}

void EmbeddedLog::DeliverRound(const AppendRound& round) {
  for (const auto& group : round.groups()) {
    PartitionState* partition = FindOrAdd(group->id);
    const Offset first{partition->end.load(std::memory_order_relaxed)};
    const Offset end = Advance(first, group->writer.count());
    partition->end.store(static_cast<std::uint64_t>(end), std::memory_order_release);
    if (!partition->live) continue;
    views_.clear();
    group->writer.AppendViews(first, &views_);
    partition->consumer->OnRecords(views_);
  }
}

void EmbeddedLog::TakeSubscriptions() {
  std::vector<Subscription> taken;
  {
    std::lock_guard lock(mutex_);
    taken.swap(subscriptions_);
  }
  for (const Subscription& each : taken) {
    each.partition->consumer = each.consumer;
    each.partition->delivered = each.from;
    catching_up_.push_back(each.partition);
  }
}

Status EmbeddedLog::CatchUp() {
  for (PartitionState* partition : catching_up_) {
    if (Status status = CatchUpSlice(partition); !status.ok()) return status;
  }
  std::erase_if(catching_up_, [](const PartitionState* partition) { return partition->live; });
  return Status();
}

Status EmbeddedLog::CatchUpSlice(PartitionState* partition) {
  // Nothing is committed while this runs, on the one thread that commits: what is
  // stored up to `next` and what will be delivered live leave no gap.
  std::size_t delivered = 0;
  bool gap = false;
  const Status status = store_->Scan(
      partition->id, partition->delivered, partition->next,
      [&](std::span<const LogRecord> records) {
        gap = records.front().offset != partition->delivered;
        if (gap) return false;
        partition->consumer->OnRecords(records);
        partition->delivered = Advance(records.back().offset, 1);
        delivered += records.size();
        return delivered < kCatchUpRecords;
      });
  if (!status.ok()) return status;
  if (gap || (delivered == 0 && partition->delivered != partition->next)) {
    return Status(ErrorCode::kCorruption,
                  "records of " + std::string(TopicName(partition->id.topic)) + " from offset " +
                      std::to_string(static_cast<std::uint64_t>(partition->delivered)) +
                      " on were dropped before they were delivered; raise bytes_max or age_max");
  }
  partition->live = partition->delivered == partition->next;
  return Status();
}

void EmbeddedLog::AddUnsavedEnds() {
  for (PartitionState* partition : unsaved_) {
    store_->AddEnd({partition->id, partition->next, partition->time});
    partition->unsaved = false;
  }
  unsaved_.clear();
  bytes_since_ends_ = 0;
}

void EmbeddedLog::SyncLoop() {
  for (;;) {
    {
      std::unique_lock lock(sync_mutex_);
      while (!sync_stop_ && emitted() == durable()) {
        sync_asleep_ = true;
        sync_wanted_.wait(lock);
      }
      sync_asleep_ = false;
      // When asked to stop the writer has ended: one more sync covers everything.
      if (sync_stop_ && emitted() == durable()) return;
    }
    const auto next_sync = std::chrono::steady_clock::now() + config_.sync_interval;
    syncing_since_ns_.store(unsynced_since_ns_.exchange(0, std::memory_order_relaxed), std::memory_order_relaxed);
    const Ticket target = emitted();
    const std::int64_t began = SteadyNs();
    if (Status status = store_->Sync(); !status.ok()) return Fail(status);
    sync_time_.Record(nanoseconds(SteadyNs() - began));
    syncs_.fetch_add(1, std::memory_order_relaxed);
    durable_.store(static_cast<std::uint64_t>(target), std::memory_order_release);
    syncing_since_ns_.store(0, std::memory_order_relaxed);
    PublishProgress();
    std::vector<std::function<void(Ticket)>> observers;
    {
      std::lock_guard lock(mutex_);
      observers = observers_;
    }
    for (const auto& observer : observers) observer(target);
    std::unique_lock lock(sync_mutex_);
    sync_wanted_.wait_until(lock, next_sync, [this] { return sync_stop_; });
  }
}

EmbeddedLog::PartitionState* EmbeddedLog::FindOrAdd(PartitionId id) {
  std::lock_guard lock(mutex_);
  std::unique_ptr<PartitionState>& partition = partitions_[id];
  if (partition == nullptr) partition = std::make_unique<PartitionState>(id);
  return partition.get();
}

Offset EmbeddedLog::EndOf(PartitionId id) const {
  std::lock_guard lock(mutex_);
  const auto found = partitions_.find(id);
  if (found == partitions_.end()) return Offset{};
  return Offset{found->second->end.load(std::memory_order_acquire)};
}

void EmbeddedLog::Fail(const Status& status) {
  {
    std::lock_guard lock(mutex_);
    if (failure_.ok()) failure_ = status;
  }
  (void)queue_.Close("log stopped: " + std::string(status.message()), /*discard=*/true);
  stopped_.store(true, std::memory_order_release);
  queue_.Wake();
  PublishProgress();
}

void EmbeddedLog::PublishProgress() {
  progress_.fetch_add(1, std::memory_order_release);
  progress_.notify_all();
}

Status EmbeddedLog::Subscribe(Topic topic, Partition partition, Offset from,
                              LogConsumer* consumer) {
  const Range range = RangeOf(topic, partition);
  if (from < range.first || from > range.end) {
    return Status(ErrorCode::kInvalidArgument,
                  "offset " + std::to_string(static_cast<std::uint64_t>(from)) + " of " +
                      std::string(TopicName(topic)) + " is not retained: the log has " +
                      std::to_string(static_cast<std::uint64_t>(range.first)) + " to " +
                      std::to_string(static_cast<std::uint64_t>(range.end)));
  }
  PartitionState* state = FindOrAdd({topic, partition});
  {
    std::lock_guard lock(mutex_);
    if (closed_ || !failure_.ok()) return Status(ErrorCode::kUnavailable, "log has stopped");
    if (state->subscribed) {
      return Status(ErrorCode::kInvalidArgument,
                    "partition of " + std::string(TopicName(topic)) + " already has a consumer");
    }
    state->subscribed = true;
    subscriptions_.push_back({state, from, consumer});
  }
  queue_.Wake();
  return Status();
}

Log::Range EmbeddedLog::RangeOf(Topic topic, Partition partition) const {
  const PartitionId id{topic, partition};
  std::shared_lock lock(store_mutex_);
  const Offset end = EndOf(id);
  if (store_ == nullptr) return {end, end};
  const Result<Offset> first = store_->First(id, end);
  return {first.ok() ? first.value() : end, end};
}

Offset EmbeddedLog::OffsetAt(Topic topic, Partition partition, CloudTime time) const {
  const PartitionId id{topic, partition};
  std::shared_lock lock(store_mutex_);
  const Offset end = EndOf(id);
  if (store_ == nullptr) return end;
  const Result<Offset> found = store_->Find(id, end, time);
  return found.ok() ? found.value() : end;
}

Status EmbeddedLog::Read(Topic topic, Partition partition, Offset from,
                         const std::function<bool(const LogRecord&)>& visit) const {
  const PartitionId id{topic, partition};
  std::shared_lock lock(store_mutex_);
  if (store_ == nullptr) return Status(ErrorCode::kUnavailable, "log is closed");
  return store_->Scan(id, from, EndOf(id), [&](std::span<const LogRecord> records) {
    return std::all_of(records.begin(), records.end(), visit);
  });
}

Status EmbeddedLog::Reencrypt(const std::atomic<bool>* stop) {
  std::shared_lock lock(store_mutex_);
  if (store_ == nullptr) return Status(ErrorCode::kUnavailable, "log is closed");
  return store_->Reencrypt(stop);
}

Status EmbeddedLog::Checkpoint(const std::string& directory) const {
  std::shared_lock lock(store_mutex_);
  if (store_ == nullptr) return Status(ErrorCode::kUnavailable, "log is closed");
  return store_->Checkpoint(directory);
}

std::vector<PartitionId> EmbeddedLog::partitions() const {
  std::lock_guard lock(mutex_);
  std::vector<PartitionId> partitions;
  for (const auto& [id, state] : partitions_) {
    if (state->end.load(std::memory_order_acquire) != 0) partitions.push_back(id);
  }
  return partitions;
}

Status EmbeddedLog::status() const {
  std::lock_guard lock(mutex_);
  return failure_;
}

Status EmbeddedLog::Close() {
  std::lock_guard closing(close_mutex_);
  {
    std::lock_guard lock(mutex_);
    if (closed_) return failure_;
    closed_ = true;
  }
  (void)queue_.Drain(writer_.get_id());  // False after a failure: then it is closed.
  closing_.store(true, std::memory_order_release);
  queue_.Wake();
  writer_.join();
  {
    std::lock_guard lock(sync_mutex_);
    sync_stop_ = true;
  }
  sync_wanted_.notify_one();
  syncer_.join();
  stopped_.store(true, std::memory_order_release);
  PublishProgress();
  std::unique_lock readers(store_mutex_);
  store_.reset();
  return status();
}

Status EmbeddedLog::AwaitEmitted(Ticket ticket) const { return Await(emitted_, ticket); }
Status EmbeddedLog::AwaitDurable(Ticket ticket) const { return Await(durable_, ticket); }

Status EmbeddedLog::Await(const std::atomic<std::uint64_t>& reached, Ticket ticket) const {
  for (;;) {
    const std::uint32_t seen = progress_.load(std::memory_order_acquire);
    if (reached.load(std::memory_order_acquire) >= static_cast<std::uint64_t>(ticket)) {
      return Status();
    }
    if (stopped_.load(std::memory_order_acquire)) {
      return Status(ErrorCode::kUnavailable, "log stopped before the record was written");
    }
    progress_.wait(seen, std::memory_order_acquire);
  }
}

EmbeddedLogLatencies EmbeddedLog::latencies() const { return {commit_time_.Read(), sync_time_.Read()}; }

RocksFigures EmbeddedLog::rocks() const {
  std::shared_lock lock(store_mutex_);
  return store_ == nullptr ? RocksFigures() : store_->rocks();
}

EmbeddedLogCounters EmbeddedLog::counters() const {
  std::int64_t since_ns = syncing_since_ns_.load(std::memory_order_relaxed);
  if (since_ns == 0) since_ns = unsynced_since_ns_.load(std::memory_order_relaxed);
  const bool lags = since_ns != 0 && emitted() != durable();
  return {.records = records_.load(std::memory_order_relaxed),
          .commits = commits_.load(std::memory_order_relaxed),
          .syncs = syncs_.load(std::memory_order_relaxed),
          .refused = queue_.refused(),
          .durable_lag = nanoseconds(lags ? SteadyNs() - since_ns : 0)};
}

}  // namespace starling::cloud
