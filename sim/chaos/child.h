#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/status.h"
#include "common/time.h"

namespace starling::sim {

// How a program is started.
struct Command {
  std::vector<std::string> words;                          // the program's path first
  std::vector<std::pair<std::string, std::string>> environment;  // added to our own
  std::string output;                                      // file that standard output and error go to
  bool outlives_its_thread = false;  // not killed with the thread that started it
};

// A program that was started here; killed when the object dies, and by the kernel if the
// thread that started it ends first.
//
// Threading: thread-compatible.
class Child {
 public:
  // Errors: kIoError if no process can be made.  A program that cannot be run ends with
  //         exit code 127.
  static Result<Child> Start(const Command& command);
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  ~Child();

  pid_t pid() const { return pid_; }
  bool Running();
  void Signal(int number);
  // Its exit code, 128 + N if signal N ended it; none if it still runs after `patience`.
  std::optional<int> Wait(nanoseconds patience);

 private:
  explicit Child(pid_t pid) : pid_(pid) {}

  pid_t pid_ = -1;
  std::optional<int> code_;
};

}  // namespace starling::sim
