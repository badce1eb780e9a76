#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"
#include "edge/source/can/can_frame.h"
#include "edge/source/can/dbc.h"
#include "edge/source/fusion.h"

namespace starling::edge {

// Which signal of a bus is which quantity.
struct CanMapping {
  Quantity quantity = Quantity::kSpeed;
  std::string message;
  std::string signal;
  // Turns the signal's value into m/s, degrees, degrees a second or m/s²; nullopt: by
  // the unit that the DBC file gives.
  std::optional<double> factor;
};

// Reads "QUANTITY=MESSAGE.SIGNAL[*FACTOR]"; quantities are speed, heading, yaw_rate,
// steering and accel.
//
// Errors: kInvalidArgument, saying what was expected.
Result<CanMapping> ParseCanMapping(std::string_view text);

std::string_view QuantityName(Quantity quantity);

struct CanCounters {
  std::uint64_t frames = 0;              // data frames that were seen
  std::uint64_t frames_used = 0;         // of these, with a signal that is mapped
  std::uint64_t frames_short = 0;        // shorter than a mapped signal needs
  std::uint64_t values = 0;              // handed over
  std::uint64_t values_out_of_range = 0; // of the file's [min|max], or not finite
};

// Takes the mapped signals out of frames.
//
// Threading: thread-compatible.
class CanDecoder {
 public:
  // Quantities in the units of Fusion.
  using OnValue = std::function<void(Quantity quantity, double value)>;

  // Errors: kInvalidArgument if a mapping names what the file does not have or has twice,
  //         if a quantity is mapped twice, a unit is not known and no factor given,
  //         or a signal does not fit its message; with file, line and what to do.
  static Result<CanDecoder> Make(const Dbc& dbc, std::string_view file, const std::vector<CanMapping>& mappings);

  void OnFrame(const CanFrame& frame, const OnValue& on_value);

  struct Id {
    std::uint32_t id;
    bool extended;
  };
  // Of the messages that are used.
  std::vector<Id> ids() const;

  const CanCounters& counters() const { return counters_; }

 private:
  struct Entry {
    Quantity quantity;
    std::uint32_t id;
    bool extended;
    DbcSignal signal;
    std::optional<DbcSignal> switched_by;
    double scale;                        // from the signal's value to Fusion's unit
  };

  std::vector<Entry> entries_;
  CanCounters counters_;
};

// The signal's value in `data`, by its factor and offset.
// REQUIRES: data.size() >= BytesNeeded(signal.field)
double PhysicalValue(const DbcSignal& signal, std::span<const std::uint8_t> data);

}  // namespace starling::edge
