#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/frame/payload_codec.h"
#include "common/ids.h"
#include "common/status.h"
#include "common/telemetry/sample.h"
#include "common/time.h"
#include "edge/inbox/control_action.h"
#include "edge/inbox/inbox.h"
#include "edge/plan/plan_keeper.h"
#include "edge/spool/spool.h"

namespace starling::edge {

struct AgentConfig {
  // Live lane: a frame is sent before the cloud's prediction is off by more.
  double position_error_max_m = 0.3;          // (0, 10]; smaller costs frames
  double heading_error_max_rad = 0.0698;      // 4 degrees; (0, pi]
  double speed_error_max_mps = 0.5;           // (0, 10]
  double path_departure_max_m = 0.3;          // between the plan and the one last sent
  milliseconds silence_max{1000};             // [100, 10000]; a frame at least this often
  bool raw = false;                           // every sample goes on the live lane

  // History lane: a batch is sealed at either limit.
  std::size_t batch_samples_max = 100;        // [1, 1000]; larger compresses better
  milliseconds batch_age_max{10'000};         // what a power cut can lose without commits
  std::size_t batches_in_flight_max = 4;      // unacknowledged on one connection
  milliseconds commit_interval{0};            // the spool commits so often, the open batch too;
                                              // [10, 60000], 0: it has nothing to commit to

  // The vehicle.
  double length_m = 4.6;                      // [0.1, 30]
  double width_m = 1.8;                       // [0.1, 5]

  // Envelope: commands outside it are rejected, not clamped.
  double decel_max_mps2 = 8;                  // (0, 15]
  nanoseconds lease_max = seconds(10);        // a longer lease is rejected

  std::size_t reports_max = 1024;             // terminal statuses held until acknowledged

  Status Validate() const;
  InboxConfig Inbox() const;                  // the inbox's share of it
};

// sampled == delivered + dropped (all reasons) + in_flight, at all times.  What the
// spool already held when the agent began counts as sampled.
struct AgentLedger {
  std::uint64_t sampled = 0;
  std::uint64_t delivered = 0;                // the cloud said "durable"
  std::uint64_t dropped_spool_full = 0;
  std::uint64_t dropped_refused = 0;          // the cloud cannot read it
  std::uint64_t in_flight = 0;                // counted: open batch + spool
  std::uint64_t dropped_io = 0;               // the spool's medium refused them
  std::uint64_t dropped_too_old = 0;          // the spool keeps nothing for so long
  std::uint64_t dropped_unreadable = 0;       // the spool's medium did not give them back
  // Values, not samples: those of samples above that a plan did not want kept
  // (docs/formats/plan.md).
  std::uint64_t values_decimated = 0;

  friend constexpr bool operator==(const AgentLedger&, const AgentLedger&) = default;
};

struct AgentCounters {
  std::uint64_t samples_refused = 0;          // invalid; they are not in the ledger
  std::uint64_t live_frames = 0;
  std::uint64_t live_conflated = 0;           // replaced by a newer one before they were sent
  std::uint64_t history_frames = 0;           // sent, repeats included
  std::uint64_t commands_received = 0;
  std::uint64_t commands_repeated = 0;        // known ids, not acted on again
  std::uint64_t applied = 0;
  std::uint64_t superseded = 0;
  std::uint64_t expired = 0;
  std::uint64_t rejected = 0;
  std::uint64_t notices = 0;
  std::uint64_t frames_unknown = 0;           // of a type or version this agent does not know
  std::uint64_t frames_malformed = 0;         // skipped: checksums right, contents not
  std::uint64_t commands_ignored = 0;         // no room for their status; the cloud resends

  // What came of plans (docs/formats/plan.md).
  std::uint64_t plan_windows = 0;
  std::uint64_t plan_captures = 0;
  std::uint64_t plan_not_captured = 0;        // triggers that fired during or soon after a capture of theirs
  std::uint64_t plan_results_dropped = 0;     // the agent ended right after a batch, or plans changed too
                                              // fast: none went with them
};

// The collection plan: what the cloud was told last, and what is in force.
struct AgentPlan {
  std::uint64_t replies = 0;                  // it was told something so often
  PlanReply reply;                            // the newest, if any
  std::string name;                           // of the plan in force; empty: none
  std::uint64_t version = 0;
  PlanHash hash{};
};

// The light agent of one vehicle, as a pure state machine: it is handed samples,
// bytes and the time, and hands back bytes and actions.  It has no clock, no
// socket, no file and no thread; the shell around it has them.
//
// Link protocol: OnConnected; then NextFrame gives a Hello, and nothing but Hello
// until Welcome arrives; then by priority command reports, a reply to a plan, clock
// frames, the live fix, history.  What is not written yet is conflated: only the newest fix waits.
//
// Threading: thread-compatible; one shell owns an agent.
class Agent {
 public:
  // `codec` must outlive the agent; many agents of one thread share one.
  // REQUIRES: config.Validate().ok(); boot is not 0
  Agent(const AgentConfig& config, BootId boot, std::unique_ptr<Spool> spool, PayloadCodec* codec);
  ~Agent();

  // See common/prefetch.h.
  void PrefetchState() const;

  // Takes one sample: into the history's open batch, and to the live lane if the
  // cloud's prediction is, or before the next sample will be, off by too much.
  // `now` is not before any time handed in earlier.
  //
  // Errors: kInvalidArgument if it is not valid or not newer than the one before;
  //         it is then counted and changes nothing.  kIoError if the spool's medium
  //         refused a batch; its samples are then counted as dropped.
  Status OnSample(const Sample& sample, BootTime now);

  void OnConnected(BootTime now);
  void OnDisconnected(BootTime now);

  // Takes what the cloud sent, in any portions.
  //
  // Errors: kCorruption or kExhausted if the stream cannot be followed any more:
  //         the shell closes the connection.
  Status OnBytes(std::span<const std::byte> bytes, BootTime now);

  // Appends the next frame to send to `*stream`; false if there is none.  A frame
  // given out counts as sent.
  bool NextFrame(BootTime now, std::vector<std::byte>* stream);

  // Does what time demands (sealing, expiry, clock probes).  Calling early is
  // harmless; call at next_timer() at the latest, and after it NextFrame and
  // TakeAction.
  void OnTimer(BootTime now);
  BootTime next_timer() const;

  // Hands the next accepted command to the controller: at this moment its status
  // becomes Applied, or Expired if its lease has ended, and then it is not given
  // out.  nullopt: nothing to hand over.  Call after OnBytes.
  std::optional<ControlAction> TakeAction(BootTime now);

  // As Inbox::SetVeto.
  void SetVeto(std::function<bool(const ControlAction&)> veto);

  // As Inbox::ObserveClosed.
  void ObserveClosed(std::function<void(const wire::CommandStatus&)> observer);

  // Has the plan that a former run was given be in force before the first sample, and nothing
  // older be taken after it: PlanKeeper::Restore.
  //
  // Errors: as ReadCompiledPlan; the agent then goes by its configuration.
  // REQUIRES: no sample and no byte of the cloud came before
  Status RestorePlan(std::span<const std::byte> bytes, std::optional<CloudTime> now);
  // As PlanKeeper::ObserveTaken.
  void ObservePlans(std::function<void(const CompiledPlan&)> observer);

  // What the controller has to respect at `now`.
  DesiredState desired(BootTime now) const;
  // Whether that keeps it out of somebody's way.
  bool avoids(BootTime now) const;

  // Seals the open batch now, for example before a planned stop.
  Status Flush();

  // True when everything sampled is delivered or dropped and every report is
  // acknowledged.
  bool drained() const;

  bool welcomed() const;
  // Over how long to spread the return to a gateway that was lost, as it asked last; 0
  // before the first Welcome.
  milliseconds reconnect_spread() const;
  // cloud time - boot time, from the best recent probe; nullopt before one.
  std::optional<nanoseconds> clock_offset() const;
  AgentLedger ledger() const;
  const AgentCounters& counters() const;
  AgentPlan plan() const;
  // The newest notice of the cloud, for a person to read; empty if none.
  const std::string& last_notice() const;

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace starling::edge
