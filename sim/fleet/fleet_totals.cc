#include "sim/fleet/fleet_totals.h"

#include <utility>

namespace starling::sim {

void FleetTotals::Add(const edge::Agent& agent) {
  if (agent.welcomed()) ++welcomed;
  if (!agent.drained()) ++undrained;
  Count(agent.ledger(), agent.counters());
}

void FleetTotals::Add(const edge::Uplink& uplink) {
  if (uplink.connected()) ++connected;
  Count(uplink.counters());
}

void FleetTotals::AddEnded(const edge::Agent& agent) {
  edge::AgentLedger last = agent.ledger();
  dropped_reboot += std::exchange(last.in_flight, 0);
  Count(last, agent.counters());
}

void FleetTotals::AddEnded(const edge::Uplink& uplink) { Count(uplink.counters()); }

void FleetTotals::Add(const FleetTotals& others) {
  connected += others.connected;
  welcomed += others.welcomed;
  undrained += others.undrained;
  dropped_reboot += others.dropped_reboot;
  Count(others.ledger, others.agents);
  Count(others.uplinks);
}

void FleetTotals::Count(const edge::AgentLedger& one, const edge::AgentCounters& counters) {
  ledger.sampled += one.sampled;
  ledger.delivered += one.delivered;
  ledger.dropped_spool_full += one.dropped_spool_full;
  ledger.dropped_refused += one.dropped_refused;
  ledger.dropped_io += one.dropped_io;
  ledger.in_flight += one.in_flight;

  agents.samples_refused += counters.samples_refused;
  agents.live_frames += counters.live_frames;
  agents.live_conflated += counters.live_conflated;
  agents.history_frames += counters.history_frames;
  agents.commands_received += counters.commands_received;
  agents.commands_repeated += counters.commands_repeated;
  agents.applied += counters.applied;
  agents.superseded += counters.superseded;
  agents.expired += counters.expired;
  agents.rejected += counters.rejected;
  agents.notices += counters.notices;
  agents.frames_unknown += counters.frames_unknown;
  agents.frames_malformed += counters.frames_malformed;
  agents.commands_ignored += counters.commands_ignored;
}

void FleetTotals::Count(const edge::UplinkCounters& link) {
  uplinks.connects += link.connects;
  uplinks.resumed += link.resumed;
  uplinks.failures += link.failures;
  uplinks.bytes_up += link.bytes_up;
  uplinks.bytes_down += link.bytes_down;
  uplinks.records_up += link.records_up;
  uplinks.records_down += link.records_down;
}

}  // namespace starling::sim
