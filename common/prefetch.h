#pragma once

#include <cstddef>

namespace starling {

// Asks for the memory of `*object`, which may be null, and does not wait for it.  For
// loops over thousands of objects that are each touched once in a round: the memory of
// the next ones comes while this one is worked on.
template <typename T>
void Prefetch(const T* object) {
  constexpr std::size_t kLineBytes = 64;
  if (object == nullptr) return;
  const auto* const bytes = reinterpret_cast<const std::byte*>(object);
  for (std::size_t at = 0; at < sizeof(T); at += kLineBytes) __builtin_prefetch(bytes + at);
  // For g++ a function that does nothing else has no effect, and it leaves out the calls.
  asm volatile("");
}

}  // namespace starling
