#include "edge/spool/spool_folder.h"

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <utility>

#include "edge/spool/posix_spool_files.h"
#include "edge/spool/spool_writer.h"

namespace starling::edge {

Result<std::unique_ptr<DiskSpool>> OpenSpoolFolder(const std::string& folder, DiskSpoolConfig config) {
  // What is given up at one time is a small part of it.
  config.segment_bytes = std::clamp(config.bytes_max / 16, std::size_t{4096}, config.segment_bytes);
  if (Status status = config.Validate(); !status.ok()) return status;
  Result<std::unique_ptr<PosixSpoolFiles>> files = PosixSpoolFiles::Open(folder);
  if (!files.ok()) return files.status();
  auto writer = std::make_unique<ThreadSpoolWriter>(files.value().get());
  return DiskSpool::Open(config, std::move(files).value(), std::move(writer), [] {
    return static_cast<std::uint32_t>(std::max<std::time_t>(0, std::time(nullptr)));
  });
}

}  // namespace starling::edge
