#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace starling {

// A program that a test has started; killed when the object dies, and by the
// kernel should the test die first.
class ChildProcess {
 public:
  // `output` gets its standard output and error.  `files_max`: RLIMIT_NOFILE, if not 0.
  ChildProcess(const std::vector<std::string>& command, const std::string& output,
               unsigned files_max = 0);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  bool Running();
  void Signal(int number);

  // Its exit code, 128 + N if signal N ended it; none if it still runs after `patience`.
  std::optional<int> Wait(std::chrono::seconds patience);

 private:
  pid_t pid_ = -1;
  std::optional<int> code_;
};

// Asks `done` again and again until it says yes; false after `patience`.
template <typename Predicate>
bool Eventually(std::chrono::seconds patience, Predicate done);

void Pause();  // between two questions

template <typename Predicate>
bool Eventually(std::chrono::seconds patience, Predicate done) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    Pause();
  }
  return true;
}

}  // namespace starling
