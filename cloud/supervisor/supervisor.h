// Keeps a program's work going over the ends of its process.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "common/status.h"
#include "common/time.h"

namespace starling::cloud {

// Waits until no other process holds a record lock on the file, `patience` at most; at
// once if there is no such file.
void AwaitUnlocked(const std::string& path, milliseconds patience);

// While it lives, this thread and those that it starts go before others that want the
// processor, if this process may do that (CAP_SYS_NICE; RLIMIT_NICE).  Then they are as
// before, but for those that have chosen their own priority meanwhile.
//
// Threading: made and destroyed by one thread.
class Haste {
 public:
  Haste();
  ~Haste();
  Haste(const Haste&) = delete;
  Haste& operator=(const Haste&) = delete;

 private:
  int former_ = 0;                        // nice values
  int present_ = 0;
};

// Runs `work` in a process of its own, and in a new one as soon as that was killed or
// has crashed: as soon as its record locks begin to go, which is long before its last
// socket is closed (a fifth of a second with ten thousand).  So the new one may find a
// lock still held, for moments: AwaitUnlocked.  One that crashes within ten seconds of its start is followed after a pause,
// which doubles from 0.1 to five seconds; one that ends by itself, with whatever code,
// is not followed.  SIGTERM, SIGINT and SIGHUP are passed on, and after the first two
// nothing is started any more; `work` begins with these and SIGCHLD blocked, at their
// defaults.  If this process is killed, the one with the work gets SIGTERM.
//
// Returns what `work` returned, or 128 and the signal that ended it after SIGTERM or
// SIGINT.  `say` gets a line for people.
// REQUIRES: this process has one thread
int KeepRunning(const std::function<int()>& work, const std::function<void(const std::string&)>& say);

}  // namespace starling::cloud
