#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/status.h"
#include "common/time.h"
#include "edge/source/gnss/gnss_fix.h"
#include "edge/source/gnss/gpsd_session.h"

namespace starling::edge {

struct GpsdSourceConfig {
  std::string host = "127.0.0.1";
  std::uint16_t port = 2947;
  milliseconds connect_timeout{5'000};
  // gpsd is silent while it has no receiver, so silence may be all right, and asking
  // again is cheap; a peer that has died is left.
  milliseconds silence_max{30'000};
  milliseconds backoff_min{100};         // before the next attempt; jittered by half
  milliseconds backoff_max{5'000};

  Status Validate() const;
};

struct GpsdLinkCounters {
  std::uint64_t connects = 0;
  std::uint64_t losses = 0;              // of connections
  std::uint64_t failures = 0;            // attempts that gave none
};

// Fixes from a gpsd, which is connected to again whenever it goes away.
//
// Threading: lives on its io_context's one thread, as do its callbacks.
class GpsdSource {
 public:
  struct Callbacks {
    std::function<BootTime()> clock;
    std::function<void(const GnssFix&)> on_fix;
    // Lines that are refused, what gpsd complains of, and why it is away (once for each
    // reason in a row).
    std::function<void(std::string_view why)> on_trouble;
  };

  // `context` must outlive the source.
  // REQUIRES: config.Validate().ok()
  GpsdSource(const GpsdSourceConfig& config, boost::asio::io_context* context, Callbacks callbacks,
             std::uint64_t seed);
  ~GpsdSource();

  void Start();
  // No callback follows.
  void Stop();

  const GpsdCounters& counters() const;
  const GpsdLinkCounters& link_counters() const;

 private:
  struct State;
  const std::shared_ptr<State> state_;
};

}  // namespace starling::edge
