#include "cloud/gateway/vehicle_directory.h"

#include <utility>

#include "cloud/gateway/vehicle_connection.h"

namespace starling::cloud {

VehicleDirectory::Claimed VehicleDirectory::Claim(const VehicleId& vehicle, const Route& route, CloudTime now) {
  MutexLock lock(mutex_);
  Entry& entry = entries_.try_emplace(vehicle, config_).first->second;
  if (entry.connection != nullptr) {
    const bool pauses = now < entry.refused_until;
    if (pauses || !entry.replacements.Take(now)) {
      if (!pauses) entry.refused_until = now + config_.replacement_pause;
      return {entry.record, {}, true};
    }
  }
  entry.connection = route.connection.lock().get();
  return {entry.record, std::exchange(entry.route, route)};
}

bool VehicleDirectory::Release(const VehicleId& vehicle, const VehicleConnection* connection) {
  MutexLock lock(mutex_);
  const auto found = entries_.find(vehicle);
  if (found == entries_.end() || found->second.connection != connection) return false;
  found->second.connection = nullptr;
  found->second.route = {};
  return true;
}

void VehicleDirectory::NoteCommand(const VehicleId& vehicle, RegionId region) {
  std::shared_ptr<VehicleRecord> record;
  {
    MutexLock lock(mutex_);
    record = entries_.try_emplace(vehicle, config_).first->second.record;
  }
  MutexLock lock(record->mutex);
  std::vector<RegionId>& regions = record->commanded_by;
  if (!regions.empty() && regions.back() == region) return;
  std::erase(regions, region);
  if (regions.size() == kCommandingRegionsMax) regions.erase(regions.begin());
  regions.push_back(region);
}

Route VehicleDirectory::Find(const VehicleId& vehicle) const {
  MutexLock lock(mutex_);
  const auto found = entries_.find(vehicle);
  return found == entries_.end() ? Route{} : found->second.route;
}

}  // namespace starling::cloud
