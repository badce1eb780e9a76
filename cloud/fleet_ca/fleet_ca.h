// What `starling init`, `request` and `sign` do, for programs and tests.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/fleet_ca/authority.h"
#include "common/ids.h"
#include "common/status.h"
#include "common/time.h"
#include "common/tls/tls_context.h"

namespace starling::cloud {

struct FleetConfig {
  std::size_t vehicles = 0;              // names PREFIX00001 to this number; [0, 99999]
  std::string prefix = "veh-";           // of their names
  std::vector<std::string> server_names; // besides starling-cloud, localhost and 127.0.0.1
  int days = 825;                        // validity of server's and vehicles' certificates; [1, 36500]

  Status Validate() const;
};

struct FleetReport {
  std::size_t vehicles_made = 0;
  std::size_t vehicles_kept = 0;         // were there already
  std::size_t vehicles_expired = 0;      // of the kept; delete them and init again
  bool authority_made = false;
  bool server_made = false;
};

// Name of the `number`-th vehicle, from 1: "veh-00001".
// Errors: kInvalidArgument if that is not a vehicle's name.
Result<VehicleId> NumberedVehicle(std::string_view prefix, std::size_t number);

// Makes what a fleet needs in `folder` (see CertificateFolder): authority, server,
// ticket key and vehicles.  What is there is kept, what is missing is added, so a
// larger fleet later, or a run that was killed, is a matter of running it again.
// `progress` hears of vehicles done and to do.
//
// Errors: kInvalidArgument if the config is not valid, or the folder holds a
//         certificate of another authority, or an authority without its key; nothing
//         is overwritten.  kIoError if it cannot be written.
Result<FleetReport> InitFleet(const CertificateFolder& folder, const FleetConfig& config, CloudTime now,
                              const std::function<void(std::size_t, std::size_t)>& progress);

// On the vehicle: makes NAME.key and NAME.csr in `out`.  The key stays there.
//
// Errors: kInvalidArgument if the key is there already; kIoError if it cannot be written.
Status RequestCertificate(const VehicleId& vehicle, const std::filesystem::path& out);

// Where the authority is: signs a request into vehicles/NAME.pem of `folder` and
// returns the name.  `name`, if given, must be the request's.
//
// Errors: as CheckRequest and Authority::Load; kInvalidArgument if the name is another
//         or has a certificate and `replace` is false; kIoError if it cannot be written.
Result<VehicleId> SignRequest(const CertificateFolder& folder, const std::filesystem::path& request,
                              const std::optional<VehicleId>& name, bool replace, int days, CloudTime now);

}  // namespace starling::cloud
