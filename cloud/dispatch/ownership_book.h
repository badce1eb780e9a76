#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/log/log.h"
#include "common/ids.h"
#include "common/mutex.h"
#include "common/status.h"
#include "common/time.h"

namespace starling::cloud {

// The name of a process that owns regions: its node's name, and what makes this start
// of it distinct.  A node's name is 1 to 64 of [A-Za-z0-9._-].
std::string OwnerName(std::string_view node);
// The node of an owner's name; the whole of it if it is not one of OwnerName's.
std::string_view NodeOf(std::string_view owner);
bool IsNodeName(std::string_view name);

// What topic "ownership" says of one region.
struct RegionOwnership {
  std::string owner;       // empty: nobody has claimed it yet
  Epoch epoch{};           // of that claim: its offset + 1
  CloudTime claimed;       // when the log took it
  std::string wanted;      // the node that an operator wants to own it; empty: no wish
  CloudTime wanted_since;
};

// Follows topic "ownership": who claimed which region last, and who is wanted to.
//
// Threading: thread-safe; the observer runs on the log's delivery thread.
class OwnershipBook final : public LogConsumer {
 public:
  enum class What : std::uint8_t { kClaimed, kWanted };
  using Observer = std::function<void(RegionId, What, const RegionOwnership&)>;

  // `observer` is told of each change, also of those in the topic's past.
  explicit OwnershipBook(Observer observer) : observer_(std::move(observer)) {}

  void OnRecords(std::span<const LogRecord> records) override;

  std::map<RegionId, RegionOwnership> regions() const;

 private:
  void Take(const LogRecord& record);

  const Observer observer_;
  mutable Mutex mutex_;
  std::map<RegionId, RegionOwnership> regions_ STARLING_GUARDED_BY(mutex_);
};

// An operator's wish, as a record for Topic::kOwnership, partition 0.
struct WantedRecord {
  std::string key;
  std::vector<std::byte> value;
};
WantedRecord MakeWanted(RegionId region, std::string_view node);

}  // namespace starling::cloud
