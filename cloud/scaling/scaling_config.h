#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "cloud/scaling/load_forecaster.h"
#include "common/status.h"

namespace starling::cloud {

// An event that is known of before: a match, a closed bridge.
struct AnnouncedLoad {
  Minute begin{};                      // of the place's clock, as those of LoadForecaster
  Minute end{};                        // the first one that is not of it
  double fixes_per_second = 0;         // more than on such a day otherwise

  friend bool operator==(const AnnouncedLoad&, const AnnouncedLoad&) = default;
};

struct ScalingConfig {
  // What one shard holds.  Measured: one core, log and shard on it, at eight times the city's density
  // (./run bench overload; README).  1 to 1e9.
  double capacity_fixes_per_second = 200'000;
  // Share of that which is to be used.  Higher: cheaper, and less room for what nobody foresaw.  0.1 to 1.
  double target_share = 0.7;
  // Share of minutes that are to be within the forecast's interval, whose upper end the shards are counted
  // for.  0.5 to 0.99.
  double coverage = 0.9;
  std::uint32_t shards_min = 1;        // 1 to 9,999, and not above the next one
  std::uint32_t shards_max = 1'024;
  // A shard is given up when none was needed for so long.  0 to 60 min.
  std::chrono::minutes cool_down{15};
  // And only if those that stay would have this share of room beyond the target.  0 to 0.5.
  double hysteresis = 0.1;
  // Of the clocks on the wall, for hours and days of the week.  -720 to 840.
  std::int32_t utc_offset_minutes = 0;
  std::vector<AnnouncedLoad> announced;  // at most 64

  // More than on such a day otherwise.
  double Extra(Minute minute) const;

  // Errors: kInvalidArgument names the field and its range.
  Status Validate() const;
};

// "2026-11-28T17:00" is the place's clock.
// Errors: kInvalidArgument.
Result<Minute> ParseMinute(const std::string& text);

}  // namespace starling::cloud
