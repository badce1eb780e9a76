#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "cloud/shard/flat_map.h"
#include "cloud/shard/vehicle_table.h"
#include "common/ids.h"
#include "schemas/cloud_to_edge/downlink_generated.h"
#include "schemas/edge_to_cloud/uplink_generated.h"

namespace starling::cloud {

// Commands that were issued and have no terminal status yet, by vehicle and by
// id.  A command whose status never comes stays open until its vehicle's boot or
// time to live ends: the outbox claims nothing that it does not know.
//
// Threading: thread-compatible.
class Outbox {
 public:
  struct Entry {
    CommandId id{};
    std::uint64_t boot_id = 0;
    std::uint64_t sequence = 0;
    std::uint64_t epoch = 0;
    Slot slot = kNoSlot;
    std::uint32_t next = FlatMap::kNone;    // of the same vehicle, newest first
    std::vector<std::byte> wire_command;
  };

  enum class Closing : std::uint8_t { kClosed, kAgain, kTwice, kUnmatched };

  // A command that has its status, and a mark of what that said.
  struct Closed {
    static constexpr std::uint32_t kAnyMark = 0xFFFFFFFE;  // not known, or that it is unknown
    CommandId id{};
    std::uint32_t mark = kAnyMark;
  };

  Outbox(std::size_t per_vehicle_max, std::size_t closed_remembered)
      : per_vehicle_max_(per_vehicle_max), closed_remembered_(closed_remembered) {}

  // True if one more command may be issued to the vehicle under this id.
  bool HasRoom(const VehicleProfile& profile, CommandId id) const;

  // REQUIRES: HasRoom
  void Add(Entry entry, VehicleProfile* profile);

  // A terminal status arrived.  kAgain: it says what the one said that the command has;
  // vehicles repeat what was not acknowledged, and what they are asked for again.  kTwice:
  // it says something else; but a vehicle that comes back may refuse what was for its former boot
  // when that was given up as unknown already, and that is no contradiction.  kUnmatched: this shard never issued the command to this
  // vehicle, or has forgotten.
  Closing Close(const wire::CommandStatus& status, std::uint64_t boot_id, Slot slot, VehicleProfile* profile);

  // The vehicle's open commands, oldest first.
  std::vector<const Entry*> OpenOf(const VehicleProfile& profile) const;

  // An open command is sent under another epoch from now on.
  void Restamp(CommandId id, std::uint64_t epoch, std::vector<std::byte> wire_command);

  // It is open, or was of late.
  bool Knows(CommandId id) const { return IsOpen(id) || closed_.Find(ToNumber(id)) != FlatMap::kNone; }
  bool IsOpen(CommandId id) const { return by_id_.Find(ToNumber(id)) != FlatMap::kNone; }
  std::size_t open() const { return by_id_.size(); }

  // For storing and restoring: those that were closed, oldest first, and how many there
  // were before them.
  const std::deque<Closed>& closed() const { return closed_order_; }
  std::uint64_t closed_before() const { return closed_before_; }
  // False if an id is there twice.
  bool RestoreClosed(std::uint64_t before, std::span<const Closed> closed);

 private:
  void Remember(const Closed& closed);

  const std::size_t per_vehicle_max_;
  const std::size_t closed_remembered_;
  FlatMap by_id_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> free_;
  FlatMap closed_;                          // the mark of each
  std::deque<Closed> closed_order_;
  std::uint64_t closed_before_ = 0;
};

}  // namespace starling::cloud
