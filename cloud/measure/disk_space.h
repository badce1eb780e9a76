#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace starling::cloud {

struct DiskSpace {
  std::uint64_t size_bytes = 0;
  std::uint64_t free_bytes = 0;  // for a process without special rights
};

// Of the file system that a folder is on; none if the system does not say.
// Source: statvfs(3).
std::optional<DiskSpace> ReadDiskSpace(const std::string& folder);

}  // namespace starling::cloud
