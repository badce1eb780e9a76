#include "cloud/shard/runner.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <utility>
#include <vector>

#include "cloud/shard/changelog.h"
#include "schemas/cloud_to_edge/downlink_generated.h"
#include "schemas/log/telemetry_generated.h"

namespace starling::cloud {
namespace {

// The last outputs of an owner that stops are written within this time, or by its
// successor.
constexpr milliseconds kDrainPatience{3'000};
constexpr milliseconds kDrainPoll{2};

// Null if the record cannot be read; the shard counts it.
const log::Telemetry* Parse(const LogRecord& record) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(record.value.data());
  flatbuffers::Verifier verifier(bytes, record.value.size(), 8, 64);
  if (record.value.empty() || !log::VerifyTelemetryBuffer(verifier)) return nullptr;
  return log::GetTelemetry(bytes);
}

}  // namespace

Status ShardRunnerConfig::Validate() const {
  const auto refuse = [](const char* field) {
    return Status(ErrorCode::kInvalidArgument,
                  std::string(field) + " is outside its range (see runner.h)");
  };
  if (recovery_window < nanoseconds(0) || recovery_window > std::chrono::minutes(10)) {
    return refuse("recovery_window");
  }
  if (tick_interval < milliseconds(10) || tick_interval > seconds(1)) return refuse("tick_interval");
  if (takeover_after < 3 * tick_interval || takeover_after > std::chrono::minutes(1)) {
    return refuse("takeover_after");
  }
  if (held_bytes_max < (1u << 20) || held_bytes_max > (1u << 30)) return refuse("held_bytes_max");
  if (queries_max < 1 || queries_max > 10'000) return refuse("queries_max");
  return checkpoint.Validate();
}

ShardRunner::ShardRunner(const ShardRunnerConfig& config, const ShardConfig& shard_config,
                         RegionId region, FrameOrigin origin, const ShardRunnerParts& parts,
                         std::function<CloudTime()> now)
    : config_(config),
      shard_config_(shard_config),
      region_(region),
      origin_(origin),
      partition_{ToNumber(region)},
      parts_(parts),
      now_(std::move(now)),
      held_(config.held_bytes_max, region, parts.log),
      watch_(config.takeover_after, std::chrono::steady_clock::now()),
      queries_(config.queries_max, Overflow::kDropNewest) {
  STARLING_CHECK(config.Validate().ok());
  STARLING_CHECK(parts.log != nullptr && parts.writer != nullptr && parts.sink != nullptr);
}

ShardRunner::~ShardRunner() { Stop(); }

Status ShardRunner::Start(std::string_view owner) {
  owner_ = owner;
  if (!config_.prefer_standby) {
    if (Status status = Claim(); !status.ok()) return status;
  }
  Result<Offset> committed = parts_.writer->Committed();
  if (!committed.ok()) return committed.status();
  RecoveryPlan plan;
  plan.log = parts_.log;
  plan.store = parts_.store;
  plan.changelog = config_.changelog;
  plan.window = config_.recovery_window;
  plan.now = now_();
  plan.committed = committed.value();
  Result<Recovered> recovered = RecoverShard(shard_config_, region_, origin_, plan);
  if (!recovered.ok()) return recovered.status();
  Recovered& begin = recovered.value();
  recovery_ = {begin.source, begin.from, begin.entries.size(), begin.note, begin.took};
  if (!begin.store_holds && parts_.store != nullptr) {
    // What is there is of no use, and must not be mixed with what comes.
    Status status = parts_.store->Clear(Topic::kTelemetry, partition_);
    if (!status.ok()) return status;
  }
  shard_ = std::move(begin.shard);
  next_ = begin.from;
  watch_.OnSign(std::chrono::steady_clock::now());
  watch_.OnProgress(next_, std::chrono::steady_clock::now());
  if (parts_.store != nullptr || config_.changelog) {
    checkpointer_ = std::make_unique<Checkpointer>(config_.checkpoint, shard_config_, region_, origin_,
                                                   parts_.log, parts_.store);
    checkpointer_->Start(std::move(begin.entries), begin.store_holds, begin.from);
    if (config_.changelog && role_.load() != Role::kStandby) checkpointer_->StartChangelog();
  }
  Status status = parts_.log->Subscribe(Topic::kTelemetry, partition_, begin.from, this);
  if (!status.ok()) return status;
  if (ownership_due_) {
    if (status = AppendOwnership(); !status.ok()) return status;
  }
  {
    // Only from now on can the owner be heard.
    std::lock_guard lock(delivery_mutex_);
    watch_.OnSign(std::chrono::steady_clock::now());
  }
  pulse_thread_ = std::jthread([this](const std::stop_token& stop) { PulseUntilStopped(stop); });
  return Status();
}

void ShardRunner::Stop() {
  if (!pulse_thread_.joinable()) return;
  pulse_thread_.request_stop();
  pulse_thread_.join();
  // Who stands by need not wait for silence; and it makes the last outputs complete.
  if (role_.load() == Role::kOwner) (void)AppendTick(/*leaving=*/true);
  if (checkpointer_ != nullptr) FinishCheckpoints();
}

void ShardRunner::FinishCheckpoints() {
  const auto deadline = std::chrono::steady_clock::now() + kDrainPatience;
  checkpointer_->BeginStop();
  while (!checkpointer_->stopped() && std::chrono::steady_clock::now() < deadline) {
    if (!parts_.log->status().ok()) break;  // Nothing becomes durable any more.
    if (role_.load() == Role::kOwner) {
      std::lock_guard lock(delivery_mutex_);
      const Result<Offset> committed = parts_.writer->Committed();
      if (committed.ok()) checkpointer_->SetCommitted(committed.value());
    }
    std::this_thread::sleep_for(kDrainPoll);
  }
  checkpointer_->Stop();
}

Status ShardRunner::Post(std::function<void(const Shard&)> query) {
  // Counted here, because the queue drops silently to its caller.
  if (queries_queued_.fetch_add(1, std::memory_order_relaxed) >= config_.queries_max) {
    queries_queued_.fetch_sub(1, std::memory_order_relaxed);
    queries_refused_.fetch_add(1, std::memory_order_relaxed);
    return Status(ErrorCode::kExhausted,
                  std::to_string(config_.queries_max) + " queries wait for the shard already");
  }
  queries_.Push(std::move(query));
  // Release: whoever sees the flag finds the query.
  queries_waiting_.store(true, std::memory_order_release);
  return Status();
}

void ShardRunner::RunQueries() {
  if (!queries_waiting_.exchange(false, std::memory_order_acquire)) return;
  while (auto query = queries_.Pop()) {
    queries_queued_.fetch_sub(1, std::memory_order_relaxed);
    (*query)(*shard_);
  }
}

// For who measures; the log and the state have none of it.
void ShardRunner::StampCommands(const LogRecord& cause) {
  const log::Telemetry* telemetry = Parse(cause);
  const log::Fix* fix = telemetry == nullptr ? nullptr : telemetry->body_as_Fix();
  const std::int64_t issued_ns = ToNs(now_());
  LatencyHistogram& decision = fix == nullptr ? decision_tick_time_ : decision_fix_time_;
  for (std::size_t i = 0; i < outputs_.commands.size(); ++i) decision.Record(nanoseconds(issued_ns - ToNs(cause.time)));
  if (fix != nullptr && fix->appended_time_ns() != 0) log_time_.Record(nanoseconds(read_ns_ - fix->appended_time_ns()));
  for (ShardOutputs::Command& command : outputs_.commands) {
    auto* wire_command = flatbuffers::GetMutableRoot<wire::Command>(command.wire_command.data());
    if (fix != nullptr) wire_command->mutate_appended_time_ns(fix->appended_time_ns());
    wire_command->mutate_read_time_ns(read_ns_);
    wire_command->mutate_issued_time_ns(issued_ns);
  }
}

// What the owner says of itself; before the record is applied.
void ShardRunner::Watch(const LogRecord& record) {
  const log::Telemetry* telemetry = Parse(record);
  if (telemetry == nullptr) return;
  const auto now = std::chrono::steady_clock::now();
  if (const log::Ownership* ownership = telemetry->body_as_Ownership()) {
    if (ownership->owner()->string_view() != owner_) watch_.OnSign(now);
  }
  const log::Tick* tick = telemetry->body_as_Tick();
  if (tick == nullptr || tick->owner() == nullptr || tick->owner()->string_view() == owner_) return;
  if (tick->epoch() < ToNumber(shard_->epoch())) return;  // A former owner that does not know yet.
  watch_.OnSign(now);
  if (tick->leaving()) watch_.OnLeaving();
  const Offset committed{tick->committed()};
  held_.DropBefore(committed);
  if (checkpointer_ != nullptr) checkpointer_->SetCommitted(committed);
}

// After the record was applied, if it may be the own Ownership record.
void ShardRunner::BecomeOwnerOrNot(const LogRecord& record) {
  if (record.offset < claimed_from_) return;
  const log::Telemetry* telemetry = Parse(record);
  const log::Ownership* ownership = telemetry == nullptr ? nullptr : telemetry->body_as_Ownership();
  if (ownership == nullptr) return;
  const Epoch claimed = ToNumber(claimed_epoch_) != 0 ? claimed_epoch_ : Epoch{ToNumber(record.offset)};
  const bool own = ownership->owner()->string_view() == owner_ &&
                   (ToNumber(claimed_epoch_) == 0 || ownership->epoch() == ToNumber(claimed_epoch_));
  if (own && shard_->epoch() == claimed) {
    owned_epoch_ = claimed;
    epoch_.store(ToNumber(claimed), std::memory_order_relaxed);
    own_counters_.owner = true;
    ++own_counters_.takeovers;
    role_.store(Role::kOwner, std::memory_order_release);
    if (checkpointer_ != nullptr && config_.changelog) checkpointer_->StartChangelog();
    // The first tick follows at once.
    WakePulse();
    return;
  }
  // Somebody has claimed after this one.
  const bool newer = ToNumber(claimed_epoch_) != 0 && shard_->epoch() > claimed_epoch_;
  if (own || newer) Demote();
}

// Another one has the region, or nobody has.
void ShardRunner::Demote() {
  if (role_.exchange(Role::kStandby, std::memory_order_acq_rel) == Role::kOwner) ++own_counters_.demotions;
  own_counters_.owner = false;
  if (checkpointer_ != nullptr) checkpointer_->StopChangelog();
  // What was given to the writer may be gone with it.
  held_.GiveUpBefore(next_);
  watch_.OnSign(std::chrono::steady_clock::now());
}

void ShardRunner::ApplyOne(const LogRecord& record) {
  const Role role = role_.load(std::memory_order_relaxed);
  const bool standby = role == Role::kStandby || role == Role::kClaiming;
  if (standby) Watch(record);
  outputs_.Clear();
  const auto started = std::chrono::steady_clock::now();
  shard_->Apply(record, &outputs_);
  next_ = Offset{ToNumber(record.offset) + 1};
  if (role == Role::kClaimed) BecomeOwnerOrNot(record);
  if (role == Role::kOwner && shard_->epoch() != owned_epoch_) Demote();
  if (role_.load(std::memory_order_relaxed) == Role::kOwner) {
    // From its own Ownership on, that record included: it issues again what is open.
    const nanoseconds took = std::chrono::steady_clock::now() - started;
    own_counters_.apply_longest = std::max(own_counters_.apply_longest, took);
    digest_ = checkpointer_ == nullptr ? 0 : DigestOf(outputs_, digest_);  // Before they are moved from.
    if (!outputs_.commands.empty()) {
      own_counters_.commands_delivered += outputs_.commands.size();
      StampCommands(record);
      parts_.sink->Deliver(outputs_.commands);
    }
  } else {
    ++own_counters_.records_replayed;
    digest_ = checkpointer_ == nullptr ? 0 : DigestOf(outputs_, digest_);
  }
  const bool written = !standby && ToNumber(record.offset) < committed_at_claim_;
  if (!outputs_.records.empty() && !written) held_.Add(record.offset, &outputs_.records);
}

void ShardRunner::WriteOutputs() {
  const Role role = role_.load(std::memory_order_relaxed);
  if (role != Role::kClaimed && role != Role::kOwner) {
    held_.DropOldest();
    return;
  }
  if (ToNumber(next_) <= committed_at_claim_) return;
  if (checkpointer_ != nullptr) {
    if (const std::optional<Checkpointer::Changelog> changelog = checkpointer_->TakeChangelog()) {
      if (Status status = AppendChangelog(*changelog, parts_.writer); !status.ok()) return Refuse(status);
    }
  }
  if (Status status = held_.Flush(next_, parts_.writer); !status.ok()) return Refuse(status);
  if (Status status = parts_.writer->status(); !status.ok()) return Refuse(status);
  const Result<Offset> committed = parts_.writer->Committed();
  if (!committed.ok()) return Refuse(committed.status());
  committed_.store(ToNumber(committed.value()), std::memory_order_relaxed);  // A number on its own.
  if (checkpointer_ != nullptr) checkpointer_->SetCommitted(committed.value());
}

void ShardRunner::Refuse(const Status& status) {
  Demote();
  if (status.code() == ErrorCode::kFenced) return;
  MutexLock lock(published_mutex_);
  if (status_.ok()) status_ = status;
}

void ShardRunner::OnRecords(std::span<const LogRecord> records) {
  if (records.empty()) return;
  const std::int64_t read_ns = ToNs(now_());
  std::lock_guard lock(delivery_mutex_);
  const auto began = std::chrono::steady_clock::now();
  read_ns_ = read_ns;
  for (const LogRecord& record : records) {
    RunQueries();
    ApplyOne(record);
  }
  RunQueries();
  WriteOutputs();
  if (checkpointer_ != nullptr) checkpointer_->Feed(records, digest_);
  const auto ended = std::chrono::steady_clock::now();
  watch_.OnProgress(next_, ended);
  own_counters_.busy += ended - began;
  Publish(records.back());
}

void ShardRunner::Publish(const LogRecord& last) {
  own_counters_.shard = shard_->counters();
  own_counters_.vehicles = shard_->vehicles();
  own_counters_.epoch = ToNumber(shard_->epoch());
  own_counters_.outputs_written = held_.written();
  own_counters_.held_bytes = held_.bytes();
  own_counters_.lag_ns = ToNs(now_()) - ToNs(last.time);
  own_counters_.applied_through = last.time;
  MutexLock lock(published_mutex_);
  published_ = own_counters_;
}

Status ShardRunner::status() const {
  MutexLock lock(published_mutex_);
  return status_;
}

Status ShardRunner::Doubt() const { return checkpointer_ == nullptr ? Status() : checkpointer_->status(); }

ShardRunnerCounters ShardRunner::counters() const {
  ShardRunnerCounters copy;
  {
    MutexLock lock(published_mutex_);
    copy = published_;
  }
  if (checkpointer_ != nullptr) copy.checkpoint = checkpointer_->counters();
  copy.queries_refused = queries_refused_.load(std::memory_order_relaxed);
  copy.ticks_shed = ticks_shed_.load(std::memory_order_relaxed);
  copy.claims_failed = claims_failed_.load(std::memory_order_relaxed);
  return copy;
}

ShardRunnerLatencies ShardRunner::latencies() const {
  return {log_time_.Read(), decision_fix_time_.Read(), decision_tick_time_.Read()};
}

}  // namespace starling::cloud
