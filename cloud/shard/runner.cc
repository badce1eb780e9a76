#include "cloud/shard/runner.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "schemas/log/telemetry_generated.h"

namespace starling::cloud {
namespace {

// A finished builder's bytes, aligned to 8 as the log hands them out.
std::span<const std::byte> BytesOf(const flatbuffers::FlatBufferBuilder& builder) {
  return std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
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
  if (queries_max < 1 || queries_max > 10'000) return refuse("queries_max");
  return Status();
}

ShardRunner::ShardRunner(const ShardRunnerConfig& config, const ShardConfig& shard_config,
                         RegionId region, FrameOrigin origin, Log* log, CommandSink* sink,
                         std::function<CloudTime()> now)
    : config_(config),
      partition_{ToNumber(region)},
      log_(log),
      sink_(sink),
      now_(std::move(now)),
      shard_(shard_config, region, origin),
      queries_(config.queries_max, Overflow::kDropNewest) {
  STARLING_CHECK(config.Validate().ok());
}

ShardRunner::~ShardRunner() { Stop(); }

Status ShardRunner::Start(std::string_view owner) {
  owner_ = owner;
  const CloudTime from_time = now_() - config_.recovery_window;
  claimed_from_ = log_->RangeOf(Topic::kTelemetry, partition_).end;
  const Offset from = log_->OffsetAt(Topic::kTelemetry, partition_, from_time);
  if (Status status = log_->Subscribe(Topic::kTelemetry, partition_, from, this); !status.ok()) {
    return status;
  }
  flatbuffers::FlatBufferBuilder builder;
  const auto name = builder.CreateString(owner_);
  builder.Finish(log::CreateTelemetry(builder, ToNumber(shard_.region()), log::TelemetryBody::Ownership,
                                      log::CreateOwnership(builder, name).Union()));
  const auto claim = log_->Append(Topic::kTelemetry, partition_, {}, BytesOf(builder));
  if (!claim.ok()) return claim.status();
  tick_thread_ = std::jthread([this](const std::stop_token& stop) { TickUntilStopped(stop); });
  return Status();
}

void ShardRunner::Stop() {
  if (!tick_thread_.joinable()) return;
  tick_thread_.request_stop();
  tick_thread_.join();
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
    (*query)(shard_);
  }
}

bool ShardRunner::IsOwnOwnership(const LogRecord& record) const {
  if (record.offset < claimed_from_) return false;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(record.value.data());
  flatbuffers::Verifier verifier(bytes, record.value.size(), 8, 64);
  if (record.value.empty() || !log::VerifyTelemetryBuffer(verifier)) return false;
  const log::Ownership* ownership = log::GetTelemetry(bytes)->body_as_Ownership();
  return ownership != nullptr && ownership->owner()->string_view() == owner_;
}

void ShardRunner::ApplyOne(const LogRecord& record) {
  outputs_.Clear();
  if (!own_counters_.owner) own_counters_.owner = IsOwnOwnership(record);
  if (!own_counters_.owner) {
    shard_.Apply(record, &outputs_);
    ++own_counters_.records_replayed;
    return;  // What a replayed record caused has left with the former owner.
  }
  // From its own Ownership on, that record included: it may already plan anew.
  const auto started = std::chrono::steady_clock::now();
  shard_.Apply(record, &outputs_);
  const nanoseconds took = std::chrono::steady_clock::now() - started;
  own_counters_.apply_longest = std::max(own_counters_.apply_longest, took);
  if (!outputs_.commands.empty()) {
    own_counters_.commands_delivered += outputs_.commands.size();
    sink_->Deliver(outputs_.commands);
  }
  for (const ShardOutputs::Record& output : outputs_.records) {
    const auto appended = log_->Append(output.topic, partition_, output.key, output.value);
    if (!appended.ok()) ++own_counters_.records_shed[static_cast<std::size_t>(output.topic)];
  }
}

void ShardRunner::OnRecords(std::span<const LogRecord> records) {
  for (const LogRecord& record : records) {
    RunQueries();
    ApplyOne(record);
  }
  RunQueries();
  if (!records.empty()) Publish(records.back());
}

void ShardRunner::Publish(const LogRecord& last) {
  own_counters_.shard = shard_.counters();
  own_counters_.vehicles = shard_.vehicles();
  own_counters_.epoch = ToNumber(shard_.epoch());
  own_counters_.lag_ns = ToNs(now_()) - ToNs(last.time);
  epoch_.store(own_counters_.epoch, std::memory_order_relaxed);  // A number on its own.
  MutexLock lock(published_mutex_);
  published_ = own_counters_;
}

ShardRunnerCounters ShardRunner::counters() const {
  ShardRunnerCounters copy;
  {
    MutexLock lock(published_mutex_);
    copy = published_;
  }
  copy.queries_refused = queries_refused_.load(std::memory_order_relaxed);
  copy.ticks_shed = ticks_shed_.load(std::memory_order_relaxed);
  return copy;
}

Status ShardRunner::AppendTick() {
  flatbuffers::FlatBufferBuilder builder;
  const auto name = builder.CreateString(owner_);
  const auto tick = log::CreateTick(builder, name, epoch_.load(std::memory_order_relaxed));
  builder.Finish(log::CreateTelemetry(builder, static_cast<std::uint32_t>(partition_),
                                      log::TelemetryBody::Tick, tick.Union()));
  const auto appended = log_->Append(Topic::kTelemetry, partition_, {}, BytesOf(builder));
  return appended.ok() ? Status() : appended.status();
}

void ShardRunner::TickUntilStopped(const std::stop_token& stop) {
  auto next = std::chrono::steady_clock::now();
  while (!stop.stop_requested()) {
    // A full queue costs a heartbeat, not the owner's life; the next one follows.
    if (!AppendTick().ok()) ticks_shed_.fetch_add(1, std::memory_order_relaxed);
    next += config_.tick_interval;
    std::unique_lock lock(tick_mutex_);
    tick_wakeup_.wait_until(lock, stop, next, [] { return false; });
  }
}

}  // namespace starling::cloud
