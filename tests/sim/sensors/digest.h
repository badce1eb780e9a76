#pragma once

#include <bit>
#include <cstdint>

namespace starling::sim {

// FNV-1a over the bits of what it is given: a result that is the same on every machine and in
// every build has the same one.
class Digest {
 public:
  void Add(std::uint64_t bits) {
    for (int shift = 0; shift < 64; shift += 8) {
      value_ = (value_ ^ ((bits >> shift) & 0xFF)) * 0x100000001B3u;
    }
  }
  void Add(double value) { Add(std::bit_cast<std::uint64_t>(value)); }

  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xCBF29CE484222325u;
};

}  // namespace starling::sim
