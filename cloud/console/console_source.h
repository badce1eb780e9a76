#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/console/figures.h"
#include "cloud/console/live_commands.h"
#include "cloud/gateway/plan_book.h"
#include "cloud/shard/picture.h"
#include "cloud/shard/shard.h"
#include "common/geo/local_frame.h"
#include "common/ids.h"
#include "common/status.h"
#include "common/time.h"

namespace starling::cloud {

// Some vehicles of the shard, all predicted for one instant.
struct VehiclesAt {
  CloudTime at;
  std::size_t total = 0;  // in the shard
  std::vector<VehicleView> vehicles;
};

// What is known of one vehicle: the answer to "is my vehicle streaming?".
struct VehicleReport {
  CloudTime at;
  std::optional<VehicleView> view;         // none: the shard does not know it
  std::optional<bool> connected;           // none: nobody here can say
  bool has_history = false;                // the fields below mean something
  std::uint64_t held_samples = 0;          // in the history topic
  BootId held_boot{};                      // the latest boot of which samples are held
  std::uint64_t held_through_sequence = 0; // every sample of that boot up to here
  std::shared_ptr<const CompiledPlan> wanted_plan;  // null: none is wanted on it
  std::optional<ReportedPlan> plan;        // what it said last; none: nothing since this process began
};

// The last record of the commands' audit trail, to be noted elsewhere: `starling audit
// verify --expect` proves later that the trail still holds it.
struct AuditHeadView {
  RegionId region{};
  std::uint64_t index = 0;   // in the chain; 0: there is no record
  std::string head;          // 64 hexadecimal digits; empty: there is no record
};

// Which commands; what is not said narrows nothing.  docs/formats/http.md has the words.
struct CommandsQuery {
  std::optional<RegionId> region;          // none: the first one here
  std::string vehicle;
  std::string kind;
  std::string end;
  std::optional<std::uint64_t> before;     // offset in topic "commands"
  std::size_t count = 100;
};

// Which records of a topic.
struct RecordsQuery {
  std::string topic;
  std::optional<RegionId> region;          // none: the first one here
  std::optional<std::uint64_t> from;       // offset; none: the last `count`
  std::size_t count = 100;
};

// Why a command was given.
struct ExplainAnswer {
  bool ready = false;                      // else it is being worked on: ask again
  std::optional<std::string> document;     // JSON; none, when it is ready: there is no such command
};

// Where the console gets what it shows.
//
// Threading: called from the console's one thread only.  A call may wait for the
// shard's thread, for a bounded time.
class ConsoleSource {
 public:
  virtual ~ConsoleSource() = default;

  // ok while vehicles are taken; else the reason, for people.
  virtual Status Ready() = 0;

  // Every counter of the orchestrator and its process, grouped.
  virtual std::vector<Figure> Figures() = 0;

  // Errors, of all four: kUnavailable if the shard did not answer in time.
  virtual Result<std::vector<HeatmapCell>> Heatmap() = 0;
  virtual Result<std::vector<OpenConflict>> Conflicts() = 0;
  // `count` vehicles from the `first`-th on, predicted for the moment of asking.
  virtual Result<VehiclesAt> Vehicles(std::size_t first, std::size_t count) = 0;
  virtual Result<VehicleReport> Vehicle(const VehicleId& vehicle) = 0;
  // Of each region of this process; empty without one.  Errors: those of Log::Read.
  virtual Result<std::vector<AuditHeadView>> AuditHeads() = 0;

  // Documents of what the log holds.  A process that has no region has none.
  //
  // Errors: kInvalidArgument if what is asked for cannot be; those of the log.
  virtual Result<std::string> Commands(const CommandsQuery& query);
  virtual Result<ExplainAnswer> Explain(CommandId command);
  virtual Result<std::string> Records(const RecordsQuery& query);
  // For the live map.  None of these waits.
  //
  // Of this process; none in a gateway alone.
  virtual std::size_t Shards() { return 0; }
  // Has the shard looked at.  `seen` is called once, later and in the shard's thread; or it is dropped when that ends.
  // Errors: kExhausted if too many ask; `seen` was dropped.
  virtual Status Look(std::size_t /*shard*/, const PictureQuery& /*query*/,
                      const std::function<void(ShardPicture)>& /*seen*/) {
    return {ErrorCode::kUnavailable, "there is no shard here"};
  }
  // Commands that were handed out since the last call, oldest first; the newest few thousand.
  virtual std::vector<IssuedCommand> TakeCommands() { return {}; }
  // Of the city's local frame.
  virtual FrameOrigin Origin() { return {}; }
  // The city's streets for drawing, as /v1/streets has them; empty: not known.
  virtual std::string_view Streets() { return {}; }
};

inline Status NoRegionHere() {
  return {ErrorCode::kUnavailable, "this process has no region; ask one of --role shard"};
}
inline Result<std::string> ConsoleSource::Commands(const CommandsQuery&) { return NoRegionHere(); }
inline Result<ExplainAnswer> ConsoleSource::Explain(CommandId) { return NoRegionHere(); }
inline Result<std::string> ConsoleSource::Records(const RecordsQuery&) { return NoRegionHere(); }

}  // namespace starling::cloud
