#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "cloud/gateway/dead_letters.h"
#include "cloud/gateway/fix_gate.h"
#include "cloud/log/log.h"
#include "cloud/regions/region_router.h"
#include "common/ids.h"
#include "common/mutex.h"

namespace starling::cloud {

class VehicleConnection;

inline constexpr std::size_t kCommandingRegionsMax = 8;

// What outlives a vehicle's connections, so that reconnecting resets no limit.
//
// Threading: lock `mutex` to use it; while a connection replaces another one, both
// of their threads do.
struct VehicleRecord {
  explicit VehicleRecord(const GatewayConfig& config)
      : bytes(config.bytes_per_second, config.bytes_burst),
        statuses(config.statuses_per_second, config.statuses_burst) {}

  Mutex mutex;
  FixGate gate STARLING_GUARDED_BY(mutex);
  RateLimit dead_letters STARLING_GUARDED_BY(mutex){kDeadLettersPerVehicleAndSecond};
  RateLimit bytes STARLING_GUARDED_BY(mutex);
  RateLimit statuses STARLING_GUARDED_BY(mutex);

  // Command statuses that the log has: those of this boot up to this one.
  BootId reports_boot STARLING_GUARDED_BY(mutex){};
  std::uint32_t reports_through STARLING_GUARDED_BY(mutex) = 0;
  Ticket reports_ticket STARLING_GUARDED_BY(mutex){};

  RegionRouter router STARLING_GUARDED_BY(mutex);
  // The regions that commanded it of late, the newest last: they may wait for statuses
  // wherever the vehicle has gone since.
  std::vector<RegionId> commanded_by STARLING_GUARDED_BY(mutex);
};

// Where a vehicle's connection is.
struct Route {
  std::size_t thread = 0;
  std::weak_ptr<VehicleConnection> connection;
};

// Which vehicle is where.  Grows with the vehicles that have ever been there: each
// has a certificate of ours, so their number is the fleet's.
//
// Threading: thread-safe.
class VehicleDirectory {
 public:
  // `config` must outlive the directory.
  explicit VehicleDirectory(const GatewayConfig& config) : config_(config) {}

  struct Claimed {
    std::shared_ptr<VehicleRecord> record;
    Route former;  // empty if there was no connection
    bool refused = false;  // replaced too often: it stays where it is
  };

  // From now on the vehicle is at `route`.
  Claimed Claim(const VehicleId& vehicle, const Route& route, CloudTime now);

  // The connection ended.  False if a newer one has the vehicle.
  bool Release(const VehicleId& vehicle, const VehicleConnection* connection);

  Route Find(const VehicleId& vehicle) const;

  // A region has commanded the vehicle; the last kCommandingRegionsMax are kept.
  void NoteCommand(const VehicleId& vehicle, RegionId region);

 private:
  struct Entry {
    explicit Entry(const GatewayConfig& config)
        : record(std::make_shared<VehicleRecord>(config)),
          replacements(config.replacements_per_minute / 60, config.replacements_per_minute) {}
    std::shared_ptr<VehicleRecord> record;
    Route route;
    const VehicleConnection* connection = nullptr;  // to compare only
    RateLimit replacements;
    CloudTime refused_until;
  };

  const GatewayConfig& config_;
  mutable Mutex mutex_;
  std::unordered_map<VehicleId, Entry> entries_ STARLING_GUARDED_BY(mutex_);
};

}  // namespace starling::cloud
