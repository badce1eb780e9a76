#pragma once

#include <flatbuffers/flatbuffers.h>

#include "cloud/shard/horizon.h"
#include "cloud/shard/vehicle_table.h"
#include "schemas/log/vehicle_state_generated.h"

namespace starling::cloud {

// A pair and a vehicle as entries of a state, for the news that regions give each other.
// What is unpacked was checked as in a stored state.  A pair has no slots, a vehicle no
// commands and no place.
flatbuffers::Offset<log::PairEntry> PackPair(const Pair& pair, flatbuffers::FlatBufferBuilder* builder);
bool UnpackPair(const log::PairEntry& entry, Pair* pair);

flatbuffers::Offset<log::VehicleEntry> PackVehicle(const VehicleState& state, const VehicleProfile& profile,
                                                   flatbuffers::FlatBufferBuilder* builder);
bool UnpackVehicle(const log::VehicleEntry& entry, VehicleState* state, VehicleProfile* profile);

}  // namespace starling::cloud
