#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "edge/agent/agent.h"
#include "edge/spool/memory_spool.h"
#include "edge/uplink/uplink.h"

namespace starling::edge {

struct VehicleShellConfig {
  AgentConfig agent;
  MemorySpoolConfig spool;
  UplinkConfig uplink;

  Status Validate() const;
};

// What one vehicle's process runs: an agent, its uplink and the agent's timers.
// (A fleet in one process has its own loop over many agents instead.)
//
// Threading: lives on its io_context's one thread, as do its callbacks.
class VehicleShell {
 public:
  struct Callbacks {
    Uplink::Clock clock;
    Uplink::Controller controller;
    std::function<void()> on_tick;     // after each timer, 10 times a second at least; may be empty
  };

  // `context`, `tls` and `credentials` must outlive the shell.  Without a `spool` it is one
  // in memory, of config.spool.
  // REQUIRES: config.Validate().ok(); boot is not 0
  VehicleShell(const VehicleShellConfig& config, BootId boot, boost::asio::io_context* context,
               SSL_CTX* tls, const Credentials* credentials, Callbacks callbacks, std::uint64_t seed,
               std::unique_ptr<Spool> spool = nullptr);

  // Starts connecting, and the agent's timers.
  void Start();

  // Errors: as Agent::OnSample.
  Status OnSample(const Sample& sample);

  // Seals what is open and waits until the cloud has everything or `at_most` has
  // passed; then calls `done`, once, saying which.
  void Drain(nanoseconds at_most, std::function<void(bool drained)> done);

  // Ends the connection and the timers.
  void Stop();

  const Agent& agent() const { return agent_; }
  Agent& agent() { return agent_; }
  Uplink& uplink() { return uplink_; }

 private:
  void Arm();
  void Tick();

  const Callbacks callbacks_;
  PayloadCodec codec_;
  Agent agent_;
  Uplink uplink_;
  boost::asio::steady_timer timer_;
  std::function<void(bool drained)> drain_done_;  // empty: not draining
  std::chrono::steady_clock::time_point drain_until_;
  const std::shared_ptr<int> alive_ = std::make_shared<int>();  // gone with the shell
};

// Whether the cloud has everything that was sampled.  Drained alone does not say
// so: what was dropped does not wait either.
//
// Errors: kUnavailable, with a message that counts what is missing, by reason.
Status CheckDelivered(const Agent& agent);

// Ledger and counters of agent and uplink as the members of a JSON object, without
// the braces: "ledger":{...},"agent":{...},"uplink":{...}
std::string VehicleReportJson(const Agent& agent, const Uplink& uplink);

}  // namespace starling::edge
