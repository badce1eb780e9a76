#include "sim/scaling/scaling_policy.h"

#include <algorithm>
#include <cmath>

namespace starling::sim {
namespace {

constexpr std::int64_t kRoundS = 15;
constexpr std::size_t kUseS = 30;
constexpr std::int64_t kStableS = 300;
constexpr double kTolerance = 0.1;
constexpr std::uint32_t kMoreAtOnce = 4;

}  // namespace

std::uint32_t ShardsFor(double load, double per_shard) {
  const double whole = std::floor(load / per_shard);
  return std::max(1U, static_cast<std::uint32_t>(whole) + (whole * per_shard < load ? 1U : 0U));
}

std::uint32_t ReactivePolicy::Wanted(const Seen& seen) {
  if (wanted_ == 0) wanted_ = seen.all;
  served_.push_back(seen.served);
  sum_ += seen.served;
  if (served_.size() > kUseS) {
    sum_ -= served_.front();
    served_.pop_front();
  }
  if (seen.second % kRoundS != 0) return wanted_;
  const double used = sum_ / static_cast<double>(served_.size());
  const double ratio = used / (per_shard_ * seen.all);
  std::uint32_t wish = seen.all;
  if (ratio < 1 - kTolerance || ratio > 1 + kTolerance) wish = ShardsFor(used, per_shard_);
  wish = std::min(wish, std::max(2 * seen.all, seen.all + kMoreAtOnce));
  wishes_.push_back({seen.second, wish});
  while (wishes_.front().second <= seen.second - kStableS) wishes_.pop_front();
  wanted_ = wish;
  if (wish < seen.all) {
    for (const Wish& each : wishes_) wanted_ = std::max(wanted_, std::min(each.shards, seen.all));
  }
  return wanted_;
}

void PredictivePolicy::Learn(const WeekDemand& demand, std::int64_t minutes) {
  for (std::int64_t minute = 0; minute < minutes; ++minute) {
    const auto at = static_cast<std::size_t>(minute);
    const double mean = (demand.fixes_per_second[at] + demand.fixes_per_second[at + 1]) / 2;
    (void)planner_.Observe(cloud::Minute{ToNumber(kFirstMinute) + minute}, mean);  // Always a number.
  }
  if (planner_.outlook()) wanted_ = planner_.outlook()->shards_wanted;
}

std::uint32_t PredictivePolicy::Wanted(const Seen& seen) {
  sum_ += seen.served;
  if (seen.second % 60 == 59) {
    const cloud::Minute minute{ToNumber(kFirstMinute) + seen.second / 60};
    const double load = sum_ / 60;
    sum_ = 0;
    if (!due_.empty() && due_.front().minute == minute) {
      ++scored_;
      if (due_.front().low <= load && load <= due_.front().high) ++within_;
      if (load > 0) error_sum_ += std::abs(due_.front().mean - load) / load;
      due_.pop_front();
    }
    if (planner_.Observe(minute, load)) due_.push_back(*planner_.forecaster().Forecast());
  }
  if (seen.second % kRoundS == 0 && planner_.outlook()) wanted_ = planner_.outlook()->shards_wanted;
  return wanted_ == 0 ? seen.all : wanted_;
}

std::uint32_t OraclePolicy::Wanted(const Seen& seen) {
  if (seen.second % kRoundS != 0) return wanted_;
  const auto end = static_cast<std::int64_t>(demand_->fixes_per_second.size() - 1) * 60 - 1;
  double most = 0;
  for (std::int64_t second = seen.second; second <= seen.second + ahead_s_; second += kRoundS) {
    most = std::max(most, demand_->At(std::min(second, end)));
  }
  wanted_ = ShardsFor(most, per_shard_);
  return wanted_;
}

}  // namespace starling::sim
