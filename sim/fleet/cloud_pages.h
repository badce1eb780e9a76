#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "common/status.h"
#include "common/time.h"
#include "sim/fleet/cloud_client.h"
#include "sim/fleet/fleet_config.h"

namespace starling::sim {

// The pages of a whole orchestrator: of one process, or of a gateway and the shards
// behind it, of which one owns the region.
//
// Errors: as CloudClient's.
//
// Threading: thread-compatible.
class CloudPages {
 public:
  CloudPages(const FleetConfig& config, milliseconds timeout);

  // As one process's: the shard's figures are the owner's, processor time and memory are
  // everyone's.  A shard that does not answer counts as it last did.
  Result<CloudFigures> Stats();

  // The owner's.
  Result<std::vector<PredictedVehicle>> Vehicles(std::size_t first, std::size_t count);
  Result<std::vector<CloudCell>> Heatmap();
  Result<std::vector<CloudConflict>> Conflicts();

 private:
  CloudClient& owner() { return *clients_[owner_]; }

  std::vector<std::unique_ptr<CloudClient>> clients_;  // the gateway first
  std::vector<CloudFigures> last_;                     // of each
  std::size_t owner_ = 0;
};

}  // namespace starling::sim
