#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cloud/scaling/scaling_config.h"
#include "common/status.h"
#include "sim/experiment/paired_difference.h"
#include "sim/scaling/shard_queue.h"
#include "sim/scaling/week_demand.h"

namespace starling::sim {

struct ScalingStudyConfig {
  WeekDemandConfig demand;
  ShardQueueConfig queue;
  cloud::ScalingConfig scaling;       // its capacity is the queue's; nothing is announced in it
  std::uint64_t seed = 1;
  std::uint32_t seeds = 10;           // 2 to 1,000
  std::vector<double> targets{0.5, 0.6, 0.7, 0.8};  // of the curve; each as scaling.target_share

  // Errors: kInvalidArgument names the field and its range.
  Status Validate() const;
};

// One rule in one seed's last week.
struct WeekUnderRule {
  double over_limit_s = 0;       // seconds in which the latency was over the limit, for whatever reason
  double overload_s = 0;         // of these: too much waited
  double handover_s = 0;         // of these, and not the former: a region moved
  double shed_share = 0;         // of all fixes
  double shard_hours = 0;        // those that start included
  double changes = 0;            // times that the number of shards changed
  double within = 0;             // share of minutes within the forecast's interval; 0: no forecast
  double forecast_error = 0;     // mean absolute, share of the load
};

struct RuleResult {
  std::string name;              // "predictive"
  std::string title;             // for people
  double target = 0;             // share of capacity; 0: none
  bool of_curve = false;         // not a row of the table
  std::vector<WeekUnderRule> weeks;  // by seed
};

// Of the first seed's last week, by minute, for the drawing.
struct WeekDrawing {
  std::vector<double> load;
  std::vector<double> low;
  std::vector<double> high;
  std::vector<double> predictive;  // shards that were ready
  std::vector<double> reactive;
};

struct ScalingStudy {
  ScalingStudyConfig config;
  std::vector<RuleResult> rules;
  WeekDrawing drawing;
};

// `progress` is told the share that is done; false ends early.
// Errors: kUnavailable if it ended early.
// REQUIRES: config.Validate().ok()
Result<ScalingStudy> RunScalingStudy(const ScalingStudyConfig& config, const std::function<bool(double)>& progress);

// Mean over the seeds, with Student's interval at 95 %.
struct MeanOf {
  double mean = 0;
  Interval interval;
};
MeanOf Mean(const RuleResult& rule, double WeekUnderRule::*figure);

}  // namespace starling::sim
