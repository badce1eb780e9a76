#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "cloud/console/console_source.h"
#include "cloud/console/live_config.h"
#include "cloud/console/live_picture.h"
#include "common/mutex.h"

namespace starling::cloud {

// Puts the shared picture together: asks the shards in small portions spread over an interval, waits for nobody, and
// has a picture whenever all have answered.
//
// Threading: thread-compatible; the shards answer from their own threads.
class LiveCollector {
 public:
  // `source` must outlive the collector.
  LiveCollector(const LiveConfig& config, ConsoleSource* source);

  // Goes on: call it every kStep while somebody watches.  True if there is a new picture, or a new reason why there is
  // none.  `watched`: vehicles whose ways are wanted.
  bool Step(CloudTime now, const std::vector<VehicleId>& watched);
  static constexpr milliseconds kStep{10};

  const LivePicture& picture() const { return picture_; }

 private:
  // What the shards have answered, shared with questions that may outlive the collector.
  struct Answers {
    Mutex mutex;
    std::vector<std::pair<std::size_t, ShardPicture>> arrived STARLING_GUARDED_BY(mutex);
  };
  struct Question {
    std::size_t shard = 0;
    PictureQuery query;
  };

  void Begin(CloudTime now, const std::vector<VehicleId>& watched);
  void Ask();
  void TakeAnswers();
  void Place(std::size_t shard, const ShardPicture& part);
  void Finish();
  void ReadFigures(CloudTime now);
  void TakeCommands(CloudTime now);
  void MarkInvolved();

  const LiveConfig config_;
  ConsoleSource* const source_;

  std::shared_ptr<Answers> answers_;      // of the round under way; a new one each round
  std::deque<Question> unasked_;
  std::size_t portion_ = 1;               // questions in a step
  std::size_t unanswered_ = 0;
  CloudTime round_at_;                    // of the round under way
  CloudTime round_begun_;
  bool round_open_ = false;
  std::vector<Slot> slots_;               // of each shard
  std::vector<std::uint64_t> windows_;    // of each shard, as it said last
  std::vector<std::vector<HeatmapCell>> cells_;  // of each shard
  std::vector<PictureConflict> conflicts_;
  std::vector<WatchedWay> ways_;
  std::size_t fleet_ = 0;

  std::unordered_map<VehicleId, std::size_t> places_;
  std::deque<LiveCommand> commands_;
  std::unordered_map<std::uint64_t, PictureStanding> standing_;  // of the round, by command
  std::deque<std::pair<std::int64_t, std::uint32_t>> decisions_; // issued when, µs
  CloudTime figures_at_;
  std::unordered_map<std::string, std::size_t> figure_numbers_;
  LivePicture picture_;
};

}  // namespace starling::cloud
