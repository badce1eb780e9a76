#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <memory>
#include <optional>
#include <string>

#include "common/status.h"
#include "edge/plan/kept_plan.h"
#include "edge/service_notice.h"
#include "edge/source/json_source.h"
#include "edge/source/sensor_source.h"
#include "edge/spool/disk_spool.h"
#include "edge/uplink/vehicle_identity.h"
#include "edge/uplink/vehicle_shell.h"

namespace starling::edge {

struct VehicleProgramOptions {
  VehicleShellConfig shell;
  std::string listen_unix;             // empty: standard input
  std::optional<SensorSourceConfig> sensors;  // read instead of lines of JSON
  seconds drain_max{10};               // waiting for the cloud at the end; [0, 3600]
  std::string plan_file;               // keeps the collection plan over restarts; empty: nothing does
  std::string report_file;             // empty: none
  // A renewed certificate is shown at a moment drawn within it, so that a fleet that is
  // given new ones does not come back all at once; [0, 86400].
  seconds renew_spread{60};
  bool verbose = false;                // link and ledger on standard error as they change

  Status Validate() const;
};

// What starling-edge does between its options and its exit code: samples in from a
// JsonSource or a SensorSource, commands out on standard output, refusals on standard error.
//
// Threading: one thread; Run returns when all is over.
class VehicleProgram {
 public:
  // `identity` has started.  Without a `spool` it is one in memory.
  // REQUIRES: options.Validate().ok()
  VehicleProgram(const VehicleProgramOptions& options, IdentityWatch identity, std::unique_ptr<DiskSpool> spool);

  // Until the input ends, or SIGTERM or SIGINT; then drains and reports.  SIGHUP has the
  // certificates read, and shown, at once.
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
  void RestorePlan();
  void TellOfPlan();
  void AwaitHangup();
  void LookAtIdentity(bool at_once = false);
  const VehicleIdentity& in_use();     // what the next connection shows
  void TellOfRenewal();
  void TellOfStrangers();
  void WarnOfExpiry();
  void Finish(const char* why);
  Status Report();
  std::uint64_t samples() const;       // that the source has handed over
  void Print(const std::string& line);

  const VehicleProgramOptions options_;
  boost::asio::io_context context_{1};
  boost::asio::signal_set signals_;
  boost::asio::signal_set hangup_;
  // Before the shell, whose uplink begins with it.
  IdentityWatch identity_;
  const std::shared_ptr<const VehicleIdentity> first_identity_;
  JsonSource source_;
  std::optional<SensorSource> sensors_;
  const DiskSpool* const spool_;       // the shell's; null: it is in memory
  VehicleShell shell_;
  // None: nothing keeps plans.  Behind the shell: it writes while the spool's lock is held.
  std::optional<PlanSaver> plan_saver_;
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
  std::uint64_t renewals_ = 0;
  std::uint64_t renewals_refused_ = 0;
  std::uint64_t strangers_ = 0;
  bool said_stranger_ = false;
  BootTime next_expiry_look_;
  std::string expiry_note_;            // of the service's status; empty: no need to renew
  std::string said_expiry_note_;
  BootTime next_renewal_;              // one that gateways refused is tried again; 0: there is none
};

}  // namespace starling::edge
