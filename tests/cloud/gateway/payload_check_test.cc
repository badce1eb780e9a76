#include "cloud/gateway/payload_check.h"

#include <cstdint>
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

namespace starling::cloud {
namespace {

// A finished report of one status.  `words_behind` words of four bytes after the status
// decide whether it starts at a multiple of 8, as a hostile sender's offset does.
std::vector<std::byte> Report(std::size_t words_behind) {
  const wire::CommandStatus status(7, 1, 1, 1'000, 1, 0, wire::CommandOutcome::Applied, wire::RejectReason::None);
  flatbuffers::FlatBufferBuilder builder;
  builder.CreateVector(std::vector<std::uint32_t>(words_behind));
  builder.StartVector(sizeof(status) / sizeof(std::uint32_t), sizeof(std::uint32_t));
  builder.PushBytes(reinterpret_cast<const std::uint8_t*>(&status), sizeof(status));
  const flatbuffers::Offset<flatbuffers::Vector<const wire::CommandStatus*>> statuses(builder.EndVector(1));
  builder.Finish(wire::CreateCommandReport(builder, 1, statuses));
  const auto* bytes = reinterpret_cast<const std::byte*>(builder.GetBufferPointer());
  return {bytes, bytes + builder.GetSize()};
}

// What a vector's length needs is all that FlatBuffers' verifier asks for.
TEST(PayloadCheck, StatusesThatAreNotAlignedAreRefused) {
  std::size_t taken = 0;
  std::size_t refused = 0;
  for (const std::size_t words_behind : {1, 2}) {
    const std::vector<std::byte> bytes = Report(words_behind);  // On the heap: aligned as a gateway's memory is.
    const auto* report = ReadPayload<wire::CommandReport>(bytes);
    ASSERT_NE(report, nullptr);
    const bool aligned = reinterpret_cast<std::uintptr_t>(report->statuses()->Data()) % 8 == 0;
    const Judgement judgement = CheckReport(*report);
    EXPECT_EQ(judgement.accepted(), aligned) << judgement.detail;
    (aligned ? taken : refused) += 1;
  }
  EXPECT_EQ(taken, 1U);
  EXPECT_EQ(refused, 1U);
}

}  // namespace
}  // namespace starling::cloud
