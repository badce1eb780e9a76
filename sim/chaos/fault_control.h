// What starling-chaos tells the fault library inside of a process, through a file that
// both map.  Plain numbers: the library is loaded before everything else and shares
// no code with the program.
#pragma once

#include <atomic>
#include <cstdint>

namespace starling::sim {

// Environment variables that the library reads.
inline constexpr char kFaultFileVariable[] = "STARLING_FAULTS";   // the mapped file
inline constexpr char kFaultFolderVariable[] = "STARLING_FAULTS_IN";  // whose files suffer

inline constexpr std::uint32_t kFaultMagic = 0x43484131;

// Written by starling-chaos, read by each thread of the process at each call: single
// numbers, in no order, so relaxed.
struct FaultControl {
  std::atomic<std::uint32_t> magic{kFaultMagic};
  std::atomic<std::uint32_t> disk_full{0};         // 1: what makes a file longer fails, ENOSPC
  std::atomic<std::uint32_t> sync_fails{0};        // 1: fsync and its kind fail, EIO
  std::atomic<std::uint32_t> sync_delay_us{0};     // they take so much longer
  std::atomic<std::int64_t> clock_step_ns{0};      // added to CLOCK_REALTIME

  // Counted by the library.
  std::atomic<std::uint64_t> writes_failed{0};
  std::atomic<std::uint64_t> syncs_failed{0};
  std::atomic<std::uint64_t> syncs_delayed{0};

  // Behind the rest, whose places programs without this header know.
  std::atomic<std::uint32_t> disk_low{0};          // 1: the file system says that a fiftieth is free; nothing fails
};
static_assert(std::atomic<std::int64_t>::is_always_lock_free && sizeof(FaultControl) <= 4096);

}  // namespace starling::sim
