// A log in memory with one partition that is read, shared by several processes that
// are one here: each has its Link, which can be cut and frozen.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cloud/log/log.h"
#include "cloud/log/region_writer.h"
#include "common/status.h"
#include "common/time.h"

namespace starling::cloud {

// Appended records are delivered to each consumer by a thread of its own, as emitted.
class MemoryLog final : public Log {
 public:
  ~MemoryLog() override { (void)Close(); }

  Result<Ticket> Append(Topic topic, Partition, std::span<const std::byte>,
                        std::span<const std::byte> value) override {
    const std::lock_guard lock(mutex_);
    if (closed_) return Status(ErrorCode::kUnavailable, "closed");
    if (topic == Topic::kTelemetry) StoreLocked(value, CloudNow());
    changed_.notify_all();
    return Ticket{stored_.size()};
  }
  // As a former owner left it.
  void Store(std::span<const std::byte> value, CloudTime time) {
    const std::lock_guard lock(mutex_);
    StoreLocked(value, time);
  }
  // Older records are no longer retained.
  void DropBefore(std::size_t first) {
    const std::lock_guard lock(mutex_);
    first_ = first;
  }

  Status Subscribe(Topic, Partition, Offset from, LogConsumer* consumer) override {
    return SubscribeUntil(from, consumer, [] { return true; });
  }
  // Delivers while `running` says so.
  Status SubscribeUntil(Offset from, LogConsumer* consumer, std::function<bool()> running) {
    const std::lock_guard lock(mutex_);
    threads_.emplace_back([this, next = static_cast<std::size_t>(from), consumer,
                           running = std::move(running)]() mutable {
      Deliver(next, consumer, running);
    });
    return {};
  }
  Range RangeOf(Topic topic, Partition) const override {
    const std::lock_guard lock(mutex_);
    if (topic != Topic::kTelemetry) return {};
    return {Offset{first_}, Offset{stored_.size()}};
  }
  Offset OffsetAt(Topic, Partition, CloudTime time) const override {
    const std::lock_guard lock(mutex_);
    std::size_t i = first_;
    while (i < stored_.size() && stored_[i].time < time) ++i;
    return Offset{i};
  }
  Ticket emitted() const override {
    const std::lock_guard lock(mutex_);
    return Ticket{stored_.size()};
  }
  Ticket durable() const override { return emitted(); }
  void ObserveDurable(std::function<void(Ticket)>) override {}
  Status Read(Topic topic, Partition, Offset from,
              const std::function<bool(const LogRecord&)>& visit) const override {
    if (topic != Topic::kTelemetry) return {};
    for (auto i = static_cast<std::size_t>(from);; ++i) {
      Stored record;
      {
        const std::lock_guard lock(mutex_);
        if (i >= stored_.size()) return {};
        record = stored_[i];
      }
      if (!visit(View(i, record))) return {};
    }
  }
  Status status() const override { return {}; }
  Status Close() override {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    return {};
  }
  void Wake() { changed_.notify_all(); }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return stored_.size();
  }

 private:
  struct Stored {
    std::vector<std::uint64_t> words;
    std::size_t bytes = 0;
    CloudTime time;
  };
  void StoreLocked(std::span<const std::byte> value, CloudTime time) {
    Stored stored;
    stored.words.assign((value.size() + 7) / 8, 0);
    if (!value.empty()) std::memcpy(stored.words.data(), value.data(), value.size());
    stored.bytes = value.size();
    stored.time = time;
    stored_.push_back(std::move(stored));
  }
  static LogRecord View(std::size_t offset, const Stored& stored) {
    return {Offset{offset}, stored.time, {}, std::as_bytes(std::span(stored.words)).first(stored.bytes)};
  }
  void Deliver(std::size_t next, LogConsumer* consumer, const std::function<bool()>& running) {
    std::unique_lock lock(mutex_);
    while (!closed_) {
      if (next >= stored_.size() || !running()) {
        changed_.wait_for(lock, milliseconds(2));
        continue;
      }
      const std::vector<Stored> taken(stored_.begin() + static_cast<std::ptrdiff_t>(next), stored_.end());
      lock.unlock();
      std::vector<LogRecord> records;
      for (std::size_t i = 0; i < taken.size(); ++i) records.push_back(View(next + i, taken[i]));
      consumer->OnRecords(records);
      next += taken.size();
      lock.lock();
    }
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Stored> stored_;
  std::size_t first_ = 0;
  bool closed_ = false;
  std::vector<std::thread> threads_;
};

// One process's way to the log.
class Link final : public Log {
 public:
  explicit Link(MemoryLog* log) : log_(log) {}

  // Nothing goes out: the process was killed, or its network is gone.
  void Cut() { cut_ = true; }
  // Nothing comes in: the process is stopped.
  void Freeze(bool frozen) { frozen_ = frozen; }

  Result<Ticket> Append(Topic topic, Partition partition, std::span<const std::byte> key,
                        std::span<const std::byte> value) override {
    if (cut_ || frozen_) return Status(ErrorCode::kUnavailable, "cut");
    return log_->Append(topic, partition, key, value);
  }
  Ticket emitted() const override { return log_->emitted(); }
  Ticket durable() const override { return log_->durable(); }
  void ObserveDurable(std::function<void(Ticket)>) override {}
  Status Subscribe(Topic, Partition, Offset from, LogConsumer* consumer) override {
    return log_->SubscribeUntil(from, consumer, [this] { return !cut_ && !frozen_; });
  }
  Range RangeOf(Topic topic, Partition partition) const override { return log_->RangeOf(topic, partition); }
  Offset OffsetAt(Topic topic, Partition partition, CloudTime time) const override {
    return log_->OffsetAt(topic, partition, time);
  }
  Status Read(Topic topic, Partition partition, Offset from,
              const std::function<bool(const LogRecord&)>& visit) const override {
    return log_->Read(topic, partition, from, visit);
  }
  Status status() const override { return {}; }
  Status Close() override { return {}; }

 private:
  MemoryLog* const log_;
  std::atomic<bool> cut_{false};     // The test writes, threads load.
  std::atomic<bool> frozen_{false};
};

// What a region's owners have written, and who may.
struct WrittenRegion {
  struct Record {
    Topic topic{};
    std::string key;
    std::string value;
    friend bool operator==(const Record&, const Record&) = default;
  };
  std::mutex mutex;
  // Guarded by mutex:
  std::uint64_t epoch = 0;
  Offset committed{};
  std::vector<Record> records;
};

// Fences as Kafka does: the newest claim alone can commit, and what others have not
// committed is gone.
class MemoryWriter final : public RegionWriter {
 public:
  explicit MemoryWriter(WrittenRegion* region) : region_(region) {}

  // Commits wait until told otherwise.
  void Hold(bool hold) { hold_ = hold; }

  Result<Epoch> Claim(std::string_view) override {
    const std::lock_guard lock(region_->mutex);
    open_.clear();
    epoch_ = ++region_->epoch;
    return Epoch{epoch_};
  }
  Result<Offset> Committed() override {
    const std::lock_guard lock(region_->mutex);
    return region_->committed;
  }
  Status Append(Topic topic, std::span<const std::byte> key, std::span<const std::byte> value) override {
    if (Status fenced = status(); !fenced.ok()) return fenced;
    open_.push_back({topic, Text(key), Text(value)});
    return {};
  }
  Status Commit(Offset next) override {
    if (hold_) return {};
    const std::lock_guard lock(region_->mutex);
    if (epoch_ != region_->epoch) return Fenced();
    for (WrittenRegion::Record& record : open_) region_->records.push_back(std::move(record));
    open_.clear();
    region_->committed = next;
    return {};
  }
  Status status() const override {
    const std::lock_guard lock(region_->mutex);
    return epoch_ == region_->epoch ? Status() : Fenced();
  }

 private:
  static Status Fenced() { return {ErrorCode::kFenced, "another owner has the region"}; }
  static std::string Text(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  WrittenRegion* const region_;
  std::atomic<bool> hold_{false};  // The test writes, the delivery thread loads.
  std::uint64_t epoch_ = 0;
  std::vector<WrittenRegion::Record> open_;
};

// Asks `done` until it says yes; false after ten seconds.
template <typename Predicate>
bool Eventually(Predicate done) {
  const auto end = std::chrono::steady_clock::now() + seconds(10);
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(milliseconds(1));
  }
  return true;
}

}  // namespace starling::cloud
