#include "edge/agent/agent.h"

#include <string>

#include "common/telemetry/history_format.h"

namespace starling::edge {
namespace {

Status CheckWithin(const char* field, double value, double least, double most) {
  if (value >= least && value <= most) return Status();
  return Status(ErrorCode::kInvalidArgument,
                std::string(field) + " is " + std::to_string(value) + ", must be within " +
                    std::to_string(least) + " and " + std::to_string(most));
}

}  // namespace

InboxConfig AgentConfig::Inbox() const {
  InboxConfig inbox;
  inbox.decel_max_mps2 = decel_max_mps2;
  inbox.lease_max = lease_max;
  inbox.reports_max = reports_max;
  return inbox;
}

Status AgentConfig::Validate() const {
  const auto ms = [](nanoseconds span) { return ToSeconds(span) * 1e3; };
  const Status checks[] = {
      CheckWithin("position_error_max_m", position_error_max_m, 1e-3, 10),
      CheckWithin("heading_error_max_rad", heading_error_max_rad, 1e-3, 3.1416),
      CheckWithin("speed_error_max_mps", speed_error_max_mps, 1e-3, 10),
      CheckWithin("path_departure_max_m", path_departure_max_m, 1e-3, 10),
      CheckWithin("silence_max (ms)", ms(silence_max), 100, 10'000),
      CheckWithin("batch_samples_max", static_cast<double>(batch_samples_max), 1, kHistorySamplesMax),
      CheckWithin("batch_age_max (ms)", ms(batch_age_max), 100, 600'000),
      commit_interval.count() == 0 ? Status() : CheckWithin("commit_interval (ms)", ms(commit_interval), 10, 60'000),
      CheckWithin("batches_in_flight_max", static_cast<double>(batches_in_flight_max), 1, 64),
      CheckWithin("length_m", length_m, 0.1, 30),
      CheckWithin("width_m", width_m, 0.1, 5),
      Inbox().Validate(),
  };
  for (const Status& check : checks) {
    if (!check.ok()) return check;
  }
  return Status();
}

}  // namespace starling::edge
