#include "edge/inbox/inbox.h"

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "common/check.h"

namespace starling::edge {
namespace {

using wire::CommandOutcome;
using wire::RejectReason;

std::string_view CauseOf(const wire::Command& command) {
  const flatbuffers::String* cause = command.cause_vehicle();
  return cause == nullptr ? std::string_view() : std::string_view(cause->c_str(), cause->size());
}

bool WellFormed(const wire::Command& command) {
  return command.command_id() != 0 && command.kind() > wire::CommandKind::None &&
         command.kind() <= wire::CommandKind::MAX &&
         (CauseOf(command).empty() || VehicleId::Parse(CauseOf(command)).ok());
}

// Past what the clock can say counts as for ever, and a lease for ever is too long.
BootTime ExpiryOf(const wire::Command& command) {
  constexpr auto kNsMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  return BootTimeFromNs(std::min(command.expires_boot_time_ns(), kNsMax));
}

// REQUIRES: WellFormed(command)
ControlAction ActionOf(const wire::Command& command) {
  ControlAction action;
  action.kind = command.kind();
  action.command = CommandId{command.command_id()};
  action.episode = EpisodeId{command.episode_id()};
  action.region = RegionId{command.region()};
  action.epoch = Epoch{command.epoch()};
  action.speed_ceiling_mps = command.speed_ceiling_cmps() * 0.01;
  action.decel_mps2 = command.decel_cmps2() * 0.01;
  action.expires = ExpiryOf(command);
  action.cell_x = command.cell_x();
  action.cell_y = command.cell_y();
  if (!CauseOf(command).empty()) action.cause_vehicle = VehicleId::Parse(CauseOf(command)).value();
  action.cause_boot = BootId{command.cause_boot_id()};
  action.cause_sequence = command.cause_sequence();
  action.cause_log_time_ns = command.cause_log_time_ns();
  action.emitted_time_ns = command.emitted_time_ns();
  action.appended_time_ns = command.appended_time_ns();
  action.read_time_ns = command.read_time_ns();
  action.issued_time_ns = command.issued_time_ns();
  return action;
}

}  // namespace

Status InboxConfig::Validate() const {
  const auto refuse = [](const char* field) {
    return Status(ErrorCode::kInvalidArgument, std::string(field) + " is outside its range");
  };
  if (!(decel_max_mps2 > 0 && decel_max_mps2 <= 15)) return refuse("decel_max_mps2");
  if (!(speed_ceiling_max_mps > 0 && speed_ceiling_max_mps <= 120)) {
    return refuse("speed_ceiling_max_mps");
  }
  if (lease_max <= nanoseconds(0) || lease_max > seconds(60)) return refuse("lease_max");
  if (reports_max < 1 || reports_max > 65536) return refuse("reports_max");
  return Status();
}

Inbox::Inbox(const InboxConfig& config, BootId boot) : config_(config), boot_(boot) {
  STARLING_CHECK(config.Validate().ok());
  STARLING_CHECK(ToNumber(boot) != 0);
}

void Inbox::Accept(const wire::Command& command, BootTime now) {
  ++counters_.received;
  if (Repeat(CommandId{command.command_id()})) {
    ++counters_.repeated;
    TakeEpoch(command);
    return;
  }
  // Without room for its status it is as if the link had lost it: the cloud keeps
  // it open and sends it again.
  if (reports_.size() + pending_.size() >= config_.reports_max) {
    ++counters_.ignored;
    return;
  }
  Expire(now);
  std::erase_if(leases_, [&](const Lease& lease) { return lease.expires <= now; });

  Known known;
  known.id = CommandId{command.command_id()};
  known.episode = EpisodeId{command.episode_id()};
  known.rank = {command.region(), command.epoch(), command.sequence()};
  known.expires = ExpiryOf(command);
  known.final_time = now;

  known.reason = Check(command, now);
  if (known.reason != RejectReason::None) {
    known.outcome = CommandOutcome::Rejected;
  } else if (known.expires <= now) {
    known.outcome = CommandOutcome::Expired;
  } else if (HigherInEpisode(known)) {
    known.outcome = CommandOutcome::Superseded;
  } else if (pending_.size() >= kPendingMax || pending_.size() + leases_.size() >= kLeasesMax) {
    known.outcome = CommandOutcome::Rejected;
    known.reason = RejectReason::InboxFull;
  } else if (veto_ && command.kind() != wire::CommandKind::Release && veto_(ActionOf(command))) {
    // Before it takes the place of anything that waits.
    known.outcome = CommandOutcome::Rejected;
    known.reason = RejectReason::OutsideEnvelope;
  }
  // Only a command for this boot that is well formed speaks for its region.
  if (known.reason != RejectReason::Malformed && known.reason != RejectReason::WrongBoot) {
    Enter(known.rank);
  }
  if (!Remember(known, now) && known.outcome == CommandOutcome::None) {
    known.outcome = CommandOutcome::Rejected;
    known.reason = RejectReason::InboxFull;
  }
  if (known.outcome != CommandOutcome::None) {
    Close(known);
    return;
  }
  Pending pending{ActionOf(command), CommandId{command.supersedes()}, known.rank};
  SupersedeLower(pending, now);
  pending_.push_back(std::move(pending));
}

std::optional<ControlAction> Inbox::Take(BootTime now) {
  Expire(now);
  if (pending_.empty()) return std::nullopt;
  const Pending next = std::move(pending_.front());
  pending_.erase(pending_.begin());

  const ControlAction& action = next.action;
  const bool release = action.kind == wire::CommandKind::Release;
  std::erase_if(leases_, [&](const Lease& lease) {
    return lease.expires <= now || lease.id == next.supersedes ||
           (lease.episode == action.episode && (release || lease.region == next.rank.region));
  });
  if (!release) {
    leases_.push_back({action.command, action.episode, action.kind, next.rank.region, action.speed_ceiling_mps,
                       action.decel_mps2, action.expires});
  }
  Finish(action.command, CommandOutcome::Applied, RejectReason::None, now);
  return action;
}

void Inbox::Expire(BootTime now) {
  for (std::size_t i = 0; i < pending_.size();) {
    if (pending_[i].action.expires > now) {
      ++i;
      continue;
    }
    const CommandId id = pending_[i].action.command;
    pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(i));
    Finish(id, CommandOutcome::Expired, RejectReason::None, now);
  }
}

BootTime Inbox::next_expiry() const {
  BootTime next = BootTime::max();
  for (const Pending& pending : pending_) next = std::min(next, pending.action.expires);
  return next;
}

DesiredState Inbox::Desired(BootTime now, double speed_mps) const {
  DesiredState desired;
  double needed_mps2 = 0;
  for (const Lease& lease : leases_) {
    if (lease.expires <= now) continue;
    if (lease.speed_ceiling_mps < speed_mps) needed_mps2 = std::max(needed_mps2, lease.decel_mps2);
    const double ceiling = desired.speed_ceiling_mps.value_or(std::numeric_limits<double>::max());
    if (lease.speed_ceiling_mps < ceiling) {
      desired = {lease.speed_ceiling_mps, lease.decel_mps2};
    } else if (lease.speed_ceiling_mps == ceiling) {
      desired.decel_mps2 = std::max(desired.decel_mps2, lease.decel_mps2);
    }
  }
  if (needed_mps2 > 0) desired.decel_mps2 = needed_mps2;
  return desired;
}

bool Inbox::Avoids(BootTime now) const {
  return std::any_of(leases_.begin(), leases_.end(), [now](const Lease& lease) {
    return lease.kind == wire::CommandKind::Avoidance && lease.expires > now;
  });
}

std::vector<wire::CommandStatus> Inbox::NextReports(std::size_t count_max) {
  std::vector<wire::CommandStatus> statuses;
  for (Report& report : reports_) {
    if (statuses.size() == count_max || unsent_ == 0) break;
    if (report.sent) continue;
    report.sent = true;
    report.ever_sent = true;
    --unsent_;
    statuses.push_back(report.status);
  }
  return statuses;
}

void Inbox::SendAgain() {
  for (Report& report : reports_) report.sent = false;
  unsent_ = reports_.size();
}

void Inbox::Acknowledge(std::uint32_t through) {
  std::erase_if(reports_, [&](const Report& report) {
    const bool covered = report.ever_sent && report.status.report_sequence() <= through;
    if (covered && !report.sent) --unsent_;
    return covered;
  });
}

// True if `id` is known; its status, if it has one, will be sent once more.
bool Inbox::Repeat(CommandId id) {
  for (Report& report : reports_) {
    if (report.status.command_id() != ToNumber(id)) continue;
    if (report.sent) ++unsent_;
    report.sent = false;
    return true;
  }
  for (const Known& known : known_) {
    if (known.id != id) continue;
    // Acknowledged and deleted, but the cloud asks: the same once more.
    if (known.outcome != CommandOutcome::None &&
        reports_.size() + pending_.size() < config_.reports_max) {
      Queue(known);
    }
    return true;
  }
  return false;
}

// A repeat fences former owners off like any other command, and its own lease is then
// the new owner's.
void Inbox::TakeEpoch(const wire::Command& command) {
  if (!WellFormed(command) || command.boot_id() != ToNumber(boot_)) return;
  const auto take = [&](Rank* rank) {
    if (rank->region == command.region()) rank->epoch = std::max(rank->epoch, command.epoch());
  };
  bool of_region = false;
  for (const Report& report : reports_) {
    of_region |= report.status.command_id() == command.command_id() && report.status.region() == command.region();
  }
  for (Known& known : known_) {
    if (ToNumber(known.id) != command.command_id()) continue;
    of_region |= known.rank.region == command.region();
    take(&known.rank);
  }
  for (Pending& pending : pending_) {
    if (ToNumber(pending.action.command) == command.command_id()) take(&pending.rank);
  }
  if (of_region) Enter({command.region(), command.epoch(), command.sequence()});
}

RejectReason Inbox::Check(const wire::Command& command, BootTime now) const {
  if (!WellFormed(command)) return RejectReason::Malformed;
  if (command.boot_id() != ToNumber(boot_)) return RejectReason::WrongBoot;
  const auto region = std::find_if(regions_.begin(), regions_.end(), [&](const Region& candidate) {
    return candidate.region == command.region();
  });
  if (region != regions_.end() && command.epoch() < region->epoch) return RejectReason::StaleEpoch;
  const BootTime expires = ExpiryOf(command);
  if (expires <= now) return RejectReason::None;  // Whatever else it is, it is expired.
  if (region != regions_.end() && command.sequence() <= region->floor) {
    return RejectReason::StaleSequence;
  }
  for (const Known& known : known_) {  // One sequence, two ids: the first one has it.
    if (known.outcome != CommandOutcome::Rejected && known.rank.region == command.region() &&
        known.rank.sequence == command.sequence()) {
      return RejectReason::StaleSequence;
    }
  }
  if (expires - now > config_.lease_max) return RejectReason::LeaseTooLong;
  if (command.decel_cmps2() * 0.01 > config_.decel_max_mps2 ||
      command.speed_ceiling_cmps() * 0.01 > config_.speed_ceiling_max_mps) {
    return RejectReason::OutsideEnvelope;
  }
  return RejectReason::None;
}

Inbox::Region* Inbox::Find(std::uint32_t region) {
  for (Region& candidate : regions_) {
    if (candidate.region == region) return &candidate;
  }
  return nullptr;
}

// Notes that `rank`'s region was heard of.
void Inbox::Enter(const Rank& rank) {
  Region entry{rank.region, rank.epoch, 0};
  if (const Region* known = Find(rank.region)) {
    entry.epoch = std::max(known->epoch, rank.epoch);
    entry.floor = known->floor;
    std::erase_if(regions_, [&](const Region& other) { return other.region == rank.region; });
  } else if (regions_.size() == kRegionsMax) {
    regions_.erase(regions_.begin());
  }
  regions_.push_back(entry);
}

// False if there is no room: every id known waits, or its lease may live.  The
// floor then stands in for the memory of this one.
bool Inbox::Remember(const Known& known, BootTime now) {
  const auto forget = [this](const Rank& rank) {
    Region* region = Find(rank.region);
    if (region != nullptr) region->floor = std::max(region->floor, rank.sequence);
  };
  if (known_.size() == kKnownMax) {
    const auto oldest = std::find_if(known_.begin(), known_.end(), [&](const Known& candidate) {
      return candidate.outcome != CommandOutcome::None &&
             (candidate.outcome != CommandOutcome::Applied || candidate.expires <= now);
    });
    if (oldest == known_.end()) {
      forget(known.rank);
      return false;
    }
    forget(oldest->rank);
    known_.erase(oldest);
  }
  known_.push_back(known);
  return true;
}

bool Inbox::HigherInEpisode(const Known& known) const {
  return std::any_of(known_.begin(), known_.end(), [&](const Known& other) {
    return other.outcome != CommandOutcome::Rejected && other.episode == known.episode &&
           other.rank.region == known.rank.region && other.rank.sequence > known.rank.sequence;
  });
}

void Inbox::SupersedeLower(const Pending& newer, BootTime now) {
  const bool release = newer.action.kind == wire::CommandKind::Release;
  for (std::size_t i = 0; i < pending_.size();) {
    const Pending& older = pending_[i];
    const bool replaced =
        older.action.command == newer.supersedes ||
        (older.action.episode == newer.action.episode &&
         (release || (older.rank.region == newer.rank.region &&
                      newer.rank.sequence > older.rank.sequence)));
    if (!replaced) {
      ++i;
      continue;
    }
    const CommandId id = older.action.command;
    pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(i));
    Finish(id, CommandOutcome::Superseded, RejectReason::None, now);
  }
}

// Gives a command that waited its terminal status.
void Inbox::Finish(CommandId id, CommandOutcome outcome, RejectReason reason, BootTime now) {
  for (Known& known : known_) {
    if (known.id != id) continue;
    STARLING_CHECK(known.outcome == CommandOutcome::None);
    known.outcome = outcome;
    known.reason = reason;
    known.final_time = now;
    Close(known);
    return;
  }
  STARLING_CHECK(false);  // What waits is never forgotten.
}

// Counts a terminal status, once for each command, and reports it.
void Inbox::Close(const Known& known) {
  switch (known.outcome) {
    case CommandOutcome::Applied: ++counters_.applied; break;
    case CommandOutcome::Superseded: ++counters_.superseded; break;
    case CommandOutcome::Expired: ++counters_.expired; break;
    default: ++counters_.rejected; break;
  }
  Queue(known);
  if (observer_) observer_(reports_.back().status);
}

void Inbox::Queue(const Known& known) {
  reports_.push_back({wire::CommandStatus(ToNumber(known.id), known.rank.sequence, known.rank.epoch,
                                          ToNs(known.final_time), ++last_report_sequence_,
                                          known.rank.region, known.outcome, known.reason)});
  ++unsent_;
}

}  // namespace starling::edge
