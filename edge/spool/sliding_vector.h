#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>
#include <vector>

namespace starling::edge {

// A queue that keeps its memory: where a deque asks for a block and gives one back every few
// elements, this moves what it holds to the front once in a while.  Push and pop take constant time,
// taken over many.  Memory that a long queue took is given back when a short one is left.
//
// Threading: thread-compatible.
template <typename T>
class SlidingVector {
 public:
  using iterator = typename std::vector<T>::iterator;
  using const_iterator = typename std::vector<T>::const_iterator;

  std::size_t size() const { return items_.size() - first_; }
  bool empty() const { return size() == 0; }
  iterator begin() { return items_.begin() + static_cast<std::ptrdiff_t>(first_); }
  iterator end() { return items_.end(); }
  const_iterator begin() const { return items_.begin() + static_cast<std::ptrdiff_t>(first_); }
  const_iterator end() const { return items_.end(); }
  T& operator[](std::size_t index) { return items_[first_ + index]; }
  const T& operator[](std::size_t index) const { return items_[first_ + index]; }
  T& front() { return items_[first_]; }
  const T& front() const { return items_[first_]; }

  void push_back(T item) {
    // Half of it at least is free then: what is moved was paid for by as many pops.
    if (items_.size() == items_.capacity() && first_ * 2 >= items_.size()) Slide();
    items_.push_back(std::move(item));
  }

  // REQUIRES: !empty()
  void pop_front() { erase(begin()); }

  // Constant time at the front, else linear in what is behind it.
  void erase(const_iterator at) {
    if (at != begin()) {
      items_.erase(at);
      return;
    }
    items_[first_++] = T();
    if (items_.capacity() > kCapacityKept && size() * 4 < items_.capacity()) {
      Slide();
      items_.shrink_to_fit();
    }
  }

 private:
  static constexpr std::size_t kCapacityKept = 64;

  void Slide() {
    std::move(begin(), end(), items_.begin());
    items_.resize(size());
    first_ = 0;
  }

  std::vector<T> items_;        // From first_ on.
  std::size_t first_ = 0;
};

}  // namespace starling::edge
