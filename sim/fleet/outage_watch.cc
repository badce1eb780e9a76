#include "sim/fleet/outage_watch.h"

#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace starling::sim {
namespace {

constexpr milliseconds kLookEvery{50};  // It looks at every vehicle that is away.

}  // namespace

void OutageWatch::Poll(CloudTime now, std::span<const SimVehicle> vehicles) {
  if (outages_.size() < config_.kills && failure_.empty()) {
    const auto due = start_ + seconds(config_.kill_at_s) +
                     seconds(config_.kill_every_s) * static_cast<std::int64_t>(outages_.size());
    if (now >= due) Kill(now, vehicles);
  }
  if (outages_.empty() || outages_.back().live_99 || now < next_look_) return;
  next_look_ = now + kLookEvery;
  CountBack(now, vehicles);
}

void OutageWatch::Kill(CloudTime now, std::span<const SimVehicle> vehicles) {
  std::int64_t process = 0;
  std::ifstream file(config_.kill_pid_file);
  if (!(file >> process) || process <= 1) {
    failure_ = config_.kill_pid_file + " holds no process number";
    return;
  }
  if (::kill(static_cast<pid_t>(process), SIGKILL) != 0) {
    failure_ = "process " + std::to_string(process) + " of " + config_.kill_pid_file + ": " + std::strerror(errno);
    return;
  }
  epochs_killed_ = epochs_;
  away_.clear();
  for (std::size_t i = 0; i < vehicles.size(); ++i) away_.push_back({i, vehicles[i].uplink->counters().connects});
  outages_.push_back({.killed = now, .process = process, .first_command = {}, .live_50 = {}, .live_99 = {}});
}

void OutageWatch::CountBack(CloudTime now, std::span<const SimVehicle> vehicles) {
  Outage& outage = outages_.back();
  // A shard that is killed takes no connection with it: its vehicles are live once its
  // successor commands.
  const bool shard = !config_.shards_http.empty();
  if (shard && !outage.first_command) return;
  std::erase_if(away_, [&](const Away& away) {
    const SimVehicle& vehicle = vehicles[away.vehicle];
    // Until a vehicle has noticed, it still takes itself for connected.
    return vehicle.agent->welcomed() && (shard || vehicle.uplink->counters().connects > away.connects);
  });
  const std::size_t back = vehicles.size() - away_.size();
  if (!outage.live_50 && back * 100 >= vehicles.size() * 50) outage.live_50 = now - outage.killed;
  if (back * 100 >= vehicles.size() * 99) outage.live_99 = now - outage.killed;
}

void OutageWatch::OnAction(const edge::ControlAction& action, CloudTime now) {
  if (config_.kills == 0) return;
  Epoch& newest = epochs_[action.region];
  newest = std::max(newest, action.epoch);
  if (outages_.empty()) return;
  Outage& outage = outages_.back();
  const auto former = epochs_killed_.find(action.region);
  const bool anew = former == epochs_killed_.end() || action.epoch > former->second;
  if (outage.first_command || !anew || CloudTimeFromNs(action.cause_log_time_ns) <= outage.killed) return;
  outage.first_command = now - outage.killed;
}

}  // namespace starling::sim
