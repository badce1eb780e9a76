#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/status.h"
#include "common/time.h"
#include "edge/source/gnss/gnss_fix.h"
#include "edge/source/gnss/nmea_sentence.h"

namespace starling::edge {

struct NmeaCounters {
  std::uint64_t sentences = 0;              // all lines that are not blank
  std::uint64_t unused = 0;                 // of types that say nothing that is used
  std::uint64_t refused_checksum = 0;       // missing or wrong
  std::uint64_t refused_malformed = 0;
  std::uint64_t epochs = 0;
  std::uint64_t epochs_without_fix = 0;     // the receiver says so, or gives no position
  std::uint64_t fixes = 0;                  // handed over
};

// Groups the sentences of one instant into one fix.
//
// Rule: an epoch begins with a sentence of another time of day, and ends when the
// next begins or nothing came for kQuiet.  VTG has no time: it belongs to the epoch
// that is open, or if none is, to the next.  One sentence without a fix makes an
// epoch without one.  The position is that of the newest GGA, GNS or RMC of the
// epoch, the speed that of RMC before VTG.  Time of day that falls by more than half
// a day is the next day.
//
// Threading: thread-compatible.
class NmeaEpochs {
 public:
  // Sentences of one epoch come as one burst.
  static constexpr milliseconds kQuiet{40};
  // Metres of horizontal error, one sigma, for each unit of HDOP.  An assumption:
  // NMEA's dilution says how geometry stretches an error that it does not tell.
  static constexpr double kRangeErrorM = 2;

  // Takes one line.  A fix that this line completes is given out by TakeFix.
  //
  // Errors: as ParseNmea; the line is counted and changes nothing else.
  Status OnLine(std::string_view line, BootTime now);

  // Ends the epoch whose burst is over.
  void OnTime(BootTime now);
  // When to call OnTime; nullopt: no epoch is open.
  std::optional<BootTime> deadline() const;

  std::optional<GnssFix> TakeFix();

  // The stream has broken off: what is open is not whole, and is thrown away.
  void Reset();

  const NmeaCounters& counters() const { return counters_; }

 private:
  void Merge(const NmeaSentence& sentence);
  void Close();

  NmeaCounters counters_;
  bool open_ = false;
  bool invalid_ = false;                    // a sentence of the open epoch has no fix
  bool has_position_ = false;
  std::optional<nanoseconds> time_of_day_;  // of the open epoch or the last
  nanoseconds midnight_{};                  // before which days have passed
  std::optional<NmeaSentence> early_;       // a VTG between two epochs
  BootTime heard_;                          // the newest sentence of the open epoch
  GnssFix fix_;                             // of the open epoch, as far as it is known
  std::optional<double> vtg_speed_mps_;
  std::optional<double> vtg_course_rad_;
  std::optional<GnssFix> ready_;
};

}  // namespace starling::edge
