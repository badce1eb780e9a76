// What `starling audit show` prints.
#pragma once

#include <string>

#include "cloud/audit/audit_report.h"
#include "common/ids.h"
#include "common/status.h"

namespace starling::cloud {

// A table of what a vehicle was commanded and how each command ended, in the order in
// which they were issued; with those that were decided and not sent, and with who changed
// what is sent.  Records that cannot be read are left out and counted below.
//
// Errors: those of `read`.
Result<std::string> AuditTable(const ReadRecords& read, const VehicleId& vehicle);

}  // namespace starling::cloud
