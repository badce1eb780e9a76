#pragma once

#include <cstdint>

namespace starling::sim {

// What this process has used since it began, all threads.
struct ProcessFigures {
  double cpu_s = 0;                   // user and system
  std::uint64_t rss_bytes = 0;        // 0 where the kernel does not say
  std::uint64_t rss_peak_bytes = 0;
};

// Source: getrusage(2); proc(5), /proc/self/statm.
ProcessFigures ReadProcessFigures();

// Raises the number of files that this process may open to `needed` at least.
// Returns the limit that holds now; less than `needed` if the system refused.
std::uint64_t RaiseOpenFiles(std::uint64_t needed);

}  // namespace starling::sim
