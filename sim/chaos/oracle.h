#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cloud/log/log.h"
#include "cloud/shard/shard_config.h"
#include "common/geo/local_frame.h"
#include "common/status.h"
#include "common/time.h"
#include "sim/fleet/journal.h"

namespace starling::sim {

// What the oracle can find.  docs/chaos.md says what each rests on.
enum class FindingKind : std::uint8_t {
  kUnreadable,         // a record, a journal or a state that nobody could have written
  kNotDrained,         // vehicles still had something to deliver when the round was over
  kUnbalanced,         // a vehicle's ledger, or a sample given up that no fault explains
  kSampleLost,         // acknowledged or due, and not in the history
  kSampleAltered,      // in the history otherwise than it was taken, or never taken at all
  kCommandLate,        // handed over after its lease had ended
  kCommandTwice,       // one id handed over more than once to a vehicle
  kCommandUnheardOf,   // handed over or ended, and not in the audit trail as issued
  kCommandOpen,        // issued, and without a terminal status
  kStatusTwice,        // more than one terminal status
  kStatusUntrue,       // it says otherwise than what happened on the vehicle
  kUnknownUncalledFor, // unknown, though the vehicle has not rebooted
  kOutputMissing,      // a run without faults from the same log writes it
  kOutputRepeated,
  kOutputDifferent,    // or one that no run writes
  kStateDiffers,       // the stored state is not the one of its offset
  kChainBroken,        // of the audit trail
};
inline constexpr std::size_t kFindingKinds = static_cast<std::size_t>(FindingKind::kChainBroken) + 1;
std::string_view FindingName(FindingKind kind);  // "sample lost", ...

struct Finding {
  FindingKind kind{};
  std::string text;          // with names and numbers, for a person
};

// One run of the simulator on the data that is examined.
struct Drive {
  Journal journal;
  nanoseconds clock_step{};  // of the orchestrator's clock at its end, against the simulator's
};

// A stored state: what the consumer of a partition knew at an offset.
struct StoredState {
  cloud::Partition region{};
  cloud::Offset next{};
  std::vector<std::pair<std::vector<std::byte>, std::vector<std::byte>>> entries;
};

// Everything that the oracle goes by: what the vehicles' side saw, and what is stored
// after everything has been stopped.
struct Evidence {
  std::vector<Drive> drives;            // all since the data began, in order
  const cloud::Log* log = nullptr;
  std::vector<cloud::Partition> regions;
  std::vector<StoredState> states;
  // Outputs of input records before this offset must be there, of later ones none; by
  // region, as `regions`.
  std::vector<cloud::Offset> committed;
  cloud::ShardConfig shard;
  FrameOrigin origin{};
};

// What was looked at, and what was wrong with it.
struct Judgement {
  std::vector<Finding> findings;        // at most kFindingsMax of each kind
  std::array<std::uint64_t, kFindingKinds> found{};

  std::uint64_t boots = 0;
  std::uint64_t samples = 0;
  std::uint64_t samples_in_history = 0;
  std::uint64_t samples_lost_by_reboot = 0;   // in memory, by their vehicle's ledger
  std::uint64_t batches = 0;
  std::uint64_t batches_repeated = 0;         // the same samples once more, byte for byte
  std::uint64_t batches_behind = 0;           // stored after a newer one of their boot
  std::uint64_t commands_issued = 0;          // ids
  std::uint64_t commands_issued_again = 0;    // under a later epoch, with the same id
  std::uint64_t commands_handed_over = 0;
  std::array<std::uint64_t, 6> outcomes{};    // in the audit trail, by wire::CommandOutcome
  std::uint64_t records_replayed = 0;
  std::uint64_t outputs_compared = 0;
  std::uint64_t states_compared = 0;
  std::uint64_t state_entries = 0;
  std::uint64_t chain_records = 0;
  nanoseconds fixes_pause{};                  // longest of the last drive, by log time
  nanoseconds commands_pause{};               // longest between two hand-overs of the last drive

  static constexpr std::size_t kFindingsMax = 20;
  bool ok() const { return findings.empty(); }
  void Add(FindingKind kind, std::string text);
};

// Judges a stopped system by its journals and its log alone.
Judgement Examine(const Evidence& evidence);

// Its parts.
void ExamineLedgersAndHistory(const Evidence& evidence, Judgement* judgement);
void ExamineCommands(const Evidence& evidence, Judgement* judgement);
void ExamineOutputs(const Evidence& evidence, Judgement* judgement);
void ExamineAuditChain(const Evidence& evidence, Judgement* judgement);

}  // namespace starling::sim
