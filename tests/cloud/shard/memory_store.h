// A state store in memory.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "cloud/store/state_store.h"

namespace starling::cloud {

class MemoryStore final : public StateStore {
 public:
  Status Write(Topic, Partition, Offset next, std::span<const StateChange> changes) override {
    const std::lock_guard lock(mutex_);
    if (!failure_.ok()) return failure_;
    for (const StateChange& change : changes) {
      if (change.value) {
        entries_[Text(change.key)] = Text(*change.value);
      } else {
        entries_.erase(Text(change.key));
      }
    }
    next_ = next;
    ++writes_;
    changes_ += changes.size();
    return {};
  }
  Result<std::optional<Offset>> Load(Topic, Partition, const Visitor& visit) const override {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, value] : entries_) {
      Status status = visit(std::as_bytes(std::span(key)), std::as_bytes(std::span(value)));
      if (!status.ok()) return status;
    }
    return next_;
  }
  Status Clear(Topic, Partition) override {
    const std::lock_guard lock(mutex_);
    entries_.clear();
    next_.reset();
    return {};
  }

  using Entries = std::map<std::string, std::string>;
  Entries entries() const {
    const std::lock_guard lock(mutex_);
    return entries_;
  }
  std::optional<Offset> next() const {
    const std::lock_guard lock(mutex_);
    return next_;
  }
  std::size_t writes() const {
    const std::lock_guard lock(mutex_);
    return writes_;
  }
  std::size_t changes() const {
    const std::lock_guard lock(mutex_);
    return changes_;
  }
  void set_failure(Status failure) {
    const std::lock_guard lock(mutex_);
    failure_ = std::move(failure);
  }
  void Damage() {
    const std::lock_guard lock(mutex_);
    for (auto& [key, value] : entries_) value = "damaged";
  }
  void set_next(Offset next) {
    const std::lock_guard lock(mutex_);
    next_ = next;
  }

 private:
  static std::string Text(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  mutable std::mutex mutex_;
  Entries entries_;
  std::optional<Offset> next_;
  std::size_t writes_ = 0;
  std::size_t changes_ = 0;
  Status failure_;
};

}  // namespace starling::cloud
