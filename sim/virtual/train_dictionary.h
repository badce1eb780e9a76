#pragma once

#include <cstdint>
#include <string>

#include "common/geo/local_frame.h"
#include "common/status.h"

namespace starling::sim {

struct TrainingConfig {
  std::string file;                 // gets the dictionary
  std::uint32_t seconds = 60;       // [10, 3600] of virtual time
  std::uint32_t vehicles = 300;     // [10, 10000]
  std::uint64_t seed = 1;
  std::size_t dictionary_bytes = 8 << 10;  // [1024, 65536]
  FrameOrigin origin;

  Status Validate() const;
};

// Trains the frames' zstd dictionary from the payloads of a city with real agents
// and a real shard, in virtual time: the same configuration gives the same bytes.
// Prints what it does to each frame type.
//
// Errors: kInvalidArgument if there was too little traffic to learn from; kIoError
//         if the file cannot be written.
Status TrainDictionary(const TrainingConfig& config);

}  // namespace starling::sim
