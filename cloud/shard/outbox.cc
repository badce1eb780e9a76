#include "cloud/shard/outbox.h"

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace starling::cloud {
namespace {

// Whatever number a vehicle gives a report of it: it repeats the rest to the bit.
std::uint32_t MarkOf(const wire::CommandStatus& status, std::uint64_t boot_id) {
  std::uint64_t hash = MixHash(boot_id, status.boot_time_ns());
  hash = MixHash(hash, static_cast<std::uint64_t>(status.outcome()) << 8 |
                           static_cast<std::uint64_t>(status.reason()));
  return std::min(static_cast<std::uint32_t>(hash), Outbox::Closed::kAnyMark - 1);
}

}  // namespace

bool Outbox::HasRoom(const VehicleProfile& profile, CommandId id) const {
  return profile.outbox_size < per_vehicle_max_ && by_id_.Find(ToNumber(id)) == FlatMap::kNone &&
         closed_.Find(ToNumber(id)) == FlatMap::kNone;
}

void Outbox::Add(Entry entry, VehicleProfile* profile) {
  STARLING_CHECK(HasRoom(*profile, entry.id));
  std::uint32_t at;
  if (!free_.empty()) {
    at = free_.back();
    free_.pop_back();
  } else {
    at = static_cast<std::uint32_t>(entries_.size());
    entries_.emplace_back();
  }
  entry.next = profile->outbox_head;
  by_id_.Insert(ToNumber(entry.id), at);
  entries_[at] = std::move(entry);
  profile->outbox_head = at;
  ++profile->outbox_size;
}

Outbox::Closing Outbox::Close(const wire::CommandStatus& status, std::uint64_t boot_id, Slot slot,
                              VehicleProfile* profile) {
  const CommandId id{status.command_id()};
  const std::uint32_t mark = MarkOf(status, boot_id);
  const std::uint32_t at = by_id_.Find(ToNumber(id));
  if (at == FlatMap::kNone || entries_[at].slot != slot) {
    const std::uint32_t closed_by = closed_.Find(ToNumber(id));
    if (closed_by == FlatMap::kNone) return Closing::kUnmatched;
    return closed_by == mark || closed_by == Closed::kAnyMark ? Closing::kAgain : Closing::kTwice;
  }
  std::uint32_t* link = &profile->outbox_head;
  while (*link != at) link = &entries_[*link].next;
  *link = entries_[at].next;
  --profile->outbox_size;
  by_id_.Erase(ToNumber(id));
  entries_[at] = {};
  free_.push_back(at);
  Remember({id, status.outcome() == wire::CommandOutcome::Unknown ? Closed::kAnyMark : mark});
  return Closing::kClosed;
}

void Outbox::Restamp(CommandId id, std::uint64_t epoch, std::vector<std::byte> wire_command) {
  const std::uint32_t at = by_id_.Find(ToNumber(id));
  STARLING_CHECK(at != FlatMap::kNone);
  entries_[at].epoch = epoch;
  entries_[at].wire_command = std::move(wire_command);
}

bool Outbox::RestoreClosed(std::uint64_t before, std::span<const Closed> closed) {
  closed_before_ = before;
  for (const Closed& each : closed) {
    if (closed_.Find(ToNumber(each.id)) != FlatMap::kNone) return false;
    Remember(each);
  }
  return true;
}

void Outbox::Remember(const Closed& closed) {
  if (closed_order_.size() >= closed_remembered_) {
    closed_.Erase(ToNumber(closed_order_.front().id));
    closed_order_.pop_front();
    ++closed_before_;
  }
  closed_.Insert(ToNumber(closed.id), closed.mark);
  closed_order_.push_back(closed);
}

std::vector<const Outbox::Entry*> Outbox::OpenOf(const VehicleProfile& profile) const {
  std::vector<const Entry*> open;
  for (std::uint32_t at = profile.outbox_head; at != FlatMap::kNone; at = entries_[at].next) {
    open.push_back(&entries_[at]);
  }
  std::reverse(open.begin(), open.end());
  return open;
}

}  // namespace starling::cloud
