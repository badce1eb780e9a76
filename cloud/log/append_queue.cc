#include "cloud/log/append_queue.h"

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace starling::cloud {
namespace {

// Spare groups that keep their memory between rounds.
constexpr std::size_t kSpareGroupsMax = 16;

bool IsBulk(Topic topic) { return topic == Topic::kHistory || topic == Topic::kDeadLetter; }

Status Refusal(PartitionId id, std::size_t bytes, std::size_t records) {
  return Status(ErrorCode::kExhausted, "log queue has no room for " +
                                           std::string(TopicName(id.topic)) + ": it holds " +
                                           std::to_string(records) + " records, " +
                                           std::to_string(bytes) + " bytes");
}

Status CheckSize(const AppendEntry& entry) {
  if (entry.key.size() <= kRecordKeyBytesMax && entry.value.size() <= kRecordValueBytesMax) return Status();
  return Status(ErrorCode::kInvalidArgument,
                "log record with a key of " + std::to_string(entry.key.size()) +
                    " bytes and a value of " + std::to_string(entry.value.size()) + " exceeds " +
                    std::to_string(kRecordKeyBytesMax) + " or " + std::to_string(kRecordValueBytesMax));
}

}  // namespace

AppendRound::Group* AppendRound::Open(PartitionId id) {
  if (used_ == groups_.size()) groups_.push_back(std::make_unique<Group>());
  Group* group = groups_[used_++].get();
  group->id = id;
  open_[id] = group;
  return group;
}

void AppendRound::Clear() {
  if (groups_.size() > kSpareGroupsMax) groups_.resize(kSpareGroupsMax);
  for (const auto& group : groups_) group->writer.Clear();
  used_ = 0;
  bytes_ = 0;
  records_ = 0;
  open_.clear();
}

Result<Ticket> AppendQueue::Append(PartitionId id, std::span<const std::byte> key,
                                   std::span<const std::byte> value) {
  const AppendEntry entry{id, key, value};
  return AppendAll({&entry, 1});
}

Result<Ticket> AppendQueue::AppendAll(std::span<const AppendEntry> entries) {
  STARLING_CHECK(!entries.empty());
  std::size_t bytes = 0;
  std::size_t share = 100;
  for (const AppendEntry& entry : entries) {
    if (Status status = CheckSize(entry); !status.ok()) return status;
    bytes += RecordBytes(entry.key.size(), entry.value.size());
    if (IsBulk(entry.id.topic)) share = limits_.bulk_share_percent;
  }
  bool wake = false;
  Ticket ticket{};
  {
    std::unique_lock lock(mutex_);
    if (state_ != State::kOpen &&
        !(state_ == State::kDraining && std::this_thread::get_id() == drainer_)) {
      return Status(ErrorCode::kUnavailable, closed_why_.empty() ? "log is closing" : closed_why_);
    }
    if (pending_.bytes_ + bytes > limits_.bytes_max / 100 * share ||
        (pending_.records_ + entries.size()) * 100 > limits_.records_max * share) {
      refused_ += entries.size();
      const std::size_t held_bytes = pending_.bytes_;
      const std::size_t held_records = pending_.records_;
      lock.unlock();
      return Refusal(entries.back().id, held_bytes, held_records);
    }
    for (const AppendEntry& entry : entries) {
      const auto open = pending_.open_.find(entry.id);
      AppendRound::Group* group = open == pending_.open_.end() ? nullptr : open->second;
      if (group == nullptr || group->writer.bytes().size() >= kGroupBytesSoftMax) {
        group = pending_.Open(entry.id);
      }
      group->writer.Append(entry.key, entry.value);
    }
    pending_.bytes_ += bytes;
    pending_.records_ += entries.size();
    last_ticket_ += entries.size();
    ticket = Ticket{last_ticket_};
    pending_.last_ = ticket;
    wake = std::exchange(writer_waits_, false);
  }
  if (wake) filled_.notify_one();
  return ticket;
}

void AppendQueue::Take(bool wait, AppendRound* round) {
  round->Clear();
  std::unique_lock lock(mutex_);
  taken_bytes_ = 0;
  taken_records_ = 0;
  while (wait && pending_.empty() && !wake_) {
    writer_waits_ = true;
    filled_.wait(lock);
  }
  writer_waits_ = false;
  wake_ = false;
  std::swap(pending_, *round);
  taken_bytes_ = round->bytes_;
  taken_records_ = round->records_;
}

double AppendQueue::fill() const {
  std::lock_guard lock(mutex_);
  const auto share = [](std::size_t taken, std::size_t max) {
    return static_cast<double>(taken) / static_cast<double>(std::max<std::size_t>(max, 1));
  };
  return std::max(share(pending_.bytes_ + taken_bytes_, limits_.bytes_max),
                  share(pending_.records_ + taken_records_, limits_.records_max));
}

void AppendQueue::Wake() {
  {
    std::lock_guard lock(mutex_);
    wake_ = true;
    writer_waits_ = false;
  }
  filled_.notify_one();
}

bool AppendQueue::Drain(std::thread::id drainer) {
  std::lock_guard lock(mutex_);
  if (state_ != State::kOpen) return false;
  state_ = State::kDraining;
  drainer_ = drainer;
  return true;
}

bool AppendQueue::Close(const std::string& why, bool discard) {
  std::lock_guard lock(mutex_);
  if (!pending_.empty()) {
    if (!discard) return false;
    pending_.Clear();
  }
  if (state_ != State::kClosed) closed_why_ = why;
  state_ = State::kClosed;
  return true;
}

std::uint64_t AppendQueue::refused() const {
  std::lock_guard lock(mutex_);
  return refused_;
}

}  // namespace starling::cloud
