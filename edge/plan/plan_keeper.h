#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "common/plan/plan_codec.h"
#include "common/time.h"
#include "schemas/edge_to_cloud/uplink_generated.h"

namespace starling::edge {

// What became of the plan that came last, or changed last.
struct PlanReply {
  std::uint64_t version = 0;
  PlanHash hash{};
  wire::PlanVerdict verdict = wire::PlanVerdict::None;
  std::string detail;
};

// Which plan is in force: takes those that come, refuses those that are not newer than what
// was taken before, has each begin and end at its time.
//
// In memory alone: who wants what was taken to survive the process observes it, keeps it and
// gives it back to Restore.
//
// Threading: thread-compatible.
class PlanKeeper {
 public:
  // A plan as it came; verified here.
  void Take(std::span<const std::byte> bytes);

  // A plan that was taken before this boot, as its bytes were observed; before any other one.
  // `now` is this machine's clock if it knows the date: a plan that has ended is not begun
  // again.  It counts as taken either way, so that nothing older is taken after it.
  //
  // Errors: as ReadCompiledPlan; nothing is taken then.
  // REQUIRES: nothing was taken
  Status Restore(std::span<const std::byte> bytes, std::optional<CloudTime> now);

  // Told of each plan that is taken from now on, before its bytes are forgotten.
  void ObserveTaken(std::function<void(const CompiledPlan&)> observer) { observer_ = std::move(observer); }

  // Something may change at the next sample: call Advance before it.
  bool pending() const { return next_ != nullptr || (applied_ != nullptr && applied_->plan.end); }

  // Has the plan of a sample that is taken at `now` be in force; nothing: the cloud's clock
  // is not known, so no start and no end has come.  True if another one is, or none any more.
  bool Advance(std::optional<CloudTime> now);

  // Null: none is in force.
  const std::shared_ptr<const CompiledPlan>& applied() const { return applied_; }

  // The newest that was taken, in force or not; 0 and {}: none.
  std::uint64_t taken_version() const { return taken_version_; }
  PlanHash taken_hash() const { return taken_hash_; }

  // The newest reply; nothing before the first plan came.
  const std::optional<PlanReply>& reply() const { return reply_; }
  std::uint64_t replies() const { return replies_; }    // made so far

 private:
  void Reply(std::uint64_t version, PlanHash hash, wire::PlanVerdict verdict, std::string detail = "");

  std::shared_ptr<const CompiledPlan> applied_;
  std::shared_ptr<const CompiledPlan> next_;   // taken, not begun
  std::uint64_t taken_version_ = 0;
  PlanHash taken_hash_{};
  std::optional<PlanReply> reply_;
  std::uint64_t replies_ = 0;
  std::function<void(const CompiledPlan&)> observer_;  // may be empty
};

}  // namespace starling::edge
