#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "common/status.h"
#include "sim/chaos/child.h"

namespace starling::sim {

struct SupervisorFigures {
  std::uint64_t starts = 0;
  std::uint64_t killed = 0;            // by Kill
  std::uint64_t ended = 0;             // by itself, before Stop
  nanoseconds longest_down{};          // from the end of one to the next one's being ready
};

// Keeps a program running, as systemd would: whenever it ends it is started again, at
// once, and after a start that failed after a short pause.
//
// Threading: thread-safe.  A thread of its own starts and watches the program.
class Supervisor {
 public:
  // The program writes `ready_file` when it is ready; it is removed before each start.
  Supervisor(Command command, std::string ready_file);
  ~Supervisor();  // Kills.

  void Start();
  // False if it was not ready within `patience`.
  bool AwaitReady(nanoseconds patience);
  bool ready() const;
  void Kill();
  // SIGSTOP, or SIGCONT.
  void Pause(bool pause);

  // Ends the program in order, with SIGTERM; its exit code.  None if it had to be
  // killed after `patience`.
  std::optional<int> Stop(nanoseconds patience);

  SupervisorFigures figures() const;

 private:
  void Watch();

  const Command command_;
  const std::string ready_file_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  std::optional<Child> child_;
  bool ready_ = false;
  bool stopping_ = false;
  bool stopped_ = false;
  std::optional<int> code_;
  std::chrono::steady_clock::time_point down_since_;
  SupervisorFigures figures_;

  std::thread thread_;
};

}  // namespace starling::sim
