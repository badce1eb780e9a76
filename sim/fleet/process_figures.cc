#include "sim/fleet/process_figures.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>

namespace starling::sim {

ProcessFigures ReadProcessFigures() {
  ProcessFigures figures;
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) {
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
    };
    figures.cpu_s = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    figures.rss_peak_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
  }
  if (std::FILE* const file = std::fopen("/proc/self/statm", "re")) {
    unsigned long long size = 0;
    unsigned long long resident = 0;
    if (std::fscanf(file, "%llu %llu", &size, &resident) == 2) {
      figures.rss_bytes = resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    }
    std::fclose(file);
  }
  return figures;
}

std::uint64_t RaiseOpenFiles(std::uint64_t needed) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  if (limit.rlim_cur < needed) {
    rlimit wanted = limit;
    wanted.rlim_cur = limit.rlim_max;
    if (limit.rlim_max < needed) {
      // Only a privileged process may; otherwise the hard limit has to do.
      rlimit raised{needed, needed};
      if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) return needed;
    }
    if (::setrlimit(RLIMIT_NOFILE, &wanted) == 0) limit.rlim_cur = wanted.rlim_cur;
  }
  return limit.rlim_cur;
}

}  // namespace starling::sim
