#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/status.h"
#include "common/telemetry/sample.h"
#include "common/time.h"
#include "edge/source/can/can_decoder.h"
#include "edge/source/can/can_socket.h"
#include "edge/source/fusion.h"
#include "edge/source/gnss/gpsd_source.h"
#include "edge/source/line_device.h"

namespace starling::edge {

struct SensorSourceConfig {
  // Exactly one of these says where the vehicle is.
  std::optional<GpsdSourceConfig> gpsd;
  std::optional<LineDeviceConfig> nmea;

  // At most one of these; `decoder` is then needed.
  std::optional<CanSocketConfig> can;
  std::optional<LineDeviceConfig> candump;   // a log, or what candump -L writes just now
  std::optional<CanDecoder> decoder;

  FusionConfig fusion;

  Status Validate() const;
};

// Reads a vehicle's sensors and makes samples of them.
//
// Threading: lives on its io_context's one thread, as do its callbacks.
class SensorSource {
 public:
  struct Callbacks {
    std::function<BootTime()> clock;
    std::function<void(const Sample&)> on_sample;
    // Something of `source` ("nmea", "gpsd", ...) is refused or away, the first ten
    // times of each in a minute; the counters know of all.
    std::function<void(std::string_view source, std::string_view why)> on_trouble;
    // Samples begin ("" is why) or stop to come, and why.
    std::function<void(std::string_view why)> on_silence;
    // All recordings have ended, and nothing else is read.
    std::function<void()> on_end;
  };

  // `context` must outlive the source.
  // REQUIRES: config.Validate().ok()
  SensorSource(const SensorSourceConfig& config, boost::asio::io_context* context, Callbacks callbacks,
               std::uint64_t seed);
  ~SensorSource();

  void Start();
  // No callback follows.
  void Stop();

  const FusionCounters& fusion_counters() const;
  // All counters as one JSON object.
  std::string CountersJson() const;

 private:
  struct State;
  const std::shared_ptr<State> state_;
};

}  // namespace starling::edge
