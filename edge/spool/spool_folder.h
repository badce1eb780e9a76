#pragma once

#include <memory>
#include <string>

#include "common/status.h"
#include "edge/spool/disk_spool.h"

namespace starling::edge {

// The spool in `folder`, on this machine's files and clock and with a thread that writes.  Segments
// are made shorter than `config` says where few would fit.
//
// Errors: as DiskSpoolConfig::Validate, PosixSpoolFiles::Open and DiskSpool::Open.
Result<std::unique_ptr<DiskSpool>> OpenSpoolFolder(const std::string& folder, DiskSpoolConfig config);

}  // namespace starling::edge
