#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "common/ids.h"
#include "common/time.h"
#include "edge/agent/agent.h"
#include "edge/spool/spool.h"
#include "sim/fleet/journal.h"

namespace starling::sim {

// Keeps the journal of a fleet while it drives.  It sees what the simulator does to
// the agents and what they do to their spool and their controller; what an agent
// counts itself is entered at a boot's end and never trusted for the rest.
//
// Threading: thread-compatible; the fleet's thread owns it.
class JournalKeeper {
 public:
  explicit JournalKeeper(std::size_t vehicles);
  ~JournalKeeper();

  // A boot begins, and with it a spool, which is handed back wrapped: what is sealed
  // into it and what is deleted from it is noted.  The keeper must outlive it.
  std::unique_ptr<edge::Spool> Begin(std::size_t vehicle, const VehicleId& name, BootId boot,
                                     std::unique_ptr<edge::Spool> spool);

  // Of the vehicle's present boot.
  void OnSample(std::size_t vehicle, const wire::Fix& fix);
  void OnAction(std::size_t vehicle, const edge::ControlAction& action, BootTime boot_now,
                CloudTime now);
  void OnClosed(std::size_t vehicle, const wire::CommandStatus& status);

  // The boot is over; by a reboot what is in flight is lost.
  void End(std::size_t vehicle, const edge::AgentLedger& ledger, bool rebooted);

  void Drained(CloudTime since) { drained_ = since; }

  // REQUIRES: every boot has ended
  Journal Take();

 private:
  class NotingSpool;
  struct Vehicle {
    std::vector<VehicleBoot> boots;
  };

  void OnDeleted(std::size_t vehicle, SampleRange range);

  std::vector<Vehicle> vehicles_;
  CloudTime drained_{};
};

}  // namespace starling::sim
