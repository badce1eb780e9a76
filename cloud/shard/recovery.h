#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "cloud/log/log.h"
#include "cloud/shard/saved_state.h"
#include "cloud/shard/shard.h"
#include "cloud/shard/shard_config.h"
#include "cloud/store/state_store.h"
#include "common/status.h"
#include "common/time.h"

namespace starling::cloud {

// What a shard begins with.
struct Recovered {
  enum class Source : std::uint8_t {
    kNothing,     // a region without records
    kState,       // from the store
    kChangelog,   // from topic "vehicle-state": this machine had none
    kWindow,      // the last seconds of the partition, read again
  };
  std::unique_ptr<Shard> shard;
  SavedState entries;       // what the shard was restored from
  bool store_holds = false; // `entries` are in the store
  Offset from{};            // the record to read next
  Source source = Source::kNothing;
  std::string note;         // for people: why it is not the better source; empty: nothing to say
  nanoseconds took{0};
};

std::string_view NameOf(Recovered::Source source);

struct RecoveryPlan {
  Log* log = nullptr;
  StateStore* store = nullptr;     // null: none
  bool changelog = false;          // topic "vehicle-state" is written
  nanoseconds window{0};           // log time to read again without a state
  CloudTime now;
  Offset committed{};              // outputs before this are written
};

// Restores the newest state that can be used.  A state that is damaged, or older than
// what the partition retains, is not: the partition's last seconds are then read again,
// which brings the vehicles and the open episodes back.  What is forgotten is what is
// older: open commands of before (vehicles still report how they ended), and how long
// cells have been congested.
//
// Errors: kInvalidArgument if the state knows records that the log does not have: the
//         log was lost or put back from a copy, and the message says what to do;
//         kIoError if store or log cannot be read.
Result<Recovered> RecoverShard(const ShardConfig& config, RegionId region, FrameOrigin origin,
                               const RecoveryPlan& plan);

}  // namespace starling::cloud
