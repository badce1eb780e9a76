#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace starling::cloud {

// SHA-256 of a record: docs/formats/audit.md.
using AuditDigest = std::array<std::byte, 32>;

// Of the length of `key` (u32, little endian), `key`, the length of `value`, `value`.
AuditDigest DigestOfRecord(std::span<const std::byte> key, std::span<const std::byte> value);

// The hash chain of one region's records in topic "commands", while it is written: each
// record carries its index and the digest of the one before it.
//
// Threading: thread-compatible.
class AuditChain {
 public:
  std::uint64_t index() const { return index_; }  // of the last record; 0: none yet
  // Digest of the last record; empty before the first one.
  std::span<const std::byte> head() const {
    return std::span<const std::byte>(head_).first(index_ == 0 ? 0 : head_.size());
  }

  // The record with index() + 1 and head() was finished.
  void Add(std::span<const std::byte> key, std::span<const std::byte> value) {
    head_ = DigestOfRecord(key, value);
    ++index_;
  }

  // Goes on after a record that was written before.
  void Restore(std::uint64_t index, const AuditDigest& head) {
    index_ = index;
    head_ = head;
  }

 private:
  std::uint64_t index_ = 0;
  AuditDigest head_{};
};

// Where a chain is not what was written.
struct AuditBreak {
  enum class Kind : std::uint8_t {
    kUnreadable,  // not an audit record
    kUnchained,   // index 0: written before there were chains
    kGap,         // records are missing before this one
    kReordered,   // it belongs before the one read last, or is there twice
    kAltered,     // the record before it is not the one that was written
    kTruncated,   // the chain ends before the head that it must have
  };
  Kind kind{};
  std::uint64_t position = 0;   // of the record, counted from 0 as they were read
  std::uint64_t index = 0;      // that it carries
  std::uint64_t expected = 0;   // index that belongs there
};
const char* NameOf(AuditBreak::Kind kind);

// Reads the records of one region's chain in their order and finds the first break.
//
// What it rests on: whoever alters, removes, inserts or exchanges a record would have to
// write every later one anew.  The newest record is vouched for only by a head known
// from elsewhere (Expect).  Records that were deleted at the front, by retention,
// leave a chain that begins later: begins_at() says where.  A shard that starts without
// its state begins a new chain; starts() tells of each, so that a cut hidden as a new
// beginning is seen.
//
// Threading: thread-compatible.
class AuditVerifier {
 public:
  // The newest chain must have a record of this index and digest, be it the last one
  // or not: a head that was noted earlier, or the one in the shard's state.
  void Expect(std::uint64_t index, const AuditDigest& head) { expected_ = {index, head}; }

  // The next record.  Only the first break is kept.
  void Add(std::span<const std::byte> key, std::span<const std::byte> value);

  // There are no more records.
  void Finish();

  const std::optional<AuditBreak>& first_break() const { return break_; }
  std::uint64_t records() const { return records_; }
  std::uint64_t begins_at() const { return begins_at_; }       // index of the first record; 0: none
  // Positions of the records that begin a chain (index 1); at most kStartsKept are kept.
  static constexpr std::size_t kStartsKept = 1024;
  const std::vector<std::uint64_t>& starts() const { return starts_; }
  std::uint64_t starts_count() const { return starts_count_; }
  std::uint64_t last_index() const { return last_index_; }
  std::span<const std::byte> last_digest() const { return last_; }

 private:
  void Break(AuditBreak::Kind kind, std::uint64_t index);

  struct Link {
    std::uint64_t index = 0;
    AuditDigest digest{};
  };

  std::optional<Link> expected_;
  std::optional<AuditDigest> met_;      // the newest chain's digest at the index expected
  std::optional<AuditBreak> break_;
  std::uint64_t records_ = 0;
  std::uint64_t begins_at_ = 0;
  std::uint64_t last_index_ = 0;        // 0: no record yet
  AuditDigest last_{};
  std::vector<std::uint64_t> starts_;
  std::uint64_t starts_count_ = 0;
};

}  // namespace starling::cloud
