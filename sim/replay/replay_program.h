#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <string>

#include "edge/uplink/vehicle_shell.h"
#include "sim/replay/drive.h"
#include "sim/replay/prediction_probe.h"

namespace starling::sim {

struct ReplayOptions {
  edge::VehicleShellConfig shell;

  // 1: as recorded, with a link, on both lanes.  More, or 0 for at once: as if the
  // vehicle had driven it all without a link and then got one; see the page of the
  // format.  [0, 1000]
  double speed = 1;
  seconds connect_max{10};             // for the link to come up, else it is a failure
  seconds drain_max{15};               // waiting for the cloud at the end
  bool verbose = false;

  Status Validate() const;
};

// Drives the agent and the uplink of one vehicle with a recorded drive.
//
// Threading: one thread; Run returns when all is over.
class ReplayProgram {
 public:
  // All of them must outlive the program.
  // REQUIRES: options.Validate().ok(); drive.samples is not empty
  ReplayProgram(const ReplayOptions& options, const Drive& drive, SSL_CTX* tls,
                const Credentials* credentials, BootId boot);

  // Errors: kUnavailable if no link came up, it was interrupted, samples were
  //         dropped, or not everything was delivered in time.
  Status Run();

  // The report, as JSON; docs/formats/drive_csv.md names its figures.
  std::string Report() const;

 private:
  using SteadyClock = std::chrono::steady_clock;

  bool with_link() const { return options_.speed == 1; }
  BootTime Now() const;
  void OnTick();
  void AwaitLink();
  void Begin();
  void ScheduleNext();
  void Give(const Sample& recorded);
  void End();
  void Finish(Status status);

  const ReplayOptions options_;
  const Drive& drive_;
  boost::asio::io_context context_{1};
  boost::asio::signal_set signals_;
  boost::asio::steady_timer pace_;
  mutable edge::VehicleShell shell_;   // its counters are brought up to date when read
  PredictionProbe probe_;

  // The vehicle's clock runs with ours from here on, except while it drives without
  // a link: then it stands at the sample.
  SteadyClock::time_point clock_start_ = SteadyClock::now();
  BootTime clock_base_;
  bool clock_stands_ = false;

  SteadyClock::time_point begun_;
  BootTime drive_base_;                // boot time of the drive's first instant
  std::size_t next_ = 0;
  bool running_ = false;
  std::uint64_t refused_by_agent_ = 0;
  std::uint64_t json_bytes_ = 0;
  Status outcome_;
};

}  // namespace starling::sim
