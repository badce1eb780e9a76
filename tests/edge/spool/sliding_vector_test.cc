#include "edge/spool/sliding_vector.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <random>

namespace starling::edge {
namespace {

TEST(SlidingVector, IsTheQueueThatADequeIs) {
  constexpr std::uint64_t kSeed = 1;
  SCOPED_TRACE(kSeed);
  std::mt19937_64 random(kSeed);
  SlidingVector<std::shared_ptr<int>> queue;
  std::deque<std::shared_ptr<int>> model;
  std::size_t longest = 0;
  for (int step = 0; step < 100'000; ++step) {
    // Grows for a while, then shrinks, and so on.
    const bool grows = step / 500 % 2 == 0;
    const auto drawn = random() % 100;
    if (model.empty() || drawn < (grows ? 60u : 40u)) {
      const auto item = std::make_shared<int>(step);
      queue.push_back(item);
      model.push_back(item);
    } else if (drawn < 97) {
      queue.pop_front();
      model.pop_front();
    } else {
      const auto at = static_cast<std::ptrdiff_t>(random() % model.size());
      queue.erase(queue.begin() + at);
      model.erase(model.begin() + at);
    }
    longest = std::max(longest, model.size());
    ASSERT_EQ(queue.size(), model.size());
    ASSERT_EQ(queue.empty(), model.empty());
    if (model.empty()) continue;
    ASSERT_EQ(queue.front(), model.front());
    const std::size_t index = random() % model.size();
    ASSERT_EQ(queue[index], model[index]);
    if (step % 100 == 0) {
      ASSERT_TRUE(std::equal(queue.begin(), queue.end(), model.begin(), model.end()));
    }
  }
  EXPECT_GT(longest, 100u) << "or memory is never given back";
}

TEST(SlidingVector, WhatWasPoppedIsLetGoOf) {
  SlidingVector<std::shared_ptr<int>> queue;
  const auto item = std::make_shared<int>(1);
  queue.push_back(item);
  queue.push_back(item);
  EXPECT_EQ(item.use_count(), 3);
  queue.pop_front();
  EXPECT_EQ(item.use_count(), 2);
  queue.pop_front();
  EXPECT_EQ(item.use_count(), 1);
}

}  // namespace
}  // namespace starling::edge
