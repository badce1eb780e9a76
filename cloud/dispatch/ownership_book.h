#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/log/log.h"
#include "cloud/regions/region_map.h"
#include "cloud/shard/command_settings.h"
#include "common/ids.h"
#include "common/mutex.h"
#include "common/status.h"
#include "common/time.h"

namespace starling::log {
struct RegionMapChanged;
struct CommandSettings;
}

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

// Follows topic "ownership": who claimed which region last, who is wanted to, which part
// of the map each region is, and which commands are not sent.
//
// Threading: thread-safe; the observer runs on the log's delivery thread.
class OwnershipBook final : public LogConsumer {
 public:
  enum class What : std::uint8_t { kClaimed, kWanted };
  using Observer = std::function<void(RegionId, What, const RegionOwnership&)>;

  using MapObserver = std::function<void(const RegionMap&)>;
  using SettingsObserver = std::function<void(const CommandSettings&)>;

  // The observers are told of each change, also of those in the topic's past; of maps and
  // settings only if the version rises.
  explicit OwnershipBook(Observer observer, MapObserver map_observer = nullptr,
                         SettingsObserver settings_observer = nullptr)
      : observer_(std::move(observer)),
        map_observer_(std::move(map_observer)),
        settings_observer_(std::move(settings_observer)) {}

  void OnRecords(std::span<const LogRecord> records) override;

  // Takes in all that the topic has now.
  // Errors: those of Log::QueryRange and Log::Read.
  Status ReadAll(const Log& log);

  std::map<RegionId, RegionOwnership> regions() const;
  // None: all of the world is each process's first region.
  std::optional<RegionMap> map() const;
  // None: all commands are sent.
  std::optional<CommandSettings> command_settings() const;
  // Which were in force until these came.
  std::optional<CommandSettings> replaced_command_settings() const;

 private:
  void Take(const LogRecord& record);
  void TakeMap(const log::RegionMapChanged& record);
  void TakeSettings(const log::CommandSettings& record);

  const Observer observer_;
  const MapObserver map_observer_;
  const SettingsObserver settings_observer_;
  mutable Mutex mutex_;
  std::map<RegionId, RegionOwnership> regions_ STARLING_GUARDED_BY(mutex_);
  std::optional<RegionMap> map_ STARLING_GUARDED_BY(mutex_);
  std::optional<CommandSettings> settings_ STARLING_GUARDED_BY(mutex_);
  std::optional<CommandSettings> replaced_settings_ STARLING_GUARDED_BY(mutex_);
};

// An operator's wish, as a record for Topic::kOwnership, partition 0.
struct WishRecord {
  std::string key;
  std::vector<std::byte> value;
};
WishRecord MakeWanted(RegionId region, std::string_view node);
WishRecord MakeRegionMapWish(const RegionMap& map);
WishRecord MakeCommandSettingsWish(const CommandSettings& settings);

}  // namespace starling::cloud
