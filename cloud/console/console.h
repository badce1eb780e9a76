#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "cloud/console/console_source.h"
#include "common/status.h"
#include "common/time.h"

namespace starling::cloud {

struct ConsoleConfig {
  // Nobody proves who they are here: leave it on the machine itself, or behind
  // a proxy that asks.
  std::string host = "127.0.0.1";
  std::uint16_t port = 7480;           // 0: any free one; see Console::port()
  std::size_t connections_max = 64;    // open at once; more are closed at accept. [1, 1024]
  std::size_t header_bytes_max = 8192; // of one request. [256, 65536]
  milliseconds request_timeout{5'000}; // to send a whole request, and to take the answer. >= 10 ms
  milliseconds idle_timeout{30'000};   // between two requests of one connection. >= 10 ms

  Status Validate() const;
};

// The orchestrator's window for people and tools: HTTP/1.1, GET and HEAD only, in
// one thread that yields to all others (its nice value is 10).
//
// Threading: Start and Stop from one thread.
class Console {
 public:
  // `source` must outlive the console.
  // REQUIRES: config.Validate().ok()
  Console(const ConsoleConfig& config, ConsoleSource* source);
  ~Console();  // Stops.

  // `listening` is a socket that listens there already; it becomes the console's.
  //
  // Errors: kUnavailable if the port is taken, naming it; kIoError otherwise.
  Status Start(std::optional<int> listening = {});

  // Closes every connection and ends the thread.  Idempotent.
  void Stop();

  std::uint16_t port() const;  // 0 before Start

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace starling::cloud
