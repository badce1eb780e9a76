#include "sim/scaling/week_demand.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "common/check.h"
#include "sim/city/random.h"

namespace starling::sim {
namespace {

// Percent of the day's traffic in each hour.
constexpr std::array<double, 24> kWorkday{0.8, 0.5, 0.4, 0.3, 0.4, 1.2, 4.5, 7.4, 6.6, 5.2, 5.0, 5.0,
                                          5.2, 5.3, 5.6, 6.7, 8.4, 8.6, 7.4, 5.0, 3.9, 3.0, 2.1, 1.6};
constexpr std::array<double, 24> kWeekend{3.3, 2.8, 2.0, 1.5, 1.2, 1.3, 1.2, 1.5, 2.5, 3.7, 4.8, 5.5,
                                          6.0, 6.7, 7.0, 7.1, 6.9, 7.4, 7.0, 6.0, 4.7, 4.1, 3.5, 2.3};
// Of a workday's traffic.
constexpr std::array<double, 7> kDays{1, 1, 1, 1, 1, 0.8045, 0.728};
constexpr double kBusiest = 8.6;

// Of what wanders: half of it is gone after 23 minutes.
constexpr double kKept = 0.97;

Status Invalid(const char* field, const char* range) {
  return {ErrorCode::kInvalidArgument, std::string(field) + " must be " + range};
}

// Irwin's and Hall's: near enough to the normal distribution, and the same everywhere.
double Normal(Random* random) {
  double sum = 0;
  for (int i = 0; i < 12; ++i) sum += random->Unit();
  return sum - 6;
}

double HourlyAt(std::int64_t minute_of_weeks) {
  const auto share = [](std::int64_t hour) {
    const auto day = static_cast<std::size_t>(hour / 24 % 7);
    return (day < 5 ? kWorkday : kWeekend)[static_cast<std::size_t>(hour % 24)] * kDays[day];
  };
  // An hour's share stands for its middle.
  const std::int64_t from = minute_of_weeks + 7 * 1440 - 30;
  const std::int64_t hour = from / 60;
  const double part = static_cast<double>(from % 60) / 60;
  return (share(hour) + (share(hour + 1) - share(hour)) * part) / kBusiest;
}

// 0 to 1 over `rise` minutes, 1 until `fall` minutes before the end, then down.
double Burst(std::int64_t minute, std::int64_t begin, std::int64_t minutes, std::int64_t rise, std::int64_t fall) {
  const std::int64_t since = minute - begin;
  if (since < 0 || since >= minutes) return 0;
  return std::min({1.0, static_cast<double>(since) / static_cast<double>(rise),
                   static_cast<double>(minutes - since) / static_cast<double>(fall)});
}

}  // namespace

Status WeekDemandConfig::Validate() const {
  if (!(peak_vehicles >= 100 && peak_vehicles <= 1e7)) return Invalid("peak_vehicles", "100 to 10000000");
  if (!(fixes_per_vehicle_s > 0 && fixes_per_vehicle_s <= 20)) {
    return Invalid("fixes_per_vehicle_s", "above 0 and 20 at most");
  }
  if (weeks < 1 || weeks > 12) return Invalid("weeks", "1 to 12");
  if (!(day_deviation >= 0 && day_deviation <= 0.2)) return Invalid("day_deviation", "0 to 0.2");
  if (!(hour_deviation >= 0 && hour_deviation <= 0.2)) return Invalid("hour_deviation", "0 to 0.2");
  if (!(stadium_share >= 0 && stadium_share <= 1)) return Invalid("stadium_share", "0 to 1");
  if (!(incident_share >= 0 && incident_share <= 1)) return Invalid("incident_share", "0 to 1");
  return {};
}

WeekDemand MakeWeekDemand(const WeekDemandConfig& config, std::uint64_t seed) {
  STARLING_CHECK(config.Validate().ok());
  Random random(seed);
  WeekDemand demand;
  const std::int64_t minutes = kWeekMinutes * config.weeks;
  const std::int64_t last_week = minutes - kWeekMinutes;
  demand.fixes_per_second.reserve(static_cast<std::size_t>(minutes) + 1);
  demand.stadium_fixes_per_second =
      config.stadium ? config.stadium_share * config.peak_vehicles * config.fixes_per_vehicle_s : 0;
  double yesterday = 1;
  double today = 1 + config.day_deviation * Normal(&random);
  double wander = 0;
  for (std::int64_t minute = 0; minute <= minutes; ++minute) {
    if (minute > 0 && minute % 1440 == 0) {
      yesterday = today;
      today = 1 + config.day_deviation * Normal(&random);
    }
    wander = kKept * wander + std::sqrt(1 - kKept * kKept) * config.hour_deviation * Normal(&random);
    // A night's traffic belongs to both days.
    const double morning = std::min(1.0, static_cast<double>(minute % 1440) / 240);
    double vehicles = config.peak_vehicles * HourlyAt(minute) * (yesterday + (today - yesterday) * morning) *
                      std::max(0.0, 1 + wander);
    const std::int64_t at = minute - last_week;
    if (config.incident) vehicles *= 1 + config.incident_share * Burst(at, kIncident, kIncidentMinutes, 10, 30);
    if (config.stadium) {
      // They come over two hours, and leave in one.
      vehicles += config.stadium_share * config.peak_vehicles *
                  (0.4 * Burst(at, kStadiumArrivals, 135, 60, 30) + Burst(at, kStadiumOver, kStadiumMinutes, 5, 40));
    }
    vehicles = std::max(0.0, vehicles + std::sqrt(vehicles) * Normal(&random));
    demand.fixes_per_second.push_back(vehicles * config.fixes_per_vehicle_s);
  }
  return demand;
}

}  // namespace starling::sim
