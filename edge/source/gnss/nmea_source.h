#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "common/status.h"
#include "common/time.h"
#include "edge/source/gnss/gnss_fix.h"
#include "edge/source/gnss/nmea_epochs.h"
#include "edge/source/line_device.h"

namespace starling::edge {

// Fixes from a receiver that speaks NMEA 0183, or from a recording of one.
//
// Threading: lives on its io_context's one thread, as do its callbacks.
class NmeaSource {
 public:
  struct Callbacks {
    std::function<BootTime()> clock;
    std::function<void(const GnssFix&)> on_fix;
    // Lines that are refused, and why the device is away.
    std::function<void(std::string_view why)> on_trouble;
    std::function<void()> on_end;
  };

  // `context` must outlive the source.
  // REQUIRES: device.Validate().ok()
  NmeaSource(LineDeviceConfig device, boost::asio::io_context* context, Callbacks callbacks,
             std::uint64_t seed);

  void Start() { device_.Start(); }
  // No callback follows.
  void Stop();

  const NmeaCounters& counters() const { return epochs_.counters(); }
  const LineDeviceCounters& device_counters() const { return device_.counters(); }

 private:
  void OnLine(std::string_view line);
  void HandOver();
  void Arm();

  const Callbacks callbacks_;
  NmeaEpochs epochs_;
  boost::asio::steady_timer timer_;
  LineDevice device_;
  bool stopped_ = false;
  bool armed_ = false;
  const std::shared_ptr<int> alive_ = std::make_shared<int>();  // gone with the source
};

}  // namespace starling::edge
