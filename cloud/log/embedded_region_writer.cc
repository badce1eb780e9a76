#include "cloud/log/embedded_region_writer.h"

#include <array>
#include <string>
#include <utility>

#include "cloud/log/group_format.h"
#include "common/check.h"

namespace starling::cloud {
namespace {

constexpr std::size_t kMarkerBytes = sizeof(std::uint64_t);

// Books of one record beside its bytes.
constexpr std::size_t kPieceBytes = 32;

}  // namespace

Status EmbeddedRegionWriterConfig::Validate() const {
  if (waiting_bytes_max < (1u << 20) || waiting_bytes_max > (1u << 30)) {
    return {ErrorCode::kInvalidArgument, "waiting_bytes_max must be from 1 MiB to 1 GiB"};
  }
  if (marker_interval < milliseconds(10) || marker_interval > std::chrono::minutes(1)) {
    return {ErrorCode::kInvalidArgument, "marker_interval must be from 10 ms to 1 min"};
  }
  return {};
}

EmbeddedRegionWriter::EmbeddedRegionWriter(const EmbeddedRegionWriterConfig& config, EmbeddedLog* log,
                                           Partition partition, std::function<CloudTime()> now)
    : config_(config), log_(log), partition_(partition), now_(std::move(now)) {
  STARLING_CHECK(config.Validate().ok());
}

Result<Epoch> EmbeddedRegionWriter::Claim(std::string_view) {
  if (committed_) return NextEpoch();  // Again: nobody else can have had it.
  Result<std::optional<Offset>> marker = LastMarker();
  if (!marker.ok()) return marker.status();
  if (marker.value()) {
    committed_ = *marker.value();
    return NextEpoch();
  }
  Batch first;
  first.next = log_->RangeOf(Topic::kTelemetry, partition_).end;
  if (Result<Ticket> written = Write(first); !written.ok()) return written.status();
  committed_ = first.next;
  return NextEpoch();
}

// Each claim adds a record: the next one's is higher.
Epoch EmbeddedRegionWriter::NextEpoch() const {
  if (config_.epoch_base == 0) return Epoch{0};
  return Epoch{config_.epoch_base + static_cast<std::uint64_t>(log_->RangeOf(Topic::kTelemetry, partition_).end) + 1};
}

Result<std::optional<Offset>> EmbeddedRegionWriter::LastMarker() const {
  const Log::Range range = log_->RangeOf(Topic::kProgress, partition_);
  if (range.first == range.end) return std::optional<Offset>();
  const Offset last{static_cast<std::uint64_t>(range.end) - 1};
  std::optional<Offset> marker;
  bool readable = true;
  const Status status = log_->Read(Topic::kProgress, partition_, last, [&](const LogRecord& record) {
    readable = record.value.size() == kMarkerBytes;
    if (readable) marker = Offset{LoadLittleEndian<std::uint64_t>(record.value.data())};
    return readable;
  });
  if (!status.ok()) return status;
  if (!readable || !marker) {
    return Status(ErrorCode::kCorruption, "the last record of topic progress is no marker");
  }
  return marker;
}

Result<Offset> EmbeddedRegionWriter::Committed() {
  if (!committed_) {
    Result<std::optional<Offset>> marker = LastMarker();
    if (!marker.ok()) return marker.status();
    return marker.value().value_or(Offset{0});
  }
  while (!written_.empty() && Durable(&written_.front())) {
    committed_ = written_.front().next;
    written_.pop_front();
  }
  return *committed_;
}

// A commit without records has no ticket of its own.  Its input is in the round that the
// log is delivering, which is emitted as a whole: with whatever is emitted next.
bool EmbeddedRegionWriter::Durable(Written* written) const {
  if (written->later) {
    const Ticket emitted = log_->emitted();
    if (emitted <= written->ticket) return false;
    *written = {written->next, emitted, false};
  }
  return written->ticket <= log_->durable();
}

Status EmbeddedRegionWriter::Append(Topic topic, std::span<const std::byte> key,
                                    std::span<const std::byte> value) {
  if (Status failed = status(); !failed.ok()) return failed;
  waiting_bytes_ += key.size() + value.size() + kPieceBytes;
  if (waiting_bytes_ > config_.waiting_bytes_max) {
    return Fail({ErrorCode::kExhausted, "outputs of " + std::to_string(waiting_bytes_) +
                                            " bytes wait for room in the log's queue, at most " +
                                            std::to_string(config_.waiting_bytes_max) +
                                            " may: the disk is too slow"});
  }
  open_.bytes.insert(open_.bytes.end(), key.begin(), key.end());
  open_.bytes.insert(open_.bytes.end(), value.begin(), value.end());
  open_.pieces.push_back({topic, key.size(), value.size()});
  return {};
}

Status EmbeddedRegionWriter::Commit(Offset next) {
  STARLING_CHECK(committed_.has_value());
  if (Status failed = status(); !failed.ok()) return failed;
  const CloudTime now = now_();
  open_.next = next;
  // A clock that was set back makes the next marker due, not late.
  const bool due = now >= marker_due_ || marker_due_ - now > config_.marker_interval;
  if (open_.pieces.empty() && !due) {
    if (waiting_.empty()) {
      // Nothing to write: what comes before `next` is complete with what is written.
      const Ticket emitted = log_->emitted();
      if (!written_.empty() && written_.back().later && written_.back().ticket == emitted) written_.pop_back();
      written_.push_back({next, emitted, true});
    } else {
      waiting_.back().next = next;
    }
    return WriteWaiting();
  }
  marker_due_ = now + config_.marker_interval;
  waiting_.push_back(std::move(open_));
  open_ = {};
  return WriteWaiting();
}

Status EmbeddedRegionWriter::WriteWaiting() {
  while (!waiting_.empty()) {
    const Batch& batch = waiting_.front();
    const Result<Ticket> ticket = Write(batch);
    if (!ticket.ok()) {
      if (ticket.status().code() == ErrorCode::kExhausted) return {};  // The next commit tries again.
      return Fail(ticket.status());
    }
    written_.push_back({batch.next, ticket.value(), false});
    waiting_bytes_ -= batch.bytes.size() + batch.pieces.size() * kPieceBytes;
    // Most commits find nothing waiting: their buffers serve the next one.
    Batch spent = std::move(waiting_.front());
    waiting_.pop_front();
    if (open_.pieces.empty() && open_.bytes.capacity() == 0) {
      spent.bytes.clear();
      spent.pieces.clear();
      open_ = std::move(spent);
    }
  }
  return {};
}

Result<Ticket> EmbeddedRegionWriter::Write(const Batch& batch) {
  std::vector<AppendEntry> entries;
  entries.reserve(batch.pieces.size() + 1);
  const std::span<const std::byte> bytes(batch.bytes);
  std::size_t at = 0;
  for (const Batch::Piece& piece : batch.pieces) {
    entries.push_back({{piece.topic, partition_},
                       bytes.subspan(at, piece.key_bytes),
                       bytes.subspan(at + piece.key_bytes, piece.value_bytes)});
    at += piece.key_bytes + piece.value_bytes;
  }
  std::array<std::byte, kMarkerBytes> marker{};
  StoreLittleEndian(static_cast<std::uint64_t>(batch.next), marker.data());
  entries.push_back({{Topic::kProgress, partition_}, {}, marker});
  return log_->AppendAll(entries);
}

Status EmbeddedRegionWriter::Fail(Status status) {
  MutexLock lock(mutex_);
  if (status_.ok()) status_ = std::move(status);
  return status_;
}

Status EmbeddedRegionWriter::status() const {
  MutexLock lock(mutex_);
  return status_;
}

}  // namespace starling::cloud
