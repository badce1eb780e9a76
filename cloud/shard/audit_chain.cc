#include "cloud/shard/audit_chain.h"

#include <algorithm>
#include <memory>

#include <openssl/evp.h>

#include "common/check.h"
#include "schemas/log/commands_generated.h"

namespace starling::cloud {
namespace {

// An issued command with its names is 9 tables and vectors at most.
constexpr flatbuffers::uoffset_t kVerifyDepthMax = 8;
constexpr flatbuffers::uoffset_t kVerifyTablesMax = 64;

using DigestContext = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

void Update(EVP_MD_CTX* context, std::span<const std::byte> bytes) {
  std::array<std::byte, 4> length;
  for (std::size_t i = 0; i < length.size(); ++i) length[i] = static_cast<std::byte>(bytes.size() >> (8 * i));
  STARLING_CHECK(EVP_DigestUpdate(context, length.data(), length.size()) == 1);
  STARLING_CHECK(EVP_DigestUpdate(context, bytes.data(), bytes.size()) == 1);
}

}  // namespace

AuditDigest DigestOfRecord(std::span<const std::byte> key, std::span<const std::byte> value) {
  const DigestContext context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  // Memory, or a library without SHA-256: neither can be gone on from.
  STARLING_CHECK(context != nullptr && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1);
  Update(context.get(), key);
  Update(context.get(), value);
  AuditDigest digest;
  STARLING_CHECK(EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(digest.data()), nullptr) == 1);
  return digest;
}

const char* NameOf(AuditBreak::Kind kind) {
  switch (kind) {
    case AuditBreak::Kind::kUnreadable: return "unreadable";
    case AuditBreak::Kind::kUnchained: return "unchained";
    case AuditBreak::Kind::kGap: return "gap";
    case AuditBreak::Kind::kReordered: return "reordered";
    case AuditBreak::Kind::kAltered: return "altered";
    case AuditBreak::Kind::kTruncated: return "truncated";
  }
  return "unknown";
}

void AuditVerifier::Break(AuditBreak::Kind kind, std::uint64_t index) {
  if (!break_) break_ = {kind, records_, index, last_index_ + 1};
}

void AuditVerifier::Add(std::span<const std::byte> key, std::span<const std::byte> value) {
  // The log hands records out aligned; a file need not.
  std::vector<std::uint64_t> aligned((value.size() + 7) / 8);
  std::copy(value.begin(), value.end(), std::as_writable_bytes(std::span(aligned)).begin());
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(aligned.data());
  flatbuffers::Verifier verifier(bytes, value.size(), kVerifyDepthMax, kVerifyTablesMax);
  if (value.empty() || !log::VerifyAuditBuffer(verifier)) {
    Break(AuditBreak::Kind::kUnreadable, 0);
    ++records_;
    return;
  }
  const log::Audit& audit = *log::GetAudit(bytes);
  const std::span<const std::byte> previous =
      audit.previous() == nullptr ? std::span<const std::byte>()
                                  : std::as_bytes(std::span(audit.previous()->data(), audit.previous()->size()));
  const std::uint64_t index = audit.index();
  if (index == 0) {
    Break(AuditBreak::Kind::kUnchained, index);
  } else if (index == 1) {
    if (!previous.empty()) Break(AuditBreak::Kind::kAltered, index);
    met_.reset();
    ++starts_count_;
    if (starts_.size() < kStartsKept) starts_.push_back(records_);
  } else if (last_index_ != 0) {
    if (index > last_index_ + 1) {
      Break(AuditBreak::Kind::kGap, index);
    } else if (index <= last_index_) {
      Break(AuditBreak::Kind::kReordered, index);
    } else if (!std::ranges::equal(previous, last_)) {
      Break(AuditBreak::Kind::kAltered, index);
    }
  } else if (previous.size() != last_.size()) {
    Break(AuditBreak::Kind::kAltered, index);
  }
  if (records_ == 0) begins_at_ = index;
  last_index_ = index;
  last_ = DigestOfRecord(key, value);
  if (expected_ && expected_->index == index) met_ = last_;
  ++records_;
}

void AuditVerifier::Finish() {
  if (!expected_ || expected_->index == 0) return;
  if (!met_) {
    Break(AuditBreak::Kind::kTruncated, expected_->index);
  } else if (*met_ != expected_->digest) {
    Break(AuditBreak::Kind::kAltered, expected_->index);
  }
}

}  // namespace starling::cloud
