#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "cloud/log/kafka_client.h"
#include "cloud/log/kafka_config.h"
#include "cloud/log/kafka_output_client.h"
#include "cloud/log/region_writer.h"
#include "common/status.h"

namespace starling::cloud {

struct KafkaRegionCounters {
  std::uint64_t committed = 0;      // transactions, the claim's included
  std::uint64_t aborted = 0;        // and done again
  std::uint64_t renewed = 0;        // clients that had to be made anew
  std::uint64_t records = 0;        // in committed transactions
  std::uint64_t waiting_bytes = 0;  // for their transaction, now
  nanoseconds commit_longest{0};    // one transaction, from begin to its end
  std::uint64_t broker_errors = 0;
};

// A region's outputs in Kafka transactions.
//
// One transaction holds the outputs of some input records and the offset of the one
// after them, as the committed offset of group "PREFIXregion-N".  Claim initialises the
// transactional id of the same name, by which the brokers fence off every former owner,
// and writes the Claim record: its offset + 1 is the epoch, for epoch 0 is none.
//
// A transaction that had to be aborted is done again with the same records, by a client
// that is made anew for it; one of which it is not known whether it was committed is looked
// up before anything is repeated.
//
// Without transactions (KafkaConfig::transactions) outputs are appended and then the
// offset is stored: a crash between the two repeats outputs, and a former owner's last
// outputs may follow the new owner's first ones.
//
// Threading: as RegionWriter; Append, Commit, status and counters are thread-safe.
class KafkaRegionWriter final : public RegionWriter, private KafkaEvents {
 public:
  // Returns at once; connects meanwhile, so that a standby's Claim finds it done.
  //
  // Errors: kInvalidArgument if the configuration is wrong; kIoError if the system refuses.
  static Result<std::unique_ptr<KafkaRegionWriter>> Open(const KafkaConfig& config, Partition region,
                                                         KafkaReport report = ReportToStderr);
  // Commits what is complete, within close_timeout.
  ~KafkaRegionWriter() override;
  KafkaRegionWriter(const KafkaRegionWriter&) = delete;
  KafkaRegionWriter& operator=(const KafkaRegionWriter&) = delete;

  // May be called again, after the region was lost to another owner: what waits is
  // dropped, for it is that one's to write.
  Result<Epoch> Claim(std::string_view owner) override;
  Result<Offset> Committed() override;

  // An empty value is a tombstone in topics that are compacted by key.
  Status Append(Topic topic, std::span<const std::byte> key, std::span<const std::byte> value) override;
  Status Commit(Offset next) override;
  Status status() const override;

  // Blocks until all that Commit has completed so far is committed.
  //
  // Errors: kExhausted after `timeout`; status() if that is not ok.
  Status AwaitCommitted(milliseconds timeout);

  // Commits what is complete and ends; there is no Claim after it.  Idempotent.
  //
  // Errors: status(); kUnavailable if it was not done within close_timeout.
  Status Close();

  KafkaRegionCounters counters() const;

  // For tests: the client fails as it does after an error of idempotence.
  void FailClientForTest();

 private:
  struct Output {
    Topic topic{};
    std::string key;
    std::string value;
  };
  struct Batch {
    std::vector<Output> outputs;
    std::optional<Offset> next;
    std::size_t bytes = 0;
  };
  enum class Outcome : std::uint8_t {
    kDone,
    kRetry,   // the same call again
    kAbort,   // the transaction is lost: all of it again
    kFenced,
    kSpent,   // the client is of no more use: make another one
    kStopped,
    kFailed,  // failure_ says why
  };

  KafkaRegionWriter(const KafkaConfig& config, Partition region, KafkaReport report);

  void OnBrokerError(rd_kafka_resp_err_t error, std::string_view reason) override;
  void OnLine(std::string_view line) override { report_(line); }

  Status OpenClient();
  void StopThread(milliseconds patience);
  Status InitTransactions(const KafkaDeadline& deadline);
  Result<Offset> WriteClaim(std::string_view owner, const KafkaDeadline& deadline);
  Result<Offset> QueryCommitted(const KafkaDeadline& deadline);
  Result<bool> IsSuperseded();

  void CommitLoop();
  bool TakeBatch();
  Outcome Write(const Batch& batch);
  Outcome TryTransaction(const Batch& batch);
  Outcome TryPlain(const Batch& batch);
  Outcome SendOffset(Offset next);
  Outcome CommitTransaction();
  Outcome Renew(const Batch& batch);
  Outcome Judge(const KafkaError& error) const;
  Outcome JudgeRecords(rd_kafka_resp_err_t error) const;
  rd_kafka_resp_err_t Produce(const Output& output);
  Outcome ProduceAll(const Batch& batch);
  bool Cancelled() const;
  std::optional<Outcome> Waited() const;
  void Stop(const Status& status);

  const KafkaConfig config_;
  const Partition region_;
  const std::string name_;  // Of the group and the transactional id.
  const KafkaReport report_;

  // The writing thread's while it runs; Claim's otherwise.
  std::shared_ptr<KafkaOutputClient> client_;
  KafkaHandle offsets_client_;
  bool fresh_ = true;                     // client_ was not used yet.
  bool in_transaction_ = false;
  Offset claim_{};
  Batch batch_;                           // Being written.
  std::chrono::steady_clock::time_point give_up_at_{};  // The present attempt to.
  std::chrono::steady_clock::time_point started_{};  // Its, or the former one's, beginning.

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  Batch open_;                 // Appended since the last Commit.
  Batch ready_;                // Completed by Commit, not taken yet.
  std::size_t waiting_bytes_ = 0;
  Offset committed_{};
  Offset completed_{};         // By Commit.
  bool claimed_ = false;
  bool stopping_ = false;
  std::chrono::steady_clock::time_point stop_at_{};
  Status failure_;
  KafkaRegionCounters counters_;

  std::atomic<std::uint64_t> broker_errors_{0};  // Added to by librdkafka's threads.
  std::thread thread_;
};

}  // namespace starling::cloud
