#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/status.h"
#include "common/time.h"

namespace starling::cloud {

// What a folder that was put back from a backup says of itself, for as long as it is used: docs/formats/backup.md.
struct RestoredMark {
  CloudTime cut;                  // of the backup: what came later is lost
  CloudTime restored;             // when it was put back
  std::uint64_t epoch_base = 0;   // EmbeddedRegionWriterConfig

  friend bool operator==(const RestoredMark&, const RestoredMark&) = default;
};

std::string RestoredMarkFile(const std::string& data);

// None if the folder was never put back.
// Errors: kIoError; kCorruption, naming the file: without it a region would be commanded under epochs that vehicles
//         may refuse.
Result<std::optional<RestoredMark>> ReadRestoredMark(const std::string& path);

std::string EncodeRestoredMark(const RestoredMark& mark);

}  // namespace starling::cloud
