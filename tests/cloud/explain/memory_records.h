// A log in memory to be read, and a shard whose records go into it.
#pragma once

#include <algorithm>
#include <cstring>
#include <map>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "cloud/explain/record_source.h"
#include "tests/cloud/shard/traffic_log.h"

namespace starling::cloud {

// One region's partitions.
class MemoryRecords final : public RecordSource {
 public:
  void Add(Topic topic, CloudTime time, std::span<const std::byte> key, std::span<const std::byte> value) {
    Stored stored;
    stored.key.assign(key.begin(), key.end());
    stored.words.assign((value.size() + 7) / 8, 0);
    if (!value.empty()) std::memcpy(stored.words.data(), value.data(), value.size());
    stored.bytes = value.size();
    stored.time = time;
    topics_[topic].push_back(std::move(stored));
  }
  // Older records are no longer retained.
  void DropBefore(Topic topic, std::size_t first) { first_[topic] = first; }
  std::size_t size(Topic topic) const { return Of(topic).size(); }
  LogRecord At(Topic topic, std::size_t i) const {
    const Stored& stored = Of(topic)[i];
    return {Offset{i}, stored.time, stored.key, std::as_bytes(std::span(stored.words)).first(stored.bytes)};
  }

  Result<Log::Range> RangeOf(Topic topic, Partition) const override {
    return Log::Range{Offset{First(topic)}, Offset{size(topic)}};
  }
  Result<Offset> OffsetAt(Topic topic, Partition, CloudTime time) const override {
    std::size_t i = First(topic);
    while (i < size(topic) && Of(topic)[i].time < time) ++i;
    return Offset{i};
  }
  Status Read(Topic topic, Partition, Offset from, const std::function<bool(const LogRecord&)>& visit) const override {
    for (std::size_t i = std::max<std::size_t>(ToNumber(from), First(topic)); i < size(topic); ++i) {
      ++read;
      if (!visit(At(topic, i))) return {};
    }
    return {};
  }

  mutable std::size_t read = 0;

 private:
  struct Stored {
    std::vector<std::byte> key;
    std::vector<std::uint64_t> words;
    std::size_t bytes = 0;
    CloudTime time;
  };
  const std::vector<Stored>& Of(Topic topic) const {
    static const std::vector<Stored> kEmpty;
    const auto found = topics_.find(topic);
    return found == topics_.end() ? kEmpty : found->second;
  }
  std::size_t First(Topic topic) const {
    const auto found = first_.find(topic);
    return found == first_.end() ? 0 : found->second;
  }

  std::map<Topic, std::vector<Stored>> topics_;
  std::map<Topic, std::size_t> first_;
};

// A shard that writes what it decides into the log so long after the record that it decided by.
class RecordedShard {
 public:
  RecordedShard(const ShardConfig& config, MemoryRecords* records, nanoseconds written_after)
      : shard_(config, kRegion, kOrigin), records_(*records), written_after_(written_after) {}

  void Apply(std::span<const std::byte> value, CloudTime at) {
    outputs_.Clear();
    records_.Add(Topic::kTelemetry, at, {}, value);
    shard_.Apply(records_.At(Topic::kTelemetry, records_.size(Topic::kTelemetry) - 1), &outputs_);
    for (const ShardOutputs::Record& record : outputs_.records) {
      records_.Add(record.topic, at + written_after_, record.key, record.value);
    }
  }
  const ShardOutputs& outputs() const { return outputs_; }  // of the last one
  Shard& shard() { return shard_; }

 private:
  Shard shard_;
  MemoryRecords& records_;
  const nanoseconds written_after_;
  ShardOutputs outputs_;
};

}  // namespace starling::cloud
