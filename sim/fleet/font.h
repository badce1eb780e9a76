#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace starling::sim {

inline constexpr std::size_t kGlyphRows = 7;
inline constexpr std::size_t kGlyphColumns = 5;

// A character as rows of pixels, the leftmost in the highest of five bits.
using Glyph = std::array<std::uint8_t, kGlyphRows>;

// Blank for a character that the font does not have.
const Glyph& GlyphOf(char character);

}  // namespace starling::sim
