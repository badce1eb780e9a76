#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cloud/log/kafka_client.h"
#include "cloud/log/kafka_client_figures.h"
#include "cloud/log/kafka_config.h"
#include "cloud/log/log.h"
#include "cloud/log/ticket_window.h"
#include "cloud/measure/latency_histogram.h"
#include "common/status.h"

namespace starling::cloud {

struct KafkaProducerCounters {
  std::uint64_t delivered = 0;       // acknowledged by all replicas in sync
  std::uint64_t delivered_bytes = 0;
  std::uint64_t resent = 0;          // after the client had to be made anew; may be in the log twice
  std::uint64_t clients_renewed = 0;
  std::uint64_t refused = 0;         // answered with kExhausted
  std::uint64_t queue_records = 0;   // appended and not acknowledged, now
  std::uint64_t queue_bytes = 0;
  nanoseconds durable_lag{0};        // age of the oldest record that is not acknowledged
  HistogramCounts acknowledgement;   // Append to acknowledgement
  KafkaClientFigures client;
  std::uint64_t broker_errors = 0;
};

// Appends records to Kafka in order, each at least once, and until further notice
// exactly once: the producer is idempotent, waits for all replicas, and never gives up
// a record because of its age.  Where librdkafka gives up as a whole (a "fatal"
// idempotence error, false ones among them) the client is replaced and all that is not
// acknowledged is sent again in the same order; what was written and not yet
// acknowledged is then there twice.
//
// Of each partition one batch is under way; what is appended meanwhile goes together once
// that is acknowledged and the pause after its start is over.  Requests are what a broker's
// CPU goes into, and librdkafka 2.0 spins, on the core that the broker may need, while five
// are under way and more is ready.
//
// Threading: thread-safe.  The observers run on the producer's thread.
class KafkaProducer final : private KafkaEvents {
 public:
  static Result<std::unique_ptr<KafkaProducer>> Open(const KafkaConfig& config, KafkaReport report);
  ~KafkaProducer() override;
  KafkaProducer(const KafkaProducer&) = delete;
  KafkaProducer& operator=(const KafkaProducer&) = delete;

  // As Log::Append.
  Result<Ticket> Append(Topic topic, Partition partition, std::span<const std::byte> key,
                        std::span<const std::byte> value);

  // All records up to this one are acknowledged.
  Ticket durable() const { return window_.done(); }

  // REQUIRES: nothing was appended yet
  void ObserveDurable(std::function<void(Ticket)> observer);
  // Called once, when a record could not be delivered.
  void ObserveFailure(std::function<void(const Status&)> observer);

  // Nothing is appended any more; what was appended is acknowledged or not by whoever
  // is asked.  `why` is what Append answers.
  void Refuse(const std::string& why);

  // Waits for acknowledgements, at most until `deadline`, and ends.  Idempotent.
  //
  // Errors: kUnavailable with the number of records that were not acknowledged.
  Status Close(milliseconds timeout);

  // Share of the larger of the queue's two bounds that unacknowledged records take.
  double fill() const;

  KafkaProducerCounters counters() const;

  // For tests: the client fails as it does after an error of idempotence.
  void FailClientForTest();

 private:
  struct Parked {
    Ticket ticket{};
    Topic topic{};
    Partition partition{};
    std::string key;
    std::string value;
  };

  using PartitionKey = std::pair<Topic, Partition>;
  struct Lane {
    std::uint64_t under_way = 0;   // records that librdkafka has and has not handed back
    std::chrono::steady_clock::time_point next{};  // the pause ends
    std::deque<Parked> waiting;    // for both, in order
  };

  KafkaProducer(const KafkaConfig& config, KafkaReport report);

  void OnDelivery(const rd_kafka_message_t& message) override;
  void OnBrokerError(rd_kafka_resp_err_t error, std::string_view reason) override;
  void OnLine(std::string_view line) override { report_(line); }
  void OnStatistics(std::string_view document) override;

  Status OpenClient();
  void PollLoop();
  void RenewClient();
  void CallObservers();
  void NoteReturned(const PartitionKey& partition);
  // Hands over what has waited, and is not to wait any longer.
  void Release();
  // REQUIRES: mutex_ is held
  Status HandOver(Lane* lane);
  // Until the first pause ends; at most a tenth of a second.
  milliseconds NextPause() const;
  std::chrono::microseconds PauseOf(Topic topic) const;
  void Finish(const rd_kafka_message_t& message);
  void Keep(const rd_kafka_message_t& message);
  void Fail(const Status& status);
  // Counts in its lane.  REQUIRES: mutex_ is held
  rd_kafka_resp_err_t Produce(Topic topic, Partition partition, std::span<const std::byte> key,
                              std::span<const std::byte> value, Ticket ticket);

  const KafkaConfig config_;
  const KafkaReport report_;
  TicketWindow window_;

  mutable std::mutex mutex_;
  // Guarded by mutex_:
  std::array<KafkaTopicHandle, kTopicCount> topics_;  // Before client_: destroyed by hand in this order.
  bool renewing_ = false;                             // Appended records are parked.
  std::vector<Parked> parked_;
  std::map<PartitionKey, Lane> lanes_;
  std::string closed_why_;
  KafkaClientFigures said_;
  std::chrono::steady_clock::time_point said_at_;    // The clock's beginning: never.

  // Replaced by the poll thread under mutex_.
  KafkaHandle client_;

  // Appenders add, the poll thread subtracts; a bound may be missed by one record.
  std::atomic<std::uint64_t> queue_records_{0};
  std::atomic<std::uint64_t> queue_bytes_{0};
  // Set by the poll thread or a callback on it, or by tests.
  std::atomic<bool> renew_{false};
  std::atomic<bool> stop_{false};  // Close stores, the poll thread loads.
  // Counters, each with one writer or added to in no order.
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::uint64_t> delivered_{0};
  std::atomic<std::uint64_t> delivered_bytes_{0};
  std::atomic<std::uint64_t> resent_{0};
  std::atomic<std::uint64_t> clients_renewed_{0};
  std::atomic<std::uint64_t> broker_errors_{0};
  LatencyHistogram acknowledgement_;  // The poll thread's.

  // The poll thread's.
  std::vector<std::pair<PartitionKey, std::uint64_t>> returned_;  // since the last Release
  // Nothing of theirs is under way, and their pause was not over at the last Release.
  std::vector<std::pair<std::chrono::steady_clock::time_point, PartitionKey>> pausing_;
  std::vector<Parked> undelivered_;
  std::vector<std::function<void(Ticket)>> durable_observers_;
  std::function<void(const Status&)> failure_observer_;
  bool failed_ = false;
  bool closing_ = false;  // What comes back now is given up.
  Ticket observed_{};

  std::mutex close_mutex_;
  bool closed_ = false;  // Guarded by close_mutex_.
  std::thread poller_;
};

}  // namespace starling::cloud
