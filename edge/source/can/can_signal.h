#pragma once

#include <cstdint>
#include <span>

namespace starling::edge {

// How the bits of a signal lie in a frame.
enum class BitOrder : std::uint8_t {
  kIntel,                                // DBC's @1: `start` is the lowest bit, the others follow upwards
  kMotorola,                             // DBC's @0: `start` is the highest bit, the others follow downwards
};

// Where a signal is in a frame's data.  Bits are counted as DBC does it: bit n is in
// byte n / 8, and there has the value 2^(n % 8).  A Motorola signal goes on from bit 0
// of a byte to bit 7 of the next.
struct BitField {
  unsigned start = 0;                    // under 512
  unsigned length = 1;                   // [1, 64]
  BitOrder order = BitOrder::kIntel;
};

// The bytes that a frame must have at least.
unsigned BytesNeeded(const BitField& field);

// The signal's bits as a number.
// REQUIRES: 1 <= field.length <= 64; data.size() >= BytesNeeded(field)
std::uint64_t ExtractBits(std::span<const std::uint8_t> data, const BitField& field);

// `bits` of `length` read as a two's complement.
// REQUIRES: 1 <= length <= 64
constexpr std::int64_t SignExtended(std::uint64_t bits, unsigned length) {
  const std::uint64_t sign = std::uint64_t{1} << (length - 1);
  return static_cast<std::int64_t>((bits ^ sign) - sign);
}

}  // namespace starling::edge
