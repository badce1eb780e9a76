#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/ids.h"
#include "common/plan/plan.h"
#include "common/status.h"
#include "common/telemetry/sample.h"
#include "common/time.h"
#include "edge/agent/wrapped_history.h"
#include "edge/plan/plan_collector.h"
#include "edge/spool/spool.h"

namespace starling::edge {

struct AgentLedger;

struct HistoryLimits {
  std::size_t batch_samples_max = 0;
  nanoseconds batch_age_max{};
  std::size_t batches_in_flight_max = 0;
  nanoseconds commit_interval{};         // 0: no commits
};

// Collects every sample into batches, keeps them in the spool until the cloud has
// said "durable", and counts what becomes of each.
//
// The first batch is shorter by a share of its own for each boot, so that
// vehicles that start together do not seal together ever after.
//
// Threading: thread-compatible.
class HistoryLane {
 public:
  // With so many windows, or a capture's worth of bytes, a batch is sealed; of captures it has
  // as many as fit, one at least, and the next batch the others.  All has to fit a frame.
  static constexpr std::size_t kWindowsMax = 128;
  static constexpr std::size_t kCapturesMax = 8;
  static constexpr std::size_t kCapturesBytesMax = 11 << 10;

  HistoryLane(const HistoryLimits& limits, BootId boot, std::unique_ptr<Spool> spool);

  // Errors: kIoError if the spool refused the batch that this sample completed.
  Status Take(const wire::Fix& fix, BootTime now);
  // The plan of the samples that are taken from now on.
  // REQUIRES: no batch is open
  void SetPlan(PlanHash plan);

  // What came of the plan of `results`: goes with the next batch that is sealed, which is
  // when the next sample is taken if there is much of it.
  // Those of an earlier plan that are still waiting, for they did not fit, are given up:
  // returns how many.
  std::uint64_t AddResults(PlanHash plan, std::vector<wire::WindowValue>* windows,
                           std::vector<CapturedSamples>* captures);
  // Some are waiting that are not of the plan of the samples now.
  bool has_former_results() const { return has_results() && results_plan_ != plan_; }
  bool has_results() const { return !windows_.empty() || !captures_.empty(); }
  // No sample will come that they could go with: they are given up, and how many they were.
  std::uint64_t GiveUpResults();

  // Seals the open batch if it has one sample or more.
  Status Seal();
  // When the open batch has to be sealed; BootTime::max() if it is empty.
  BootTime seal_time() const;

  // Commits the spool, and with it the samples of the open batch that were not yet, if
  // it is time for that.
  void Commit(BootTime now);
  // When it is; BootTime::max() if never.
  BootTime commit_time() const;

  // The link: nothing is in flight on a new one.
  void Disconnect() { in_flight_ = 0; }
  // The cloud had no room for a batch and does not say which: all that is not
  // acknowledged goes again after the pause.
  void Pause(BootTime until) {
    paused_until_ = until;
    in_flight_ = 0;
  }
  // When a pause ends that holds something back.
  BootTime next_resume(BootTime now) const;

  // The next batch to send, null if there is none now.  Mark it with Sent.
  const SpooledBatch* Next(BootTime now);
  void Sent();
  // Batches are held that were not sent on this connection.
  bool has_unsent() const { return spool_->batches() > in_flight_; }

  // The cloud's word.  False if it does not fit what is held or was sent.
  bool Acknowledge(BootId boot, std::uint64_t first_sequence, std::uint64_t through_sequence,
                   bool refused);
  void AcknowledgeThrough(BootId boot, std::uint64_t through_sequence);

  void AddTo(AgentLedger* ledger) const;
  bool empty() const { return open_.empty() && spool_->batches() == 0; }
  std::uint64_t oldest_spooled_sequence() const;

 private:
  void Forget(std::size_t batches_before);
  // With the results from these on.
  SpooledBatch BatchOf(std::span<const wire::Fix> fixes, std::size_t windows, std::size_t captures) const;
  // How many captures, from the first one on, fit one batch.
  std::size_t FittingCaptures() const;

  const HistoryLimits limits_;
  const BootId boot_;
  const std::unique_ptr<Spool> spool_;
  PlanHash plan_{};                      // Of open_.
  std::vector<wire::Fix> open_;
  PlanHash results_plan_{};              // Of windows_ and captures_.
  std::vector<wire::WindowValue> windows_;
  std::vector<EncodedCapture> captures_;
  std::size_t captures_bytes_ = 0;
  std::size_t windows_committed_ = 0;    // With the open ones; so the next.
  std::size_t captures_committed_ = 0;
  BootTime open_since_;
  std::size_t seal_at_;                  // Samples; of this batch.
  std::size_t committed_ = 0;            // Of the open ones.
  BootTime uncommitted_since_ = BootTime::max();
  bool deleted_ = false;                 // Since the last commit.
  BootTime spool_due_;                   // It wants to be called.
  std::size_t in_flight_ = 0;            // The spool's oldest ones, sent on this connection.
  std::uint64_t sent_through_ = 0;       // Of this boot, on any connection.
  BootTime paused_until_;

  std::uint64_t sampled_ = 0;
  std::uint64_t delivered_ = 0;
  std::uint64_t dropped_refused_ = 0;
  std::uint64_t dropped_io_ = 0;
  std::uint64_t taken_ = 0;              // Sequence of the last one.
  const std::uint64_t dropped_before_;   // By the spool, before this agent had it; so the next two.
  const std::uint64_t too_old_before_;
  const std::uint64_t unreadable_before_;
};

}  // namespace starling::edge
