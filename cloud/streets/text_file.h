#pragma once

#include <cstddef>
#include <string>

#include "common/status.h"

namespace starling::cloud {

// The text of a file, plain or compressed with gzip.
//
// Errors: kIoError if it cannot be read, or was cut or damaged after it was compressed;
//         kExhausted if its text is longer than `bytes_max`, of which no more is read.
Result<std::string> ReadTextFile(const std::string& path, std::size_t bytes_max);

}  // namespace starling::cloud
