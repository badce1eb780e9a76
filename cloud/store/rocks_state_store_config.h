#pragma once

#include <string>

#include "common/status.h"

namespace starling::cloud {

struct RocksStateStoreConfig {
  // Created where it is missing; one process at a time can have it open.
  std::string directory;

  // Errors: kInvalidArgument names the field.
  Status Validate() const;
};

}  // namespace starling::cloud
