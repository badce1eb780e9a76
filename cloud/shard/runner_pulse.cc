// What a runner does by time, not by record: heartbeats, claims, giving up.
#include <algorithm>
#include <chrono>
#include <span>
#include <string>
#include <thread>

#include "cloud/shard/runner.h"
#include "schemas/log/telemetry_generated.h"

namespace starling::cloud {
namespace {

// Who gave its region up waits so many times longer for others before it claims again.
constexpr int kYieldPatience = 10;

// A standby looks so often whether the owner is silent.
constexpr int kLooksPerTakeover = 16;

// The last outputs of an owner that yields are written within this time, or by its
// successor.
constexpr milliseconds kDrainPatience{3'000};
constexpr milliseconds kDrainPoll{2};

// An Ownership record that the log had no room for is tried again.
constexpr milliseconds kOwnershipRetry{20};

std::span<const std::byte> BytesOf(const flatbuffers::FlatBufferBuilder& builder) {
  return std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
}

}  // namespace

Status ShardRunner::Claim() {
  {
    std::lock_guard lock(delivery_mutex_);
    role_.store(Role::kClaiming, std::memory_order_release);
  }
  // The writer is this thread's now: the delivery thread leaves it alone.
  const auto give_up = [this](const Status& status) {
    claims_failed_.fetch_add(1, std::memory_order_relaxed);
    role_.store(Role::kStandby, std::memory_order_release);
    return status;
  };
  const Result<Epoch> epoch = parts_.writer->Claim(owner_);
  if (!epoch.ok()) return give_up(epoch.status());
  const Result<Offset> committed = parts_.writer->Committed();
  if (!committed.ok()) return give_up(committed.status());
  const Result<Log::Range> range = parts_.log->QueryRange(Topic::kTelemetry, partition_);
  if (!range.ok()) return give_up(range.status());

  std::lock_guard lock(delivery_mutex_);
  if (!held_.CompleteFrom(committed.value())) {
    // Started anew it computes them again from the stored state.
    Status gap{ErrorCode::kExhausted,
               "outputs from offset " + std::to_string(ToNumber(committed.value())) +
                   " on are to be written, and this standby no longer has them; restart this process"};
    MutexLock published(published_mutex_);
    if (status_.ok()) status_ = gap;
    return give_up(gap);
  }
  held_.DropBefore(committed.value());
  claimed_from_ = range.value().end;
  claimed_epoch_ = epoch.value();
  committed_at_claim_ = ToNumber(committed.value());
  committed_.store(committed_at_claim_, std::memory_order_relaxed);
  ownership_due_ = true;
  role_.store(Role::kClaimed, std::memory_order_release);
  return Status();
}

Status ShardRunner::AppendOwnership() {
  flatbuffers::FlatBufferBuilder builder;
  const auto name = builder.CreateString(owner_);
  const auto ownership = log::CreateOwnership(builder, name, ToNumber(claimed_epoch_));
  builder.Finish(log::CreateTelemetry(builder, ToNumber(region_), log::TelemetryBody::Ownership,
                                      ownership.Union()));
  const auto appended = parts_.log->Append(Topic::kTelemetry, partition_, {}, BytesOf(builder));
  if (!appended.ok()) return appended.status();
  ownership_due_ = false;
  return Status();
}

Status ShardRunner::AppendTick(bool leaving) {
  flatbuffers::FlatBufferBuilder builder;
  const auto name = builder.CreateString(owner_);
  const auto tick = log::CreateTick(builder, name, epoch_.load(std::memory_order_relaxed),
                                    committed_.load(std::memory_order_relaxed), leaving);
  builder.Finish(log::CreateTelemetry(builder, ToNumber(region_), log::TelemetryBody::Tick, tick.Union()));
  const auto appended = parts_.log->Append(Topic::kTelemetry, partition_, {}, BytesOf(builder));
  return appended.ok() ? Status() : appended.status();
}

void ShardRunner::Yield() {
  yield_wanted_.store(true, std::memory_order_relaxed);
  WakePulse();
}

void ShardRunner::ClaimNow() {
  claim_wanted_.store(true, std::memory_order_relaxed);
  WakePulse();
}

void ShardRunner::WakePulse() {
  {
    std::lock_guard lock(pulse_mutex_);
    pulse_now_ = true;
  }
  pulse_wakeup_.notify_one();
}

void ShardRunner::YieldNow() {
  Offset until{};
  {
    std::lock_guard lock(delivery_mutex_);
    watch_.DeferUntil(std::chrono::steady_clock::now() + kYieldPatience * config_.takeover_after);
    const Role role = role_.load(std::memory_order_relaxed);
    if (role != Role::kOwner && role != Role::kClaimed) return;
    until = next_;
    Demote();
  }
  // The delivery thread leaves a standby's writer alone.  What is not written in time is
  // the successor's to write.
  const auto deadline = std::chrono::steady_clock::now() + kDrainPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    const Result<Offset> committed = parts_.writer->Committed();
    if (!committed.ok() || committed.value() >= until) break;
    std::this_thread::sleep_for(kDrainPoll);
  }
  (void)AppendTick(/*leaving=*/true);  // Without it they wait for silence.
}

bool ShardRunner::OwnerIsGone() {
  const auto asked = std::chrono::steady_clock::now();
  {
    std::lock_guard lock(delivery_mutex_);
    if (!watch_.AsksForEnd(asked)) return watch_.ShouldClaim(asked);
  }
  // Without the lock: brokers may take seconds, and the records of others wait for it.
  const Result<Log::Range> range = parts_.log->QueryRange(Topic::kTelemetry, partition_);
  const auto answered = std::chrono::steady_clock::now();
  std::lock_guard lock(delivery_mutex_);
  watch_.OnEnd(range.ok() ? std::optional(range.value().end) : std::nullopt, asked, answered);
  return watch_.ShouldClaim(answered);
}

void ShardRunner::Beat() {
  if (yield_wanted_.exchange(false, std::memory_order_relaxed)) YieldNow();
  const bool wanted = claim_wanted_.exchange(false, std::memory_order_relaxed);
  switch (role_.load(std::memory_order_acquire)) {
    case Role::kOwner:
      // A full queue costs a heartbeat, not the owner's life; the next one follows.
      if (!AppendTick(/*leaving=*/false).ok()) ticks_shed_.fetch_add(1, std::memory_order_relaxed);
      return;
    case Role::kClaimed:
      if (ownership_due_) (void)AppendOwnership();
      return;
    case Role::kClaiming: return;
    case Role::kStandby: break;
  }
  if ((wanted || OwnerIsGone()) && status().ok() && Claim().ok()) (void)AppendOwnership();
}

nanoseconds ShardRunner::PulseInterval() const {
  switch (role_.load(std::memory_order_acquire)) {
    case Role::kOwner: return config_.tick_interval;
    case Role::kClaimed: return kOwnershipRetry;
    default: return config_.takeover_after / kLooksPerTakeover;
  }
}

void ShardRunner::PulseUntilStopped(const std::stop_token& stop) {
  auto next = std::chrono::steady_clock::now();
  while (!stop.stop_requested()) {
    Beat();
    // After a stall the beats that were missed are not made up for.
    next = std::max(next + PulseInterval(), std::chrono::steady_clock::now());
    std::unique_lock lock(pulse_mutex_);
    if (pulse_wakeup_.wait_until(lock, stop, next, [this] { return pulse_now_; })) {
      next = std::chrono::steady_clock::now();
    }
    pulse_now_ = false;
  }
}

}  // namespace starling::cloud
