#include "cloud/roles/shard_role.h"

#include <utility>

#include "cloud/audit/audit_report.h"
#include "cloud/shard/audit_chain.h"
#include "schemas/log/commands_generated.h"

namespace starling::cloud {
namespace {

// Log time never goes back: behind it, the age of a fix is wrong by the difference.
constexpr nanoseconds kClockBehindMax = seconds(1);

// Records looked through for the audit trail's last one: some numbers may be no records,
// but ends of Kafka's transactions.
constexpr std::uint64_t kAuditTail = 64;

}  // namespace

Result<std::unique_ptr<ShardRole>> ShardRole::Open(const ShardRoleConfig& config, RegionId region, LogEngine* engine,
                                                   CommandSink* sink, StateStore* store,
                                                   const WriterHook& hook) {
  Result<std::unique_ptr<RegionWriter>> writer = engine->OpenWriter(region);
  if (!writer.ok()) return writer.status();
  return std::unique_ptr<ShardRole>(
      new ShardRole(config, region, std::move(writer).value(), engine, sink, store, hook));
}

ShardRole::ShardRole(const ShardRoleConfig& config, RegionId region, std::unique_ptr<RegionWriter> writer,
                     LogEngine* engine, CommandSink* sink, StateStore* store, const WriterHook& hook)
    : region_(region),
      log_(engine->log()),
      writer_(std::move(writer)),
      runner_(config.runner, config.shard, region, config.origin,
              {engine->log(), hook ? hook(writer_.get()) : writer_.get(), sink, store}) {}

Result<AuditHeadView> ShardRole::AuditHead() const {
  AuditHeadView view{region_, 0, {}};
  const Partition partition{ToNumber(region_)};
  const Log::Range range = log_->RangeOf(Topic::kCommands, partition);
  const std::uint64_t first = ToNumber(range.first);
  const std::uint64_t end = ToNumber(range.end);
  const Offset from{end > first + kAuditTail ? end - kAuditTail : first};
  const Status status = log_->Read(Topic::kCommands, partition, from, [&](const LogRecord& record) {
    flatbuffers::Verifier verifier(reinterpret_cast<const std::uint8_t*>(record.value.data()), record.value.size());
    if (!log::VerifyAuditBuffer(verifier)) return true;
    view.index = log::GetAudit(record.value.data())->index();
    view.head = ToHex(DigestOfRecord(record.key, record.value));
    return true;
  });
  if (!status.ok()) return status;
  return view;
}

Status ShardRole::Ready() const {
  const std::string name = "region " + std::to_string(ToNumber(region_)) + ": ";
  if (Status status = runner_.status(); !status.ok()) return {status.code(), name + std::string(status.message())};
  if (Status doubt = runner_.Doubt(); !doubt.ok()) return {doubt.code(), name + std::string(doubt.message())};
  // Ticks keep it current.
  const std::int64_t behind_ms = -runner_.counters().lag_ns / 1'000'000;
  if (milliseconds(behind_ms) > kClockBehindMax) {
    return {ErrorCode::kUnavailable, "this machine's clock is " + std::to_string(behind_ms) +
                                         " ms behind the log's last record, and fixes look older than they are; "
                                         "set the clock"};
  }
  return {};
}

}  // namespace starling::cloud
