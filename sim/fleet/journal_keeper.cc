#include "sim/fleet/journal_keeper.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/check.h"

namespace starling::sim {

// A spool that tells the keeper what the cloud has said "durable" of.
class JournalKeeper::NotingSpool final : public edge::Spool {
 public:
  NotingSpool(JournalKeeper* keeper, std::size_t vehicle, std::unique_ptr<edge::Spool> spool)
      : keeper_(keeper), vehicle_(vehicle), spool_(std::move(spool)) {}

  Status Append(edge::SpooledBatch batch) override { return spool_->Append(std::move(batch)); }
  const edge::SpooledBatch* At(std::size_t index) const override { return spool_->At(index); }
  std::size_t Delete(BootId boot, std::uint64_t first_sequence) override {
    const std::size_t count = spool_->Delete(boot, first_sequence);
    if (count > 0) keeper_->OnDeleted(vehicle_, {first_sequence, first_sequence + count - 1});
    return count;
  }
  std::size_t batches() const override { return spool_->batches(); }
  std::uint64_t samples() const override { return spool_->samples(); }
  std::size_t bytes() const override { return spool_->bytes(); }
  std::uint64_t dropped_samples() const override { return spool_->dropped_samples(); }

 private:
  JournalKeeper* const keeper_;
  const std::size_t vehicle_;
  const std::unique_ptr<edge::Spool> spool_;
};

JournalKeeper::JournalKeeper(std::size_t vehicles) : vehicles_(vehicles) {}
JournalKeeper::~JournalKeeper() = default;

std::unique_ptr<edge::Spool> JournalKeeper::Begin(std::size_t vehicle, const VehicleId& name,
                                                  BootId boot, std::unique_ptr<edge::Spool> spool) {
  VehicleBoot entry;
  entry.vehicle = name;
  entry.boot = boot;
  vehicles_[vehicle].boots.push_back(std::move(entry));
  return std::make_unique<NotingSpool>(this, vehicle, std::move(spool));
}

void JournalKeeper::OnSample(std::size_t vehicle, const wire::Fix& fix) {
  VehicleBoot& boot = vehicles_[vehicle].boots.back();
  boot.samples.push_back(DigestOf(fix));
  STARLING_CHECK(fix.sequence() == boot.samples.size());
}

void JournalKeeper::OnAction(std::size_t vehicle, const edge::ControlAction& action, BootTime boot_now,
                             CloudTime now) {
  vehicles_[vehicle].boots.back().handed_over.push_back(
      {action.command, action.region, action.epoch, static_cast<std::uint8_t>(action.kind),
       action.episode, boot_now, action.expires, now});
}

void JournalKeeper::OnClosed(std::size_t vehicle, const wire::CommandStatus& status) {
  vehicles_[vehicle].boots.back().closed.push_back(
      {CommandId{status.command_id()}, RegionId{status.region()}, Epoch{status.epoch()},
       static_cast<std::uint8_t>(status.outcome()), static_cast<std::uint8_t>(status.reason()),
       BootTimeFromNs(status.boot_time_ns())});
}

void JournalKeeper::OnDeleted(std::size_t vehicle, SampleRange range) {
  std::vector<SampleRange>& held = vehicles_[vehicle].boots.back().acknowledged;
  const auto next = std::find_if(held.begin(), held.end(),
                                 [&](const SampleRange& other) { return other.first > range.first; });
  auto at = held.insert(next, range);
  // Batches follow each other without a gap: neighbours become one.
  if (at != held.begin() && std::prev(at)->last + 1 == at->first) {
    std::prev(at)->last = at->last;
    at = std::prev(held.erase(at));
  }
  if (std::next(at) != held.end() && at->last + 1 == std::next(at)->first) {
    at->last = std::next(at)->last;
    held.erase(std::next(at));
  }
}

void JournalKeeper::End(std::size_t vehicle, const edge::AgentLedger& ledger, bool rebooted) {
  VehicleBoot& boot = vehicles_[vehicle].boots.back();
  boot.rebooted = rebooted;
  boot.delivered = ledger.delivered;
  boot.dropped_spool_full = ledger.dropped_spool_full;
  boot.dropped_refused = ledger.dropped_refused;
  boot.dropped_io = ledger.dropped_io;
  (rebooted ? boot.dropped_reboot : boot.in_flight) = ledger.in_flight;
}

Journal JournalKeeper::Take() {
  Journal journal;
  journal.drained = drained_;
  for (Vehicle& vehicle : vehicles_) {
    std::move(vehicle.boots.begin(), vehicle.boots.end(), std::back_inserter(journal.boots));
  }
  return journal;
}

}  // namespace starling::sim
