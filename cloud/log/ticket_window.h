#pragma once

#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cloud/log/log.h"
#include "common/check.h"

namespace starling::cloud {

// Which of the last tickets are done, where they are done out of order: the
// partitions of a broker are independent of each other.
//
// Threading: Open from threads that exclude each other; Finish from one other thread;
// done() from any.  A ticket is finished after it was opened.
class TicketWindow {
 public:
  // `size_min` tickets fit between the last one opened and the last one of which all
  // before are done.
  explicit TicketWindow(std::size_t size_min) : slots_(std::bit_ceil(size_min)) {}

  bool full() const { return last_ - done_.load(std::memory_order_acquire) >= slots_.size(); }

  // The next ticket, from 1.
  // REQUIRES: !full()
  Ticket Open(std::chrono::steady_clock::time_point now) {
    STARLING_CHECK(!full());
    Slot& slot = At(++last_);
    slot.opened_ns = now.time_since_epoch().count();
    // Before the ticket is handed to anyone who could finish it.
    slot.finished.store(false, std::memory_order_release);
    opened_.store(last_, std::memory_order_release);
    return Ticket{last_};
  }

  // The ticket before last_ was opened for nothing: it was refused.
  // REQUIRES: `ticket` is the last one opened, and nobody else has heard of it
  void TakeBack(Ticket ticket) {
    STARLING_CHECK(static_cast<std::uint64_t>(ticket) == last_);
    opened_.store(--last_, std::memory_order_release);
  }

  // Returns how long the ticket was open.
  std::chrono::nanoseconds Finish(Ticket ticket, std::chrono::steady_clock::time_point now) {
    Slot& slot = At(static_cast<std::uint64_t>(ticket));
    const std::chrono::nanoseconds took(now.time_since_epoch().count() - slot.opened_ns);
    slot.finished.store(true, std::memory_order_relaxed);  // Read by this thread alone.
    std::uint64_t done = done_.load(std::memory_order_relaxed);
    const std::uint64_t opened = opened_.load(std::memory_order_acquire);
    while (done < opened && At(done + 1).finished.load(std::memory_order_acquire)) ++done;
    done_.store(done, std::memory_order_release);
    return took;
  }

  // How long the oldest one that is not done has been open; 0 if there is none.
  // REQUIRES: no call of Open or TakeBack meanwhile
  std::chrono::nanoseconds OldestAge(std::chrono::steady_clock::time_point now) const {
    const std::uint64_t next = done_.load(std::memory_order_acquire) + 1;
    if (next > last_) return std::chrono::nanoseconds(0);
    return std::chrono::nanoseconds(now.time_since_epoch().count() - slots_[next & (slots_.size() - 1)].opened_ns);
  }

  // This ticket and all before it are done.
  Ticket done() const { return Ticket{done_.load(std::memory_order_acquire)}; }
  Ticket last() const { return Ticket{opened_.load(std::memory_order_acquire)}; }

 private:
  struct Slot {
    std::int64_t opened_ns = 0;
    std::atomic<bool> finished{false};
  };

  Slot& At(std::uint64_t ticket) { return slots_[ticket & (slots_.size() - 1)]; }

  std::vector<Slot> slots_;
  std::uint64_t last_ = 0;               // The openers'.
  std::atomic<std::uint64_t> opened_{0};  // last_, for others: stored after its slot was made ready.
  // The finisher stores, anyone loads: who sees a ticket sees what it did.
  std::atomic<std::uint64_t> done_{0};
};

}  // namespace starling::cloud
