// SUMO's networks, as netconvert writes them: docs/formats/sumo_network.md.
// Source: https://sumo.dlr.de/docs/Networks/SUMO_Road_Networks.html; files of version 1.0 on.
#pragma once

#include <cstddef>
#include <string>

#include "cloud/streets/street_network.h"
#include "common/status.h"

namespace starling::cloud {

// Characters of a file, decompressed.  A city of a million lanes has half of that.
inline constexpr std::size_t kSumoTextBytesMax = std::size_t{1} << 30;

// Reads a network from a file, plain or compressed with gzip.  What it has and Starling does
// not take over is counted in StreetNetwork::unsupported().
//
// Errors: kIoError if the file cannot be read; kExhausted if it is too large; kCorruption
//         with file, line and what was expected there.
Result<StreetNetwork> ReadSumoNetwork(const std::string& path);

// The same of a text; `name` stands for the file in messages.
Result<StreetNetwork> ParseSumoNetwork(std::string text, const std::string& name);

// Reads signal programmes from one of SUMO's additional files.  A programme that a signal has
// not had is in force from then on; <tlLogic> without phases gives one that it has another
// offset.  All else in the file is counted in StreetNetwork::unsupported().
//
// Errors: as above; also kCorruption if the network has no such signal, or a programme has
//         fewer letters than the signal's connections need.  The network is then unchanged.
Status AddSumoSignals(const std::string& path, StreetNetwork* network);
Status ParseSumoSignals(std::string text, const std::string& name, StreetNetwork* network);

}  // namespace starling::cloud
