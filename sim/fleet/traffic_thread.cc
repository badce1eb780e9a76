#include "sim/fleet/traffic_thread.h"

#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace starling::sim {
namespace {

// Steps between two looks at the predictions while it is catching up.
constexpr std::uint64_t kStepsAtOnce = 32;
constexpr std::size_t kJudgementsAtOnce = 16;
constexpr nanoseconds kFiguresInterval = milliseconds(500);

// It is ahead of the samples by so much and gives way to whom they are for: the city is not what
// is measured.  A driver's reaction to a command begins by this later.
constexpr nanoseconds kLead = milliseconds(20);
constexpr int kNiceness = 5;

}  // namespace

TrafficThread::TrafficThread(Traffic* traffic, const Schedule* schedule, const FleetClock* clock,
                             FleetExchange* exchange, nanoseconds quantum)
    : traffic_(traffic), schedule_(*schedule), clock_(*clock), exchange_(exchange),
      quantum_(quantum), prediction_(traffic) {}

TrafficThread::~TrafficThread() { Stop(); }

void TrafficThread::Start(CloudTime start, std::uint64_t turns, CloudTime judged_until) {
  STARLING_CHECK(!thread_.joinable() && turns_ == 0);
  start_ = start;
  turns_ = turns;
  prediction_.Start(start);
  prediction_.End(judged_until);
  thread_ = std::thread([this] { Loop(); });
}

void TrafficThread::Stop() {
  stop_.store(true, std::memory_order_relaxed);
  if (!thread_.joinable()) return;
  thread_.join();
  prediction_.Judge(stepped_until_, SIZE_MAX);
  PublishFigures();
}

VehicleTruth TrafficThread::Take() {
  VehicleTruth truth;
  STARLING_CHECK(steps_.pop(truth));
  return truth;
}

TrafficThread::Figures TrafficThread::figures() const {
  MutexLock lock(mutex_);
  return figures_;
}

void TrafficThread::PublishFigures() {
  MutexLock lock(mutex_);
  figures_ = {traffic_->counters().collisions, prediction_.error()};
}

// False: it was stopped before there was room for what it has to hand over.
bool TrafficThread::Step(std::uint64_t number) {
  const Schedule::Turn turn = schedule_.At(number);
  Limit limit;
  while (limits_.pop(limit)) traffic_->SetLimit(limit.vehicle, limit.ceiling_mps, limit.decel_mps2);
  const SimTime instant(turn.instant);
  traffic_->WorkAhead(instant);
  const VehicleTruth truth = traffic_->Truth(turn.vehicle, instant);
  while (!steps_.push(truth)) {
    if (stop_.load(std::memory_order_relaxed)) return false;
    std::this_thread::sleep_for(quantum_);
  }
  return true;
}

void TrafficThread::Loop() {
  // For people who look at the process; it works without.
  (void)pthread_setname_np(pthread_self(), "traffic");
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNiceness);
  // Sleeps of half a millisecond should not last longer than that.
  (void)::prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
  CloudTime published{};
  std::uint64_t next = 0;
  std::uint64_t quanta = 0;
  while (next < turns_ && !stop_.load(std::memory_order_relaxed)) {
    const std::uint64_t due = std::min(turns_, schedule_.DueBy(clock_.Now() + kLead - start_));
    for (const std::uint64_t stop = std::min(due, next + kStepsAtOnce); next < stop; ++next) {
      if (!Step(next)) return;
    }
    while (std::optional<PredictedVehicle> predicted = exchange_->predictions.Pop()) {
      prediction_.Take(std::move(*predicted));
    }
    const CloudTime now = clock_.Now();
    // Only where the vehicles have been: beyond their last steps the truth would be a
    // prediction itself.
    stepped_until_ = std::min(now, start_ + schedule_.At(next).instant);
    prediction_.Judge(stepped_until_, kJudgementsAtOnce);
    if (now - published >= kFiguresInterval) {
      PublishFigures();
      published = now;
    }
    if (next < schedule_.DueBy(now + kLead - start_)) continue;
    // On a fixed raster: work in one quantum does not push the next away.
    quanta = std::max(quanta + 1, static_cast<std::uint64_t>((now - start_) / quantum_) + 1);
    const CloudTime wake = start_ + quantum_ * static_cast<std::int64_t>(quanta);
    if (wake > now) std::this_thread::sleep_for(wake - now);
  }
}

}  // namespace starling::sim
