#include "cloud/shard/outbox.h"

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace starling::cloud {

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

Outbox::Closing Outbox::Close(CommandId id, Slot slot, VehicleProfile* profile) {
  const std::uint32_t at = by_id_.Find(ToNumber(id));
  if (at == FlatMap::kNone || entries_[at].slot != slot) {
    return closed_.Find(ToNumber(id)) == FlatMap::kNone ? Closing::kUnmatched : Closing::kTwice;
  }
  std::uint32_t* link = &profile->outbox_head;
  while (*link != at) link = &entries_[*link].next;
  *link = entries_[at].next;
  --profile->outbox_size;
  by_id_.Erase(ToNumber(id));
  entries_[at] = {};
  free_.push_back(at);
  Remember(id);
  return Closing::kClosed;
}

void Outbox::Restamp(CommandId id, std::uint64_t epoch, std::vector<std::byte> wire_command) {
  const std::uint32_t at = by_id_.Find(ToNumber(id));
  STARLING_CHECK(at != FlatMap::kNone);
  entries_[at].epoch = epoch;
  entries_[at].wire_command = std::move(wire_command);
}

bool Outbox::RestoreClosed(std::uint64_t before, std::span<const CommandId> ids) {
  closed_before_ = before;
  for (const CommandId id : ids) {
    if (closed_.Find(ToNumber(id)) != FlatMap::kNone) return false;
    Remember(id);
  }
  return true;
}

void Outbox::Remember(CommandId id) {
  if (closed_order_.size() >= closed_remembered_) {
    closed_.Erase(ToNumber(closed_order_.front()));
    closed_order_.pop_front();
    ++closed_before_;
  }
  closed_.Insert(ToNumber(id), 0);
  closed_order_.push_back(id);
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
