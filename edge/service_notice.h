#pragma once

#include <string>
#include <string_view>

#include "common/time.h"

namespace starling::edge {

// Tells the service manager that started this process how it does.  Whoever was started by
// hand has nobody to tell, and nothing is sent.
//
// Source: sd_notify(3), sd_watchdog_enabled(3): a datagram of NAME=VALUE lines to the Unix
// socket that NOTIFY_SOCKET names.
//
// Threading: thread-compatible.
class ServiceNotice {
 public:
  // Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
  ServiceNotice();
  ~ServiceNotice();
  ServiceNotice(const ServiceNotice&) = delete;
  ServiceNotice& operator=(const ServiceNotice&) = delete;

  void Ready();
  void Stopping();
  // `text` is what `systemctl status` shows, in one line; sent if it has changed.
  void Say(std::string_view text);
  // The loop that does the work turns.  Call it often: it is sent ten times in the
  // watchdog's time.
  void Alive(BootTime now);

 private:
  void Send(const std::string& message) const;

  std::string address_;                  // of the socket, a leading @ for an abstract one; empty: nobody
  int socket_ = -1;
  nanoseconds interval_{};               // between two signs of life; 0: no watchdog
  BootTime next_sign_;
  std::string said_;
};

}  // namespace starling::edge
