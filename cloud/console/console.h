#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cloud/console/access.h"
#include "cloud/console/actions.h"
#include "cloud/console/console_source.h"
#include "cloud/console/live_config.h"
#include "common/status.h"
#include "common/time.h"

namespace starling::cloud {

struct ConsoleConfig {
  // Where others can reach it, `access` has to ask who they are.
  std::string host = "127.0.0.1";
  std::uint16_t port = 7480;           // 0: any free one; see Console::port()
  std::size_t connections_max = 64;    // open at once; more are closed at accept. [1, 1024]
  std::size_t header_bytes_max = 8192; // of one request. [256, 65536]
  milliseconds request_timeout{5'000}; // to send a whole request, and to take the answer. >= 10 ms
  milliseconds idle_timeout{30'000};   // between two requests of one connection. >= 10 ms
  AccessConfig access;
  LiveConfig live;

  bool is_loopback() const;
  Status Validate() const;
};

// The orchestrator's window for people and tools: HTTP/1.1 or HTTPS, in one thread that yields
// to all others (its nice value is 10).  Access decides on every request before it is routed.
//
// Threading: Start and Stop from one thread.
class Console {
 public:
  // `source` and `actions` must outlive the console; without the latter nothing can be done.
  // REQUIRES: config.Validate().ok()
  Console(const ConsoleConfig& config, ConsoleSource* source, ActionTarget* actions = nullptr);
  ~Console();  // Stops.

  // `listening` is a socket that listens there already; it becomes the console's.
  //
  // Errors: kUnavailable if the port is taken, naming it; those of Access::Open; kIoError otherwise.
  Status Start(std::optional<int> listening = {});

  // Closes every connection and ends the thread.  Idempotent.
  void Stop();

  std::uint16_t port() const;  // 0 before Start

  // Of the door.  Threading: from ConsoleSource::Figures alone, which the console's thread calls.
  void AppendFigures(std::vector<Figure>* figures) const;

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace starling::cloud
