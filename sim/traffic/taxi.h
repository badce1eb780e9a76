#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace starling::sim {

// What a taxi has driven since it was at its last goal, and what its battery is good for.
struct Taxi {
  std::optional<double> begun_s;          // Empty until it has been at a goal.
  double route_m = 0;
  double free_s = 0;
  std::uint32_t stood_steps = 0;          // Then.
  double range_m = 0;
};

// Of those that nobody takes so many are kept.
inline constexpr std::size_t kTaxiTripsMax = 65'536;

}  // namespace starling::sim
