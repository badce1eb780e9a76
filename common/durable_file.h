#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "common/status.h"

namespace starling {

// Has the file at `path` hold `content`, with `mode` less the umask.  Whoever reads it finds all of it, what
// was there before, or nothing where nothing was; so does who starts after the power was cut,
// and once this has returned ok it is the new one.  Written beside its place as `path`.new, and
// what has that name is removed, a link itself and not what it names: two writers of one path
// need a lock of their own.  Takes two syncs of the disk.
//
// Errors: kIoError, naming the file and what the system says; the former content is there still,
//         unless only the folder could not be synced.
Status ReplaceFile(const std::string& path, std::span<const std::byte> content, unsigned mode = 0644);

}  // namespace starling
