// What `starling audit verify` finds out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/log/log.h"
#include "cloud/shard/audit_chain.h"
#include "common/status.h"

namespace starling::cloud {

// A record that was the chain's last one once, noted elsewhere: its digest and, if that
// was noted too, its index.
struct AuditHead {
  AuditDigest digest{};
  std::optional<std::uint64_t> index;
};

// "HEX" or "HEX@INDEX", 64 hexadecimal digits.  Errors: kInvalidArgument.
Result<AuditHead> ParseAuditHead(std::string_view text);
// REQUIRES: digest.size() is 32 or 0; the latter gives "".
std::string ToHex(std::span<const std::byte> digest);

struct AuditReport {
  static constexpr std::size_t kStartsKept = 100;

  std::uint64_t records = 0;
  std::uint64_t begins_at = 0;              // index of the first record that is retained
  std::uint64_t chain_starts = 0;
  std::vector<Offset> starts;               // the first kStartsKept of them
  std::uint64_t last_index = 0;
  std::string head;                         // of the last record, hexadecimal; empty: no record

  struct Break {
    std::string why;                        // AuditBreak's name
    Offset offset{};
    std::uint64_t index = 0;
    std::uint64_t expected = 0;             // the index that belongs there
  };
  std::optional<Break> first_break;
  std::optional<bool> head_found;           // none: nothing was expected

  bool whole() const { return !first_break && head_found.value_or(true); }
  std::string ToText() const;
  std::string ToJson() const;
};

// Hands a partition's records to `visit`, in order, until that says no.
using ReadRecords = std::function<Status(const std::function<bool(const LogRecord&)>&)>;

// Reads a region's records of topic "commands" and checks their chain.  The head expected
// may be that of any record: it proves that everything up to there is what it was.
//
// Errors: those of `read`, kCorruption among them: a record whose checksum is wrong was
//         damaged, or altered by someone who left the checksum.
Result<AuditReport> VerifyAudit(const ReadRecords& read, const std::optional<AuditHead>& expected);

}  // namespace starling::cloud
