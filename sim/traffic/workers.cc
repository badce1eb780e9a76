#include "sim/traffic/workers.h"

#include "common/check.h"

namespace starling::sim {

Workers::Workers(std::size_t threads) : barrier_(static_cast<std::ptrdiff_t>(threads)) {
  STARLING_CHECK(threads > 0);
  for (std::size_t i = 1; i < threads; ++i) threads_.emplace_back([this] { Loop(); });
}

Workers::~Workers() {
  work_ = nullptr;
  if (!threads_.empty()) barrier_.arrive_and_wait();
  for (std::thread& thread : threads_) thread.join();
}

void Workers::Run(std::uint32_t count, const std::function<void(std::uint32_t)>& work) {
  work_ = &work;
  count_ = count;
  next_.store(0, std::memory_order_relaxed);
  if (!threads_.empty()) barrier_.arrive_and_wait();
  Take();
  if (!threads_.empty()) barrier_.arrive_and_wait();
}

void Workers::Take() {
  for (;;) {
    const std::uint32_t mine = next_.fetch_add(1, std::memory_order_relaxed);
    if (mine >= count_) return;
    (*work_)(mine);
  }
}

void Workers::Loop() {
  for (;;) {
    barrier_.arrive_and_wait();
    if (work_ == nullptr) return;
    Take();
    barrier_.arrive_and_wait();
  }
}

}  // namespace starling::sim
