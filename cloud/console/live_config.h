#pragma once

#include <cstddef>
#include <cstdint>

#include "common/status.h"
#include "common/time.h"

namespace starling::cloud {

// The live map: docs/formats/live.md.
struct LiveConfig {
  // Between two pictures of the shards.  Shorter: smoother, and more work for the shards' thread.  [50 ms, 5 s].
  milliseconds interval{200};
  // Slots that a shard looks at in one go: commands wait for it, about 0.2 µs each.  [64, 1'000'000].
  std::uint32_t slots_per_question = 512;
  // Viewers at once; more are refused with 503.  They count as connections, too.  [1, 1024].
  std::size_t viewers_max = 32;
  // Vehicles that one viewer is told; of more in view every second, fourth ... is.  [1, 1'000'000].
  std::size_t vehicles_shown_max = 20'000;
  // Bytes of a viewer's message.  [64, 65536].
  std::size_t message_bytes_max = 4'096;
  // Messages of a viewer a second, and at once; then it is closed.  [1, 10000].
  std::size_t messages_per_s_max = 50;
  // A viewer that has not taken a frame for so long is closed.  [100 ms, 10 min].
  milliseconds stalled_max{10'000};
  // Commands that are remembered while they are in force; the oldest give way.  [16, 1'000'000].
  std::size_t commands_max = 4'096;

  Status Validate() const;
};

}  // namespace starling::cloud
