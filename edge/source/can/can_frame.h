#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace starling::edge {

inline constexpr std::uint32_t kCanStandardIdMax = 0x7FF;
inline constexpr std::uint32_t kCanExtendedIdMax = 0x1FFF'FFFF;

// One data frame of a CAN or CAN FD bus.
struct CanFrame {
  std::uint32_t id = 0;
  bool extended = false;                 // 29 bits
  std::uint8_t size = 0;                 // of the data; 64 at most
  std::array<std::uint8_t, 64> data{};

  std::span<const std::uint8_t> bytes() const { return {data.data(), size}; }
};

}  // namespace starling::edge
