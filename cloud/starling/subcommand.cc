#include "cloud/starling/subcommand.h"

#include <cstdio>

namespace starling::cloud {

int Fail(const Status& status) {
  std::fprintf(stderr, "starling: %.*s\n", static_cast<int>(status.message().size()), status.message().data());
  return kExitFailed;
}

int Misuse(const Status& status) {
  (void)Fail(status);
  return kExitUsage;
}

}  // namespace starling::cloud
