#include "sim/fleet/fleet_totals.h"

namespace starling::sim {

void FleetTotals::Add(const edge::Agent& agent, const edge::Uplink& uplink) {
  if (uplink.connected()) ++connected;
  if (agent.welcomed()) ++welcomed;
  if (!agent.drained()) ++undrained;
  Count(agent, uplink);
}

void FleetTotals::AddEnded(const edge::Agent& agent, const edge::Uplink& uplink) {
  const std::uint64_t in_flight = agent.ledger().in_flight;
  Count(agent, uplink);
  ledger.in_flight -= in_flight;
  dropped_reboot += in_flight;
}

void FleetTotals::Count(const edge::Agent& agent, const edge::Uplink& uplink) {
  const edge::AgentLedger one = agent.ledger();
  ledger.sampled += one.sampled;
  ledger.delivered += one.delivered;
  ledger.dropped_spool_full += one.dropped_spool_full;
  ledger.dropped_refused += one.dropped_refused;
  ledger.dropped_io += one.dropped_io;
  ledger.in_flight += one.in_flight;

  const edge::AgentCounters& counters = agent.counters();
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

  const edge::UplinkCounters& link = uplink.counters();
  uplinks.connects += link.connects;
  uplinks.resumed += link.resumed;
  uplinks.failures += link.failures;
  uplinks.bytes_up += link.bytes_up;
  uplinks.bytes_down += link.bytes_down;
  uplinks.records_up += link.records_up;
  uplinks.records_down += link.records_down;
}

}  // namespace starling::sim
