#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "common/frame/payload_codec.h"
#include "common/geo/local_frame.h"
#include "common/status.h"
#include "common/tls/tls_context.h"
#include "sim/fleet/byte_baseline.h"
#include "sim/fleet/command_book.h"
#include "sim/fleet/fleet_clock.h"
#include "sim/fleet/fleet_config.h"
#include "sim/fleet/fleet_snapshot.h"
#include "sim/fleet/histogram.h"
#include "sim/fleet/journal_keeper.h"
#include "sim/fleet/observer.h"
#include "sim/fleet/outage_watch.h"
#include "sim/fleet/schedule.h"
#include "sim/fleet/sim_vehicle.h"
#include "sim/fleet/traffic_thread.h"
#include "sim/traffic/traffic.h"

namespace starling::sim {

// What is left of a run.
struct FleetOutcome {
  FleetTotals connected;                // when the connecting phase ended
  FleetTotals total;                    // when all was over
  double connect_s = 0;
  double sampling_s = 0;                // measured, from the first sample to the last
  double drain_s = 0;
  bool drained = false;
  CloudFigures cloud_drained;           // the orchestrator's, when all was; empty otherwise
  bool interrupted = false;
  std::uint64_t samples = 0;            // handed to agents
  Histogram lateness;                   // of each sample behind its instant
  PredictionError prediction;
  nanoseconds clock_stepped{};
  std::vector<Outage> outages;          // kills of the orchestrator
  std::string kill_failure;             // why one did not come about
};

// What a test puts between the parts of a vehicle; empty in a real run.
struct FleetHooks {
  // Gives what stands before the controller of a vehicle, which is `controller`.
  std::function<edge::Uplink::Controller(std::size_t vehicle, boost::asio::io_context* context,
                                         edge::Uplink::Controller controller)>
      controller;
};

// The fleet: every vehicle with the real agent and its own connection, all on one
// thread, which never waits for anything but the next sample's instant.  The traffic,
// from which the samples come, is on another one.
//
// Threading: one thread owns it; RequestStop may be called from a signal handler.
class Fleet {
 public:
  // Loads the vehicles' credentials; connects nothing yet.  `traffic`, `clock` and
  // `exchange` must outlive the fleet.
  // REQUIRES: config.Validate().ok(); traffic has config.vehicles vehicles
  //
  // Errors: as MakeClientContext and LoadCredentials; the message names the file.
  static Result<std::unique_ptr<Fleet>> Create(const FleetConfig& config, FrameOrigin origin,
                                               Traffic* traffic, const FleetClock* clock,
                                               FleetExchange* exchange,
                                               const FleetHooks& hooks = {});
  ~Fleet();

  // The phases of a run, in this order.
  void Connect();
  void Drive();
  void Drain();

  // Ends the present phase early, and Drive at once; for SIGINT and SIGTERM.
  static void RequestStop();

  const FleetOutcome& outcome() const { return outcome_; }
  const CommandBook& book() const { return book_; }
  const ByteBaseline& baseline() const { return baseline_; }

  // What happened, if config.journal asked for it.  Once, after Drain.
  Journal TakeJournal();

 private:
  Fleet(const FleetConfig& config, FrameOrigin origin, Traffic* traffic, const FleetClock* clock,
        FleetExchange* exchange, const FleetHooks& hooks);

  Status AddVehicle(std::size_t index, const CertificateFolder& folder);
  void Boot(std::size_t index);

  void PrefetchFrom(std::uint32_t vehicle) const;
  using Visit = void (Fleet::*)(const Schedule::Turn& turn, CloudTime scheduled);
  // Calls `visit` for each turn at its instant, and while driving as soon as its step is
  // there; turns the reactor in between, until `until` says so or `turns` are through.
  void RunWheel(CloudTime start, std::uint64_t turns, Visit visit,
                const std::function<bool(CloudTime now)>& until);
  void VisitSampling(const Schedule::Turn& turn, CloudTime scheduled);
  void VisitIdle(const Schedule::Turn& turn, CloudTime scheduled);
  void VisitFlushing(const Schedule::Turn& turn, CloudTime scheduled);
  void Tend(SimVehicle* vehicle, BootTime now);

  // Starts connections, never too many at once; true when all are there.
  bool Admit(CloudTime now);
  // Rounds in which each vehicle takes a sample.
  std::uint64_t rounds_sampled() const {
    return std::uint64_t{config_.seconds} * (seconds(1) / kSampleInterval);
  }
  void CutSome();
  void RebootSome();
  void TakeSample(const Schedule::Turn& turn, const Sample& sample, CloudTime now);
  // Tells the traffic what the agent's leases ask of its driver.
  void Obey(std::uint32_t vehicle, CloudTime now);
  void Gather(const SimVehicle& vehicle, const Schedule::Turn& turn);
  void Publish();

  const FleetConfig config_;
  const LocalFrame frame_;
  const FleetClock* const clock_;
  FleetExchange* const exchange_;
  const FleetHooks hooks_;
  const Schedule schedule_;
  SslContextPtr tls_;
  PayloadCodec codec_;
  boost::asio::io_context context_{1};
  std::vector<BootId> boots_;             // the first of each vehicle
  std::unique_ptr<JournalKeeper> journal_;  // null: none is kept
  std::vector<SimVehicle> vehicles_;      // after all that they use
  CommandBook book_;
  OutageWatch outages_;
  ByteBaseline baseline_;
  TrafficThread driving_;                 // after all that it uses
  std::vector<std::uint32_t> commanded_;  // vehicles, since the reactor was turned

  FleetPhase phase_ = FleetPhase::kConnecting;
  CloudTime phase_start_{};
  CloudTime drive_start_{};

  struct Admission {
    std::uint32_t vehicle = 0;
    CloudTime since;
  };
  std::deque<Admission> admitting_;
  std::uint32_t admitted_ = 0;            // vehicles that have been told to connect
  bool cut_done_ = false;
  bool reboot_done_ = false;
  FleetTotals ended_;                     // boots that are over

  FleetTotals gathering_;                 // over the present five rounds
  FleetTotals gathered_;                  // over the last whole one
  std::uint64_t rounds_gathered_ = 0;     // in this phase
  FleetOutcome outcome_;
};

}  // namespace starling::sim
