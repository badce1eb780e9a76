#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "cloud/log/log.h"
#include "common/status.h"

namespace starling::cloud {

struct KafkaConfig {
  // "host:port", several parted by commas: any of the cluster's brokers.
  std::string bootstrap;

  // In front of every topic, group and transactional id, so that several fleets can
  // share a cluster.  At most 64 of [A-Za-z0-9._-]; may be empty.
  std::string prefix = "starling.";

  // Properties of librdkafka by their own names: security.protocol, sasl.*, ssl.*, and
  // whatever else an operator has reason to change.  Those that this engine's promises
  // rest on (acks, isolation.level, ...) are refused.
  std::map<std::string, std::string> properties;

  // Outputs of a region in transactions with its input offset.  false: for brokers
  // without them; after a crash outputs may then be repeated.
  bool transactions = true;

  // From one batch of a partition to the next; also until the one before is acknowledged.
  // Longer: fewer requests, which are what a broker's CPU goes into, and later records, by
  // half of it in the mean.  Commands do not wait; history does, for at least 20 ms.
  // 0 to 100 ms.
  std::chrono::microseconds linger{5'000};

  // Bound of what is appended and not acknowledged yet, bytes of key and value and
  // records.  Longer: more survives a broker's absence, and the records behind it are
  // older.  At least 8 MiB, at most 1 GiB; 2 to 2,000,000.
  std::size_t queue_bytes_max = 128 << 20;
  std::size_t queue_records_max = 400'000;

  // Share of the two bounds, percent, above which history and dead letters are
  // refused.  1 to 100.
  std::uint32_t bulk_share_percent = 75;

  // Threads that hand records to consumers; a partition's number says which, so that a
  // region's topics share one.  1 to 64.
  std::uint32_t delivery_threads = 1;

  // Records handed to a consumer at once, at most.  1 to 100,000.
  std::size_t batch_records_max = 1'024;

  // A question to the brokers (range, offsets, claim) is given up after this; a broker
  // that has restarted takes a few seconds.  100 ms to 5 min.
  std::chrono::milliseconds query_timeout{10'000};

  // Close waits this long for acknowledgements.  0 to 5 min.
  std::chrono::milliseconds close_timeout{10'000};

  // Time between a region's transactions while there are outputs.  Shorter: analysts see
  // them earlier, brokers work more.  1 ms to 10 s.
  std::chrono::milliseconds commit_interval{200};

  // And where there are none, to move the offset: what a successor must recompute.
  // 1 ms to 1 min.
  std::chrono::milliseconds idle_commit_interval{1'000};

  // A transaction that has not come to its end by then is given up and written again by a new
  // client; if that does not help, after twice the time.  Longer than a slow broker takes,
  // shorter than one would wait for what a client has forgotten.  1 s to 10 min.
  std::chrono::milliseconds transaction_patience{15'000};

  // Bytes of a region's outputs that may wait for their transaction.  At least 1 MiB.
  std::size_t outputs_bytes_max = 64 << 20;

  // Errors: kInvalidArgument names the field and its range, or the property.
  Status Validate() const;

  std::string TopicNameOf(Topic topic) const;     // "starling.telemetry"
  std::string RegionName(Partition region) const;  // "starling.region-7": group and transactional id
};

// Whether a property's value must not be shown.
bool IsSecret(std::string_view property);

// "name=value ...", secrets masked: for logs.
std::string Describe(const KafkaConfig& config);

// Topics written in transactions: read as far as these are committed.  Ownership is not
// among them: a claim counts once its offset is known (docs/formats/kafka_topics.md).
bool IsTransactional(Topic topic);

}  // namespace starling::cloud
