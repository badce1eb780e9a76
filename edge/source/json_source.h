#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/status.h"
#include "common/telemetry/sample.h"
#include "common/time.h"

namespace starling::edge {

struct JsonSourceCounters {
  std::uint64_t writers = 0;           // streams that were begun
  std::uint64_t lines = 0;             // blank ones are not counted
  std::uint64_t samples = 0;           // handed over
  std::uint64_t refused = 0;           // lines that are not a sample
};

// Reads samples as lines of JSON (docs/formats/sample_json.md) from an open file
// or from the writers that connect to a Unix socket, one after the other.  A line
// that is not a sample is refused and the next one is read.
//
// Threading: lives on its io_context's one thread, as do its callbacks.
class JsonSource {
 public:
  struct Callbacks {
    std::function<BootTime()> clock;
    std::function<void(const Sample&)> on_sample;
    // Why the line with this number, of this writer (both from 1), is no sample.
    std::function<void(std::uint64_t writer, std::uint64_t line, std::string_view why)> on_refused;
    // The file has ended.  A socket never does.
    std::function<void()> on_end;
  };

  // `context` must outlive the source.
  JsonSource(boost::asio::io_context* context, Callbacks callbacks);
  ~JsonSource();

  // Reads `descriptor` to its end.  Does not close it, nor change its flags: they
  // would be those of whoever shares the terminal.
  //
  // Errors: kIoError if it cannot be waited for.
  Status ReadFile(int descriptor);

  // Listens at `path`.  A socket that nobody listens at any more is replaced;
  // the file is removed by Stop.
  //
  // Errors: kUnavailable if another process listens there; kInvalidArgument if the
  //         path is too long or is something else than a socket; kIoError otherwise.
  Status ListenUnix(const std::string& path);

  // No callback follows.
  void Stop();

  const JsonSourceCounters& counters() const;

 private:
  struct State;
  const std::shared_ptr<State> state_;
};

}  // namespace starling::edge
