#include "sim/fleet/fleet_config.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <string_view>

namespace starling::sim {
namespace {

constexpr std::string_view kPrefix = "veh-";
constexpr std::size_t kDigits = 5;

Status Refuse(std::string message) {
  return Status(ErrorCode::kInvalidArgument, "fleet: " + std::move(message));
}

}  // namespace

Status FleetConfig::Validate() const {
  if (vehicles < 1 || vehicles > 99'999) {
    return Refuse("vehicles is " + std::to_string(vehicles) + ", must be within 1 and 99999");
  }
  if (seconds < 1 || seconds > 86'400) {
    return Refuse("seconds is " + std::to_string(seconds) + ", must be within 1 and 86400");
  }
  if (cut_vehicles > vehicles) return Refuse("cut_vehicles is above vehicles");
  if (cut_vehicles > 0 && (cut_at_s == 0 || cut_at_s >= seconds)) {
    return Refuse("cut_at_s is " + std::to_string(cut_at_s) + ", must be within 1 and seconds - 1");
  }
  if (reboot_vehicles > vehicles) return Refuse("reboot_vehicles is above vehicles");
  if (reboot_vehicles > 0 && (reboot_at_s == 0 || reboot_at_s >= seconds)) {
    return Refuse("reboot_at_s is " + std::to_string(reboot_at_s) +
                  ", must be within 1 and seconds - 1");
  }
  if (kills > 1000) return Refuse("kills must be within 0 and 1000");
  if (kills > 0 && kill_pid_file.empty()) return Refuse("kills need kill_pid_file");
  if (kills > 0 && (kill_at_s < 1 || kill_every_s < 1 || kill_every_s > 3600 ||
                    kill_at_s + (kills - 1) * std::uint64_t{kill_every_s} >= seconds)) {
    return Refuse("the last kill is after the end: kill_at_s + (kills - 1) * kill_every_s must be below seconds");
  }
  if (connect_timeout.count() <= 0) return Refuse("connect_timeout must be above 0");
  if (drain_timeout.count() < 0) return Refuse("drain_timeout is negative");
  if (handshakes_max < 1 || handshakes_max > 1000) {
    return Refuse("handshakes_max is " + std::to_string(handshakes_max) +
                  ", must be within 1 and 1000");
  }
  if (quantum.count() < 50 || quantum.count() > 10'000) {
    return Refuse("quantum is " + std::to_string(quantum.count()) +
                  " us, must be within 50 and 10000");
  }
  if (observed_vehicles > 1000) return Refuse("observed_vehicles must be within 0 and 1000");
  if (observe_every.count() < 10 || observe_every.count() > 10'000) {
    return Refuse("observe_every must be within 10 and 10000 ms");
  }
  return Status();
}

double CitySideFor(std::size_t vehicles) {
  const double side = 7400 * std::sqrt(static_cast<double>(vehicles) / 10'000);
  return std::clamp(std::ceil(side / 100) * 100, 1000.0, 20'000.0);
}

std::string VehicleName(std::size_t index) {
  char name[32];
  std::snprintf(name, sizeof name, "veh-%05zu", index + 1);
  return name;
}

std::size_t VehicleIndexOf(std::string_view name, std::size_t vehicles) {
  if (name.size() != kPrefix.size() + kDigits || !name.starts_with(kPrefix)) return vehicles;
  std::size_t number = 0;
  const char* const end = name.data() + name.size();
  const auto [rest, error] = std::from_chars(name.data() + kPrefix.size(), end, number);
  if (error != std::errc() || rest != end || number < 1 || number > vehicles) return vehicles;
  return number - 1;
}

}  // namespace starling::sim
