#include "edge/spool/memory_spool.h"

#include <gtest/gtest.h>

namespace starling::edge {
namespace {

constexpr BootId kBoot{9};

class MemorySpoolTest : public ::testing::Test {
 protected:
  static MemorySpoolConfig Small() {
    MemorySpoolConfig config;
    config.bytes_max = 4096;
    return config;
  }
  void Append(std::uint64_t first, std::uint16_t count, std::size_t bytes = 10, BootId boot = kBoot) {
    EXPECT_TRUE(spool_.Append({boot, first, count, std::vector<std::byte>(bytes)}).ok());
  }

  MemorySpool spool_{Small()};
};

TEST_F(MemorySpoolTest, KeepsBatchesOldestFirst) {
  Append(1, 10);
  Append(11, 5);
  ASSERT_NE(spool_.At(1), nullptr);
  EXPECT_EQ(spool_.At(0)->first_sequence, 1u);
  EXPECT_EQ(spool_.At(1)->through_sequence(), 15u);
  EXPECT_EQ(spool_.At(2), nullptr);
  EXPECT_EQ(spool_.batches(), 2u);
  EXPECT_EQ(spool_.samples(), 15u);
}

TEST_F(MemorySpoolTest, DeletesWhereverTheBatchLiesAndOnlyOnce) {
  Append(1, 10);
  Append(11, 5);
  Append(16, 3);
  EXPECT_EQ(spool_.Delete(kBoot, 11), 5u);
  EXPECT_EQ(spool_.Delete(kBoot, 11), 0u);
  EXPECT_EQ(spool_.Delete(BootId{8}, 1), 0u);
  EXPECT_EQ(spool_.At(1)->first_sequence, 16u);
  EXPECT_EQ(spool_.samples(), 13u);
  EXPECT_EQ(spool_.Delete(kBoot, 1) + spool_.Delete(kBoot, 16), 13u);
  EXPECT_EQ(spool_.bytes(), 0u);
  EXPECT_EQ(spool_.dropped_samples(), 0u);
}

TEST_F(MemorySpoolTest, GivesUpTheOldestWhenFullAndCountsThem) {
  for (std::uint64_t i = 0; i < 10; ++i) Append(1 + 100 * i, 100, 1000);
  EXPECT_LE(spool_.bytes(), 4096u);
  EXPECT_EQ(spool_.batches(), 3u);
  EXPECT_EQ(spool_.At(0)->first_sequence, 701u);
  EXPECT_EQ(spool_.dropped_samples(), 700u);
  EXPECT_EQ(spool_.samples() + spool_.dropped_samples(), 1000u);
}

TEST_F(MemorySpoolTest, ABatchTooLargeForItIsDroppedAndCounted) {
  Append(1, 7, 5000);
  EXPECT_EQ(spool_.batches(), 0u);
  EXPECT_EQ(spool_.dropped_samples(), 7u);
  EXPECT_EQ(spool_.bytes(), 0u);
}

TEST_F(MemorySpoolTest, ValidatesItsLimit) {
  EXPECT_TRUE(MemorySpoolConfig().Validate().ok());
  EXPECT_FALSE(MemorySpoolConfig{100}.Validate().ok());
  EXPECT_FALSE(MemorySpoolConfig{(std::size_t{1} << 30) + 1}.Validate().ok());
}

}  // namespace
}  // namespace starling::edge
