#pragma once

#include <flatbuffers/flatbuffers.h>

#include <cstddef>
#include <vector>

#include "cloud/regions/region_map.h"
#include "schemas/log/telemetry_generated.h"

namespace starling::cloud {

// The body of a record that announces `map`, for a builder of one's own.
flatbuffers::Offset<log::RegionMapChanged> PackRegionMap(const RegionMap& map, flatbuffers::FlatBufferBuilder* builder);

// The record for the partition of `region`, Topic::kTelemetry.
std::vector<std::byte> RegionMapRecord(const RegionMap& map, RegionId region);

// Errors: kInvalidArgument if the tiles make no map.
// REQUIRES: the record was verified
Result<RegionMap> UnpackRegionMap(const log::RegionMapChanged& record);

}  // namespace starling::cloud
