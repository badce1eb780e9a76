#pragma once

#include <cstdint>

#include "common/ids.h"

namespace starling::sim {

// A seeded sequence that is the same on every machine and with every standard
// library, which <random>'s distributions are not.
//
// Source: SplitMix64, G. Steele et al., Fast Splittable Pseudorandom Number
// Generators, OOPSLA 2014, figure 16.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t Next() {
    std::uint64_t mixed = (state_ += 0x9E3779B97F4A7C15u);
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
    return mixed ^ (mixed >> 31);
  }

  // Uniform in [0, 1).
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1p-53; }

  double Between(double low, double high) { return low + (high - low) * Unit(); }

  bool Chance(double probability) { return Unit() < probability; }

  // Uniform in [0, count).  REQUIRES: count > 0; the bias is below count / 2^32.
  std::uint32_t Below(std::uint32_t count) {
    return static_cast<std::uint32_t>(((Next() >> 32) * count) >> 32);
  }

 private:
  std::uint64_t state_;
};

}  // namespace starling::sim
