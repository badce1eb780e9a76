#pragma once

#include <cstdint>
#include <vector>

#include "cloud/scaling/load_forecaster.h"
#include "common/status.h"

namespace starling::sim {

// A city's traffic over weeks, as vehicles in motion.
struct WeekDemandConfig {
  double peak_vehicles = 100'000;      // at the busiest hour of an ordinary workday; 100 to 10,000,000
  double fixes_per_vehicle_s = 0;      // measured: what a vehicle in motion sends; above 0, 20 at most
  std::uint32_t weeks = 4;             // the last one is looked at, the others are learned from; 1 to 12
  double day_deviation = 0.04;         // of a day's factor; 0 to 0.2
  double hour_deviation = 0.03;        // of what wanders within a day, half an hour long; 0 to 0.2
  bool stadium = true;                 // Wednesday's match of the last week
  double stadium_share = 0.2;          // of peak_vehicles, that leave it; 0 to 1
  bool incident = true;                // Thursday's of the last week
  double incident_share = 0.12;        // of the load, more while a street is closed; 0 to 1

  // Errors: kInvalidArgument names the field and its range.
  Status Validate() const;
};

// When what is not of every week happens, in minutes of the last week.
inline constexpr std::int64_t kStadiumArrivals = 2 * 1440 + 18 * 60 + 15;  // until 20:30
inline constexpr std::int64_t kStadiumOver = 2 * 1440 + 22 * 60 + 20;
inline constexpr std::int64_t kStadiumMinutes = 60;
inline constexpr std::int64_t kIncident = 3 * 1440 + 8 * 60 + 10;
inline constexpr std::int64_t kIncidentMinutes = 75;

inline constexpr std::int64_t kWeekMinutes = 7 * 1440;
// A Monday, 00:00.
inline constexpr cloud::Minute kFirstMinute{(4 + 7 * 2'000) * 1440};

struct WeekDemand {
  std::vector<double> fixes_per_second;   // of each minute's beginning, kWeekMinutes for each week, and one more
  double stadium_fixes_per_second = 0;    // what the match adds at most

  // Between two minutes on a straight line; `second` from the first week on.
  double At(std::int64_t second) const {
    const auto minute = static_cast<std::size_t>(second / 60);
    const double share = static_cast<double>(second % 60) / 60;
    return fixes_per_second[minute] + (fixes_per_second[minute + 1] - fixes_per_second[minute]) * share;
  }
};

// The same seed gives the same demand, to the last bit.
// REQUIRES: config.Validate().ok()
//
// Source: the hours of a workday and of a day of the weekend: G. Schmidt, B. Thomas: Hochrechnungsfaktoren fuer
// manuelle und automatische Kurzzeitzaehlungen im Innerortsbereich, Forschung Strassenbau und Strassenverkehrstechnik
// 732, 1996, time lines TGw2_PKW (p. 95) and TGs1_PKW (pp. 100-103) and the factors of Saturdays and Sundays (p. 31,
// other streets of North Rhine-Westphalia, means of 1992 and 1993), as SUMO's documentation gives them.  That days
// differ by some percent and half hours by more: T. Thomas, W. Weijermars, E. van Berkum: Variations in urban traffic
// volumes, EJTIR 8(3), 2008; the size taken here is an assumption.
WeekDemand MakeWeekDemand(const WeekDemandConfig& config, std::uint64_t seed);

}  // namespace starling::sim
