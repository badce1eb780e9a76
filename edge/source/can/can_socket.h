#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"
#include "common/time.h"
#include "edge/source/can/can_decoder.h"
#include "edge/source/can/can_frame.h"

namespace starling::edge {

struct CanSocketConfig {
  std::string interface;                 // "can0"
  milliseconds backoff_min{100};         // before it is opened again; jittered by half
  milliseconds backoff_max{5'000};

  Status Validate() const;
};

struct CanSocketCounters {
  std::uint64_t opens = 0;
  std::uint64_t losses = 0;              // it was open, and went away
  std::uint64_t frames_other = 0;        // remote and error frames
};

// Frames of a CAN interface of Linux (SocketCAN), CAN FD included; it is opened again
// whenever it goes down.  The kernel is told which messages are wanted.
//
// Threading: lives on its io_context's one thread, as do its callbacks.
class CanSocket {
 public:
  struct Callbacks {
    std::function<void(const CanFrame&)> on_frame;
    // It is away: once for each reason in a row.
    std::function<void(std::string_view why)> on_trouble;
  };

  // `context` must outlive the socket.
  // REQUIRES: config.Validate().ok()
  CanSocket(const CanSocketConfig& config, std::vector<CanDecoder::Id> wanted, boost::asio::io_context* context,
            Callbacks callbacks, std::uint64_t seed);
  ~CanSocket();

  void Start();
  // Reads from `descriptor`, which it then owns, instead of opening the interface: whatever
  // hands over struct can_frame and canfd_frame as datagrams.
  void Adopt(int descriptor);
  // No callback follows.
  void Stop();

  const CanSocketCounters& counters() const;

 private:
  struct State;
  const std::shared_ptr<State> state_;
};

}  // namespace starling::edge
