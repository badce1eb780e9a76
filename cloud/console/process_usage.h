#pragma once

#include <cstdint>

namespace starling::cloud {

// What this process has used since it began, as the kernel counts it.
struct ProcessUsage {
  double cpu_s = 0;                    // user and system, all threads
  std::uint64_t rss_bytes = 0;
  std::uint64_t rss_peak_bytes = 0;
  std::uint64_t rss_anonymous_bytes = 0;  // without mapped files: what it allocated
  std::uint64_t threads = 0;
  std::uint64_t open_files = 0;
};

// Figures that the kernel does not give are 0.
// Source: getrusage(2); proc(5), /proc/self/status VmRSS, VmHWM, RssAnon, Threads.
ProcessUsage ReadProcessUsage();

}  // namespace starling::cloud
