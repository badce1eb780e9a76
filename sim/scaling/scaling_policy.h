// Rules that say how many shards there are to be.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>

#include "cloud/scaling/scaling_planner.h"
#include "sim/scaling/week_demand.h"

namespace starling::sim {

// What a rule can see: of the second that has passed.
struct Seen {
  std::int64_t second = 0;       // of all weeks
  double served = 0;             // fixes
  std::uint32_t ready = 1;
  std::uint32_t all = 1;         // and those that start
};

class ScalingPolicy {
 public:
  virtual ~ScalingPolicy() = default;
  // Called for each second; what is to be from the next one on.
  virtual std::uint32_t Wanted(const Seen& seen) = 0;
};

// As Kubernetes' horizontal pod autoscaler does with its defaults: every 15 s, by the mean use of
// the last 30 s; nothing within a tenth of the target; at most twice as many or four more at a time; fewer
// only when none of the last 300 s wanted more.  Starting pods count as unused.
//
// Source: Kubernetes' documentation, Horizontal Pod Autoscaling, "Algorithm details" and "Configurable
// scaling behavior"; autoscaling/v2.
class ReactivePolicy final : public ScalingPolicy {
 public:
  ReactivePolicy(double capacity, double target_share) : per_shard_(capacity * target_share) {}
  std::uint32_t Wanted(const Seen& seen) override;

 private:
  const double per_shard_;
  std::deque<double> served_;    // of the last 30 s
  double sum_ = 0;
  struct Wish {
    std::int64_t second;
    std::uint32_t shards;
  };
  std::deque<Wish> wishes_;      // of the last 300 s
  std::uint32_t wanted_ = 0;
};

// What the orchestrator publishes, read every 15 s.
class PredictivePolicy final : public ScalingPolicy {
 public:
  explicit PredictivePolicy(const cloud::ScalingConfig& config) : planner_(config) {}
  // Minutes of before the study.
  void Learn(const WeekDemand& demand, std::int64_t minutes);
  std::uint32_t Wanted(const Seen& seen) override;
  const cloud::ScalingPlanner& planner() const { return planner_; }

  // Of the minutes of the study.
  double within() const { return scored_ == 0 ? 0 : static_cast<double>(within_) / static_cast<double>(scored_); }
  double error() const { return scored_ == 0 ? 0 : error_sum_ / static_cast<double>(scored_); }

 private:
  cloud::ScalingPlanner planner_;
  double sum_ = 0;
  std::uint32_t wanted_ = 0;         // 0: not known yet, and nothing changes
  std::deque<cloud::LoadForecast> due_;
  std::uint64_t scored_ = 0;
  std::uint64_t within_ = 0;
  double error_sum_ = 0;         // shares of what came
};

// The larger wish, as the autoscaler does with several metrics.
class LargerPolicy final : public ScalingPolicy {
 public:
  LargerPolicy(std::unique_ptr<ScalingPolicy> one, std::unique_ptr<ScalingPolicy> other)
      : one_(std::move(one)), other_(std::move(other)) {}
  std::uint32_t Wanted(const Seen& seen) override {
    const std::uint32_t one = one_->Wanted(seen);
    return std::max(one, other_->Wanted(seen));
  }

 private:
  const std::unique_ptr<ScalingPolicy> one_;
  const std::unique_ptr<ScalingPolicy> other_;
};

// Knows what will come until a shard that is started now is there, and a minute more.
class OraclePolicy final : public ScalingPolicy {
 public:
  // Of `per_shard` fixes/s each shard takes its part.
  OraclePolicy(const WeekDemand* demand, double per_shard, std::int64_t ahead_s)
      : demand_(demand), per_shard_(per_shard), ahead_s_(ahead_s) {}
  std::uint32_t Wanted(const Seen& seen) override;

 private:
  const WeekDemand* const demand_;
  const double per_shard_;
  const std::int64_t ahead_s_;
  std::uint32_t wanted_ = 1;
};

class FixedPolicy final : public ScalingPolicy {
 public:
  explicit FixedPolicy(std::uint32_t shards) : shards_(shards) {}
  std::uint32_t Wanted(const Seen&) override { return shards_; }

 private:
  const std::uint32_t shards_;
};

// The least whole number of shards for a load.
std::uint32_t ShardsFor(double load, double per_shard);

}  // namespace starling::sim
