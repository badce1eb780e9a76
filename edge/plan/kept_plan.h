// The collection plan that a vehicle was given last, beside its spool, over restarts.
#pragma once

#include <cstddef>
#include <future>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/status.h"
#include "common/time.h"

namespace starling::edge {

// In a spool's folder.
inline constexpr const char* kKeptPlanName = "kept.plan";

// The file, docs/formats/plan.md: "STLPLN01", the CRC-32C of the rest (little-endian), a
// compiled plan.
std::vector<std::byte> PackKeptPlan(std::span<const std::byte> plan);

// The compiled plan in the file at `path`, not read any further; nothing if there is no file.
//
// Errors: kIoError if it cannot be read; kCorruption if it is not what was written.
Result<std::optional<std::vector<std::byte>>> ReadKeptPlan(const std::string& path);

// Writes plans to one file, each in a thread of its own, because a sync of a slow disk would hold
// up samples and commands.  Of those that come while one is written the newest is next.  What
// could not be written is tried again every kRetry, and at the end, unless a newer one came.
//
// Threading: thread-compatible.
class PlanSaver {
 public:
  static constexpr seconds kRetry{60};

  explicit PlanSaver(std::string path) : path_(std::move(path)) {}
  // Returns when all is written.
  ~PlanSaver();
  PlanSaver(const PlanSaver&) = delete;
  PlanSaver& operator=(const PlanSaver&) = delete;

  // `plan` is a compiled plan's bytes.
  void Save(std::span<const std::byte> plan);

  // Starts what waits or is due, and says what became of the one that has ended: once for each,
  // but of tries that fail one after the other for the same reason of the first alone.
  std::optional<Status> Poll(BootTime now);

 private:
  void Begin();

  const std::string path_;
  // To be written, and the one that is written or could not be: until it is.
  std::optional<std::vector<std::byte>> waiting_;
  std::optional<std::vector<std::byte>> unwritten_;
  std::future<Status> writing_;
  BootTime retry_;                     // of the unwritten one, if it is not being written
  std::string said_;                   // of its failure
};

}  // namespace starling::edge
