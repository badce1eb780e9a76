#include "cloud/gateway/history_keeper.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>

#include "common/check.h"

namespace starling::cloud {
namespace {

constexpr milliseconds kDurablePoll{2};

// A log that does not get records to the disk for so long has its own troubles.
constexpr seconds kDurablePatience{10};

// All of 200,000 vehicles are looked at within 250 rounds: 20 minutes.
constexpr std::size_t kExpireSlice = 800;

Status Invalid(const char* field, const char* range) {
  return {ErrorCode::kInvalidArgument, std::string("history.") + field + " must be " + range};
}

}  // namespace

Status HistoryKeeperConfig::Validate() const {
  if (interval < milliseconds(100) || interval > std::chrono::hours(1)) return Invalid("interval", "100 ms to 1 h");
  if (vehicle_ttl < seconds(1) || vehicle_ttl > std::chrono::hours(10 * 366 * 24)) {
    return Invalid("vehicle_ttl", "1 s to 10 years");
  }
  return {};
}

HistoryKeeper::HistoryKeeper(const HistoryKeeperConfig& config, Partition home, std::vector<Partition> read,
                             const Log* log, HistoryLedger* ledger, StateStore* store)
    : config_(config), home_(home), read_(std::move(read)), log_(log), ledger_(ledger), store_(store) {
  STARLING_CHECK(config.Validate().ok());
}

HistoryKeeper::~HistoryKeeper() { Stop(); }

void HistoryKeeper::Start() {
  thread_ = std::thread([this] { Loop(); });
  // For people who look at the process; it works without.
  (void)pthread_setname_np(thread_.native_handle(), "history-keeper");
}

void HistoryKeeper::Stop() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wanted_.notify_one();
  thread_.join();
}

void HistoryKeeper::Loop() {
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 10);
  std::unique_lock lock(mutex_);
  while (!wanted_.wait_for(lock, config_.interval, [this] { return stop_; })) {
    lock.unlock();
    (void)Write();  // Counted; the next round tries again.
    lock.lock();
  }
  lock.unlock();
  (void)Write();
}

// The end of a partition may be past what the log calls emitted: the commit that holds
// the last records is still being delivered.  Once `emitted` has moved on that commit is
// behind it, so an end is used in the round after the one in which it was seen.
Status HistoryKeeper::ReadOn() {
  for (const Partition partition : read_) {
    const Ticket emitted = log_->emitted();
    const auto seen = seen_.find(partition);
    if (seen != seen_.end() && emitted > seen->second.emitted && seen->second.end > ledger_->Next(partition)) {
      if (!AwaitDurable(emitted)) return {ErrorCode::kUnavailable, "history is not durable yet"};
      if (Status status = ledger_->ReadUpTo(*log_, partition, seen->second.end); !status.ok()) return status;
    }
    const Offset end = log_->RangeOf(Topic::kHistory, partition).end;
    seen_[partition] = {end, log_->emitted()};
  }
  return {};
}

bool HistoryKeeper::AwaitDurable(Ticket ticket) {
  const auto deadline = std::chrono::steady_clock::now() + kDurablePatience;
  while (log_->durable() < ticket) {
    if (!log_->status().ok() || std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(kDurablePoll);
  }
  return true;
}

Status HistoryKeeper::Write() {
  if (Status status = ReadOn(); !status.ok()) return status;
  ledger_->Expire(CloudNow() - config_.vehicle_ttl, kExpireSlice);
  // Before the entries: they hold all that was counted up to here, and perhaps more.
  const HistoryOffsets offsets = ledger_->offsets();
  const HistoryLedger::Changes taken = ledger_->TakeChanges();
  if (taken.vehicles.empty() && offsets == stored_) return {};
  if (!AwaitDurable(taken.through)) {
    ledger_->PutBack(taken);
    return {ErrorCode::kUnavailable, "history is not durable yet"};
  }
  const std::vector<std::byte> head = EncodeHistoryOffsets(offsets);
  std::vector<StateChange> changes;
  changes.reserve(taken.vehicles.size() + 1);
  changes.push_back({{}, head});
  for (const HistoryLedger::Changes::Change& change : taken.vehicles) {
    StateChange& entry = changes.emplace_back();
    entry.key = std::as_bytes(std::span(change.vehicle.view()));
    if (!change.entry.empty()) entry.value = change.entry;
  }
  const auto home = offsets.find(home_);
  Status status = store_->Write(Topic::kHistory, home_, home == offsets.end() ? Offset{} : home->second, changes);
  if (!status.ok()) {
    write_failures_.fetch_add(1, std::memory_order_relaxed);
    ledger_->PutBack(taken);
    return status;
  }
  stored_ = offsets;
  writes_.fetch_add(1, std::memory_order_relaxed);
  entries_.fetch_add(taken.vehicles.size(), std::memory_order_relaxed);
  return {};
}

HistoryKeeperCounters HistoryKeeper::counters() const {
  return {.writes = writes_.load(std::memory_order_relaxed),
          .write_failures = write_failures_.load(std::memory_order_relaxed),
          .entries = entries_.load(std::memory_order_relaxed)};
}

}  // namespace starling::cloud
