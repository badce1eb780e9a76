#pragma once

#include <cstdint>

namespace starling {

// How often this thread has asked operator new for memory, in a program that is linked with
// allocation_counter.cc, which replaces it.
std::uint64_t AllocationsOfThread();

}  // namespace starling
