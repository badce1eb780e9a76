#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace starling {

// Returns the CRC-32C (Castagnoli) of `bytes`.
//
// Source: polynomial 0x1EDC6F41, bit-reflected, initial value and final xor
// 0xFFFFFFFF; RFC 3720, section 12.1, with the test vectors of its B.4.
// Cost: the processor's CRC instruction where there is one, else one table
// look-up per byte.
std::uint32_t Crc32c(std::span<const std::byte> bytes);

// The portable path of Crc32c, for processors without the instruction and for
// the test that compares the two.
std::uint32_t Crc32cByTable(std::span<const std::byte> bytes);

}  // namespace starling
