// A disk that forgets: what was not synced when its power goes may be there, or not, or
// in part, in any order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "edge/spool/spool_files.h"

namespace starling::edge {

class SimulatedDisk {
 public:
  // Of what was not synced.  kBack: all but the first bytes of each file.
  enum class Survives { kNothing, kEverything, kAnything, kBack };

  // What a program sees of the disk; any number of them, one after the other.
  std::unique_ptr<SpoolFiles> Mount();

  // The power goes after so many further steps: an operation is one, and so is each byte
  // that is written.  From then on nothing has an effect, and everything fails.
  void CutAfter(std::uint64_t steps) { steps_left_ = steps; }
  bool cut() const { return cut_; }
  std::uint64_t steps() const { return steps_; }

  // The power comes back.
  void Restore(Survives survives, std::mt19937_64* random);

  // Faults, until they are set otherwise.
  bool full = false;
  bool read_only = false;
  bool sync_fails = false;         // and forgets what it was to make durable
  bool read_fails = false;
  bool unlink_fails = false;

  const std::vector<std::byte>& contents(const std::string& name) const { return names_.at(name)->live; }
  void FlipBit(const std::string& name, std::size_t bit);
  void Put(const std::string& name, std::vector<std::byte> bytes);
  std::vector<std::string> names() const;
  std::uint64_t bytes() const;
  std::uint64_t syncs() const { return syncs_; }

 private:
  struct File {
    std::vector<std::byte> live;     // as programs see it
    std::vector<std::byte> durable;
  };
  class MountedFiles;
  class OpenFile;

  // Takes a step; false if the power is gone.
  bool Step();

  std::map<std::string, std::shared_ptr<File>> names_;
  std::map<std::string, std::shared_ptr<File>> durable_names_;
  std::optional<std::uint64_t> steps_left_;
  std::uint64_t steps_ = 0;
  std::uint64_t syncs_ = 0;
  bool cut_ = false;
};

}  // namespace starling::edge
