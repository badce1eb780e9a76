// SUMO's vehicles, their types and routes: docs/formats/sumo_routes.md.
// Source: https://sumo.dlr.de/docs/Definition_of_Vehicles,_Vehicle_Types,_and_Routes.html
#pragma once

#include <string>
#include <vector>

#include "cloud/streets/street_network.h"
#include "common/status.h"
#include "sim/demand/demand.h"

namespace starling::sim {

struct DemandOptions {
  // A vehicle or flow whose route has a gap is counted as not supported and left out.  Without
  // it such a file is refused, as SUMO does.
  bool leave_out_broken = false;
};

// A file's text; `name` stands for it in messages.
struct NamedText {
  std::string name;
  std::string text;
};

// Reads vehicles, flows and trips, and what they refer to, from route files and additional
// files, plain or compressed with gzip.  The order of files does not matter, nor that of what
// is in them.  Trips take the way that is fastest on empty streets.  What the files have and
// Starling does not take over is counted in Demand::unsupported.
//
// Errors: kIoError if a file cannot be read; kExhausted if it is too large; kCorruption with
//         file, line and what was expected there.
Result<Demand> ReadSumoDemand(const std::vector<std::string>& paths, const cloud::StreetNetwork& network,
                              const DemandOptions& options = {});

// The same of texts.  REQUIRES: there is one, in both.
Result<Demand> ParseSumoDemand(std::vector<NamedText> files, const cloud::StreetNetwork& network,
                               const DemandOptions& options = {});

}  // namespace starling::sim
