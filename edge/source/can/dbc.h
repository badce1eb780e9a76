// The messages and signals of a DBC file, which says what the bits of a vehicle's bus
// mean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"
#include "edge/source/can/can_signal.h"

namespace starling::edge {

inline constexpr std::size_t kDbcBytesMax = 16 << 20;

enum class Multiplexing : std::uint8_t {
  kNone,                                 // always there
  kSwitch,                               // M: says which of the others are
  kSwitched,                             // m5: there when the switch is 5
};

enum class RawType : std::uint8_t { kUnsigned, kSigned, kFloat, kDouble };

struct DbcSignal {
  std::string name;
  BitField field;
  RawType type = RawType::kUnsigned;
  double factor = 1;
  double offset = 0;
  double min = 0;                        // not below max: no range is given
  double max = 0;
  std::string unit;                      // as it is written
  Multiplexing multiplexing = Multiplexing::kNone;
  std::uint64_t switch_value = 0;
  std::size_t line = 0;                  // of the file, from 1
};

struct DbcMessage {
  std::string name;
  std::uint32_t id = 0;
  bool extended = false;
  unsigned bytes = 0;
  // A switch that is switched itself (m5M): which values belong together is then said
  // elsewhere, in a section that is not read.
  bool nested_multiplexing = false;
  std::vector<DbcSignal> signals;
  std::size_t line = 0;
};

struct Dbc {
  std::vector<DbcMessage> messages;
  std::size_t sections_skipped = 0;      // known ones that say nothing that is used
  std::size_t sections_unknown = 0;      // of a keyword that is not known, skipped
};

// Reads the text of a file; `name` is what errors call it.  BO_, SG_ and
// SIG_VALTYPE_ are read; comments, value tables, attributes and unknown sections are
// skipped.  What signals claim is not compared with their messages here: a file
// describes a whole vehicle, and only what is used has to be right.
//
// Source: Vector's DBC File Format Documentation 1.0, as it is publicly described; signal
// types as SIG_VALTYPE_ writes them: 1 is a float, 2 a double.
//
// Errors: kInvalidArgument, "NAME:LINE:COLUMN: " and what was expected; kExhausted if it
//         is longer than kDbcBytesMax.
Result<Dbc> ParseDbc(std::string_view text, std::string_view name);

// Errors: kIoError if the file cannot be read; as ParseDbc.
Result<Dbc> LoadDbc(const std::string& path);

}  // namespace starling::edge
