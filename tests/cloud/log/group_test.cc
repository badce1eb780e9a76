// Builds commit groups, damages them in a chosen way, and reads them back.

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cloud/log/group_reader.h"
#include "cloud/log/group_writer.h"

namespace starling::cloud {
namespace {

std::span<const std::byte> Bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

std::string Text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class Group : public testing::Test {
 protected:
  void Seal() {
    writer_.Seal(key_, CloudTimeFromNs(1'700'000'000'000'000'001));
    stored_.assign(writer_.bytes().begin(), writer_.bytes().end());
  }

  // What a reader sees: "offset key=value" each, ending in "END" or "CORRUPT".
  std::vector<std::string> ReadAll() const {
    std::vector<std::string> seen;
    Result<GroupReader> reader = GroupReader::Open(key_, stored_);
    if (!reader.ok()) return {"CORRUPT"};
    for (;;) {
      const auto next = reader.value().Next();
      if (!next.ok()) return seen.push_back("CORRUPT"), seen;
      if (!next.value()) return seen.push_back("END"), seen;
      seen.push_back(std::to_string(static_cast<std::uint64_t>(next.value()->offset)) + " " +
                     Text(next.value()->key) + "=" + Text(next.value()->value));
    }
  }

  void FlipBit(std::size_t bit) { stored_[bit / 8] ^= std::byte{1} << (bit % 8); }

  GroupKey key_ = MakeGroupKey(Partition{1}, Offset{5});
  GroupWriter writer_;
  std::vector<std::byte> stored_;
};

using Seen = std::vector<std::string>;

TEST_F(Group, ReadsBackWhatWasWritten) {
  writer_.Append(Bytes("k"), Bytes("v"));
  writer_.Append(Bytes(""), Bytes(""));
  writer_.Append(Bytes("key"), Bytes(std::string(10'000, 'x')));
  Seal();
  EXPECT_EQ(ReadAll(), Seen({"5 k=v", "6 =", "7 key=" + std::string(10'000, 'x'), "END"}));
}

// The example of docs/formats/embedded_log.md, byte for byte.
TEST_F(Group, HasTheDocumentedBytes) {
  writer_.Append(Bytes("k"), Bytes("hi"));
  Seal();
  constexpr unsigned char kKey[] = {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5};
  ASSERT_EQ(sizeof(kKey), key_.size());
  EXPECT_EQ(std::memcmp(key_.data(), kKey, sizeof(kKey)), 0);
  constexpr unsigned char kExpected[] = {
      1, 0, 0, 0, 0x2B, 0xD9, 0xB3, 0x77,                          // count, header crc
      0xDC, 0xC4, 0x15, 0xC4, 2, 0, 0, 0, 1, 0, 0, 0,              // crc, lengths
      0, 0, 0, 0, 0x01, 0x00, 0x2A, 0x36, 0xFE, 0x9C, 0x97, 0x17,  // index, log time
      'h', 'i', 'k', 0, 0, 0, 0, 0};
  std::string hex;
  for (const std::byte byte : stored_) {
    char digits[4];
    std::snprintf(digits, sizeof(digits), "%02x ", static_cast<unsigned>(byte));
    hex += digits;
  }
  ASSERT_EQ(stored_.size(), sizeof(kExpected)) << hex;
  EXPECT_EQ(std::memcmp(stored_.data(), kExpected, sizeof(kExpected)), 0) << hex;
}

TEST_F(Group, EveryFlippedBitIsNoticed) {
  writer_.Append(Bytes("k"), Bytes("value"));
  writer_.Append(Bytes("key"), Bytes("next"));
  Seal();
  for (std::size_t bit = 0; bit < stored_.size() * 8; ++bit) {
    FlipBit(bit);
    EXPECT_EQ(ReadAll().back(), "CORRUPT") << "flipped bit " << bit;
    FlipBit(bit);
  }
}

TEST_F(Group, EveryCutIsNoticed) {
  writer_.Append(Bytes("k"), Bytes("value"));
  writer_.Append(Bytes("key"), Bytes("next"));
  Seal();
  while (!stored_.empty()) {
    stored_.pop_back();
    EXPECT_EQ(ReadAll().back(), "CORRUPT") << "cut to " << stored_.size() << " bytes";
  }
}

TEST_F(Group, BytesAfterTheLastRecordAreNoticed) {
  writer_.Append(Bytes("k"), Bytes("value"));
  Seal();
  stored_.resize(stored_.size() + 8);
  EXPECT_EQ(ReadAll(), Seen({"5 k=value", "CORRUPT"}));
}

TEST_F(Group, UnderAnotherKeyIsNoticed) {
  writer_.Append(Bytes("k"), Bytes("value"));
  Seal();
  key_ = MakeGroupKey(Partition{1}, Offset{6});
  EXPECT_EQ(ReadAll(), Seen({"CORRUPT"}));
  key_ = MakeGroupKey(Partition{2}, Offset{5});
  EXPECT_EQ(ReadAll(), Seen({"CORRUPT"}));
}

TEST_F(Group, KeysSortByPartitionThenOffset) {
  EXPECT_LT(MakeGroupKey(Partition{1}, Offset{UINT64_MAX}), MakeGroupKey(Partition{2}, Offset{0}));
  EXPECT_LT(MakeGroupKey(Partition{1}, Offset{255}), MakeGroupKey(Partition{1}, Offset{256}));
}

// Both ways of looking at a group, against a model, with the seed in the message.
TEST_F(Group, WriterAndReaderAgreeWithAModel) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    writer_.Clear();
    Seen model;
    for (std::uint64_t i = 0; i < 50; ++i) {
      const std::string key(random() % 40, static_cast<char>('a' + random() % 26));
      const std::string value(random() % 300, static_cast<char>('a' + random() % 26));
      writer_.Append(Bytes(key), Bytes(value));
      model.push_back(std::to_string(5 + i) + " " + key + "=" + value);
    }
    Seal();
    std::vector<LogRecord> views;
    writer_.AppendViews(Offset{5}, &views);
    ASSERT_EQ(views.size(), model.size());
    for (std::size_t i = 0; i < views.size(); ++i) {
      EXPECT_EQ(std::to_string(static_cast<std::uint64_t>(views[i].offset)) + " " +
                    Text(views[i].key) + "=" + Text(views[i].value),
                model[i]);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(views[i].value.data()) % kRecordAlignment, 0u);
      EXPECT_EQ(ToNs(views[i].time), 1'700'000'000'000'000'001);
    }
    model.emplace_back("END");
    EXPECT_EQ(ReadAll(), model);
  }
}

}  // namespace
}  // namespace starling::cloud
