// One line of a log as candump -l and -L of can-utils write it:
//   (1436509052.249713) can0 123#0011223344556677
//   (1436509052.250001) can1 18FEF100##1AABB
#pragma once

#include <cstddef>
#include <string_view>

#include "common/status.h"
#include "common/time.h"
#include "edge/source/can/can_frame.h"

namespace starling::edge {

inline constexpr std::size_t kCandumpLineBytesMax = 512;

struct CandumpLine {
  nanoseconds time{};                    // Unix time
  std::string_view interface;            // a view into the line
  bool has_data = false;                 // false: a remote or an error frame
  CanFrame frame;
};

// Reads one line, without its end; CR before it and a mark of direction (R, T) behind
// the frame are dropped.
//
// Errors: kInvalidArgument, naming the column and what was expected; kExhausted if it
//         is longer than kCandumpLineBytesMax.
Result<CandumpLine> ParseCandumpLine(std::string_view line);

}  // namespace starling::edge
