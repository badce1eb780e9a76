#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "cloud/log/group_writer.h"
#include "cloud/log/log.h"
#include "common/status.h"

namespace starling::cloud {

struct PartitionId {
  Topic topic{};
  Partition partition{};

  friend bool operator==(PartitionId, PartitionId) = default;
};

struct PartitionIdHash {
  std::size_t operator()(PartitionId id) const noexcept {
    return static_cast<std::size_t>(id.partition) * kTopicCount + static_cast<std::size_t>(id.topic);
  }
};

// What the queue held at one moment: groups in the order of their first record.
// Memory is kept for the next round.
class AppendRound {
 public:
  struct Group {
    PartitionId id;
    GroupWriter writer;
  };

  std::span<const std::unique_ptr<Group>> groups() const { return {groups_.data(), used_}; }
  bool empty() const { return used_ == 0; }
  Ticket last() const { return last_; }  // Of its records; REQUIRES: !empty()

 private:
  friend class AppendQueue;

  Group* Open(PartitionId id);
  void Clear();

  std::vector<std::unique_ptr<Group>> groups_;  // Those from used_ on are spare.
  std::size_t used_ = 0;
  std::size_t bytes_ = 0;
  std::size_t records_ = 0;
  Ticket last_{};
  std::unordered_map<PartitionId, Group*, PartitionIdHash> open_;
};

// One of several records that are appended together.
struct AppendEntry {
  PartitionId id;
  std::span<const std::byte> key;
  std::span<const std::byte> value;
};

// Hands records from any thread to the log's writer, already framed into one
// group for each partition, so that they are copied once.  What does not fit is
// refused, never dropped: Overflow is the producer's to decide.
//
// Threading: thread-safe; Take and Drain belong to one thread, the writer's.
class AppendQueue {
 public:
  struct Limits {
    std::size_t bytes_max;
    std::size_t records_max;
    std::uint32_t bulk_share_percent;  // Of both, for history and dead letters.
  };

  explicit AppendQueue(const Limits& limits) : limits_(limits) {}

  // As Log::Append.
  Result<Ticket> Append(PartitionId id, std::span<const std::byte> key,
                        std::span<const std::byte> value);

  // All of them in one commit, or none; the ticket of the last one.
  // REQUIRES: !entries.empty()
  Result<Ticket> AppendAll(std::span<const AppendEntry> entries);

  // Moves all that is queued into `*round`, what was in it before is cleared.  With
  // `wait` blocks until there is something, or Wake was called since the last Take.
  void Take(bool wait, AppendRound* round);

  // Ends the writer's wait.
  void Wake();

  // From now on only `drainer` may append: a consumer that answers the last
  // records.  False if the queue was closed already.
  bool Drain(std::thread::id drainer);

  // From now on nobody may append; `why` is what Append answers.  What is queued
  // is given up if `discard`; returns false and changes nothing if it is not empty
  // and not to be discarded.
  bool Close(const std::string& why, bool discard);

  // Share of the larger of the two bounds that is taken by what is queued and by the
  // round that was taken last.
  double fill() const;

  // Appends refused with kExhausted since construction.
  std::uint64_t refused() const;

 private:
  enum class State : std::uint8_t { kOpen, kDraining, kClosed };

  const Limits limits_;

  mutable std::mutex mutex_;
  std::condition_variable filled_;
  // Guarded by mutex_:
  AppendRound pending_;
  State state_ = State::kOpen;
  std::thread::id drainer_;
  std::string closed_why_;
  std::uint64_t last_ticket_ = 0;
  std::uint64_t refused_ = 0;
  std::size_t taken_bytes_ = 0;    // of the round that was taken last
  std::size_t taken_records_ = 0;
  bool writer_waits_ = false;  // So that only a sleeping writer costs a system call.
  bool wake_ = false;
};

}  // namespace starling::cloud
