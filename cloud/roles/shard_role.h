#pragma once

#include <future>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "cloud/console/console_source.h"
#include "cloud/roles/log_engine.h"
#include "cloud/shard/runner.h"
#include "common/status.h"

namespace starling::cloud {

struct ShardRoleConfig {
  ShardConfig shard;
  ShardRunnerConfig runner;
  FrameOrigin origin;
};

// One region in this process: its outputs' writer and its runner.
//
// Threading: Start and Stop from one thread; the rest is thread-safe.
class ShardRole {
 public:
  // Gives what is used instead of the writer that it is handed.
  using WriterHook = std::function<RegionWriter*(RegionWriter*)>;

  // `engine`, `sink` and `store` must outlive the role, and the role the engine's Close.
  static Result<std::unique_ptr<ShardRole>> Open(const ShardRoleConfig& config, RegionId region, LogEngine* engine,
                                                 CommandSink* sink, StateStore* store,
                                                 const WriterHook& hook = nullptr);

  RegionId region() const { return region_; }
  ShardRunner& runner() { return runner_; }
  const ShardRunner& runner() const { return runner_; }

  // Errors: those of ShardRunner::Start.
  Status Start(std::string_view owner) { return runner_.Start(owner); }
  void Stop() { runner_.Stop(); }

  // The last record of the region's audit trail.
  //
  // Errors: those of Log::Read.
  Result<AuditHeadView> AuditHead() const;

  // ok while it owns the region or stands by for it.
  Status Ready() const;

  // Runs `query` in the shard's thread and waits for what it returns, for a bounded time.
  //
  // Errors: kUnavailable if the shard did not answer; kExhausted if too many ask.
  template <typename T>
  Result<T> Ask(std::function<T(const Shard&)> query) {
    // Shared: if the wait ends first, the query still runs, and nobody reads it.
    auto answer = std::make_shared<std::promise<T>>();
    std::future<T> future = answer->get_future();
    Status posted = runner_.Post([answer, asked = std::move(query)](const Shard& shard) {
      answer->set_value(asked(shard));
    });
    if (!posted.ok()) return posted;
    if (future.wait_for(kPatience) != std::future_status::ready) {
      return Status(ErrorCode::kUnavailable,
                    "the shard did not answer within " + std::to_string(kPatience.count()) + " ms");
    }
    return future.get();
  }

 private:
  // Longer than any commit, short enough for who asks whether the process lives.
  static constexpr milliseconds kPatience{500};

  ShardRole(const ShardRoleConfig& config, RegionId region, std::unique_ptr<RegionWriter> writer, LogEngine* engine,
            CommandSink* sink, StateStore* store, const WriterHook& hook);

  const RegionId region_;
  const Log* const log_;
  const std::unique_ptr<RegionWriter> writer_;
  ShardRunner runner_;
};

}  // namespace starling::cloud
