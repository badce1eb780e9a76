#pragma once

#include <cstdint>

#include "edge/agent/agent.h"
#include "edge/uplink/uplink.h"

namespace starling::sim {

// Agents and uplinks of the whole fleet, summed.
struct FleetTotals {
  std::uint64_t connected = 0;         // TLS established
  std::uint64_t welcomed = 0;
  std::uint64_t undrained = 0;         // vehicles with something not yet acknowledged
  edge::AgentLedger ledger;
  edge::AgentCounters agents;
  edge::UplinkCounters uplinks;
  std::uint64_t dropped_reboot = 0;    // samples that were in memory at a reboot

  void Add(const edge::Agent& agent);
  void Add(const edge::Uplink& uplink);
  // Of a boot that is over: what was in flight is lost.
  void AddEnded(const edge::Agent& agent);
  void AddEnded(const edge::Uplink& uplink);
  void Add(const FleetTotals& others);

 private:
  void Count(const edge::AgentLedger& one, const edge::AgentCounters& counters);
  void Count(const edge::UplinkCounters& link);
};

}  // namespace starling::sim
