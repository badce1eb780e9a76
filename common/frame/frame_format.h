// The bytes of one frame on the link between vehicle and cloud, shared by writer
// and reader.  The full description, with an example, is docs/formats/frame.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace starling {

// Header, little-endian:
//   magic "SL" | version | type | flags | payload length (3 bytes)
//   | crc32c of the payload as sent | crc32c of the twelve bytes before it
inline constexpr std::size_t kFrameMagicOffset = 0;
inline constexpr std::size_t kFrameVersionOffset = 2;
inline constexpr std::size_t kFrameTypeOffset = 3;
inline constexpr std::size_t kFrameFlagsOffset = 4;
inline constexpr std::size_t kFrameLengthOffset = 5;
inline constexpr std::size_t kFramePayloadCrcOffset = 8;
inline constexpr std::size_t kFrameHeaderCrcOffset = 12;
inline constexpr std::size_t kFrameHeaderBytes = 16;

inline constexpr std::uint8_t kFrameMagic[2] = {'S', 'L'};
inline constexpr std::uint8_t kFrameVersion = 1;

// Flag: the payload is zstd, with the dictionary of this version, less its
// four bytes of magic.
inline constexpr std::uint8_t kFrameFlagCompressed = 1;

// Largest payload, as sent and decompressed.
inline constexpr std::size_t kFramePayloadBytesMax = 64 << 10;

enum class FrameType : std::uint8_t {
  // Vehicle to cloud.
  kHello = 1,
  kLive = 2,
  kHistory = 3,
  kCommandReport = 4,
  kClockProbe = 5,
  kClockReport = 6,
  kPlanReport = 7,
  // Cloud to vehicle.
  kWelcome = 65,
  kClockReply = 66,
  kHistoryAck = 67,
  kStatusAck = 68,
  kCommand = 69,
  kNotice = 70,
  kPlan = 71,
};

// "hello", "live", ...; "unknown" for a value that has no name.
constexpr std::string_view FrameTypeName(FrameType type) {
  switch (type) {
    case FrameType::kHello: return "hello";
    case FrameType::kLive: return "live";
    case FrameType::kHistory: return "history";
    case FrameType::kCommandReport: return "command_report";
    case FrameType::kClockProbe: return "clock_probe";
    case FrameType::kClockReport: return "clock_report";
    case FrameType::kPlanReport: return "plan_report";
    case FrameType::kWelcome: return "welcome";
    case FrameType::kClockReply: return "clock_reply";
    case FrameType::kHistoryAck: return "history_ack";
    case FrameType::kStatusAck: return "status_ack";
    case FrameType::kCommand: return "command";
    case FrameType::kNotice: return "notice";
    case FrameType::kPlan: return "plan";
  }
  return "unknown";
}

static_assert(kFramePayloadBytesMax < (1 << 24), "length is stored in 3 bytes");

}  // namespace starling
