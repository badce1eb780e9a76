#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "cloud/shard/audit_chain.h"
#include "cloud/shard/command_settings.h"
#include "cloud/shard/heatmap.h"
#include "cloud/shard/horizon.h"
#include "cloud/shard/outbox.h"
#include "cloud/shard/shard.h"
#include "cloud/shard/shard_records.h"
#include "cloud/shard/vehicle_table.h"
#include "common/status.h"

namespace starling::cloud {

// The entries of a shard's state, read and each checked by itself, before they are put
// together.
//
// Threading: thread-compatible.
struct StateParts {
  struct Vehicle {
    VehicleId id;
    VehicleState state;
    VehicleProfile profile;               // without what follows from other entries
    std::vector<CommandFields> open;      // oldest first
    std::vector<std::vector<std::byte>> wire_commands;
    Slot slot = kNoSlot;
    bool counted = false;
    std::vector<std::uint16_t> left_out;
  };
  struct PairOf {
    VehicleId a;
    VehicleId b;
    Pair pair;                            // without slots
  };
  struct Whole {
    RegionId region{};
    std::int64_t time_ns = 0;
    Epoch epoch{};
    bool owned = false;
    std::int64_t phases_until = 0;
    ShardCounters counters;
    Slot slots = 0;
    std::uint64_t closed_before = 0;
    std::uint32_t closed_count = 0;
    Heatmap::Progress progress;
    std::uint64_t grid_refused = 0;
    std::uint64_t audit_index = 0;
    AuditDigest audit_head{};
    std::optional<RegionMap> map;
    std::vector<HeardEpisode> heard;
    CommandSettings settings;
  };

  std::vector<Vehicle> vehicles;
  std::map<std::uint32_t, Heatmap::CellState> cells;  // by place
  std::vector<PairOf> pairs;
  std::map<std::uint64_t, std::vector<Outbox::Closed>> closed;
  std::optional<Whole> whole;

  // Reads one entry.
  //
  // Errors: kCorruption if it cannot be; kInvalidArgument if it is of another format.
  Status Add(std::span<const std::byte> key, std::span<const std::byte> value);

 private:
  bool AddVehicle(const VehicleId& id, const std::uint8_t* bytes, std::size_t size);
  bool AddCell(CellIndex at, const std::uint8_t* bytes, std::size_t size);
  bool AddPair(const VehicleId& a, const VehicleId& b, const std::uint8_t* bytes, std::size_t size);
  bool AddClosed(std::uint64_t number, const std::uint8_t* bytes, std::size_t size);
  Status AddWhole(const std::uint8_t* bytes, std::size_t size);
};

}  // namespace starling::cloud
