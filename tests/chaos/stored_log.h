// A log in memory whose records a test can take away, repeat and alter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "cloud/log/log.h"

namespace starling::sim {

class StoredLog final : public cloud::Log {
 public:
  struct Entry {
    cloud::Offset offset{};
    CloudTime time;
    std::vector<std::byte> key;
    std::vector<std::uint64_t> words;  // the value, aligned
    std::size_t bytes = 0;

    std::span<std::byte> value() { return std::as_writable_bytes(std::span(words)).first(bytes); }
    std::span<const std::byte> value() const { return std::as_bytes(std::span(words)).first(bytes); }
    cloud::LogRecord record() const { return {offset, time, key, value()}; }
  };

  // What the next records are stamped with.
  CloudTime now;

  std::vector<Entry>& entries(cloud::Topic topic, cloud::Partition partition) {
    return partitions_[{topic, partition}];
  }
  const Entry& Last(cloud::Topic topic, cloud::Partition partition) {
    return partitions_[{topic, partition}].back();
  }
  void Erase(cloud::Topic topic, cloud::Partition partition, std::size_t at) {
    auto& list = entries(topic, partition);
    list.erase(list.begin() + static_cast<std::ptrdiff_t>(at));
  }
  // Once more, behind itself.
  void Repeat(cloud::Topic topic, cloud::Partition partition, std::size_t at) {
    auto& list = entries(topic, partition);
    list.insert(list.begin() + static_cast<std::ptrdiff_t>(at) + 1, Entry(list[at]));
  }
  void Swap(cloud::Topic topic, cloud::Partition partition, std::size_t at) {
    auto& list = entries(topic, partition);
    std::swap(list[at], list[at + 1]);
  }

  Result<cloud::Ticket> Append(cloud::Topic topic, cloud::Partition partition, std::span<const std::byte> key,
                               std::span<const std::byte> value) override {
    std::vector<Entry>& list = entries(topic, partition);
    Entry entry{cloud::Offset{list.size()}, now, {key.begin(), key.end()},
                std::vector<std::uint64_t>((value.size() + 7) / 8), value.size()};
    if (!value.empty()) std::memcpy(entry.words.data(), value.data(), value.size());
    list.push_back(std::move(entry));
    return cloud::Ticket{++tickets_};
  }
  cloud::Ticket emitted() const override { return cloud::Ticket{tickets_}; }
  cloud::Ticket durable() const override { return cloud::Ticket{tickets_}; }
  void ObserveDurable(std::function<void(cloud::Ticket)>) override {}
  Status Subscribe(cloud::Topic, cloud::Partition, cloud::Offset, cloud::LogConsumer*) override {
    return {ErrorCode::kInvalidArgument, "nobody reads along here"};
  }
  Range RangeOf(cloud::Topic topic, cloud::Partition partition) const override {
    const auto found = partitions_.find({topic, partition});
    if (found == partitions_.end() || found->second.empty()) return {};
    return {found->second.front().offset, cloud::Offset{ToNumber(found->second.back().offset) + 1}};
  }
  cloud::Offset OffsetAt(cloud::Topic, cloud::Partition, CloudTime) const override { return {}; }
  Status Read(cloud::Topic topic, cloud::Partition partition, cloud::Offset from,
              const std::function<bool(const cloud::LogRecord&)>& visit) const override {
    const auto found = partitions_.find({topic, partition});
    if (found == partitions_.end()) return {};
    for (const Entry& entry : found->second) {
      if (entry.offset >= from && !visit(entry.record())) break;
    }
    return {};
  }
  Status status() const override { return {}; }
  Status Close() override { return {}; }

 private:
  std::map<std::pair<cloud::Topic, cloud::Partition>, std::vector<Entry>> partitions_;
  std::uint64_t tickets_ = 0;
};

}  // namespace starling::sim
