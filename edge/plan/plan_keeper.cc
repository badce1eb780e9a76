#include "edge/plan/plan_keeper.h"

#include <utility>

#include "common/check.h"

namespace starling::edge {

void PlanKeeper::Reply(std::uint64_t version, PlanHash hash, wire::PlanVerdict verdict, std::string detail) {
  reply_ = PlanReply{version, hash, verdict, std::move(detail)};
  ++replies_;
}

void PlanKeeper::Take(std::span<const std::byte> bytes) {
  Result<CompiledPlan> read = ReadCompiledPlan(bytes);
  if (!read.ok()) {
    return Reply(0, HashOf(bytes), wire::PlanVerdict::RefusedInvalid, std::string(read.status().message()));
  }
  CompiledPlan& plan = read.value();
  const std::uint64_t version = plan.plan.version;
  if (version <= taken_version_) {
    return Reply(version, plan.hash, wire::PlanVerdict::RefusedNotNewer,
                 "version " + std::to_string(version) + " is not newer than " + std::to_string(taken_version_) +
                     ", which this vehicle has");
  }
  taken_version_ = version;
  taken_hash_ = plan.hash;
  if (observer_) observer_(plan);
  plan.bytes = {};  // Nobody asks for them here.
  Reply(version, plan.hash, wire::PlanVerdict::Waiting);
  next_ = std::make_shared<const CompiledPlan>(std::move(plan));
}

Status PlanKeeper::Restore(std::span<const std::byte> bytes, std::optional<CloudTime> now) {
  STARLING_CHECK(taken_version_ == 0);
  Result<CompiledPlan> read = ReadCompiledPlan(bytes);
  if (!read.ok()) return read.status();
  CompiledPlan& plan = read.value();
  taken_version_ = plan.plan.version;
  taken_hash_ = plan.hash;
  plan.bytes = {};
  if (plan.plan.end && now && now->time_since_epoch() >= *plan.plan.end) {
    Reply(taken_version_, taken_hash_, wire::PlanVerdict::Ended);
    return Status();
  }
  Reply(taken_version_, taken_hash_, wire::PlanVerdict::Waiting);
  next_ = std::make_shared<const CompiledPlan>(std::move(plan));
  Advance(now);
  return Status();
}

bool PlanKeeper::Advance(std::optional<CloudTime> now) {
  bool changed = false;
  const auto has_come = [now](const std::optional<seconds>& time) { return now && now->time_since_epoch() >= *time; };
  if (next_ && (!next_->plan.start || has_come(next_->plan.start))) {
    applied_ = std::exchange(next_, nullptr);
    changed = true;
  }
  if (applied_ && applied_->plan.end && has_come(applied_->plan.end)) {
    Reply(applied_->plan.version, applied_->hash, wire::PlanVerdict::Ended);
    applied_.reset();
    return true;
  }
  if (changed) Reply(applied_->plan.version, applied_->hash, wire::PlanVerdict::Applied);
  return changed;
}

}  // namespace starling::edge
