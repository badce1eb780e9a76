#include "sim/chaos/oracle.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "common/telemetry/history_reader.h"
#include "schemas/log/history_generated.h"

namespace starling::sim {
namespace {

using cloud::LogRecord;
using cloud::Offset;
using cloud::Topic;

std::string NameOf(const VehicleBoot& boot) {
  return boot.vehicle.ToString() + " boot " + std::to_string(ToNumber(boot.boot));
}

// What is stored of one boot: the digest of each sample, by sequence.
struct StoredBoot {
  std::vector<std::optional<std::uint32_t>> samples;
  std::uint64_t through = 0;  // highest sequence so far
};
using BootKey = std::pair<VehicleId, BootId>;

// Sequences as they are said: "17, 20 to 25".  At most a few.
class Sequences {
 public:
  void Add(std::uint64_t sequence) {
    ++count_;
    if (!ranges_.empty() && ranges_.back().last + 1 == sequence) {
      ranges_.back().last = sequence;
    } else {
      ranges_.push_back({sequence, sequence});
    }
  }
  std::uint64_t count() const { return count_; }
  std::string text() const {
    std::string text = std::to_string(count_) + " samples: ";
    for (std::size_t i = 0; i < ranges_.size() && i < 4; ++i) {
      if (i > 0) text += ", ";
      text += std::to_string(ranges_[i].first);
      if (ranges_[i].last > ranges_[i].first) text += " to " + std::to_string(ranges_[i].last);
    }
    return ranges_.size() > 4 ? text + ", ..." : text;
  }

 private:
  std::vector<SampleRange> ranges_;
  std::uint64_t count_ = 0;
};

class HistoryReading {
 public:
  explicit HistoryReading(Judgement* judgement) : judgement_(judgement) {}

  void Take(const LogRecord& record) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(record.value.data());
    flatbuffers::Verifier verifier(bytes, record.value.size(), 8, 64);
    const auto unreadable = [&](const std::string& why) {
      judgement_->Add(FindingKind::kUnreadable, "history, offset " + std::to_string(ToNumber(record.offset)) +
                                                    ": " + why);
    };
    if (record.value.empty() || !log::VerifyHistoryBatchBuffer(verifier)) return unreadable("not a batch");
    const log::HistoryBatch* batch = log::GetHistoryBatch(bytes);
    const Result<VehicleId> vehicle = VehicleId::Parse(batch->vehicle()->string_view());
    if (!vehicle.ok()) return unreadable("no vehicle's name");
    const auto columns = std::as_bytes(std::span(batch->columns()->data(), batch->columns()->size()));
    std::vector<wire::Fix> fixes;
    if (Status status = ReadHistoryColumns(columns, batch->first_sequence(), batch->count(), &fixes);
        !status.ok()) {
      return unreadable(std::string(status.message()));
    }
    ++judgement_->batches;
    TakeFixes({vehicle.value(), BootId{batch->boot_id()}}, fixes);
  }

  const StoredBoot* Find(const BootKey& key) const {
    const auto found = boots_.find(key);
    return found == boots_.end() ? nullptr : &found->second;
  }
  const std::map<BootKey, StoredBoot>& boots() const { return boots_; }

 private:
  void TakeFixes(const BootKey& key, const std::vector<wire::Fix>& fixes) {
    StoredBoot& boot = boots_[key];
    std::uint64_t repeated = 0;
    const bool behind = fixes.front().sequence() < boot.through;
    for (const wire::Fix& fix : fixes) {
      const std::size_t at = fix.sequence() - 1;
      if (boot.samples.size() <= at) boot.samples.resize(at + 1);
      const std::uint32_t digest = DigestOf(fix);
      if (boot.samples[at] && *boot.samples[at] != digest) {
        judgement_->Add(FindingKind::kSampleAltered,
                        key.first.ToString() + " boot " + std::to_string(ToNumber(key.second)) + ": sample " +
                            std::to_string(fix.sequence()) + " is stored twice, and differently");
      }
      if (boot.samples[at]) ++repeated;
      boot.samples[at] = digest;
      boot.through = std::max<std::uint64_t>(boot.through, fix.sequence());
    }
    const bool whole = repeated == fixes.size();
    if (whole) ++judgement_->batches_repeated;
    if (behind && !whole) ++judgement_->batches_behind;
  }

  Judgement* const judgement_;
  std::map<BootKey, StoredBoot> boots_;
};

void ExamineLedger(const VehicleBoot& boot, Judgement* judgement) {
  const std::uint64_t dropped =
      boot.dropped_spool_full + boot.dropped_refused + boot.dropped_io + boot.dropped_reboot;
  std::uint64_t acknowledged = 0;
  for (const SampleRange& range : boot.acknowledged) acknowledged += range.last - range.first + 1;
  const auto number = [](std::uint64_t value) { return std::to_string(value); };
  if (boot.sampled() != boot.delivered + dropped + boot.in_flight ||
      acknowledged != boot.delivered + boot.dropped_refused) {
    judgement->Add(FindingKind::kUnbalanced,
                   NameOf(boot) + ": sampled " + number(boot.sampled()) + ", delivered " +
                       number(boot.delivered) + ", dropped " + number(dropped) + ", in flight " +
                       number(boot.in_flight) + ", deleted after an answer " + number(acknowledged));
  }
  if (boot.in_flight > 0) {
    judgement->Add(FindingKind::kNotDrained, NameOf(boot) + ": " + number(boot.in_flight) + " samples in flight");
  }
  // No fault fills a spool, breaks its medium or makes a batch unreadable.
  if (dropped > boot.dropped_reboot || (!boot.rebooted && boot.dropped_reboot > 0)) {
    judgement->Add(FindingKind::kUnbalanced,
                   NameOf(boot) + ": dropped " + number(boot.dropped_spool_full) + " (spool full), " +
                       number(boot.dropped_refused) + " (refused), " + number(boot.dropped_io) + " (medium)");
  }
}

void ExamineSamples(const VehicleBoot& boot, const StoredBoot* stored, Judgement* judgement) {
  Sequences lost;
  Sequences altered;
  const auto at = [&](std::uint64_t sequence) -> std::optional<std::uint32_t> {
    return stored != nullptr && sequence <= stored->samples.size() ? stored->samples[sequence - 1] : std::nullopt;
  };
  // Which samples must be there: all, or what the cloud acknowledged before a reboot.
  std::size_t range = 0;
  for (std::uint64_t sequence = 1; sequence <= boot.sampled(); ++sequence) {
    while (range < boot.acknowledged.size() && boot.acknowledged[range].last < sequence) ++range;
    const bool acknowledged =
        range < boot.acknowledged.size() && boot.acknowledged[range].first <= sequence;
    const std::optional<std::uint32_t> digest = at(sequence);
    if (digest && *digest != boot.samples[sequence - 1]) altered.Add(sequence);
    if (digest) ++judgement->samples_in_history;
    if (!digest && (acknowledged || !boot.rebooted)) lost.Add(sequence);
  }
  if (lost.count() > 0) {
    judgement->Add(FindingKind::kSampleLost, NameOf(boot) + " has not in the history " + lost.text());
  }
  if (altered.count() > 0) {
    judgement->Add(FindingKind::kSampleAltered, NameOf(boot) + " took otherwise " + altered.text());
  }
  if (stored != nullptr && stored->samples.size() > boot.sampled()) {
    judgement->Add(FindingKind::kSampleAltered,
                   NameOf(boot) + ": the history goes to sample " + std::to_string(stored->samples.size()) +
                       ", the vehicle took " + std::to_string(boot.sampled()));
  }
}

}  // namespace

std::string_view FindingName(FindingKind kind) {
  switch (kind) {
    case FindingKind::kUnreadable: return "unreadable";
    case FindingKind::kNotDrained: return "not drained";
    case FindingKind::kUnbalanced: return "ledger unbalanced";
    case FindingKind::kSampleLost: return "sample lost";
    case FindingKind::kSampleAltered: return "sample altered";
    case FindingKind::kCommandLate: return "command late";
    case FindingKind::kCommandTwice: return "command twice";
    case FindingKind::kCommandUnheardOf: return "command unheard of";
    case FindingKind::kCommandOpen: return "command open";
    case FindingKind::kStatusTwice: return "status twice";
    case FindingKind::kStatusUntrue: return "status untrue";
    case FindingKind::kUnknownUncalledFor: return "unknown without a reboot";
    case FindingKind::kOutputMissing: return "output missing";
    case FindingKind::kOutputRepeated: return "output repeated";
    case FindingKind::kOutputDifferent: return "output different";
    case FindingKind::kStateDiffers: return "state differs";
    case FindingKind::kChainBroken: return "audit chain broken";
  }
  return "?";
}

void Judgement::Add(FindingKind kind, std::string text) {
  if (++found[static_cast<std::size_t>(kind)] > kFindingsMax) return;
  findings.push_back({kind, std::move(text)});
}

void ExamineLedgersAndHistory(const Evidence& evidence, Judgement* judgement) {
  HistoryReading reading(judgement);
  for (const cloud::Partition region : evidence.regions) {
    const Status status = evidence.log->Read(Topic::kHistory, region, Offset{0}, [&](const LogRecord& record) {
      reading.Take(record);
      return true;
    });
    if (!status.ok()) judgement->Add(FindingKind::kUnreadable, "history: " + std::string(status.message()));
  }
  std::uint64_t known = 0;
  for (const Drive& drive : evidence.drives) {
    if (drive.journal.drained == CloudTime{}) {
      judgement->Add(FindingKind::kNotDrained,
                     "there was no moment at which everything was delivered and no command was open");
    }
    for (const VehicleBoot& boot : drive.journal.boots) {
      ++judgement->boots;
      judgement->samples += boot.sampled();
      judgement->samples_lost_by_reboot += boot.dropped_reboot;
      const StoredBoot* stored = reading.Find({boot.vehicle, boot.boot});
      if (stored != nullptr) ++known;
      ExamineLedger(boot, judgement);
      ExamineSamples(boot, stored, judgement);
    }
  }
  if (reading.boots().size() > known) {
    judgement->Add(FindingKind::kSampleAltered,
                   std::to_string(reading.boots().size() - known) + " boots of the history never were");
  }
}

Judgement Examine(const Evidence& evidence) {
  Judgement judgement;
  ExamineLedgersAndHistory(evidence, &judgement);
  ExamineCommands(evidence, &judgement);
  ExamineOutputs(evidence, &judgement);
  ExamineAuditChain(evidence, &judgement);
  return judgement;
}

}  // namespace starling::sim
