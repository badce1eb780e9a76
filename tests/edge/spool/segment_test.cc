// The bytes of a segment: written, read, cut short, damaged.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "edge/spool/segment_reader.h"
#include "edge/spool/segment_writer.h"

namespace starling::edge {
namespace {

constexpr std::uint32_t kSegment = 3;
constexpr BootId kBoot{0xB007};

std::vector<std::byte> Bytes(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

std::string Hex(std::span<const std::byte> bytes) {
  std::string hex;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    char digits[4];
    std::snprintf(digits, sizeof(digits), "%02x", std::to_integer<unsigned>(bytes[i]));
    hex += (i % 16 == 0 ? (i == 0 ? "    " : "\n    ") : " ");
    hex += digits;
  }
  return hex + "\n";
}

class Segment : public ::testing::Test {
 protected:
  void AddBatch(std::uint64_t first, const std::string& columns) {
    ends_.push_back(writer_.next().offset);
    writer_.Add({RecordType::kBatch, 10, 1'800'000'000, kBoot, first}, Bytes(columns));
  }
  // The first sequences of what is read.
  std::vector<std::uint64_t> Read(std::span<const std::byte> bytes) {
    SegmentReader reader(kSegment, bytes);
    std::vector<std::uint64_t> firsts;
    while (const auto record = reader.Next()) firsts.push_back(record->header.first_sequence);
    damage_ = reader.damage();
    tail_bytes_ = reader.tail_bytes();
    return firsts;
  }

  SegmentWriter writer_{kSegment, 0};
  std::vector<std::size_t> ends_;  // where each record begins
  SegmentDamage damage_;
  std::uint64_t tail_bytes_ = 0;
};

TEST_F(Segment, ExampleOfTheFormatPageIsWhatIsWritten) {
  SegmentWriter writer(1, 0);
  writer.Add({RecordType::kBatch, 2, 1'800'000'000, BootId{0xB007}, 41}, Bytes("hi"));
  SpoolCheckpoint checkpoint;
  checkpoint.head = {1, 16};
  checkpoint.ledger.inherited = 5;
  checkpoint.ledger.sampled = 42;
  checkpoint.ledger.removed = 43;
  checkpoint.ledger.dropped_too_old = 2;
  checkpoint.dead = {{1, 58}};
  writer.AddCheckpoint(BootId{0xB007}, 1'800'000'001, checkpoint);
  std::ifstream page(STARLING_SOURCE_DIR "/docs/formats/spool.md");
  const std::string text((std::istreambuf_iterator<char>(page)), std::istreambuf_iterator<char>());
  EXPECT_NE(text.find(Hex(writer.bytes())), std::string::npos) << Hex(writer.bytes());
}

TEST_F(Segment, ReadsWhatItWrites) {
  const SpoolCheckpoint written{true, {3, 16}, {1, 2, 3, 4, 5, 6, 7, 8}, {{3, 100}, {4, 16}}};
  writer_.Add({RecordType::kDraft, 9, 77, BootId{5}, UINT64_MAX - 9}, Bytes("columns"));
  writer_.AddCheckpoint(BootId{6}, 78, written);
  SegmentReader reader(kSegment, writer_.bytes());
  const auto draft = reader.Next();
  ASSERT_TRUE(draft.has_value());
  EXPECT_EQ(draft->header.type, RecordType::kDraft);
  EXPECT_EQ(draft->header.count, 9);
  EXPECT_EQ(draft->header.stored_s, 77u);
  EXPECT_EQ(draft->header.boot, BootId{5});
  EXPECT_EQ(draft->header.first_sequence, UINT64_MAX - 9);
  EXPECT_EQ(draft->position, (RecordPosition{kSegment, 16}));
  EXPECT_TRUE(std::ranges::equal(draft->payload, Bytes("columns")));
  const auto checkpoint = reader.Next();
  ASSERT_TRUE(checkpoint.has_value());
  EXPECT_EQ(ReadCheckpoint(checkpoint->payload), written);
  EXPECT_FALSE(reader.Next().has_value());
}

TEST_F(Segment, CutAnywhereItHasEveryWholeRecordAndNoDamage) {
  for (int i = 0; i < 3; ++i) AddBatch(1 + 10 * i, "some samples");
  ends_.push_back(writer_.bytes().size());
  for (std::size_t length = 0; length <= writer_.bytes().size(); ++length) {
    const auto whole = static_cast<std::size_t>(
        std::count_if(ends_.begin() + 1, ends_.end(), [&](std::size_t end) { return end <= length; }));
    EXPECT_EQ(Read(std::span(writer_.bytes()).first(length)).size(), whole) << length;
    EXPECT_EQ(damage_.places, 0u) << length;
  }
}

TEST_F(Segment, EveryFlippedBitLosesAtMostItsOwnRecord) {
  AddBatch(1, "first");
  AddBatch(11, "second");
  AddBatch(21, "third");
  std::vector<std::byte> bytes = writer_.bytes();
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    const std::byte mask{static_cast<unsigned char>(1u << (bit % 8))};
    bytes[bit / 8] ^= mask;
    std::vector<std::uint64_t> expected;
    for (std::size_t i = 0; i < 3; ++i) {
      const std::size_t end = i < 2 ? ends_[i + 1] : bytes.size();
      if (bit / 8 < ends_[i] || bit / 8 >= end) expected.push_back(1 + 10 * i);
    }
    EXPECT_EQ(Read(bytes), expected) << bit;
    EXPECT_EQ(damage_.places, expected.size() == 2 && expected.back() == 21 ? 1u : 0u) << bit;
    EXPECT_EQ(tail_bytes_ != 0, expected.back() == 11) << bit;
    bytes[bit / 8] ^= mask;
  }
}

TEST_F(Segment, EveryRangeOfZerosLosesOnlyTheRecordsThatItTouches) {
  for (int i = 0; i < 4; ++i) AddBatch(1 + 10 * i, "samples");
  ends_.push_back(writer_.bytes().size());
  for (std::size_t from = 0; from < writer_.bytes().size(); ++from) {
    for (std::size_t to = from + 1; to <= writer_.bytes().size(); ++to) {
      std::vector<std::byte> bytes = writer_.bytes();
      std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(from), bytes.begin() + static_cast<std::ptrdiff_t>(to),
                std::byte{});
      std::vector<std::uint64_t> expected;
      for (std::size_t i = 0; i < 4; ++i) {
        const bool same = std::equal(bytes.begin() + static_cast<std::ptrdiff_t>(ends_[i]),
                                     bytes.begin() + static_cast<std::ptrdiff_t>(ends_[i + 1]),
                                     writer_.bytes().begin() + static_cast<std::ptrdiff_t>(ends_[i]));
        if (same) expected.push_back(1 + 10 * i);
      }
      ASSERT_EQ(Read(bytes), expected) << from << " " << to;
    }
  }
}

// A record that lies within another one's samples, or that an older file left on the disk.
TEST_F(Segment, ARecordThatIsNotInItsPlaceIsNone) {
  AddBatch(1, "one");
  std::vector<std::byte> bytes = writer_.bytes();
  EXPECT_EQ(Read(bytes).size(), 1u);
  SegmentReader other(kSegment + 1, bytes);
  EXPECT_FALSE(other.Next().has_value());
  bytes.insert(bytes.begin() + kSegmentHeaderBytes, std::byte{});
  EXPECT_TRUE(Read(bytes).empty());
}

TEST_F(Segment, SamplesOfADamagedBatchAreCountedIfItsHeaderIsWhole) {
  AddBatch(1, "one");
  AddBatch(11, "two");
  std::vector<std::byte> bytes = writer_.bytes();
  bytes[ends_[0] + kRecordHeaderBytes] ^= std::byte{1};
  EXPECT_EQ(Read(bytes), std::vector<std::uint64_t>{11});
  EXPECT_EQ(damage_.samples, 10u);
  EXPECT_EQ(damage_.bytes, kRecordHeaderBytes + 3);
}

TEST_F(Segment, AnotherVersionIsToldFromDamage) {
  std::vector<std::byte> bytes = writer_.bytes();
  EXPECT_FALSE(ForeignVersion(bytes).has_value());
  bytes[kSegmentVersionOffset] = std::byte{2};
  EXPECT_FALSE(ForeignVersion(bytes).has_value());  // Its checksum says: a flipped bit.
}

TEST_F(Segment, ACheckpointOfAnyOtherLengthIsNone) {
  writer_.AddCheckpoint(kBoot, 0, {false, {}, {}, {{1, 2}}});
  SegmentReader reader(kSegment, writer_.bytes());
  const auto record = reader.Next();
  ASSERT_TRUE(record.has_value());
  std::vector<std::byte> payload(record->payload.begin(), record->payload.end());
  EXPECT_TRUE(ReadCheckpoint(payload).has_value());
  for (std::size_t length = 0; length < payload.size(); ++length) {
    EXPECT_FALSE(ReadCheckpoint(std::span(payload).first(length)).has_value());
  }
  payload.push_back({});
  EXPECT_FALSE(ReadCheckpoint(payload).has_value());
}

}  // namespace
}  // namespace starling::edge
