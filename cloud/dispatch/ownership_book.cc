#include "cloud/dispatch/ownership_book.h"

#include <flatbuffers/flatbuffers.h>
#include <unistd.h>

#include <algorithm>

#include "cloud/regions/region_map_record.h"
#include "schemas/log/ownership_generated.h"

namespace starling::cloud {

std::string OwnerName(std::string_view node) {
  return std::string(node) + ":" + std::to_string(::getpid()) + ":" + std::to_string(ToNs(CloudNow()));
}

std::string_view NodeOf(std::string_view owner) {
  const std::size_t start = owner.rfind(':');
  if (start == std::string_view::npos || start == 0) return owner;
  const std::size_t process = owner.rfind(':', start - 1);
  return process == std::string_view::npos ? owner : owner.substr(0, process);
}

bool IsNodeName(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  });
}

void OwnershipBook::OnRecords(std::span<const LogRecord> records) {
  for (const LogRecord& record : records) Take(record);
}

Status OwnershipBook::ReadAll(const Log& log) {
  const Result<Log::Range> range = log.QueryRange(Topic::kOwnership, Partition{0});
  if (!range.ok()) return range.status();
  return log.Read(Topic::kOwnership, Partition{0}, range.value().first, [this](const LogRecord& record) {
    Take(record);
    return true;
  });
}

void OwnershipBook::Take(const LogRecord& record) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(record.value.data());
  flatbuffers::Verifier verifier(bytes, record.value.size());
  if (!verifier.VerifyBuffer<log::OwnershipRecord>(nullptr)) return;
  const auto* ownership = flatbuffers::GetRoot<log::OwnershipRecord>(bytes);
  RegionId region{};
  What what{};
  RegionOwnership now;
  if (const auto* map = ownership->body_as_RegionMapChanged()) return TakeMap(*map);
  if (const auto* settings = ownership->body_as_CommandSettings()) return TakeSettings(*settings);
  {
    MutexLock lock(mutex_);
    if (const auto* claim = ownership->body_as_Claim()) {
      region = RegionId{claim->region()};
      what = What::kClaimed;
      RegionOwnership& entry = regions_[region];
      entry.owner = claim->owner()->str();
      entry.epoch = Epoch{ToNumber(record.offset) + 1};
      entry.claimed = record.time;
    } else if (const auto* wanted = ownership->body_as_Wanted()) {
      region = RegionId{wanted->region()};
      what = What::kWanted;
      RegionOwnership& entry = regions_[region];
      entry.wanted = wanted->owner() == nullptr ? "" : wanted->owner()->str();
      entry.wanted_since = record.time;
    } else {
      return;
    }
    now = regions_[region];
  }
  if (observer_) observer_(region, what, now);
}

void OwnershipBook::TakeMap(const log::RegionMapChanged& record) {
  const Result<RegionMap> map = UnpackRegionMap(record);
  if (!map.ok()) return;
  {
    MutexLock lock(mutex_);
    if (map_ && map.value().version() <= map_->version()) return;
    map_ = map.value();
  }
  if (map_observer_) map_observer_(map.value());
}

void OwnershipBook::TakeSettings(const log::CommandSettings& record) {
  const Result<CommandSettings> settings = UnpackCommandSettings(record);
  if (!settings.ok()) return;
  {
    MutexLock lock(mutex_);
    if (settings_ && settings.value().version <= settings_->version) return;
    replaced_settings_ = std::exchange(settings_, settings.value());
  }
  if (settings_observer_) settings_observer_(settings.value());
}

std::optional<CommandSettings> OwnershipBook::command_settings() const {
  MutexLock lock(mutex_);
  return settings_;
}

std::optional<CommandSettings> OwnershipBook::replaced_command_settings() const {
  MutexLock lock(mutex_);
  return replaced_settings_;
}

std::map<RegionId, RegionOwnership> OwnershipBook::regions() const {
  MutexLock lock(mutex_);
  return regions_;
}

std::optional<RegionMap> OwnershipBook::map() const {
  MutexLock lock(mutex_);
  return map_;
}

WishRecord MakeRegionMapWish(const RegionMap& map) {
  flatbuffers::FlatBufferBuilder builder;
  const auto body = PackRegionMap(map, &builder);
  builder.Finish(log::CreateOwnershipRecord(builder, log::OwnershipBody::RegionMapChanged, body.Union()));
  const auto* bytes = reinterpret_cast<const std::byte*>(builder.GetBufferPointer());
  return {"map", {bytes, bytes + builder.GetSize()}};
}

WishRecord MakeCommandSettingsWish(const CommandSettings& settings) {
  flatbuffers::FlatBufferBuilder builder;
  const auto body = PackCommandSettings(settings, &builder);
  builder.Finish(log::CreateOwnershipRecord(builder, log::OwnershipBody::CommandSettings, body.Union()));
  const auto* bytes = reinterpret_cast<const std::byte*>(builder.GetBufferPointer());
  return {"commands", {bytes, bytes + builder.GetSize()}};
}

WishRecord MakeWanted(RegionId region, std::string_view node) {
  flatbuffers::FlatBufferBuilder builder;
  const auto name = builder.CreateString(node);
  const auto wanted = log::CreateWanted(builder, ToNumber(region), name);
  builder.Finish(log::CreateOwnershipRecord(builder, log::OwnershipBody::Wanted, wanted.Union()));
  const auto* bytes = reinterpret_cast<const std::byte*>(builder.GetBufferPointer());
  return {"wanted/" + std::to_string(ToNumber(region)), {bytes, bytes + builder.GetSize()}};
}

}  // namespace starling::cloud
