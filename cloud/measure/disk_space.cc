#include "cloud/measure/disk_space.h"

#include <sys/statvfs.h>

namespace starling::cloud {

std::optional<DiskSpace> ReadDiskSpace(const std::string& folder) {
  struct statvfs of {};
  if (::statvfs(folder.c_str(), &of) != 0) return std::nullopt;
  const std::uint64_t unit = of.f_frsize;
  return DiskSpace{unit * of.f_blocks, unit * of.f_bavail};
}

}  // namespace starling::cloud
