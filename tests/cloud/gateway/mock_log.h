// A mock of the log: keeps records in memory, and the test decides when they are
// durable and whether there is room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "cloud/log/log.h"
#include "common/mutex.h"

namespace starling::cloud {

class MockLog final : public Log {
 public:
  struct Stored {
    Topic topic{};
    Partition partition{};
    std::string key;
    std::vector<std::uint64_t> words;   // the value, aligned
    std::size_t bytes = 0;

    std::span<const std::byte> value() const { return std::as_bytes(std::span(words)).first(bytes); }
  };

  // What the test decides.
  void SetFull(bool full) {
    MutexLock lock(mutex_);
    full_ = full;
  }
  void MakeDurable() {
    std::vector<std::function<void(Ticket)>> observers;
    Ticket durable{};
    {
      MutexLock lock(mutex_);
      durable_ = Ticket{records_.size()};
      durable = durable_;
      observers = observers_;
    }
    for (const auto& observer : observers) observer(durable);
  }
  std::vector<Stored> Records(Topic topic) const {
    MutexLock lock(mutex_);
    std::vector<Stored> found;
    for (const Stored& record : records_) {
      if (record.topic == topic) found.push_back(record);
    }
    return found;
  }

  Result<Ticket> Append(Topic topic, Partition partition, std::span<const std::byte> key,
                        std::span<const std::byte> value) override {
    MutexLock lock(mutex_);
    if (full_) return Status(ErrorCode::kExhausted, "the mock is full");
    Stored record{topic, partition, std::string(reinterpret_cast<const char*>(key.data()), key.size()),
                  std::vector<std::uint64_t>((value.size() + 7) / 8), value.size()};
    if (!value.empty()) std::memcpy(record.words.data(), value.data(), value.size());
    records_.push_back(std::move(record));
    return Ticket{records_.size()};
  }
  Ticket emitted() const override {
    MutexLock lock(mutex_);
    return Ticket{records_.size()};
  }
  Ticket durable() const override {
    MutexLock lock(mutex_);
    return durable_;
  }
  void ObserveDurable(std::function<void(Ticket)> observer) override {
    MutexLock lock(mutex_);
    observers_.push_back(std::move(observer));
  }
  Status Subscribe(Topic, Partition, Offset, LogConsumer*) override {
    return Status(ErrorCode::kInvalidArgument, "the mock has no consumers");
  }
  Range RangeOf(Topic topic, Partition) const override { return {Offset{}, Offset{Records(topic).size()}}; }
  Offset OffsetAt(Topic, Partition, CloudTime) const override { return {}; }
  Status Read(Topic topic, Partition, Offset from,
              const std::function<bool(const LogRecord&)>& visit) const override {
    std::uint64_t offset = 0;
    for (const Stored& record : Records(topic)) {
      if (Offset{offset} < from) {
        ++offset;
        continue;
      }
      if (!visit({Offset{offset++}, {}, std::as_bytes(std::span(record.key)), record.value()})) break;
    }
    return Status();
  }
  Status status() const override { return Status(); }
  Status Close() override { return Status(); }

 private:
  mutable Mutex mutex_;
  std::vector<Stored> records_ STARLING_GUARDED_BY(mutex_);
  std::vector<std::function<void(Ticket)>> observers_ STARLING_GUARDED_BY(mutex_);
  Ticket durable_ STARLING_GUARDED_BY(mutex_){};
  bool full_ STARLING_GUARDED_BY(mutex_) = false;
};

}  // namespace starling::cloud
