#include "edge/source/gnss/nmea_source.h"

#include <string>
#include <utility>

namespace starling::edge {
namespace {

LineDeviceConfig WithLineLimit(LineDeviceConfig device) {
  device.line_bytes_max = kNmeaLineBytesMax;
  return device;
}

std::optional<nanoseconds> TimeOf(std::string_view line) {
  const Result<NmeaSentence> sentence = ParseNmea(line);
  return sentence.ok() ? sentence.value().time_of_day : std::nullopt;
}

}  // namespace

NmeaSource::NmeaSource(LineDeviceConfig device, boost::asio::io_context* context, Callbacks callbacks,
                       std::uint64_t seed)
    : callbacks_(std::move(callbacks)),
      timer_(*context),
      device_(WithLineLimit(std::move(device)), context,
              {callbacks_.clock, [this](std::string_view line) { OnLine(line); }, TimeOf,
               [this](std::string_view why) {
                 epochs_.Reset();
                 callbacks_.on_trouble(why);
               },
               [this] {
                 epochs_.OnTime(callbacks_.clock() + NmeaEpochs::kQuiet);
                 HandOver();
                 if (!stopped_ && callbacks_.on_end) callbacks_.on_end();
               }},
              seed) {}

void NmeaSource::OnLine(std::string_view line) {
  if (Status status = epochs_.OnLine(line, callbacks_.clock()); !status.ok()) {
    callbacks_.on_trouble(status.message());
  }
  HandOver();
  Arm();
}

void NmeaSource::HandOver() {
  const std::optional<GnssFix> fix = epochs_.TakeFix();
  if (fix && !stopped_) callbacks_.on_fix(*fix);
}

// One timer that is asked again when it fires, not one set anew for each line.
void NmeaSource::Arm() {
  const std::optional<BootTime> deadline = epochs_.deadline();
  if (!deadline || armed_ || stopped_) return;
  armed_ = true;
  timer_.expires_after(*deadline - callbacks_.clock());
  timer_.async_wait([this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
    if (error || alive.expired() || stopped_) return;
    armed_ = false;
    epochs_.OnTime(callbacks_.clock());
    HandOver();
    Arm();
  });
}

void NmeaSource::Stop() {
  stopped_ = true;
  device_.Stop();
  timer_.cancel();
}

}  // namespace starling::edge
