#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "common/time.h"

namespace starling::cloud {

// When the last commands were handed to connections, for who times what became of them.
// Forgets one for another one when both fall on the same place: then nobody knows, and
// nothing is timed wrongly.
//
// Threading: thread-compatible.
class SentCommands {
 public:
  // Of a command that is sent once more the first time counts: it has waited since then.
  void Note(std::uint64_t command_id, std::int64_t emitted_ns) {
    Entry& entry = At(command_id);
    if (entry.command_id != command_id) entry = {command_id, emitted_ns};
  }

  // Once for each command.
  std::optional<CloudTime> Take(std::uint64_t command_id) {
    Entry& entry = At(command_id);
    if (entry.command_id != command_id || command_id == 0) return std::nullopt;
    entry.command_id = 0;
    return CloudTimeFromNs(entry.emitted_ns);
  }

 private:
  struct Entry {
    std::uint64_t command_id = 0;  // 0: none
    std::int64_t emitted_ns = 0;
  };
  // A busy city of 10,000 vehicles has 150 commands on their way.
  static constexpr unsigned kBits = 13;

  Entry& At(std::uint64_t command_id) {
    return entries_[static_cast<std::size_t>((command_id * 0x9E3779B97F4A7C15u) >> (64 - kBits))];
  }

  std::array<Entry, 1 << kBits> entries_{};
};

}  // namespace starling::cloud
