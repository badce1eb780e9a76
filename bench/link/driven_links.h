#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/link/link_meter.h"
#include "common/telemetry/sample.h"

namespace starling {

// What a frame is for.
enum class Lane : std::uint8_t { kLive, kHistory, kClock, kGreeting, kCommands };
inline constexpr std::size_t kLanes = 5;
std::string_view LaneName(Lane lane);

// What links carried, and what of the samples was at the other end.
struct LinkFigures {
  std::size_t vehicles = 0;
  std::uint64_t samples = 0;
  LinkBytes starling;                          // greeting, clocks, commands and all acknowledgements included
  std::array<std::uint64_t, kLanes> lanes{};   // of its payload: frames with their headers, both ways
  std::uint64_t live_frames = 0;
  std::vector<LinkBytes> rivals;               // as Rivals()

  // How far the cloud's live picture is from each sample: once what was sent for it, if anything, is
  // there; and just before that, where it is worst and holds what nobody could have foreseen.
  struct Picture {
    double p50_m = 0;
    double p99_m = 0;
    double max_m = 0;
  };
  Picture picture;
  Picture picture_before;
  // Why the figures are worth nothing: a sample that did not arrive, once and as it was, from
  // Starling's history or a rival's message.  Empty if nothing is wrong.
  std::string wrong;
};

// Drives `vehicles` through a drawn city for `duration` of virtual time, each with the real agent, against
// the real shard behind the gateway's own builders, and drivers obey, then until every sample is acknowledged.
// The same samples go through each rival's encoder.  Sensors and links are perfect.
//
// Seed 2, because training of the frames' dictionary takes 1.  The same in every run.
LinkFigures DriveFleet(std::uint32_t vehicles, seconds duration, const TlsCosts& tls);

// The same for one vehicle, which takes these samples.
// REQUIRES: not empty, times rise and are not below 0
LinkFigures DriveAlone(std::span<const Sample> samples, const TlsCosts& tls);

// A vehicle of a drawn city for DriveAlone, with the errors of a built-in receiver (GnssConfig::BuiltIn).
std::vector<Sample> SimulatedDrive(seconds duration);

}  // namespace starling
