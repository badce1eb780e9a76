#include "edge/agent/history_lane.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "common/check.h"
#include "common/frame/frame_format.h"
#include "common/telemetry/history_writer.h"
#include "edge/agent/agent.h"
#include "edge/agent/wrapped_history.h"

namespace starling::edge {

HistoryLane::HistoryLane(const HistoryLimits& limits, BootId boot, std::unique_ptr<Spool> spool)
    : limits_(limits),
      boot_(boot),
      spool_(std::move(spool)),
      seal_at_(1 + static_cast<std::size_t>(MixHash(ToNumber(boot), 0) % limits.batch_samples_max)),
      dropped_before_(spool_->dropped_samples()),
      too_old_before_(spool_->too_old_samples()),
      unreadable_before_(spool_->unreadable_samples()) {
  sampled_ = spool_->samples();
}

static_assert(PlanCollector::kCaptureSamplesMax * kHistorySampleBytesMax + 16 <= HistoryLane::kCapturesBytesMax);
// All of it at its largest: a batch, the windows that are just not too many, those of one sample, captures.
static_assert(kHistoryBytesMax + (HistoryLane::kWindowsMax + PlanLimits::kWindowsMax) * sizeof(wire::WindowValue) +
                  HistoryLane::kCapturesBytesMax + 1024 < kFramePayloadBytesMax);

SpooledBatch HistoryLane::BatchOf(std::span<const wire::Fix> fixes, std::size_t windows, std::size_t captures) const {
  SpooledBatch batch;
  batch.boot = boot_;
  batch.first_sequence = fixes.front().sequence();
  batch.count = static_cast<std::uint16_t>(fixes.size());
  batch.columns = spool_->TakeSpareColumns();
  WriteHistoryColumns(fixes, &batch.columns);
  if (plan_ != PlanHash{} || has_results()) {
    batch.columns = WrapHistory(batch, {plan_, results_plan_, std::span(windows_).subspan(windows),
                                        std::span(captures_).first(FittingCaptures()).subspan(captures)});
  }
  return batch;
}

void HistoryLane::SetPlan(PlanHash plan) {
  STARLING_CHECK(open_.empty());
  plan_ = plan;
}

std::uint64_t HistoryLane::AddResults(PlanHash plan, std::vector<wire::WindowValue>* windows,
                                      std::vector<CapturedSamples>* captures) {
  if (windows->empty() && captures->empty()) return 0;
  const std::uint64_t given_up = results_plan_ == plan ? 0 : GiveUpResults();
  results_plan_ = plan;
  windows_.insert(windows_.end(), windows->begin(), windows->end());
  windows->clear();
  for (const CapturedSamples& each : *captures) {
    EncodedCapture& capture = captures_.emplace_back();
    capture.trigger = each.trigger;
    capture.cut = each.cut;
    capture.count = static_cast<std::uint16_t>(each.fixes.size());
    capture.fired_sequence = each.fired_sequence;
    capture.first_sequence = each.fixes.front().sequence();
    WriteHistoryColumns(each.fixes, &capture.columns);
    captures_bytes_ += capture.columns.size();
  }
  captures->clear();
  return given_up;
}

std::size_t HistoryLane::FittingCaptures() const {
  std::size_t count = 0;
  std::size_t bytes = 0;
  while (count < captures_.size() && count < kCapturesMax &&
         bytes + captures_[count].columns.size() <= kCapturesBytesMax) {
    bytes += captures_[count++].columns.size();
  }
  return count;
}

std::uint64_t HistoryLane::GiveUpResults() {
  const std::uint64_t count = windows_.size() + captures_.size();
  windows_.clear();
  captures_.clear();
  captures_bytes_ = windows_committed_ = captures_committed_ = 0;
  return count;
}

Status HistoryLane::Take(const wire::Fix& fix, BootTime now) {
  if (open_.empty()) {
    open_.reserve(limits_.batch_samples_max);
    open_since_ = now;
  }
  open_.push_back(fix);
  ++sampled_;
  uncommitted_since_ = std::min(uncommitted_since_, now);
  taken_ = fix.sequence();
  const bool much = windows_.size() >= kWindowsMax || captures_.size() >= kCapturesMax ||
                    captures_bytes_ >= kCapturesBytesMax / 2 || has_former_results();
  if (open_.size() >= seal_at_ || now >= seal_time() || much) return Seal();
  return Status();
}

Status HistoryLane::Seal() {
  if (open_.empty()) return Status();
  SpooledBatch batch = BatchOf(open_, 0, 0);
  open_.clear();
  // The batch has them.
  windows_.clear();
  const std::size_t captures = FittingCaptures();
  for (std::size_t i = 0; i < captures; ++i) captures_bytes_ -= captures_[i].columns.size();
  captures_.erase(captures_.begin(), captures_.begin() + static_cast<std::ptrdiff_t>(captures));
  windows_committed_ = captures_committed_ = 0;
  committed_ = 0;
  seal_at_ = limits_.batch_samples_max;

  const std::size_t count = batch.count;
  const std::size_t before = spool_->batches();
  const Status status = spool_->Append(std::move(batch));
  if (!status.ok()) dropped_io_ += count;
  Forget(before + (status.ok() ? 1 : 0));
  return status;
}

// The spool gives up its oldest ones first, and those are the ones in flight.
void HistoryLane::Forget(std::size_t batches_before) {
  in_flight_ -= std::min(in_flight_, batches_before - spool_->batches());
}

void HistoryLane::Commit(BootTime now) {
  if (limits_.commit_interval <= nanoseconds(0)) return;
  if (std::exchange(deleted_, false)) uncommitted_since_ = std::min(uncommitted_since_, now);
  if (now < commit_time()) return;
  SpoolMoment moment;
  moment.now = now;
  moment.boot = boot_;
  moment.taken = taken_;
  moment.due = uncommitted_since_ != BootTime::max() && now >= uncommitted_since_ + limits_.commit_interval;
  if (moment.due) {
    if (committed_ < open_.size()) {
      moment.open = BatchOf(std::span(open_).subspan(committed_), windows_committed_, captures_committed_);
      windows_committed_ = windows_.size();
      captures_committed_ = FittingCaptures();
    }
    committed_ = open_.size();
    uncommitted_since_ = BootTime::max();
  }
  const std::size_t before = spool_->batches();
  spool_due_ = spool_->Commit(std::move(moment));
  Forget(before);
}

BootTime HistoryLane::commit_time() const {
  if (limits_.commit_interval <= nanoseconds(0)) return BootTime::max();
  if (uncommitted_since_ == BootTime::max()) return spool_due_;
  return std::min(spool_due_, uncommitted_since_ + limits_.commit_interval);
}

BootTime HistoryLane::seal_time() const {
  return open_.empty() ? BootTime::max() : open_since_ + limits_.batch_age_max;
}

BootTime HistoryLane::next_resume(BootTime now) const {
  return now < paused_until_ && spool_->batches() > in_flight_ ? paused_until_ : BootTime::max();
}

const SpooledBatch* HistoryLane::Next(BootTime now) {
  if (now < paused_until_ || in_flight_ >= limits_.batches_in_flight_max) return nullptr;
  while (in_flight_ < spool_->batches()) {
    if (const SpooledBatch* batch = spool_->At(in_flight_)) return batch;
    const std::size_t before = spool_->batches();
    spool_->GiveUp(in_flight_);
    STARLING_CHECK(spool_->batches() < before);
    deleted_ = true;
  }
  return nullptr;
}

void HistoryLane::Sent() {
  const std::optional<BatchLimits> batch = spool_->Limits(in_flight_);
  STARLING_CHECK(batch.has_value());
  if (batch->boot == boot_) sent_through_ = std::max(sent_through_, batch->through_sequence());
  ++in_flight_;
}

bool HistoryLane::Acknowledge(BootId boot, std::uint64_t first_sequence,
                              std::uint64_t through_sequence, bool refused) {
  std::optional<BatchLimits> batch;
  std::size_t index = 0;
  while ((batch = spool_->Limits(index)).has_value() &&
         !(batch->boot == boot && batch->first_sequence == first_sequence)) {
    ++index;
  }
  if (!batch) return true;  // Acknowledged before, or given up.
  if (batch->through_sequence() != through_sequence) return false;
  if (boot == boot_ && through_sequence > sent_through_) return false;  // It cannot have it.
  (refused ? dropped_refused_ : delivered_) += spool_->Delete(boot, first_sequence);
  deleted_ = true;
  if (index < in_flight_) --in_flight_;
  return true;
}

void HistoryLane::AcknowledgeThrough(BootId boot, std::uint64_t through_sequence) {
  if (boot == boot_) through_sequence = std::min(through_sequence, sent_through_);
  std::size_t index = 0;
  while (const std::optional<BatchLimits> batch = spool_->Limits(index)) {
    if (batch->boot == boot && batch->through_sequence() <= through_sequence) {
      delivered_ += spool_->Delete(boot, batch->first_sequence);
      deleted_ = true;
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
  ledger->dropped_too_old = spool_->too_old_samples() - too_old_before_;
  ledger->dropped_unreadable = spool_->unreadable_samples() - unreadable_before_;
  ledger->in_flight = open_.size() + spool_->samples();
}

std::uint64_t HistoryLane::oldest_spooled_sequence() const {
  const std::optional<BatchLimits> oldest = spool_->Limits(0);
  return oldest ? oldest->first_sequence : 0;
}

}  // namespace starling::edge
