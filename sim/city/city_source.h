#pragma once

#include <string>

#include "common/status.h"
#include "sim/city/city.h"

namespace starling::sim {

// Where a city comes from: SUMO's files, or drawn if `network` is empty.
struct CitySource {
  std::string network;   // .net.xml, .net.xml.gz
  std::string signals;   // a file with other signal programmes for it; empty: its own
  CityConfig drawn;
};

struct OpenedCity {
  City city;
  std::string remark;    // what of a network was left out, for people; empty: nothing to say
};

// The part of a network in which a car gets from each lane to each other one, or a drawn city.
// Errors: as ReadSumoNetwork, AddSumoSignals, MakeStreetCity and CityConfig::Validate.
Result<OpenedCity> OpenCity(const CitySource& source);

}  // namespace starling::sim
