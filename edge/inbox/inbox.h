#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "common/ids.h"
#include "common/status.h"
#include "common/time.h"
#include "edge/inbox/control_action.h"
#include "schemas/cloud_to_edge/downlink_generated.h"
#include "schemas/edge_to_cloud/uplink_generated.h"

namespace starling::edge {

struct InboxConfig {
  double decel_max_mps2 = 8;                  // envelope; (0, 15]
  double speed_ceiling_max_mps = 120;         // envelope; (0, 120]
  nanoseconds lease_max = seconds(10);        // (0, 60 s]; a longer lease is rejected
  std::size_t reports_max = 1024;             // [1, 65536]; statuses held until acknowledged

  Status Validate() const;
};

struct InboxCounters {
  std::uint64_t received = 0;
  std::uint64_t repeated = 0;                 // known ids, not acted on again
  std::uint64_t ignored = 0;                  // no room for their status: as if the link had lost them
  std::uint64_t applied = 0;
  std::uint64_t superseded = 0;
  std::uint64_t expired = 0;
  std::uint64_t rejected = 0;
};

// Decides what becomes of each command, acts on none twice and on none late, and
// keeps one terminal status for each until the cloud has acknowledged it.
//
// At most once.  A command is known by its id.  The last kKnownMax ids are
// remembered, and every id whose status is not acknowledged; one that was acted on
// is never forgotten while its lease lives.  When an id is forgotten, its sequence
// becomes its region's floor, and an unknown id at or below the floor is rejected
// as StaleSequence, for it could be a repeat.  Above the floor an unknown id is
// surely new, however late it arrives: so the cloud may send its open commands again
// in any order.  A repeat never changes the outcome; its status is sent again.  A new
// owner of a region issues its open commands again under its epoch, with their ids and
// sequences: a known one is a repeat and takes the newer epoch, an unknown one is as
// any other.
//
// Order.  The sequence orders the commands of one region, whatever their epochs: it
// grows from owner to owner.  The epoch fences: a command of a lower one than the
// highest seen, and of an unknown id, is rejected as StaleEpoch.  Within one
// region and episode the highest command counts: it supersedes those that still
// wait, takes the place of the lease of one that was handed over, and one that
// arrives after a higher one is Superseded at once.
//
// Two regions: leases of both live side by side and the most restrictive wins.
// A Release ends every lease of its episode.
//
// Threading: thread-compatible; its agent owns it.
class Inbox {
 public:
  static constexpr std::size_t kKnownMax = 64;
  static constexpr std::size_t kPendingMax = 16;
  static constexpr std::size_t kLeasesMax = 32;
  static constexpr std::size_t kRegionsMax = 16;  // The one unheard of for longest is forgotten.

  // REQUIRES: config.Validate().ok(); boot is not 0
  Inbox(const InboxConfig& config, BootId boot);

  // Takes a verified command: it now waits for Take, or has its status.
  void Accept(const wire::Command& command, BootTime now);

  // Asked of each command, other than a Release, that would wait for Take: one that `veto`
  // says true of is Rejected as OutsideEnvelope, and what its episode was asked for before
  // stays, handed over or not.  It must not call the inbox.
  void SetVeto(std::function<bool(const ControlAction&)> veto) { veto_ = std::move(veto); }

  // Hands over the oldest command that waits and whose lease lives.
  std::optional<ControlAction> Take(BootTime now);

  // Gives the commands whose lease has ended their status.
  void Expire(BootTime now);
  // When Expire has something to do next; BootTime::max() if nothing waits.
  BootTime next_expiry() const;

  // The lowest ceiling of the live leases, and the hardest deceleration among those
  // whose ceiling is below `speed_mps`, or that of the lowest ceiling if none is.
  DesiredState Desired(BootTime now, double speed_mps) const;

  // A live lease is of an Avoidance command.
  bool Avoids(BootTime now) const;

  // Up to `count_max` statuses not yet given out on this connection, oldest first.
  std::vector<wire::CommandStatus> NextReports(std::size_t count_max);
  bool has_reports() const { return unsent_ > 0; }
  // Every status that is not acknowledged is to be sent once more.
  void SendAgain();
  // Deletes statuses up to `through`, as far as they were ever given out.
  void Acknowledge(std::uint32_t through);

  // Called with each command's terminal status when it becomes final, once for each;
  // for who keeps a book of its own.  `observer` must not call the inbox.
  void ObserveClosed(std::function<void(const wire::CommandStatus&)> observer) {
    observer_ = std::move(observer);
  }

  // Nothing waits and every status is acknowledged.
  bool idle() const { return pending_.empty() && reports_.empty(); }
  std::size_t reports() const { return reports_.size(); }
  const InboxCounters& counters() const { return counters_; }

 private:
  // Names a command among its region's.
  struct Rank {
    std::uint32_t region = 0;
    std::uint64_t epoch = 0;
    std::uint64_t sequence = 0;
  };
  struct Known {
    CommandId id{};
    EpisodeId episode{};
    Rank rank;
    BootTime expires;
    BootTime final_time;
    wire::CommandOutcome outcome{};  // None: it still waits.
    wire::RejectReason reason{};
  };
  struct Lease {
    CommandId id{};
    EpisodeId episode{};
    wire::CommandKind kind{};
    std::uint32_t region = 0;
    double speed_ceiling_mps = 0;
    double decel_mps2 = 0;
    BootTime expires;
  };
  struct Pending {
    ControlAction action;
    CommandId supersedes{};
    Rank rank;
  };
  struct Report {
    wire::CommandStatus status;
    bool sent = false;       // On this connection.
    bool ever_sent = false;
  };
  struct Region {
    std::uint32_t region = 0;
    std::uint64_t epoch = 0;
    std::uint64_t floor = 0;  // Ids of sequences up to here may be forgotten.
  };

  bool Repeat(CommandId id);
  void TakeEpoch(const wire::Command& command);
  wire::RejectReason Check(const wire::Command& command, BootTime now) const;
  Region* Find(std::uint32_t region);
  void Enter(const Rank& rank);
  bool Remember(const Known& known, BootTime now);
  bool HigherInEpisode(const Known& known) const;
  void SupersedeLower(const Pending& newer, BootTime now);
  void Finish(CommandId id, wire::CommandOutcome outcome, wire::RejectReason reason, BootTime now);
  void Close(const Known& known);
  void Queue(const Known& known);

  const InboxConfig config_;
  const BootId boot_;
  std::vector<Known> known_;      // Oldest first.
  std::vector<Pending> pending_;  // In order of arrival.
  std::vector<Lease> leases_;
  std::vector<Report> reports_;   // By report sequence.
  std::vector<Region> regions_;   // Heard of latest, last.
  std::size_t unsent_ = 0;
  std::uint32_t last_report_sequence_ = 0;
  InboxCounters counters_;
  std::function<void(const wire::CommandStatus&)> observer_;  // May be empty.
  std::function<bool(const ControlAction&)> veto_;            // May be empty.
};

}  // namespace starling::edge
