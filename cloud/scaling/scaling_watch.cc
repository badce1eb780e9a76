#include "cloud/scaling/scaling_watch.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <utility>
#include <vector>

#include "cloud/scaling/scaling_state.h"
#include "common/durable_file.h"
#include "common/time.h"

namespace starling::cloud {
namespace {

constexpr seconds kLookInterval{1};
// What a kill -9 may cost: minutes that teach nothing, of thousands.
constexpr std::int64_t kSaveMinutes = 5;

}  // namespace

ScalingWatch::ScalingWatch(const ScalingConfig& config, std::string file, Count count)
    : file_(std::move(file)), count_(std::move(count)), meter_(config.utc_offset_minutes), planner_(config) {}

void ScalingWatch::Start() {
  if (const Status status = ReadScalingState(file_, &planner_); !status.ok()) {
    std::fprintf(stderr, "starling-cloud: scaling: %s; what the load is by time of day is learned anew\n",
                 std::string(status.message()).c_str());
  }
  thread_ = std::jthread([this](const std::stop_token& stop) { Work(stop); });
  // For people who look at the process; it works without.
  (void)pthread_setname_np(thread_.native_handle(), "scaling");
}

void ScalingWatch::Stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
  Save();
}

std::optional<ScalingOutlook> ScalingWatch::outlook() const {
  const std::lock_guard lock(mutex_);
  return planner_.outlook();
}

void ScalingWatch::Save() {
  std::vector<std::byte> bytes;
  {
    const std::lock_guard lock(mutex_);
    if (!planner_.forecaster().last()) return;
    bytes = EncodeScalingState(planner_);
  }
  const Status status = ReplaceFile(file_, bytes);
  std::string complaint = status.ok() ? std::string() : std::string(status.message());
  if (!complaint.empty() && complaint != complaint_) {
    std::fprintf(stderr, "starling-cloud: scaling: %s; a restart will know less of the load\n", complaint.c_str());
  }
  complaint_ = std::move(complaint);
}

void ScalingWatch::Work(const std::stop_token& stop) {
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 10);
  std::int64_t saved = 0;
  while (!stop.stop_requested()) {
    if (const std::optional<MinuteLoad> load = meter_.Look(CloudNow(), count_())) {
      {
        const std::lock_guard lock(mutex_);
        (void)planner_.Observe(load->minute, load->per_second);
      }
      if (++saved % kSaveMinutes == 0) Save();
    }
    std::unique_lock lock(mutex_);
    wakeup_.wait_for(lock, stop, kLookInterval, [] { return false; });
  }
}

}  // namespace starling::cloud
