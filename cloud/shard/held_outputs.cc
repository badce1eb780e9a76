#include "cloud/shard/held_outputs.h"

#include <algorithm>
#include <string>

namespace starling::cloud {
namespace {

std::size_t BytesOf(const ShardOutputs::Record& record) {
  return sizeof(ShardOutputs::Record) + record.key.size() + record.value.size();
}

}  // namespace

void HeldOutputs::Add(Offset input, std::vector<ShardOutputs::Record>* records) {
  for (ShardOutputs::Record& record : *records) {
    bytes_ += BytesOf(record);
    const bool own = !record.region || *record.region == region_;
    (own ? own_ : regional_).push_back({input, std::move(record)});
  }
  records->clear();
}

void HeldOutputs::DropBefore(Offset committed) {
  for (std::deque<Held>* queue : {&own_, &regional_}) {
    while (!queue->empty() && queue->front().input < committed) {
      bytes_ -= BytesOf(queue->front().record);
      queue->pop_front();
    }
  }
}

void HeldOutputs::DropOldest() {
  while (bytes_ > bytes_max_) {
    const bool own = regional_.empty() || (!own_.empty() && own_.front().input <= regional_.front().input);
    std::deque<Held>& queue = own ? own_ : regional_;
    given_up_before_ = std::max(given_up_before_, Offset{ToNumber(queue.front().input) + 1});
    bytes_ -= BytesOf(queue.front().record);
    queue.pop_front();
  }
}

Status HeldOutputs::SendRegional() {
  while (!regional_.empty()) {
    const Held& held = regional_.front();
    const Result<Ticket> ticket = log_->Append(held.record.topic, Partition{ToNumber(*held.record.region)},
                                               held.record.key, held.record.value);
    if (!ticket.ok()) {
      if (ticket.status().code() != ErrorCode::kExhausted) return ticket.status();
      ++regional_refused_;
      return {};  // In order: the next flush begins with it.
    }
    in_flight_.push_back({held.input, ticket.value()});
    bytes_ -= BytesOf(held.record);
    regional_.pop_front();
    ++written_;
  }
  return {};
}

Offset HeldOutputs::Complete(Offset next) {
  const Ticket emitted = log_->emitted();
  while (!in_flight_.empty() && in_flight_.front().ticket <= emitted) in_flight_.pop_front();
  Offset complete = next;
  if (!regional_.empty()) complete = std::min(complete, regional_.front().input);
  if (!in_flight_.empty()) complete = std::min(complete, in_flight_.front().input);
  return complete;
}

Status HeldOutputs::Flush(Offset next, RegionWriter* writer) {
  if (Status status = SendRegional(); !status.ok()) return status;
  const Offset complete = Complete(next);
  while (!own_.empty() && own_.front().input < complete) {
    const ShardOutputs::Record& record = own_.front().record;
    if (Status status = writer->Append(record.topic, record.key, record.value); !status.ok()) return status;
    bytes_ -= BytesOf(record);
    own_.pop_front();
    ++written_;
  }
  if (bytes_ > bytes_max_) {
    return {ErrorCode::kExhausted, "outputs of " + std::to_string(bytes_) +
                                       " bytes wait for records to other regions, at most " +
                                       std::to_string(bytes_max_) + " may: the log is too slow"};
  }
  return writer->Commit(complete);
}

}  // namespace starling::cloud
