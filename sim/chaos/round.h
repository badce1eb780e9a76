#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/status.h"
#include "sim/chaos/fault_file.h"
#include "sim/chaos/fault_plan.h"
#include "sim/chaos/kafka_arena.h"
#include "sim/chaos/oracle.h"
#include "sim/chaos/stored_data.h"
#include "sim/chaos/supervisor.h"

namespace starling::sim {

struct ChaosConfig {
  std::string programs;             // folder with starling, starling-cloud and starling-sim
  std::string cloud_program;        // another one than starling-cloud; empty: that one
  std::string sim_program;          // another one than starling-sim; empty: that one
  std::vector<std::string> cloud_arguments;  // added to the usual ones
  std::vector<std::string> sim_arguments;
  std::string fault_library;        // libstarling-faults.so
  std::string folder;               // for certificates, data and logs
  std::size_t vehicles = 500;       // [1, 2000]
  std::uint32_t drive_s = 3;        // [2, 60] of sampling in a round
  std::uint64_t seed = 1;
  PlanLimits limits;                // its `kafka` and `brokers` follow from the cluster
  KafkaCluster kafka;

  Status Validate() const;
};

// How one round went.
struct RoundOutcome {
  RoundPlan plan;
  std::vector<std::string> failures;   // of the programs, or of the oracle
  Judgement judgement;
  std::uint64_t restarts = 0;          // of all processes, beyond the first start
  std::uint64_t ended = 0;             // by themselves
  nanoseconds longest_down{};          // until one that had ended was ready again
  RelayCounters relay;
  std::uint64_t writes_failed = 0;
  std::uint64_t syncs_failed = 0;
  std::uint64_t syncs_delayed = 0;
  double drive_s = 0;                  // everything until the programs had ended
  double oracle_s = 0;

  bool ok() const { return failures.empty(); }
};

// The place where rounds are run: certificates, ports and the data that rounds leave to
// each other.
//
// Threading: thread-compatible; Run blocks.
class Arena {
 public:
  // Makes the certificates that are missing.
  //
  // Errors: kIoError, kInvalidArgument.
  static Result<std::unique_ptr<Arena>> Create(const ChaosConfig& config);

  // Errors: kIoError if the round could not be run at all; what it shows is in the
  //         outcome.
  Result<RoundOutcome> Run(const RoundPlan& plan);

  // Where the data of the last round are.
  std::string data() const { return Path("data"); }
  std::string Path(const std::string& name) const { return config_.folder + "/" + name; }

 private:
  explicit Arena(const ChaosConfig& config) : config_(config) {}

  Status Prepare(const RoundPlan& plan);
  bool on_kafka() const { return !config_.kafka.bootstrap.empty(); }
  Status ApplyTopics(std::uint32_t round);
  Command CloudCommand(const std::string& name, std::uint16_t http_port) const;
  Command SimCommand(const RoundPlan& plan, std::uint16_t port, std::uint16_t http_port) const;
  Status RunPrograms(const RoundPlan& plan, RoundOutcome* outcome);
  void StartClouds();
  bool AwaitClouds(nanoseconds patience, std::string* which);
  void StopClouds(RoundOutcome* outcome);
  void DriveThrough(const RoundPlan& plan, Relay* relay, Child* sim);
  void Begin(const PlannedFault& fault, Relay* relay);
  void End(const PlannedFault& fault, Relay* relay);
  Supervisor* CloudOf(const PlannedFault& fault) { return clouds_[fault.target == 0 ? 0 : fault.target - 1].get(); }
  Result<std::unique_ptr<StoredData>> OpenData() const;
  Status AskOracle(RoundOutcome* outcome);

  const ChaosConfig config_;
  std::uint16_t gateway_port_ = 0;
  std::vector<std::string> names_;           // of the orchestrator's processes
  std::vector<std::uint16_t> http_ports_;    // theirs
  std::vector<std::unique_ptr<Supervisor>> clouds_;  // while a round runs
  std::unique_ptr<BrokerKiller> brokers_;
  std::string prefix_;                       // of the topics, since the data are new
  std::unique_ptr<FaultFile> faults_;
  std::vector<sim::Drive> drives_;  // since the data are new
};

}  // namespace starling::sim
