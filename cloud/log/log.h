#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "common/status.h"
#include "common/time.h"

namespace starling::cloud {

enum class Topic : std::uint8_t {
  kTelemetry = 0,
  kHistory,
  kCommands,
  kHeatmap,
  kConflicts,
  kDeadLetter,
  kVehicleState,  // changelog of the shards' state, compacted; Kafka alone
  kDispatch,      // commands on their way to the gateway that has the vehicle; Kafka alone
  kOwnership,     // who owns which region under which epoch, and the region map; compacted
  kProgress,      // up to where a region's outputs are written; the embedded log alone
};
inline constexpr std::size_t kTopicCount = 10;
std::string_view TopicName(Topic topic);  // "telemetry", "dead-letter", ...

enum class Offset : std::uint64_t {};         // Of a record in its partition, from 0, rising; may skip numbers.
enum class Partition : std::uint32_t {};      // Of "telemetry": the region's number.

// Order in which the log took the records of all partitions, from 1.
enum class Ticket : std::uint64_t {};

// One record, as a reader sees it.  The spans live as long as the call that hands
// them out.
struct LogRecord {
  Offset offset{};
  CloudTime time;                // when the log took it; never goes back in a partition
  std::span<const std::byte> key;
  std::span<const std::byte> value;  // aligned to 8 bytes, for FlatBuffers
};

// Receives a partition's records, in order, none left out.
class LogConsumer {
 public:
  virtual ~LogConsumer() = default;

  // Called on the partition's delivery thread as soon as the records are emitted.
  // May call Log::Append.
  virtual void OnRecords(std::span<const LogRecord> records) = 0;
};

// The log: the only way into a shard, and what everything durable rests on.  Two
// moments are told apart:
//   emitted  the record survives kill -9 of this process; consumers get it now
//   durable  the record survives loss of power of this machine
//
// Threading: thread-safe.
class Log {
 public:
  virtual ~Log() = default;

  // Queues one record; the bytes are copied.  It will be emitted soon, in the
  // order of the tickets.
  //
  // Errors: kExhausted if the queue is full: nothing was queued; shed or wait.
  //         kUnavailable after the log failed or was closed; see status().
  virtual Result<Ticket> Append(Topic topic, Partition partition, std::span<const std::byte> key,
                                std::span<const std::byte> value) = 0;

  // Share of the queue's bound, 0 to 1, that records take which are not emitted yet: how
  // far behind the log is.  Cheap; what shedding goes by.
  virtual double fill() const { return 0; }

  // Every record with this ticket or an earlier one is emitted / durable.
  virtual Ticket emitted() const = 0;
  virtual Ticket durable() const = 0;

  // Calls `observer` from a thread of the log each time durable() has grown.
  // Call before the first Append.
  virtual void ObserveDurable(std::function<void(Ticket)> observer) = 0;

  // Delivers the partition's records to `consumer` from `from` on: first what is
  // stored, then what is appended.  One consumer for each partition; it must
  // outlive the log's Close.
  //
  // Errors: kInvalidArgument if `from` is older than what is retained or past the
  //         end, or the partition already has a consumer.
  virtual Status Subscribe(Topic topic, Partition partition, Offset from, LogConsumer* consumer) = 0;

  // Retained range of a partition: [first, end).
  struct Range {
    Offset first{};
    Offset end{};
  };
  virtual Range RangeOf(Topic topic, Partition partition) const = 0;

  // Offset of the first retained record taken at `time` or later; the end if none.
  virtual Offset OffsetAt(Topic topic, Partition partition, CloudTime time) const = 0;

  // The same, for who must know whether there was an answer.
  //
  // Errors: kUnavailable if whoever keeps the log does not answer.
  virtual Result<Range> QueryRange(Topic topic, Partition partition) const { return RangeOf(topic, partition); }
  virtual Result<Offset> QueryOffsetAt(Topic topic, Partition partition, CloudTime time) const {
    return OffsetAt(topic, partition, time);
  }

  // Reads stored records in order from `from` until `visit` returns false or the
  // end is reached.
  //
  // Errors: kCorruption if a stored record is not what was written.
  virtual Status Read(Topic topic, Partition partition, Offset from,
                      const std::function<bool(const LogRecord&)>& visit) const = 0;

  // The failure that stopped the log; ok while it works.
  virtual Status status() const = 0;

  // Emits and syncs what is queued, then stops.  Idempotent.
  virtual Status Close() = 0;
};

}  // namespace starling::cloud
