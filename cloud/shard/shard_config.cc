#include "cloud/shard/shard_config.h"

#include <string>

namespace starling::cloud {
namespace {

struct Rule {
  const char* field;
  bool holds;
};

}  // namespace

Status ShardConfig::Validate() const {
  constexpr std::size_t kSlotsMax = std::size_t{1} << 24;
  const auto within = [](auto value, auto low, auto high) { return value >= low && value <= high; };
  const nanoseconds none(0);
  const nanoseconds lease_max = seconds(8);
  const Rule rules[] = {
      {"vehicles_max", within(vehicles_max, std::size_t{1}, kSlotsMax)},
      {"vehicle_ttl", vehicle_ttl >= seconds(10)},
      {"sample_age_max", sample_age_max > none},
      {"sample_ahead_max", sample_ahead_max >= none},
      {"outbox_per_vehicle_max", within(outbox_per_vehicle_max, std::size_t{1}, std::size_t{1000})},
      {"closed_remembered", within(closed_remembered, std::size_t{1}, kSlotsMax)},
      {"heatmap.cells_max", within(heatmap.cells_max, std::size_t{1}, kSlotsMax)},
      {"heatmap.fading_after", heatmap.fading_after > none},
      {"heatmap.forgotten_after", heatmap.forgotten_after > heatmap.fading_after},
      {"heatmap.congested_vehicles", within(heatmap.congested_vehicles, 1u, 1000u)},
      {"heatmap.congested_speed_mps", within(heatmap.congested_speed_mps, 1e-3, 20.0)},
      {"heatmap.congested_windows", within(heatmap.congested_windows, 1u, 50u)},
      {"heatmap.free_vehicles", heatmap.free_vehicles <= heatmap.congested_vehicles},
      {"heatmap.free_speed_mps", heatmap.free_speed_mps > heatmap.congested_speed_mps},
      {"heatmap.free_windows", within(heatmap.free_windows, 1u, 50u)},
      {"heatmap.advice_ahead_s", within(heatmap.advice_ahead_s, 1e-3, 6.0)},
      {"heatmap.advice_speed_max_mps", within(heatmap.advice_speed_max_mps, 0.0, 100.0)},
      {"heatmap.advice_speed_min_mps",
       within(heatmap.advice_speed_min_mps, 0.0, heatmap.advice_speed_max_mps)},
      {"heatmap.advice_decel_max_mps2", within(heatmap.advice_decel_max_mps2, 0.1, 3.0)},
      {"heatmap.advice_lease", heatmap.advice_lease > none && heatmap.advice_lease <= lease_max},
      {"horizon.horizon_s", within(horizon.horizon_s, 0.1, 5.0)},
      {"horizon.silent_max", horizon.silent_max > none && horizon.silent_max <= seconds(10)},
      {"horizon.required_decel_min_mps2", within(horizon.required_decel_min_mps2, 0.1, 20.0)},
      {"horizon.urgent_ttc_s", within(horizon.urgent_ttc_s, 0.0, 5.0)},
      {"horizon.urgent_decel_min_mps2", within(horizon.urgent_decel_min_mps2, 0.0, 20.0)},
      {"horizon.probability_min", within(horizon.probability_min, 0.5, 0.999)},
      {"horizon.watched_decel_min_mps2", within(horizon.watched_decel_min_mps2, 0.0, horizon.required_decel_min_mps2)},
      {"horizon.evaluations", within(horizon.evaluations, 1u, 8u)},
      {"horizon.hits_min", within(horizon.hits_min, 1u, horizon.evaluations)},
      {"horizon.clear_after", horizon.clear_after > none},
      {"horizon.pairs_max", within(horizon.pairs_max, std::size_t{1}, kSlotsMax)},
      {"horizon.pairs_per_vehicle_max",
       within(horizon.pairs_per_vehicle_max, std::size_t{1}, std::size_t{1000})},
      {"planner.lease", planner.lease > none && planner.lease <= lease_max},
      {"planner.renew_before", planner.renew_before > none && planner.renew_before < planner.lease},
      {"planner.reissue_interval", planner.reissue_interval >= none},
      {"planner.margin_m", within(planner.margin_m, 0.0, 2.0)},
      {"planner.speed_change_min_mps", within(planner.speed_change_min_mps, 0.0, 20.0)},
      {"planner.hold_decel_mps2", within(planner.hold_decel_mps2, 0.0, 8.0)},
  };
  for (const Rule& rule : rules) {
    if (!rule.holds) {
      return Status(ErrorCode::kInvalidArgument,
                    std::string(rule.field) + " is outside its range (see shard_config.h)");
    }
  }
  return Status();
}

}  // namespace starling::cloud
