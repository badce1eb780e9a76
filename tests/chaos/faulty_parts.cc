#include "tests/chaos/faulty_parts.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <limits>
#include <mutex>
#include <utility>

#include "schemas/cloud_to_edge/downlink_generated.h"
#include "schemas/log/history_generated.h"

namespace starling::cloud {
namespace {

using std::chrono::steady_clock;

std::vector<std::byte> Copied(std::span<const std::byte> bytes) { return {bytes.begin(), bytes.end()}; }

// A log that is the real one but for what a fault overrides.
class LogBetween : public Log {
 public:
  explicit LogBetween(Log* log) : log_(log) {}

  Result<Ticket> Append(Topic topic, Partition partition, std::span<const std::byte> key,
                        std::span<const std::byte> value) override {
    return log_->Append(topic, partition, key, value);
  }
  Ticket emitted() const override { return log_->emitted(); }
  Ticket durable() const override { return log_->durable(); }
  void ObserveDurable(std::function<void(Ticket)> observer) override { log_->ObserveDurable(std::move(observer)); }
  Status Subscribe(Topic topic, Partition partition, Offset from, LogConsumer* consumer) override {
    return log_->Subscribe(topic, partition, from, consumer);
  }
  Range RangeOf(Topic topic, Partition partition) const override { return log_->RangeOf(topic, partition); }
  Offset OffsetAt(Topic topic, Partition partition, CloudTime time) const override {
    return log_->OffsetAt(topic, partition, time);
  }
  Status Read(Topic topic, Partition partition, Offset from,
              const std::function<bool(const LogRecord&)>& visit) const override {
    return log_->Read(topic, partition, from, visit);
  }
  Status status() const override { return log_->status(); }
  Status Close() override { return log_->Close(); }

 protected:
  Log* const log_;
};

// Keeps batches for a while before it appends them, and says at once that they are
// durable.  What it holds dies with the process.
class EarlyAck final : public LogBetween {
 public:
  using LogBetween::LogBetween;

  Result<Ticket> Append(Topic topic, Partition partition, std::span<const std::byte> key,
                        std::span<const std::byte> value) override {
    if (topic != Topic::kHistory) return LogBetween::Append(topic, partition, key, value);
    const std::lock_guard lock(mutex_);
    held_.push_back({partition, Copied(key), Copied(value), steady_clock::now()});
    while (held_.front().since < steady_clock::now() - std::chrono::milliseconds(400)) {
      const Held& oldest = held_.front();
      const auto appended = log_->Append(Topic::kHistory, oldest.partition, oldest.key, oldest.value);
      if (!appended.ok()) break;
      held_.pop_front();
    }
    return log_->durable();
  }

 private:
  struct Held {
    Partition partition;
    std::vector<std::byte> key;
    std::vector<std::byte> value;
    steady_clock::time_point since;
  };
  std::mutex mutex_;
  std::deque<Held> held_;
};

class LostAppend final : public LogBetween {
 public:
  using LogBetween::LogBetween;

  Result<Ticket> Append(Topic topic, Partition partition, std::span<const std::byte> key,
                        std::span<const std::byte> value) override {
    if (topic == Topic::kHistory && ++batches_ % 50 == 0) return log_->durable();
    return LogBetween::Append(topic, partition, key, value);
  }

 private:
  std::atomic<std::uint64_t> batches_{0};
};

class AlteredAppend final : public LogBetween {
 public:
  using LogBetween::LogBetween;

  // The samples of the batch before, of whichever vehicle, under this one's name.
  Result<Ticket> Append(Topic topic, Partition partition, std::span<const std::byte> key,
                        std::span<const std::byte> value) override {
    if (topic != Topic::kHistory) return LogBetween::Append(topic, partition, key, value);
    const auto* batch = log::GetHistoryBatch(value.data());
    const auto columns = Copied(std::as_bytes(std::span(batch->columns()->data(), batch->columns()->size())));
    const std::lock_guard lock(mutex_);
    const bool altered = ++batches_ % 50 == 0 && count_ == batch->count();
    const std::vector<std::byte>& used = altered ? columns_ : columns;
    flatbuffers::FlatBufferBuilder builder;
    const auto name = builder.CreateString(batch->vehicle());
    const auto bytes = builder.CreateVector(reinterpret_cast<const std::uint8_t*>(used.data()), used.size());
    builder.Finish(log::CreateHistoryBatch(builder, name, batch->boot_id(), batch->first_sequence(),
                                           batch->count(), bytes, batch->cloud_minus_boot_ns(),
                                           batch->received_ns()));
    if (!altered || count_ == 0) {
      columns_ = columns;
      count_ = batch->count();
    }
    if (!altered && batches_ % 50 == 0) --batches_;  // The next one may be as long as this one.
    return log_->Append(topic, partition, key,
                        std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize())));
  }

 private:
  std::mutex mutex_;
  std::uint64_t batches_ = 0;
  std::uint16_t count_ = 0;
  std::vector<std::byte> columns_;
};

class SecondCommand final : public CommandSink {
 public:
  explicit SecondCommand(CommandSink* sink) : sink_(sink) {}

  void Deliver(std::span<ShardOutputs::Command> commands) override {
    std::vector<ShardOutputs::Command> others;
    for (const ShardOutputs::Command& command : commands) {
      if (++commands_ % 3 != 0) continue;
      others.push_back(command);
      auto* copy = flatbuffers::GetMutableRoot<flatbuffers::Table>(others.back().wire_command.data());
      const auto id = copy->GetField<std::uint64_t>(wire::Command::VT_COMMAND_ID, 0);
      const auto sequence = copy->GetField<std::uint64_t>(wire::Command::VT_SEQUENCE, 0);
      const auto episode = copy->GetField<std::uint64_t>(wire::Command::VT_EPISODE_ID, 0);
      copy->SetField<std::uint64_t>(wire::Command::VT_COMMAND_ID, id + 1, 0);
      copy->SetField<std::uint64_t>(wire::Command::VT_EPISODE_ID, episode + 1, 0);
      copy->SetField<std::uint64_t>(wire::Command::VT_SEQUENCE, sequence + 1'000, 0);
    }
    sink_->Deliver(commands);
    if (!others.empty()) sink_->Deliver(others);
  }

 private:
  CommandSink* const sink_;
  std::uint64_t commands_ = 0;
};

class WriterBetween : public RegionWriter {
 public:
  explicit WriterBetween(RegionWriter* writer) : writer_(writer) {}

  Result<Epoch> Claim(std::string_view owner) override { return writer_->Claim(owner); }
  Result<Offset> Committed() override { return writer_->Committed(); }
  Status Append(Topic topic, std::span<const std::byte> key, std::span<const std::byte> value) override {
    return writer_->Append(topic, key, value);
  }
  Status Commit(Offset next) override { return writer_->Commit(next); }
  Status status() const override { return writer_->status(); }

 protected:
  RegionWriter* const writer_;
};

class ForgottenOutput final : public WriterBetween {
 public:
  using WriterBetween::WriterBetween;
  Status Append(Topic topic, std::span<const std::byte> key, std::span<const std::byte> value) override {
    if (++outputs_ % 40 == 0) return {};
    return WriterBetween::Append(topic, key, value);
  }

 private:
  std::uint64_t outputs_ = 0;
};

class RepeatedOutput final : public WriterBetween {
 public:
  using WriterBetween::WriterBetween;
  // Until it writes for itself it believes that its predecessor wrote nothing lately.
  Result<Offset> Committed() override {
    const Result<Offset> committed = writer_->Committed();
    if (!committed.ok() || written_) return committed;
    const std::uint64_t number = ToNumber(committed.value());
    return Offset{number - std::min<std::uint64_t>(number, 1'500)};
  }
  Status Commit(Offset next) override {
    written_ = true;
    return writer_->Commit(next);
  }

 private:
  bool written_ = false;
};

class AlteredAudit final : public WriterBetween {
 public:
  using WriterBetween::WriterBetween;
  Status Append(Topic topic, std::span<const std::byte> key, std::span<const std::byte> value) override {
    if (topic != Topic::kCommands || ++records_ % 10 != 0) return WriterBetween::Append(topic, key, value);
    // A digit of the vehicle's name, in the key: the record itself can be read as before.
    std::vector<std::byte> other = Copied(key);
    other.back() ^= std::byte{1};
    return WriterBetween::Append(topic, other, value);
  }

 private:
  std::uint64_t records_ = 0;
};

class ForgetfulStore final : public StateStore {
 public:
  explicit ForgetfulStore(StateStore* store) : store_(store) {}

  Status Write(Topic topic, Partition partition, Offset next, std::span<const StateChange> changes) override {
    std::vector<StateChange> kept;
    for (const StateChange& change : changes) {
      if (++changes_ % 20 != 0) kept.push_back(change);
    }
    return store_->Write(topic, partition, next, kept);
  }
  Result<std::optional<Offset>> Load(Topic topic, Partition partition, const Visitor& visit) const override {
    return store_->Load(topic, partition, visit);
  }
  Status Clear(Topic topic, Partition partition) override { return store_->Clear(topic, partition); }

 private:
  StateStore* const store_;
  std::uint64_t changes_ = 0;
};

// One part between; it lives as long as the hook.
template <typename Part, typename Faulty>
std::function<Part*(Part*)> Put() {
  return [kept = std::make_shared<std::unique_ptr<Part>>()](Part* part) -> Part* {
    *kept = std::make_unique<Faulty>(part);
    return kept->get();
  };
}

struct Entry {
  std::string_view name;
  OrchestratorHooks (*hooks)();
};

const std::array kEntries = {
    Entry{"early-ack", [] { return OrchestratorHooks{.gateway_log = Put<Log, EarlyAck>()}; }},
    Entry{"lost-append", [] { return OrchestratorHooks{.gateway_log = Put<Log, LostAppend>()}; }},
    Entry{"altered-append", [] { return OrchestratorHooks{.gateway_log = Put<Log, AlteredAppend>()}; }},
    Entry{"second-command", [] { return OrchestratorHooks{.sink = Put<CommandSink, SecondCommand>()}; }},
    Entry{"forgotten-output", [] { return OrchestratorHooks{.writer = Put<RegionWriter, ForgottenOutput>()}; }},
    Entry{"repeated-output", [] { return OrchestratorHooks{.writer = Put<RegionWriter, RepeatedOutput>()}; }},
    Entry{"altered-audit", [] { return OrchestratorHooks{.writer = Put<RegionWriter, AlteredAudit>()}; }},
    Entry{"forgetful-store", [] { return OrchestratorHooks{.store = Put<StateStore, ForgetfulStore>()}; }},
};

}  // namespace

bool IsFault(std::string_view fault) {
  return std::any_of(kEntries.begin(), kEntries.end(), [&](const Entry& entry) { return entry.name == fault; });
}

OrchestratorHooks HooksFor(std::string_view fault) {
  for (const Entry& entry : kEntries) {
    if (entry.name == fault) return entry.hooks();
  }
  return {};
}

}  // namespace starling::cloud
