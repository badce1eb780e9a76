#pragma once

#include <cstdint>

namespace starling::cloud {

struct StateStoreStats {
  std::uint64_t bytes_on_disk = 0;        // all files of the folder
  std::uint64_t entries = 0;              // an overwritten one counts until it is compacted
  std::uint64_t writes = 0;               // points in time
  std::uint64_t write_failures = 0;
  std::uint64_t bytes_given = 0;          // keys and values of all writes
  std::uint64_t bytes_written = 0;        // of files, compactions included
  std::uint64_t compactions = 0;
  std::uint64_t memory_bytes = 0;         // memtables, cache, open tables

  // Bytes written for each byte given; 0 before the first.  Below 1 where compression
  // saves more than compactions cost.
  double write_amplification() const {
    return bytes_given == 0 ? 0 : static_cast<double>(bytes_written) / static_cast<double>(bytes_given);
  }
};

}  // namespace starling::cloud
