#include "cloud/log/kafka_region_writer.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "cloud/log/group_format.h"
#include "cloud/log/kafka_consumer.h"
#include "common/check.h"
#include "common/time.h"
#include "schemas/log/ownership_generated.h"

namespace starling::cloud {
namespace {

using std::chrono::steady_clock;

// Between attempts after the brokers have refused something.
constexpr milliseconds kBackOff{20};

// Between clients, while none can be made to work.
constexpr milliseconds kRenewPauseMax{1'000};

// With a transaction, however often it was given up.
constexpr milliseconds kPatienceMax{600'000};
constexpr milliseconds kCallMax{1'000};

std::string ClaimKey(Partition region) { return "region/" + std::to_string(static_cast<std::uint32_t>(region)); }

std::string ClaimValue(Partition region, std::string_view owner) {
  flatbuffers::FlatBufferBuilder builder;
  const auto name = builder.CreateString(owner.data(), owner.size());
  const auto claim = log::CreateClaim(builder, static_cast<std::uint32_t>(region), name, ToNs(CloudNow()));
  builder.Finish(log::CreateOwnershipRecord(builder, log::OwnershipBody::Claim, claim.Union()));
  return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
}

bool IsFenced(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR__FENCED || error == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
         error == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

}  // namespace

Result<std::unique_ptr<KafkaRegionWriter>> KafkaRegionWriter::Open(const KafkaConfig& config, Partition region,
                                                                   KafkaReport report) {
  if (Status status = config.Validate(); !status.ok()) return status;
  auto writer = std::unique_ptr<KafkaRegionWriter>(new KafkaRegionWriter(config, region, std::move(report)));
  if (Status status = writer->OpenClient(); !status.ok()) return status;
  auto offsets = OpenKafka(config, KafkaUse::kOffsets, writer->name_, writer.get());
  if (!offsets.ok()) return offsets.status();
  writer->offsets_client_ = std::move(offsets).value();
  if (!config.transactions) {
    writer->report_("kafka: transactions are off for " + writer->name_ +
                    ": outputs may be repeated after a crash; fencing of outputs rests on the epoch alone");
  }
  return writer;
}

KafkaRegionWriter::KafkaRegionWriter(const KafkaConfig& config, Partition region, KafkaReport report)
    : config_(config), region_(region), name_(config.RegionName(region)), report_(std::move(report)) {}

KafkaRegionWriter::~KafkaRegionWriter() { (void)Close(); }

Status KafkaRegionWriter::OpenClient() {
  KafkaOutputClient::LetGo(&client_);
  auto client = KafkaOutputClient::Open(config_, name_, this);
  if (!client.ok()) return client.status();
  client_ = std::move(client).value();
  fresh_ = true;
  in_transaction_ = false;
  return {};
}

void KafkaRegionWriter::OnBrokerError(rd_kafka_resp_err_t, std::string_view) {
  broker_errors_.fetch_add(1, std::memory_order_relaxed);
}

// ---- Claim: nothing else runs.

Result<Epoch> KafkaRegionWriter::Claim(std::string_view owner) {
  if (offsets_client_ == nullptr) return Status(ErrorCode::kUnavailable, name_ + ": its writer is closed");
  StopThread(milliseconds(0));
  {
    std::lock_guard lock(mutex_);
    open_ = {};
    ready_ = {};
    batch_ = {};
    waiting_bytes_ = 0;
    failure_ = {};
    claimed_ = false;
    stopping_ = false;
  }
  const KafkaDeadline deadline(config_.query_timeout);
  if (!fresh_) {
    if (Status status = OpenClient(); !status.ok()) return status;
  }
  fresh_ = false;
  if (Status status = InitTransactions(deadline); !status.ok()) return status;
  const auto claim = WriteClaim(owner, deadline);
  if (!claim.ok()) return claim.status();
  claim_ = claim.value();
  const auto committed = QueryCommitted(deadline);
  if (!committed.ok()) return committed.status();
  {
    std::lock_guard lock(mutex_);
    committed_ = committed.value();
    completed_ = committed_;
    claimed_ = true;
    ++counters_.committed;
  }
  started_ = steady_clock::now();
  thread_ = std::thread([this] { CommitLoop(); });
  (void)pthread_setname_np(thread_.native_handle(), "kafka-outputs");
  return Epoch{static_cast<std::uint64_t>(claim_) + 1};
}

Status KafkaRegionWriter::InitTransactions(const KafkaDeadline& deadline) {
  if (!config_.transactions) return {};
  for (;;) {
    const KafkaError error(rd_kafka_init_transactions(client_->handle(), deadline.Left()));
    if (error == nullptr) return {};
    const Outcome outcome = Judge(error);
    if (outcome == Outcome::kFenced) return {ErrorCode::kFenced, name_ + ": another one claims it at this moment"};
    if (outcome != Outcome::kRetry || deadline.passed()) {
      return {ErrorCode::kUnavailable, name_ + ": cannot be claimed: " + rd_kafka_error_string(error.get())};
    }
  }
}

Result<Offset> KafkaRegionWriter::WriteClaim(std::string_view owner, const KafkaDeadline& deadline) {
  Batch claim;
  claim.outputs.push_back({Topic::kOwnership, ClaimKey(region_), ClaimValue(region_, owner)});
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;  // So that Write gives up at the deadline.
    stop_at_ = steady_clock::now() + milliseconds(deadline.Left(seconds(600)));
  }
  const Outcome outcome = Write(claim);
  std::lock_guard lock(mutex_);
  stopping_ = false;
  if (outcome == Outcome::kFenced) return Status(ErrorCode::kFenced, name_ + ": another one has claimed it meanwhile");
  if (outcome == Outcome::kFailed) return failure_;
  if (outcome != Outcome::kDone || client_->last_offset() < 0) {
    // An acknowledgement without an offset: the broker has taken it for a repetition.
    return Status(ErrorCode::kUnavailable, name_ + ": the claim was not acknowledged in time");
  }
  return Offset{static_cast<std::uint64_t>(client_->last_offset())};
}

Result<Offset> KafkaRegionWriter::QueryCommitted(const KafkaDeadline& deadline) {
  const KafkaPartitions asked(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_t* entry = rd_kafka_topic_partition_list_add(
      asked.get(), config_.TopicNameOf(Topic::kTelemetry).c_str(), static_cast<std::int32_t>(region_));
  for (;;) {
    rd_kafka_resp_err_t error = rd_kafka_committed(offsets_client_.get(), asked.get(), deadline.Left());
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) error = entry->err;
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      return Offset{static_cast<std::uint64_t>(std::max<std::int64_t>(entry->offset, 0))};
    }
    if (!IsPassing(error) || deadline.passed()) {
      return KafkaFailure(ErrorCode::kUnavailable, name_ + ": committed offset", error);
    }
    std::this_thread::sleep_for(kBackOff);
  }
}

Result<Offset> KafkaRegionWriter::Committed() {
  {
    std::lock_guard lock(mutex_);
    if (claimed_) return committed_;
  }
  return QueryCommitted(KafkaDeadline(config_.query_timeout));
}

// ---- The delivery thread.

Status KafkaRegionWriter::Append(Topic topic, std::span<const std::byte> key, std::span<const std::byte> value) {
  if (key.size() > kRecordKeyBytesMax || value.size() > kRecordValueBytesMax) {
    return {ErrorCode::kInvalidArgument, "output for " + PartitionName(topic, region_) + " of " +
                                             std::to_string(value.size()) + " bytes is too long"};
  }
  Output output{topic, std::string(reinterpret_cast<const char*>(key.data()), key.size()),
                std::string(reinterpret_cast<const char*>(value.data()), value.size())};
  const std::size_t bytes = key.size() + value.size() + sizeof(Output);
  std::lock_guard lock(mutex_);
  if (!failure_.ok()) return failure_;
  if (!claimed_) return {ErrorCode::kUnavailable, name_ + " is not claimed"};
  if (waiting_bytes_ + bytes > config_.outputs_bytes_max) {
    return {ErrorCode::kExhausted, name_ + ": " + std::to_string(waiting_bytes_) +
                                       " bytes of outputs wait for the brokers already"};
  }
  waiting_bytes_ += bytes;
  open_.bytes += bytes;
  open_.outputs.push_back(std::move(output));
  return {};
}

Status KafkaRegionWriter::Commit(Offset next) {
  bool first = false;
  {
    std::lock_guard lock(mutex_);
    if (!failure_.ok()) return failure_;
    if (!claimed_) return {ErrorCode::kUnavailable, name_ + " is not claimed"};
    // Only what changes the writer's wait wakes it.
    first = !ready_.next.has_value() || (ready_.outputs.empty() && !open_.outputs.empty());
    ready_.bytes += open_.bytes;
    if (ready_.outputs.empty()) {
      ready_.outputs.swap(open_.outputs);
    } else {
      ready_.outputs.insert(ready_.outputs.end(), std::make_move_iterator(open_.outputs.begin()),
                            std::make_move_iterator(open_.outputs.end()));
    }
    open_.outputs.clear();
    open_.bytes = 0;
    ready_.next = next;
    completed_ = next;
  }
  if (first) changed_.notify_all();
  return {};
}

Status KafkaRegionWriter::status() const {
  std::lock_guard lock(mutex_);
  return failure_;
}

Status KafkaRegionWriter::AwaitCommitted(milliseconds timeout) {
  std::unique_lock lock(mutex_);
  const Offset target = completed_;
  const bool reached =
      changed_.wait_for(lock, timeout, [&] { return committed_ >= target || !failure_.ok(); });
  if (!failure_.ok()) return failure_;
  if (!reached) return {ErrorCode::kExhausted, name_ + ": not committed in time"};
  return {};
}

// ---- The writing thread.

void KafkaRegionWriter::CommitLoop() {
  while (TakeBatch()) {
    const auto begun = steady_clock::now();
    const Outcome outcome = Write(batch_);
    if (outcome == Outcome::kStopped) return;
    if (outcome == Outcome::kFenced) {
      return Stop({ErrorCode::kFenced, name_ + ": another owner has it"});
    }
    if (outcome != Outcome::kDone) return Stop(status());
    {
      std::lock_guard lock(mutex_);
      committed_ = *batch_.next;
      waiting_bytes_ -= batch_.bytes;
      ++counters_.committed;
      counters_.records += batch_.outputs.size();
      counters_.commit_longest = std::max<nanoseconds>(counters_.commit_longest, steady_clock::now() - begun);
    }
    batch_ = {};
    changed_.notify_all();
  }
}

bool KafkaRegionWriter::TakeBatch() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (ready_.next.has_value()) {
      const auto interval = ready_.outputs.empty() ? config_.idle_commit_interval : config_.commit_interval;
      if (stopping_ || steady_clock::now() >= started_ + interval) break;
      (void)changed_.wait_until(lock, started_ + interval);
    } else if (stopping_) {
      return false;
    } else {
      // Serves what the client has to say, errors of brokers for one.
      (void)changed_.wait_for(lock, seconds(1));
      lock.unlock();
      (void)rd_kafka_poll(client_->handle(), 0);
      lock.lock();
    }
  }
  batch_ = std::exchange(ready_, {});
  started_ = steady_clock::now();
  return true;
}

bool KafkaRegionWriter::Cancelled() const {
  std::lock_guard lock(mutex_);
  return stopping_ && steady_clock::now() >= stop_at_;
}

// What becomes of an attempt that has waited for the brokers once more.
std::optional<KafkaRegionWriter::Outcome> KafkaRegionWriter::Waited() const {
  if (Cancelled()) return Outcome::kStopped;
  if (config_.transactions && steady_clock::now() >= give_up_at_) return Outcome::kSpent;
  return std::nullopt;
}

void KafkaRegionWriter::Stop(const Status& status) {
  {
    std::lock_guard lock(mutex_);
    failure_ = status;
    open_ = {};
    ready_ = {};
    waiting_bytes_ = 0;
  }
  batch_ = {};
  changed_.notify_all();
}

KafkaRegionWriter::Outcome KafkaRegionWriter::Judge(const KafkaError& error) const {
  if (error == nullptr) return Outcome::kDone;
  rd_kafka_resp_err_t code = rd_kafka_error_code(error.get());
  if (IsFenced(code)) return Outcome::kFenced;
  if (rd_kafka_error_is_fatal(error.get()) != 0) {
    code = rd_kafka_fatal_error(client_->handle(), nullptr, 0);
    return IsFenced(code) ? Outcome::kFenced : Outcome::kSpent;
  }
  if (rd_kafka_error_txn_requires_abort(error.get()) != 0) return Outcome::kAbort;
  if (rd_kafka_error_is_retriable(error.get()) != 0 || IsPassing(code)) return Outcome::kRetry;
  return Outcome::kSpent;  // Nobody has said what it means: trust nothing.
}

// What a record's refusal means for the transaction that it is in.
KafkaRegionWriter::Outcome KafkaRegionWriter::JudgeRecords(rd_kafka_resp_err_t error) const {
  switch (error) {
    case RD_KAFKA_RESP_ERR_NO_ERROR: return Outcome::kDone;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED: return Outcome::kFailed;
    default: return Outcome::kAbort;
  }
}

KafkaRegionWriter::Outcome KafkaRegionWriter::Write(const Batch& batch) {
  for (milliseconds patience = config_.transaction_patience;;) {
    if (!in_transaction_) give_up_at_ = steady_clock::now() + patience;
    client_->ForgetErrors();
    Outcome outcome = config_.transactions ? TryTransaction(batch) : TryPlain(batch);
    if (outcome == Outcome::kAbort) {
      outcome = JudgeRecords(client_->record_error());
      if (outcome == Outcome::kFailed) {
        std::lock_guard lock(mutex_);
        failure_ = KafkaFailure(ErrorCode::kIoError, name_ + ": an output was refused", client_->record_error());
        return outcome;
      }
      outcome = config_.transactions ? Outcome::kSpent : Outcome::kRetry;
      std::lock_guard lock(mutex_);
      ++counters_.aborted;
    }
    if (outcome == Outcome::kSpent) {
      if (steady_clock::now() >= give_up_at_) patience = std::min(2 * patience, kPatienceMax);
      outcome = Renew(batch);
      if (outcome == Outcome::kDone) return outcome;  // It had been committed.
    } else if (outcome == Outcome::kDone && !in_transaction_ && client_->record_error() == RD_KAFKA_RESP_ERR_NO_ERROR) {
      return outcome;
    }
    if (outcome == Outcome::kFenced || outcome == Outcome::kStopped || outcome == Outcome::kFailed) return outcome;
    if (Cancelled()) return Outcome::kStopped;
    std::this_thread::sleep_for(kBackOff);
  }
}

KafkaRegionWriter::Outcome KafkaRegionWriter::TryTransaction(const Batch& batch) {
  if (!in_transaction_) {
    const KafkaError error(rd_kafka_begin_transaction(client_->handle()));
    const Outcome begun = Judge(error);
    if (begun != Outcome::kDone) return begun;
    in_transaction_ = true;
  }
  if (const Outcome outcome = ProduceAll(batch); outcome != Outcome::kDone) return outcome;
  if (batch.next.has_value()) {
    if (const Outcome outcome = SendOffset(*batch.next); outcome != Outcome::kDone) return outcome;
  }
  return CommitTransaction();
}

rd_kafka_resp_err_t KafkaRegionWriter::Produce(const Output& output) {
  // Ownership has one partition, whatever the region.
  const Partition partition = output.topic == Topic::kOwnership ? Partition{0} : region_;
  if (output.value.empty() && output.topic == Topic::kVehicleState) {
    return client_->Produce(output.topic, partition, output.key, std::nullopt);
  }
  return client_->Produce(output.topic, partition, output.key, output.value);
}

KafkaRegionWriter::Outcome KafkaRegionWriter::ProduceAll(const Batch& batch) {
  for (const Output& output : batch.outputs) {
    rd_kafka_resp_err_t error = Produce(output);
    while (error == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      if (const auto outcome = Waited()) return *outcome;
      (void)rd_kafka_poll(client_->handle(), 10);
      error = Produce(output);
    }
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    if (IsFenced(error)) return Outcome::kFenced;
    if (const auto fatal = rd_kafka_fatal_error(client_->handle(), nullptr, 0); fatal != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return IsFenced(fatal) ? Outcome::kFenced : Outcome::kSpent;
    }
    client_->SetRecordError(error);
    return Outcome::kAbort;
  }
  return Outcome::kDone;
}

KafkaRegionWriter::Outcome KafkaRegionWriter::SendOffset(Offset next) {
  for (;;) {
    const auto error = KafkaOutputClient::SendOffset(client_, region_, next, kCallMax,
                                                     [this] { return Waited().has_value(); });
    if (!error.has_value()) return Waited().value_or(Outcome::kSpent);
    const Outcome outcome = Judge(*error);
    if (outcome != Outcome::kRetry) return outcome;
    if (const auto waited = Waited()) return *waited;
    std::this_thread::sleep_for(kBackOff);
  }
}

KafkaRegionWriter::Outcome KafkaRegionWriter::CommitTransaction() {
  for (;;) {
    const KafkaError error(rd_kafka_commit_transaction(client_->handle(), static_cast<int>(kCallMax.count())));
    const Outcome outcome = Judge(error);
    if (outcome == Outcome::kDone) in_transaction_ = false;
    if (outcome != Outcome::kRetry) return outcome;
    if (const auto waited = Waited()) return *waited;
  }
}

KafkaRegionWriter::Outcome KafkaRegionWriter::TryPlain(const Batch& batch) {
  if (const Outcome outcome = ProduceAll(batch); outcome != Outcome::kDone) return outcome;
  while (rd_kafka_outq_len(client_->handle()) > 0) {
    if (Cancelled()) return Outcome::kStopped;
    (void)rd_kafka_poll(client_->handle(), 10);
    if (rd_kafka_fatal_error(client_->handle(), nullptr, 0) != RD_KAFKA_RESP_ERR_NO_ERROR) return Outcome::kSpent;
  }
  if (client_->record_error() != RD_KAFKA_RESP_ERR_NO_ERROR) return Outcome::kAbort;
  if (!batch.next.has_value()) return Outcome::kDone;
  const KafkaPartitions offsets(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(offsets.get(), config_.TopicNameOf(Topic::kTelemetry).c_str(),
                                    static_cast<std::int32_t>(region_))
      ->offset = static_cast<std::int64_t>(*batch.next);
  for (;;) {
    const rd_kafka_resp_err_t error = rd_kafka_commit(offsets_client_.get(), offsets.get(), /*async=*/0);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return Outcome::kDone;
    if (!IsPassing(error)) {
      std::lock_guard lock(mutex_);
      failure_ = KafkaFailure(ErrorCode::kIoError, name_ + ": the offset was refused", error);
      return Outcome::kFailed;
    }
    if (Cancelled()) return Outcome::kStopped;
    std::this_thread::sleep_for(kBackOff);
  }
}

Result<bool> KafkaRegionWriter::IsSuperseded() {
  auto reader = KafkaConsumer::Open(config_, /*committed_only=*/false, report_, [](const Status&) {});
  if (!reader.ok()) return reader.status();
  const auto range = reader.value()->RangeOf(Topic::kOwnership, Partition{0});
  if (!range.ok()) return range.status();
  const Offset after{static_cast<std::uint64_t>(claim_) + 1};
  const std::string key = ClaimKey(region_);
  bool superseded = false;
  const Status read = reader.value()->Read(
      Topic::kOwnership, Partition{0}, std::max(after, range.value().first), range.value().end,
      [&](const LogRecord& record) {
        superseded = std::string_view(reinterpret_cast<const char*>(record.key.data()), record.key.size()) == key;
        return !superseded;
      });
  if (!read.ok()) return read;
  return superseded;
}

// Also after a transaction that has to be aborted, which initialising does.  Aborted and
// begun again by the same client it could lose records: librdkafka 2.0 gives the numbers of
// records that were on their way to those of the next transaction, and a broker that had
// taken the former ones acknowledges the new ones as repetitions and drops them.
//
// Initialising fences off whoever has the region: a successor's claim must be looked for
// first.  Between the two one could appear; so it is looked for again, and both then end
// fenced, which costs the region a pause and no guarantee.
KafkaRegionWriter::Outcome KafkaRegionWriter::Renew(const Batch& batch) {
  report_("kafka: the writer of " + name_ + " gave up and is made anew");
  for (milliseconds pause{0};; pause = std::min(2 * pause + kBackOff, kRenewPauseMax)) {
    std::this_thread::sleep_for(pause);
    if (Cancelled()) return Outcome::kStopped;
    {
      std::lock_guard lock(mutex_);
      ++counters_.renewed;
      if (!claimed_) return Outcome::kStopped;  // Claim's caller tries again.
    }
    const auto before = IsSuperseded();
    if (!before.ok()) continue;
    if (before.value()) return Outcome::kFenced;
    if (!OpenClient().ok()) continue;
    fresh_ = false;
    const KafkaDeadline deadline(config_.query_timeout);
    const Status initialised = InitTransactions(deadline);
    if (!initialised.ok()) {
      if (initialised.code() == ErrorCode::kFenced) return Outcome::kFenced;
      continue;
    }
    const auto after = IsSuperseded();
    if (!after.ok()) continue;
    if (after.value()) return Outcome::kFenced;
    const auto committed = QueryCommitted(deadline);
    if (!committed.ok()) continue;
    if (batch.next.has_value() && committed.value() >= *batch.next) return Outcome::kDone;
    return Outcome::kRetry;
  }
}

// ---- The end.

void KafkaRegionWriter::StopThread(milliseconds patience) {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    stop_at_ = steady_clock::now() + patience;
  }
  changed_.notify_all();
  thread_.join();
}

Status KafkaRegionWriter::Close() {
  const bool ran = thread_.joinable();
  StopThread(config_.close_timeout);
  KafkaOutputClient::LetGo(&client_);
  offsets_client_.reset();
  std::lock_guard lock(mutex_);
  claimed_ = false;
  if (!failure_.ok()) return failure_;
  if (ran && committed_ < completed_) {
    return {ErrorCode::kUnavailable, name_ + ": the last outputs were not committed"};
  }
  return {};
}

KafkaRegionCounters KafkaRegionWriter::counters() const {
  std::lock_guard lock(mutex_);
  KafkaRegionCounters all = counters_;
  all.waiting_bytes = waiting_bytes_;
  all.broker_errors = broker_errors_.load(std::memory_order_relaxed);
  return all;
}

void KafkaRegionWriter::FailClientForTest() {
  (void)rd_kafka_test_fatal_error(client_->handle(), RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "raised by a test");
}

}  // namespace starling::cloud
