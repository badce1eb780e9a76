#include "cloud/shard/recovery.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <utility>

#include "cloud/shard/changelog.h"

namespace starling::cloud {
namespace {

std::string Number(Offset offset) { return std::to_string(ToNumber(offset)); }

class Recovery {
 public:
  Recovery(const ShardConfig& config, RegionId region, FrameOrigin origin, const RecoveryPlan& plan)
      : config_(config),
        region_(region),
        origin_(origin),
        plan_(plan),
        partition_{ToNumber(region)} {}

  Result<Recovered> Run() {
    const auto started = std::chrono::steady_clock::now();
    const Result<Log::Range> range = plan_.log->QueryRange(Topic::kTelemetry, partition_);
    if (!range.ok()) return range.status();
    range_ = range.value();
    if (Status status = Choose(); !status.ok()) return status;
    result_.took = std::chrono::steady_clock::now() - started;
    return std::move(result_);
  }

 private:
  using Loader = std::function<Result<std::optional<Offset>>(const StateStore::Visitor&)>;

  Status Choose() {
    if (plan_.store != nullptr) {
      const Loader load = [&](const StateStore::Visitor& visit) {
        return plan_.store->Load(Topic::kTelemetry, partition_, visit);
      };
      Result<bool> used = Try("the stored state", load);
      if (!used.ok()) return used.status();
      result_.store_holds = used.value();
      result_.source = Recovered::Source::kState;
      if (used.value()) return {};
    }
    if (plan_.changelog) {
      const Loader load = [&](const StateStore::Visitor& visit) {
        return LoadChangelog(*plan_.log, partition_, visit);
      };
      Result<bool> used = Try("the changelog's state", load);
      if (!used.ok()) return used.status();
      result_.source = Recovered::Source::kChangelog;
      if (used.value()) return {};
    }
    return ReadWindowAgain();
  }

  // False if there is no state, or none of use.
  Result<bool> Try(const std::string& name, const Loader& load) {
    result_.shard = std::make_unique<Shard>(config_, region_, origin_);
    result_.entries.Clear();
    Status unusable;  // What the shard says of an entry; the loader's errors are its own.
    Result<std::optional<Offset>> next =
        load([&](std::span<const std::byte> key, std::span<const std::byte> value) {
          result_.entries.Add(key, value);
          const SavedState::Entry entry = result_.entries[result_.entries.size() - 1];
          unusable = result_.shard->RestoreEntry(entry.key, *entry.value);
          return unusable;
        });
    if (!next.ok()) {
      if (unusable.ok() && next.status().code() != ErrorCode::kCorruption) return next.status();
      return Discard(name + " cannot be used: " + std::string(next.status().message()));
    }
    if (!next.value()) return Discard("");
    const Offset from = *next.value();
    if (Status status = result_.shard->FinishRestore(); !status.ok()) {
      return Discard(name + " cannot be used: " + std::string(status.message()));
    }
    if (from > range_.end) {
      return Status(ErrorCode::kInvalidArgument,
                    name + " of region " + std::to_string(ToNumber(region_)) + " knows all records before offset " +
                        Number(from) + ", but the log ends at " + Number(range_.end) +
                        ": the log was lost or put back from an older copy. Put back the log that belongs to "
                        "the state, or remove the state too, to begin with what the log has");
    }
    if (from < range_.first) {
      return Discard(name + " ends at offset " + Number(from) + ", the log begins at " + Number(range_.first));
    }
    result_.from = from;
    return true;
  }

  bool Discard(const std::string& why) {
    result_.entries.Clear();
    if (why.empty()) return false;
    if (!result_.note.empty()) result_.note += "; ";
    result_.note += why;
    return false;
  }

  // The window ends where outputs are missing, if that is earlier than now: what caused
  // them must be known before.
  Status ReadWindowAgain() {
    result_.shard = std::make_unique<Shard>(config_, region_, origin_);
    result_.store_holds = false;
    result_.source = range_.first == range_.end ? Recovered::Source::kNothing : Recovered::Source::kWindow;
    CloudTime until = plan_.now;
    if (plan_.committed < range_.end) {
      Status status = plan_.log->Read(Topic::kTelemetry, partition_, std::max(plan_.committed, range_.first),
                                      [&](const LogRecord& record) {
                                        until = std::min(until, record.time);
                                        return false;
                                      });
      if (!status.ok()) return status;
    }
    const Result<Offset> from = plan_.log->QueryOffsetAt(Topic::kTelemetry, partition_, until - plan_.window);
    if (!from.ok()) return from.status();
    result_.from = from.value();
    if (!result_.note.empty()) {
      result_.note += "; the last " + std::to_string(std::chrono::duration_cast<milliseconds>(plan_.window).count()) +
                      " ms of the log are read again instead, from offset " + Number(result_.from) +
                      ": vehicles and open episodes are found again, commands that were open are decided anew";
    }
    return {};
  }

  const ShardConfig& config_;
  const RegionId region_;
  const FrameOrigin origin_;
  const RecoveryPlan& plan_;
  const Partition partition_;
  Log::Range range_;
  Recovered result_;
};

}  // namespace

std::string_view NameOf(Recovered::Source source) {
  switch (source) {
    case Recovered::Source::kNothing: return "nothing";
    case Recovered::Source::kState: return "state";
    case Recovered::Source::kChangelog: return "changelog";
    case Recovered::Source::kWindow: return "window";
  }
  return "unknown";
}

Result<Recovered> RecoverShard(const ShardConfig& config, RegionId region, FrameOrigin origin,
                               const RecoveryPlan& plan) {
  return Recovery(config, region, origin, plan).Run();
}

}  // namespace starling::cloud
