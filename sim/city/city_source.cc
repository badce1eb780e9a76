#include "sim/city/city_source.h"

#include <cstdio>
#include <utility>

#include "cloud/streets/sumo_network.h"
#include "sim/city/street_city.h"

namespace starling::sim {

Result<OpenedCity> OpenCity(const CitySource& source) {
  if (source.network.empty()) {
    if (Status status = source.drawn.Validate(); !status.ok()) return status;
    return OpenedCity{City::Generate(source.drawn), {}};
  }
  Result<cloud::StreetNetwork> network = cloud::ReadSumoNetwork(source.network);
  if (!network.ok()) return network.status();
  if (!source.signals.empty()) {
    const Status status = cloud::AddSumoSignals(source.signals, &network.value());
    if (!status.ok()) return status;
  }
  Result<StreetCity> made = MakeStreetCity(network.value());
  if (!made.ok()) return made.status();
  StreetCity streets = std::move(made).value();
  char remark[160];
  std::snprintf(remark, sizeof remark,
                "%zu lanes; left out, because one cannot come back from there: %llu with %.1f km; turn-arounds left "
                "out: %llu",
                streets.lane_of.size(), static_cast<unsigned long long>(streets.lanes_left_out),
                streets.metres_left_out / 1000, static_cast<unsigned long long>(streets.turnarounds_left_out));
  return OpenedCity{std::move(streets.city), source.network + ": " + remark};
}

}  // namespace starling::sim
