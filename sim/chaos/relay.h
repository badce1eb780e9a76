#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/status.h"
#include "common/time.h"

namespace starling::sim {

enum class Direction : std::uint8_t { kUp = 0, kDown };  // kUp: from the vehicles

// How one direction of every link behaves from now on, those included that are open.
struct LinkWeather {
  bool stalled = false;              // no byte passes, the connection stays open
  nanoseconds delay{};               // each byte comes so much later
  nanoseconds jitter{};              // and up to so much more, in order all the same
  std::uint64_t bytes_per_second = 0;  // of each connection; 0: no limit
};

struct RelayCounters {
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;         // accepted, and cut at once
  std::uint64_t cut = 0;             // by a command
  std::uint64_t open = 0;
  std::uint64_t bytes_up = 0;
  std::uint64_t bytes_down = 0;
};

// Stands between vehicles and a gateway, passes TCP bytes both ways, and does to them
// what networks do.  What it may hold of a connection is bounded, then TCP's own
// flow control holds the sender back.
//
// What is drawn (whose link is cut, how long a byte is late) comes from `seed` and
// the order of the connections; when they come is up to who connects.
//
// Threading: thread-safe.  It has one thread of its own.
class Relay {
 public:
  struct State;

  // Listens on a free port of 127.0.0.1 and connects each vehicle to
  // 127.0.0.1:`upstream_port`.
  //
  // Errors: kUnavailable if there is no port.
  static Result<std::unique_ptr<Relay>> Start(std::uint16_t upstream_port, std::uint64_t seed);
  ~Relay();

  std::uint16_t port() const;
  // Where new connections go from now on.
  void SetUpstream(std::uint16_t port);

  // Resets this share of the open connections, 0 to 1.
  void Cut(double share);
  // Cuts every new connection at once, as a port where nobody listens would.
  void Refuse(bool refuse);
  // A share of the links gets this weather in one direction; later ones, too.  The
  // others keep theirs.
  void SetWeather(Direction direction, const LinkWeather& weather, double share);
  // Ends one direction of a share of the links with a FIN; the other one stays open.
  void HalfClose(Direction direction, double share);
  // Fair weather, and connections are taken.  What a stall held back now arrives.
  void Heal();

  RelayCounters counters() const;

 private:
  explicit Relay(std::unique_ptr<State> state);
  const std::unique_ptr<State> state_;
};

}  // namespace starling::sim
