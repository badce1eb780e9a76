#pragma once

#include <atomic>
#include <barrier>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace starling::sim {

// Threads that share out one piece of work after the other.
//
// Threading: one thread owns it, and works along.
class Workers {
 public:
  // With one thread, the owner's, no other one is started.
  // REQUIRES: threads > 0
  explicit Workers(std::size_t threads);
  ~Workers();

  // Calls work(0) to work(count - 1), each once, on any thread and in any order; all have
  // returned when this does.  `work` does not throw.
  void Run(std::uint32_t count, const std::function<void(std::uint32_t)>& work);

 private:
  void Loop();
  void Take();

  // Written by the owner before the barrier that begins a piece of work, read after it.
  const std::function<void(std::uint32_t)>* work_ = nullptr;  // null: end
  std::uint32_t count_ = 0;
  // Its order does not matter: the barriers say what is visible.
  std::atomic<std::uint32_t> next_{0};
  std::barrier<> barrier_;
  std::vector<std::thread> threads_;
};

}  // namespace starling::sim
