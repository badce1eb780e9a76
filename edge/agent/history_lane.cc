#include "edge/agent/history_lane.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/telemetry/history_writer.h"
#include "edge/agent/agent.h"

namespace starling::edge {

HistoryLane::HistoryLane(const HistoryLimits& limits, BootId boot, std::unique_ptr<Spool> spool)
    : limits_(limits),
      boot_(boot),
      spool_(std::move(spool)),
      seal_at_(1 + static_cast<std::size_t>(MixHash(ToNumber(boot), 0) % limits.batch_samples_max)),
      dropped_before_(spool_->dropped_samples()) {
  sampled_ = spool_->samples();
}

Status HistoryLane::Take(const wire::Fix& fix, BootTime now) {
  if (open_.empty()) {
    open_.reserve(limits_.batch_samples_max);
    open_since_ = now;
  }
  open_.push_back(fix);
  ++sampled_;
  if (open_.size() >= seal_at_ || now >= seal_time()) return Seal();
  return Status();
}

Status HistoryLane::Seal() {
  if (open_.empty()) return Status();
  SpooledBatch batch;
  batch.boot = boot_;
  batch.first_sequence = open_.front().sequence();
  batch.count = static_cast<std::uint16_t>(open_.size());
  WriteHistoryColumns(open_, &batch.columns);
  open_.clear();
  seal_at_ = limits_.batch_samples_max;

  const std::size_t count = batch.count;
  const std::size_t before = spool_->batches();
  const Status status = spool_->Append(std::move(batch));
  if (!status.ok()) dropped_io_ += count;
  // The spool gives up its oldest ones first, and those are the ones in flight.
  const std::size_t given_up = before + (status.ok() ? 1 : 0) - spool_->batches();
  in_flight_ -= std::min(in_flight_, given_up);
  return status;
}

BootTime HistoryLane::seal_time() const {
  return open_.empty() ? BootTime::max() : open_since_ + limits_.batch_age_max;
}

BootTime HistoryLane::next_resume(BootTime now) const {
  return now < paused_until_ && spool_->batches() > in_flight_ ? paused_until_ : BootTime::max();
}

const SpooledBatch* HistoryLane::Next(BootTime now) const {
  if (now < paused_until_ || in_flight_ >= limits_.batches_in_flight_max) return nullptr;
  return spool_->At(in_flight_);
}

void HistoryLane::Sent() {
  const SpooledBatch* batch = spool_->At(in_flight_);
  STARLING_CHECK(batch != nullptr);
  if (batch->boot == boot_) sent_through_ = std::max(sent_through_, batch->through_sequence());
  ++in_flight_;
}

bool HistoryLane::Acknowledge(BootId boot, std::uint64_t first_sequence,
                              std::uint64_t through_sequence, bool refused) {
  const SpooledBatch* batch = nullptr;
  std::size_t index = 0;
  while ((batch = spool_->At(index)) != nullptr &&
         !(batch->boot == boot && batch->first_sequence == first_sequence)) {
    ++index;
  }
  if (batch == nullptr) return true;  // Acknowledged before, or given up.
  if (batch->through_sequence() != through_sequence) return false;
  if (boot == boot_ && through_sequence > sent_through_) return false;  // It cannot have it.
  (refused ? dropped_refused_ : delivered_) += spool_->Delete(boot, first_sequence);
  if (index < in_flight_) --in_flight_;
  return true;
}

void HistoryLane::AcknowledgeThrough(BootId boot, std::uint64_t through_sequence) {
  if (boot == boot_) through_sequence = std::min(through_sequence, sent_through_);
  std::size_t index = 0;
  while (const SpooledBatch* batch = spool_->At(index)) {
    if (batch->boot == boot && batch->through_sequence() <= through_sequence) {
      delivered_ += spool_->Delete(boot, batch->first_sequence);
      if (index < in_flight_) --in_flight_;
    } else {
      ++index;
    }
  }
}

void HistoryLane::AddTo(AgentLedger* ledger) const {
  ledger->sampled = sampled_;
  ledger->delivered = delivered_;
  ledger->dropped_refused = dropped_refused_;
  ledger->dropped_io = dropped_io_;
  ledger->dropped_spool_full = spool_->dropped_samples() - dropped_before_;
  ledger->in_flight = open_.size() + spool_->samples();
}

std::uint64_t HistoryLane::oldest_spooled_sequence() const {
  const SpooledBatch* oldest = spool_->At(0);
  return oldest == nullptr ? 0 : oldest->first_sequence;
}

}  // namespace starling::edge
