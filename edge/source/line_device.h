#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/status.h"
#include "common/time.h"

namespace starling::edge {

struct LineDeviceConfig {
  std::string path;                      // "-": standard input
  unsigned baud = 0;                     // of a serial line; 0 leaves it as it is
  std::size_t line_bytes_max = 256;      // longer lines are thrown away
  milliseconds backoff_min{100};         // before it is opened again; jittered by half
  milliseconds backoff_max{5'000};

  // Errors: kInvalidArgument if the path is empty or the rate is none that a serial
  //         line has.
  Status Validate() const;
};

struct LineDeviceCounters {
  std::uint64_t opens = 0;
  std::uint64_t losses = 0;              // it was open, and went away
  std::uint64_t lines_too_long = 0;
};

// Reads lines from a serial line, a fifo, standard input or a file.
//
// A serial line that goes away is opened again, with backoff, for as long as it takes;
// a fifo waits for its next writer.  A file and standard input end.  A file is a
// recording: its lines come with the spacing of their own times, as they once did.
//
// Threading: lives on its io_context's one thread, as do its callbacks.
class LineDevice {
 public:
  struct Callbacks {
    std::function<BootTime()> clock;
    std::function<void(std::string_view line)> on_line;
    // The instant of a line, from any origin; nullopt: it says none.  Asked for
    // lines of a file alone.
    std::function<std::optional<nanoseconds>(std::string_view line)> time_of;
    // It went away, or cannot be opened: once for each reason in a row.
    std::function<void(std::string_view why)> on_lost;
    std::function<void()> on_end;
  };

  // `context` must outlive the device.
  // REQUIRES: config.Validate().ok()
  LineDevice(const LineDeviceConfig& config, boost::asio::io_context* context, Callbacks callbacks,
             std::uint64_t seed);
  ~LineDevice();

  void Start();
  // No callback follows.
  void Stop();

  const LineDeviceCounters& counters() const;

 private:
  struct State;
  const std::shared_ptr<State> state_;
};

}  // namespace starling::edge
