#pragma once

#include <cstddef>
#include <memory>

#include "cloud/regions/region_map.h"
#include "cloud/streets/lane_map.h"
#include "common/status.h"
#include "common/time.h"

namespace starling::cloud {

// When a cell is congested, and what a vehicle about to enter it is told.
struct HeatmapConfig {
  std::size_t cells_max = 65'536;            // [1, 2^24] occupied at once; more are refused and counted
  nanoseconds fading_after = seconds(5);     // silent longer: counts with falling confidence
  nanoseconds forgotten_after = seconds(10); // silent longer: not counted; > fading_after
  std::uint32_t congested_vehicles = 6;      // [1, 1000]; this many ...
  double congested_speed_mps = 2.5;          // (0, 20]; ... slower than this on average, for
  std::uint32_t congested_windows = 2;       // [1, 50] windows make a cell congested
  std::uint32_t free_vehicles = 4;           // fewer than this, or ...
  double free_speed_mps = 4.5;               // ... faster than this; > congested_speed_mps, for
  std::uint32_t free_windows = 5;            // [1, 50] windows make it free again
  double advice_ahead_s = 6;                 // (0, 6]; advice is given this long before the entry
  double advice_speed_max_mps = 8.33;        // ceiling at most
  double advice_speed_min_mps = 4;           // ceiling at least; <= advice_speed_max_mps
  double advice_decel_max_mps2 = 1.5;        // (0, 3]; comfort
  nanoseconds advice_lease = seconds(6);     // (0, 8 s]
};

// What counts as two vehicles coming too close.
struct HorizonConfig {
  double horizon_s = 5;                      // (0, 5]; looked ahead from now
  nanoseconds silent_max = seconds(3);       // (0, 10 s]; three missed fixes: nobody knows what it does
  double required_decel_min_mps2 = 3;        // raise from this required deceleration on
  double urgent_ttc_s = 1.5;                 // contact sooner than this raises at once ...
  double urgent_decel_min_mps2 = 2;          // ... from this required deceleration on
  double watched_decel_min_mps2 = 0.5;       // [0, required_decel_min_mps2]; evaluated every tick from there on
  double probability_min = 0.6;              // [0.5, 1); of the boxes' overlap
  std::uint32_t hits_min = 2;                // k ...
  std::uint32_t evaluations = 3;             // ... of n, [1, 8]
  nanoseconds clear_after = seconds(1);      // an episode closes after this long without a hit
  std::size_t pairs_max = 4'096;             // suspected and open together; more are counted
  std::size_t pairs_per_vehicle_max = 32;    // [1, 1000]; of these, the most urgent; more are counted
};

struct PlannerConfig {
  nanoseconds lease = milliseconds(2'000);   // (0, 8 s]
  nanoseconds renew_before = milliseconds(600);  // < lease
  nanoseconds reissue_interval = milliseconds(300);
  double margin_m = 0.3;                     // [0, 2]; kept between the boxes when re-simulating
  double speed_change_min_mps = 1;           // a smaller change of the ceiling is not sent
  double hold_decel_mps2 = 1;                // for the one that only must not accelerate
};

// Configuration of one shard.  The same records give the same outputs only under
// the same configuration.
struct ShardConfig {
  std::size_t vehicles_max = 200'000;        // [1, 2^24]; further vehicles are refused and counted
  nanoseconds vehicle_ttl = std::chrono::minutes(10);
  nanoseconds sample_age_max = seconds(60);  // a fix older than this when logged is refused
  nanoseconds sample_ahead_max = seconds(1); // so is one from further in the future
  std::size_t outbox_per_vehicle_max = 32;   // [1, 1000]; open commands; more are not issued
  std::size_t closed_remembered = 65'536;    // [1, 2^24]; ids whose second status is recognised
  RegionMap region_map;                      // at first; a newer one may come by the log
  HeatmapConfig heatmap;
  HorizonConfig horizon;
  PlannerConfig planner;
  // Where vehicles without a plan will go; null: straight on, or around their bend.  In the shard's frame.
  std::shared_ptr<const LaneMap> streets;

  // Errors: kInvalidArgument, naming the field.
  Status Validate() const;
};

}  // namespace starling::cloud
