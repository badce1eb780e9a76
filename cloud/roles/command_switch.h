#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "cloud/console/figures.h"
#include "cloud/dispatch/command_gate.h"
#include "cloud/roles/log_engine.h"
#include "cloud/shard/command_settings.h"
#include "common/ids.h"
#include "common/status.h"

namespace starling::cloud {

// Takes what an operator has decided of commands to where it counts: to the process's
// gate at once, and as a record into the partition of each region here, so that its shard
// acts by it from that record on and says so in the audit trail.
//
// With the embedded log it follows a file of the orchestrator's folder; with Kafka it is
// told of what topic "ownership" has.
//
// Threading: Start and Stop from one thread; the rest from any.
class CommandSwitch {
 public:
  // `engine` must outlive the switch; `file`: of the embedded log's folder.
  CommandSwitch(LogEngine* engine, std::string file) : engine_(engine), file_(std::move(file)) {}
  ~CommandSwitch() { Stop(); }
  CommandSwitch(const CommandSwitch&) = delete;
  CommandSwitch& operator=(const CommandSwitch&) = delete;

  // Returns when what is in force now has reached `gate`, if there is one, and the
  // partitions of `regions`.  Call before a shard of these claims its region: it then
  // reads the settings before it commands anybody.
  //
  // Errors: those of ReadCommandSettings, OwnershipBook::ReadAll and Log::Append.
  Status Start(std::vector<RegionId> regions, CommandGate* gate);
  void Stop();

  // Settings that are not newer than those it has change nothing.
  void Take(const CommandSettings& settings);

  void AppendFigures(std::vector<Figure>* figures) const;

 private:
  Status ReadNow();
  Status Announce(const CommandSettings& settings);
  void Work(const std::stop_token& stop);
  void FollowFile();

  LogEngine* const engine_;
  const std::string file_;
  std::vector<RegionId> regions_;      // constant after Start
  CommandGate* gate_ = nullptr;        // constant after Start
  std::string complaint_;              // the thread's: what it said last of the file

  mutable std::mutex mutex_;
  std::condition_variable_any wakeup_;
  std::optional<CommandSettings> newest_;  // guarded by mutex_, and the next one
  std::uint64_t announced_ = 0;        // its version is in all partitions here
  std::jthread thread_;
};

}  // namespace starling::cloud
