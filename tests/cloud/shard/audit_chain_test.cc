// The chain of audit records: what is written, and what is noticed.
#include <cctype>
#include <fstream>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "cloud/shard/audit_chain.h"
#include "cloud/shard/shard_records.h"
#include "schemas/log/commands_generated.h"
#include "tests/cloud/shard/recorded_partition.h"

namespace starling::cloud {
namespace {

using Bytes = std::vector<std::byte>;
using Records = std::vector<std::pair<Bytes, Bytes>>;

Bytes FromHex(std::string_view text) {
  const auto digit = [](char character) { return std::isdigit(character) ? character - '0' : character - 'a' + 10; };
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(digit(text[i]) * 16 + digit(text[i + 1])));
  }
  return bytes;
}

Bytes Text(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

Bytes Digest(const Bytes& key, const Bytes& value) {
  const AuditDigest digest = DigestOfRecord(key, value);
  return {digest.begin(), digest.end()};
}

class AuditChainTest : public testing::Test {
 protected:
  // The audit records of recorded traffic.
  static Records Traffic(std::uint64_t seed = 42) {
    Records records;
    Replayer replayer{ShardConfig{}};
    for (const Recorded& record : Record(seed)) {
      replayer.Apply(record);
      for (const auto& output : replayer.outputs().records) {
        if (output.topic == Topic::kCommands) records.push_back({output.key, output.value});
      }
    }
    return records;
  }
  static AuditVerifier Verify(const Records& records) {
    AuditVerifier verifier;
    for (const auto& [key, value] : records) verifier.Add(key, value);
    verifier.Finish();
    return verifier;
  }
  static AuditBreak::Kind KindOf(const Records& records, std::uint64_t position) {
    const AuditVerifier verifier = Verify(records);
    EXPECT_TRUE(verifier.first_break());
    if (!verifier.first_break()) return AuditBreak::Kind::kTruncated;
    EXPECT_EQ(verifier.first_break()->position, position);
    return verifier.first_break()->kind;
  }

  const Records records_ = Traffic();
};

TEST_F(AuditChainTest, OfAShardIsWholeFromItsFirstRecord) {
  ASSERT_GT(records_.size(), 200u);
  const AuditVerifier verifier = Verify(records_);
  EXPECT_FALSE(verifier.first_break());
  EXPECT_EQ(verifier.records(), records_.size());
  EXPECT_EQ(verifier.last_index(), records_.size());
  EXPECT_EQ(verifier.begins_at(), 1u);
  EXPECT_EQ(verifier.starts(), std::vector<std::uint64_t>{0});
}

// The formula, against another implementation:
//   hashlib.sha256(b'\3\0\0\0' + b'key' + b'\5\0\0\0' + b'value')
TEST_F(AuditChainTest, DigestIsThatOfLengthsAndBytes) {
  EXPECT_EQ(Digest(Text("key"), Text("value")),
            FromHex("012ba6cbe2ef4e82b495970e49c56640275fca5631b8d4b3cf92b017d5d19083"));
  EXPECT_NE(Digest(Text("ke"), Text("yvalue")), Digest(Text("key"), Text("value")));
}

TEST_F(AuditChainTest, ExampleOfTheFormatPageIsAChain) {
  std::ifstream page(STARLING_SOURCE "/docs/formats/audit.md");
  ASSERT_TRUE(page.is_open());
  AuditVerifier verifier;
  Bytes key;
  Bytes value;
  std::string word;
  std::size_t digests = 0;
  while (page >> word) {
    if (word == "key:" && page >> word) key = FromHex(word);
    if (word == "value:") {
      value.clear();
      std::string line;
      std::getline(page, line);
      while (std::getline(page, line) && line.find("digest:") == std::string::npos) {
        const Bytes more = FromHex(line.substr(line.find_first_not_of(' ')));
        value.insert(value.end(), more.begin(), more.end());
      }
      ASSERT_NE(line.find("digest:"), std::string::npos);
      verifier.Add(key, value);
      EXPECT_EQ(Digest(key, value), FromHex(line.substr(line.rfind(' ') + 1)));
      ++digests;
    }
  }
  EXPECT_EQ(digests, 2u);
  EXPECT_EQ(verifier.records(), 2u);
  EXPECT_FALSE(verifier.first_break());
  EXPECT_EQ(verifier.last_index(), 2u);
}

TEST_F(AuditChainTest, AnyAlteredBitIsNoticedByTheRecordAfterIt) {
  std::mt19937_64 random(4);
  for (int round = 0; round < 100; ++round) {
    Records altered(records_.begin(), records_.begin() + 50);
    const std::size_t at = random() % 49;
    auto& [key, value] = altered[at];
    Bytes& bytes = random() % 10 == 0 ? key : value;
    bytes[random() % bytes.size()] ^= static_cast<std::byte>(1u << (random() % 8));
    const AuditVerifier verifier = Verify(altered);
    ASSERT_TRUE(verifier.first_break()) << "round " << round;
    EXPECT_GE(verifier.first_break()->position, at);
    EXPECT_LE(verifier.first_break()->position, at + 1);
  }
}

TEST_F(AuditChainTest, WhatIsMissingInsertedExchangedOrAddedTwiceIsNoticed) {
  Records records = records_;
  records.erase(records.begin() + 10);
  EXPECT_EQ(KindOf(records, 10), AuditBreak::Kind::kGap);

  records = records_;
  records.insert(records.begin() + 10, records[9]);
  EXPECT_EQ(KindOf(records, 10), AuditBreak::Kind::kReordered);

  records = records_;
  std::swap(records[10], records[11]);
  EXPECT_EQ(KindOf(records, 10), AuditBreak::Kind::kGap);

  records = records_;
  records[10] = Traffic(43)[10];  // Of another chain, with the right index.
  EXPECT_EQ(KindOf(records, 10), AuditBreak::Kind::kAltered);

  records = records_;
  records[10].second.resize(5);
  EXPECT_EQ(KindOf(records, 10), AuditBreak::Kind::kUnreadable);
}

TEST_F(AuditChainTest, AnEndCutOffIsNoticedByAHeadKnownFromElsewhere) {
  const auto expect = [&](std::size_t until, const AuditDigest& head) {
    AuditVerifier verifier;
    verifier.Expect(100, head);
    for (std::size_t i = 0; i < until; ++i) verifier.Add(records_[i].first, records_[i].second);
    verifier.Finish();
    return verifier.first_break();
  };
  const AuditDigest head = DigestOfRecord(records_[99].first, records_[99].second);
  EXPECT_FALSE(expect(100, head));
  EXPECT_FALSE(expect(records_.size(), head));  // It has grown since.
  ASSERT_TRUE(expect(99, head));
  EXPECT_EQ(expect(99, head)->kind, AuditBreak::Kind::kTruncated);
  AuditDigest other = head;
  other[0] ^= std::byte{1};
  ASSERT_TRUE(expect(100, other));
  EXPECT_EQ(expect(100, other)->kind, AuditBreak::Kind::kAltered);
}

TEST_F(AuditChainTest, WhatRetentionLeavesIsWholeAndSaysWhereItBegins) {
  const AuditVerifier verifier = Verify(Records(records_.begin() + 30, records_.end()));
  EXPECT_FALSE(verifier.first_break());
  EXPECT_EQ(verifier.begins_at(), 31u);
  EXPECT_TRUE(verifier.starts().empty());
}

TEST_F(AuditChainTest, ANewBeginningIsReportedWithItsPlace) {
  Records records(records_.begin(), records_.begin() + 40);
  const Records second = Traffic(43);
  records.insert(records.end(), second.begin(), second.begin() + 20);
  const AuditVerifier verifier = Verify(records);
  EXPECT_FALSE(verifier.first_break());
  EXPECT_EQ(verifier.starts_count(), 2u);
  EXPECT_EQ(verifier.starts(), (std::vector<std::uint64_t>{0, 40}));
}

TEST_F(AuditChainTest, GoesOnInARestoredShard) {
  const std::vector<Recorded> partition = Record(42);
  Replayer replayer{ShardConfig{}};
  AuditVerifier verifier;
  for (std::size_t i = 0; i < partition.size(); ++i) {
    replayer.Apply(partition[i]);
    for (const auto& output : replayer.outputs().records) {
      if (output.topic == Topic::kCommands) verifier.Add(output.key, output.value);
    }
    if (i % 1000 != 999) continue;
    auto shard = std::make_unique<Shard>(ShardConfig{}, kRegion, kOrigin);
    replayer.shard().Save([&shard](std::span<const std::byte> key, std::span<const std::byte> value) {
      ASSERT_TRUE(shard->RestoreEntry(key, value).ok());
    });
    ASSERT_TRUE(shard->FinishRestore().ok());
    replayer.Adopt(std::move(shard));
  }
  EXPECT_FALSE(verifier.first_break());
  EXPECT_EQ(verifier.starts_count(), 1u);
  EXPECT_EQ(verifier.last_index(), records_.size());
}

}  // namespace
}  // namespace starling::cloud
