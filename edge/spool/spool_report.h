#pragma once

#include <string>

#include "edge/spool/disk_spool.h"

namespace starling::edge {

// Counters as the members of a JSON object, without the braces: "spool":{...}
std::string SpoolReportJson(const DiskSpool& spool);

// What is known of the run before: "previous_run":{...}, or null if there was none.
std::string PreviousRunJson(const DiskSpool& spool);

}  // namespace starling::edge
