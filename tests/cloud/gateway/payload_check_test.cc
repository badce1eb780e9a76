#include "cloud/gateway/payload_check.h"

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace starling::cloud {
namespace {

// What a vector's length needs is all that FlatBuffers' verifier asks for; the elements of
// this report, which a fuzzer found, are at a multiple of four.
TEST(PayloadCheck, StatusesThatAreNotAlignedAreRefused) {
  std::ifstream file(STARLING_SOURCE "/tests/corpus/gateway_frame_fuzz/report_misaligned", std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  ASSERT_GT(text.size(), 2u);
  // Behind the fuzzer's frame type and flags; at a multiple of eight, as a gateway's memory is.
  std::vector<std::uint64_t> words(text.size() / sizeof(std::uint64_t) + 1);
  const auto payload = std::as_writable_bytes(std::span(words)).first(text.size() - 2);
  std::memcpy(payload.data(), text.data() + 2, payload.size());
  const auto* report = ReadPayload<wire::CommandReport>(payload);
  ASSERT_NE(report, nullptr);
  ASSERT_NE(reinterpret_cast<std::uintptr_t>(report->statuses()->Data()) % 8, 0u);
  EXPECT_EQ(CheckReport(*report).verdict, log::Verdict::BadRange);
}

TEST(PayloadCheck, AReportIsTaken) {
  const std::vector<wire::CommandStatus> statuses(
      3, wire::CommandStatus(7, 1, 1, 1'000, 1, 0, wire::CommandOutcome::Applied, wire::RejectReason::None));
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(wire::CreateCommandReport(builder, 1, builder.CreateVectorOfStructs(statuses)));
  const auto payload = std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
  const auto* report = ReadPayload<wire::CommandReport>(payload);
  ASSERT_NE(report, nullptr);
  EXPECT_TRUE(CheckReport(*report).accepted());
}

}  // namespace
}  // namespace starling::cloud
