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

std::size_t Outbox::Drop(VehicleProfile* profile) {
  std::size_t dropped = 0;
  for (std::uint32_t at = profile->outbox_head; at != FlatMap::kNone; ++dropped) {
    const std::uint32_t next = entries_[at].next;
    by_id_.Erase(ToNumber(entries_[at].id));
    entries_[at] = {};
    free_.push_back(at);
    at = next;
  }
  profile->outbox_head = FlatMap::kNone;
  profile->outbox_size = 0;
  return dropped;
}

void Outbox::Remember(CommandId id) {
  if (closed_order_.size() >= closed_remembered_) {
    closed_.Erase(ToNumber(closed_order_.front()));
    closed_order_.pop_front();
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
