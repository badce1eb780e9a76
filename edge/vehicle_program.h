#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <memory>
#include <optional>
#include <string>

#include "common/status.h"
#include "edge/service_notice.h"
#include "edge/source/json_source.h"
#include "edge/source/sensor_source.h"
#include "edge/spool/disk_spool.h"
#include "edge/uplink/vehicle_shell.h"

namespace starling::edge {

struct VehicleProgramOptions {
  VehicleShellConfig shell;
  std::string listen_unix;             // empty: standard input
  std::optional<SensorSourceConfig> sensors;  // read instead of lines of JSON
  seconds drain_max{10};               // waiting for the cloud at the end; [0, 3600]
  std::string report_file;             // empty: none
  bool verbose = false;                // link and ledger on standard error as they change

  Status Validate() const;
};

// What starling-edge does between its options and its exit code: samples in from a
// JsonSource or a SensorSource, commands out on standard output, refusals on standard error.
//
// Threading: one thread; Run returns when all is over.
class VehicleProgram {
 public:
  // `tls` and `credentials` must outlive the program.  Without a `spool` it is one in
  // memory.
  // REQUIRES: options.Validate().ok()
  VehicleProgram(const VehicleProgramOptions& options, SSL_CTX* tls, const Credentials* credentials,
                 std::unique_ptr<DiskSpool> spool);

  // Until the input ends, or SIGTERM or SIGINT; then drains and reports.
  //
  // Errors: kUnavailable if samples were dropped, or not everything could be
  //         delivered in time; kIoError if input, output or report failed.
  Status Run();

 private:
  void OnSample(const Sample& sample);
  void MakeSensors();
  void OnRefused(std::uint64_t writer, std::uint64_t line, std::string_view why);
  void OnAction(const ControlAction& action, BootTime now);
  void OnTick();
  void TellOfSpool();
  void TellOfPlan();
  void Finish(const char* why);
  Status Report();
  std::uint64_t samples() const;       // that the source has handed over
  void Print(const std::string& line);

  const VehicleProgramOptions options_;
  boost::asio::io_context context_{1};
  boost::asio::signal_set signals_;
  JsonSource source_;
  std::optional<SensorSource> sensors_;
  const DiskSpool* const spool_;       // the shell's; null: it is in memory
  VehicleShell shell_;
  ServiceNotice service_;

  bool finishing_ = false;
  bool drained_ = false;
  bool output_failed_ = false;

  // As last printed.
  DesiredState desired_;
  AgentCounters statuses_;
  bool connected_ = false;
  std::uint64_t failures_ = 0;
  std::uint64_t notices_ = 0;
  std::uint64_t plan_replies_ = 0;
  std::string spool_failure_;
};

}  // namespace starling::edge
