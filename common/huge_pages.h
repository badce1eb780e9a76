#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <vector>

#include <sys/mman.h>

namespace starling {

// Memory of 2 MB and more comes in huge pages where the system has any: one that is read in no order
// costs a walk through the page tables nearly every time else.
template <typename T>
class HugePageAllocator {
 public:
  using value_type = T;

  HugePageAllocator() = default;
  template <typename U>
  HugePageAllocator(const HugePageAllocator<U>&) {}  // NOLINT: containers convert it.

  T* allocate(std::size_t count) {
    const std::size_t bytes = count * sizeof(T);
    if (bytes < kPageBytes) return std::allocator<T>().allocate(count);
    void* const memory = ::operator new(bytes, std::align_val_t{kPageBytes});
    ::madvise(memory, bytes, MADV_HUGEPAGE);  // Where it is refused pages are small.
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, std::size_t count) {
    if (count * sizeof(T) < kPageBytes) return std::allocator<T>().deallocate(memory, count);
    ::operator delete(memory, std::align_val_t{kPageBytes});
  }
  friend bool operator==(HugePageAllocator, HugePageAllocator) { return true; }

 private:
  static constexpr std::size_t kPageBytes = 2u << 20;
};

template <typename T>
using HugePageVector = std::vector<T, HugePageAllocator<T>>;

}  // namespace starling
