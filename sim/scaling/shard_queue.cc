#include "sim/scaling/shard_queue.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/check.h"

namespace starling::sim {
namespace {

Status Invalid(const char* field, const char* range) {
  return {ErrorCode::kInvalidArgument, std::string(field) + " must be " + range};
}

}  // namespace

Status ShardQueueConfig::Validate() const {
  if (!(capacity_fixes_per_second >= 1 && capacity_fixes_per_second <= 1e9)) {
    return Invalid("capacity_fixes_per_second", "1 to 1e9");
  }
  if (!(imbalance >= 1 && imbalance <= 3)) return Invalid("imbalance", "1 to 3");
  if (!(limit_ms > 0 && limit_ms <= 1'000)) return Invalid("limit_ms", "above 0 and 1000 at most");
  if (!(base_latency_ms >= 0 && base_latency_ms <= limit_ms)) return Invalid("base_latency_ms", "0 to limit_ms");
  if (!(wait_max_s >= 0.1 && wait_max_s <= 10)) return Invalid("wait_max_s", "0.1 to 10");
  if (!(start_min_s >= 0 && start_min_s <= start_max_s && start_max_s <= 600)) {
    return Invalid("start_min_s and start_max_s", "0 to 600, the first not above the second");
  }
  if (!(handover_min_s >= 0 && handover_min_s <= handover_max_s && handover_max_s <= 60)) {
    return Invalid("handover_min_s and handover_max_s", "0 to 60, the first not above the second");
  }
  return {};
}

ShardQueue::ShardQueue(const ShardQueueConfig& config, std::uint32_t shards, std::uint64_t seed)
    : config_(config), random_(seed), ready_(shards) {
  STARLING_CHECK(config.Validate().ok());
  STARLING_CHECK(shards >= 1);
}

void ShardQueue::Move(std::uint32_t before) {
  ++changes_;
  handover_s_ = std::max(handover_s_, random_.Between(config_.handover_min_s, config_.handover_max_s));
  const double share = static_cast<double>(before) / ready_;
  waiting_ *= share;
  waiting_others_ *= share;
}

void ShardQueue::Want(std::uint32_t shards) {
  shards = std::max(shards, 1U);
  while (all() < shards) starting_.push_back(random_.Between(config_.start_min_s, config_.start_max_s));
  while (all() > shards && !starting_.empty()) starting_.pop_back();
  if (ready_ <= shards) return;
  const std::uint32_t before = std::exchange(ready_, shards);
  Move(before);
}

ShardQueue::Part ShardQueue::Serve(double load, double* waiting) const {
  const double capacity = config_.capacity_fixes_per_second;
  const double there = *waiting + load;
  const double served = std::min(there, capacity);
  *waiting = std::min(there - served, config_.wait_max_s * capacity);
  return {served, there - served - *waiting};
}

QueueSecond ShardQueue::Step(double load) {
  for (double& left : starting_) left -= 1;
  const auto begun = static_cast<std::uint32_t>(std::erase_if(starting_, [](double left) { return left <= 0; }));
  if (begun != 0) {
    const std::uint32_t before = std::exchange(ready_, ready_ + begun);
    Move(before);
  }
  const double mean = load / ready_;
  const double fullest = std::min(mean * config_.imbalance, load);
  const Part one = Serve(fullest, &waiting_);
  const double others = ready_ - 1;
  const Part each = others > 0 ? Serve((load - fullest) / others, &waiting_others_) : Part{};
  QueueSecond second;
  second.served = one.served + others * each.served;
  second.shed = one.shed + others * each.shed;
  second.latency_ms = config_.base_latency_ms + 1'000 * waiting_ / config_.capacity_fixes_per_second;
  second.overload = second.latency_ms > config_.limit_ms;
  second.handover = handover_s_ > 0;
  handover_s_ = std::max(0.0, handover_s_ - 1);
  return second;
}

}  // namespace starling::sim
