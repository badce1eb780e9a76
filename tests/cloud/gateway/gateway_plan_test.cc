// Collection plans over a real gateway: pushed, acknowledged, seen.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "common/frame/frame_writer.h"
#include "common/telemetry/history_writer.h"
#include "schemas/log/history_generated.h"
#include "tests/cloud/gateway/gateway_fixture.h"

namespace starling::cloud {
namespace {

class GatewayPlans : public GatewayFixture {
 protected:
  GatewayPlans() {
    std::string pattern = (std::filesystem::temp_directory_path() / "starling_plans_XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    config_.plans = folder_.string();
  }
  ~GatewayPlans() override {
    gateway_.reset();
    std::filesystem::remove_all(folder_);
  }

  CompiledPlan Push(std::uint64_t version, std::optional<VehicleId> vehicle = std::nullopt) {
    Plan plan;
    plan.name = "p";
    plan.version = version;
    const CompiledPlan compiled = CompilePlan(plan).value();
    const Status status = PushPlan(folder_, compiled, vehicle);
    EXPECT_TRUE(status.ok()) << status.message();
    return compiled;
  }
  static PlanHash HashIn(const std::optional<TestVehicle::Frame>& frame, std::size_t bytes) {
    if (!frame) return PlanHash{};
    return HashOf(std::as_bytes(std::span(frame->words)).first(bytes));
  }
  static void SendReport(TestVehicle* vehicle, std::uint64_t version, PlanHash hash, wire::PlanVerdict verdict,
                         const char* detail = "") {
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(wire::CreatePlanReportDirect(builder, 7, version, ToNumber(hash), verdict, detail, version,
                                                ToNumber(hash)));
    vehicle->SendPayload(FrameType::kPlanReport,
                         std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize())));
  }

  std::filesystem::path folder_;
};

TEST_F(GatewayPlans, AVehicleThatComesGetsThePlanThatIsThereByteForByte) {
  const CompiledPlan plan = Push(3);
  StartGateway();
  TestVehicle vehicle;
  ASSERT_TRUE(Connect(&vehicle, 1));
  vehicle.SendHello();
  EXPECT_EQ(HashIn(vehicle.Receive(FrameType::kPlan), plan.bytes.size()), plan.hash);
}

TEST_F(GatewayPlans, AVehicleThatIsThereGetsAPlanThatIsPushed) {
  TestVehicle vehicle;
  TestVehicle other;
  ASSERT_TRUE(ConnectAndIntroduce(&vehicle, 1));
  ASSERT_TRUE(ConnectAndIntroduce(&other, 2));
  const CompiledPlan first = Push(1, Name(1));
  EXPECT_EQ(HashIn(vehicle.Receive(FrameType::kPlan), first.bytes.size()), first.hash);
  const CompiledPlan second = Push(2);
  EXPECT_EQ(HashIn(vehicle.Receive(FrameType::kPlan), second.bytes.size()), second.hash);
  EXPECT_EQ(HashIn(other.Receive(FrameType::kPlan), second.bytes.size()), second.hash);
  EXPECT_EQ(gateway_->counters().plans_sent, 3u);
}

TEST_F(GatewayPlans, WhatTheVehicleSaysOfItIsKept) {
  TestVehicle vehicle;
  ASSERT_TRUE(ConnectAndIntroduce(&vehicle, 1));
  EXPECT_FALSE(gateway_->PlanOf(Name(1)).has_value());
  SendReport(&vehicle, 3, PlanHash{0xABC}, wire::PlanVerdict::Applied);
  ASSERT_TRUE(vehicle.Barrier());
  std::optional<ReportedPlan> said = gateway_->PlanOf(Name(1));
  ASSERT_TRUE(said.has_value());
  EXPECT_EQ(said->verdict, wire::PlanVerdict::Applied);
  EXPECT_EQ(said->applied_hash, PlanHash{0xABC});
  EXPECT_EQ(gateway_->plans().in_force, 1u);
  SendReport(&vehicle, 3, PlanHash{0xABC}, wire::PlanVerdict::RefusedNotNewer, "not\nnewer \xff");
  ASSERT_TRUE(vehicle.Barrier());
  said = gateway_->PlanOf(Name(1));
  EXPECT_EQ(said->detail, "not?newer ?");
  EXPECT_EQ(gateway_->plans().refusals, 1u);
  EXPECT_EQ(gateway_->plans().in_force, 1u);
  ExpectOneVerdictEach({&vehicle});
}

// A batch of samples 1 to 3 with a window and a capture of sample 2.
struct Batch {
  std::uint64_t plan_hash = 0xABC;
  wire::WindowValue window{0, 3, 1, 2, 1.5, 2, 100, 5, false};
  std::uint8_t trigger = 7;
  std::uint64_t fired_sequence = 2;
  std::uint16_t capture_count = 1;
};

flatbuffers::DetachedBuffer Built(const Batch& batch) {
  std::vector<wire::Fix> fixes;
  for (std::uint32_t i = 1; i <= 3; ++i) fixes.emplace_back(i * 100'000'000, i, 0, 0, 0, 0, 0, 0, 5, wire::Intent::Idle);
  std::vector<std::byte> columns;
  WriteHistoryColumns(fixes, &columns);
  std::vector<std::byte> captured;
  WriteHistoryColumns(std::span(fixes).subspan(1, 1), &captured);
  flatbuffers::FlatBufferBuilder builder;
  const auto bytes_of = [&](const std::vector<std::byte>& bytes) {
    return builder.CreateVector(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  };
  const auto all = bytes_of(columns);
  const auto windows = builder.CreateVectorOfStructs(&batch.window, 1);
  const auto capture = wire::CreateCapture(builder, batch.trigger, batch.fired_sequence, 2, batch.capture_count,
                                           bytes_of(captured), true);
  const auto captures = builder.CreateVector(&capture, 1);
  builder.Finish(wire::CreateHistory(builder, 7, 1, 3, all, batch.plan_hash, windows, captures));
  return builder.Release();
}

TEST_F(GatewayPlans, HashWindowsAndCapturesOfABatchAreInTheLog) {
  TestVehicle vehicle;
  ASSERT_TRUE(ConnectAndIntroduce(&vehicle, 1));
  const flatbuffers::DetachedBuffer batch = Built({});
  vehicle.SendPayload(FrameType::kHistory, std::as_bytes(std::span(batch.data(), batch.size())));
  ASSERT_TRUE(vehicle.Barrier());
  const auto records = log_.Records(Topic::kHistory);
  ASSERT_EQ(records.size(), 1u);
  const log::HistoryBatch& stored = *log::GetHistoryBatch(records[0].words.data());
  EXPECT_EQ(stored.plan_hash(), 0xABCu);
  ASSERT_NE(stored.windows(), nullptr);
  ASSERT_EQ(stored.windows()->size(), 1u);
  EXPECT_EQ(stored.windows()->Get(0)->mean(), 1.5f);
  EXPECT_EQ(stored.windows()->Get(0)->window(), 5);
  ASSERT_NE(stored.captures(), nullptr);
  ASSERT_EQ(stored.captures()->size(), 1u);
  EXPECT_EQ(stored.captures()->Get(0)->fired_sequence(), 2u);
  EXPECT_TRUE(stored.captures()->Get(0)->cut());
}

TEST_F(GatewayPlans, ResultsThatCannotBeAreRefusedWithTheirBatch) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Batch spoiled[] = {
      {.plan_hash = 0},
      {.window = {0, 0, 1, 2, 1.5, 2, 100, 5, false}},
      {.window = {0, 3, 1, 2, nan, 2, 100, 5, false}},
      {.window = {0, 3, 1, 2, 1.5, 2, 100, 16, false}},
      {.window = {std::uint64_t{1} << 62, 3, 1, 2, 1.5, 2, 100, 5, false}},
      {.trigger = 8},
      {.fired_sequence = 1},
      {.fired_sequence = 3},
      {.capture_count = 2},
  };
  TestVehicle vehicle;
  ASSERT_TRUE(ConnectAndIntroduce(&vehicle, 1));
  for (const Batch& each : spoiled) {
    const flatbuffers::DetachedBuffer batch = Built(each);
    vehicle.SendPayload(FrameType::kHistory, std::as_bytes(std::span(batch.data(), batch.size())));
    const auto ack = vehicle.Receive(FrameType::kHistoryAck);
    ASSERT_TRUE(ack.has_value());
    EXPECT_TRUE(ack->As<wire::HistoryAck>().refused());
  }
  EXPECT_EQ(Count(log::Verdict::BadRange), std::size(spoiled) - 1);
  EXPECT_EQ(Count(log::Verdict::Undecodable), 1u);
  EXPECT_TRUE(log_.Records(Topic::kHistory).empty());
}

TEST_F(GatewayPlans, AReportThatMakesNoSenseIsRefused) {
  TestVehicle vehicle;
  ASSERT_TRUE(ConnectAndIntroduce(&vehicle, 1));
  SendReport(&vehicle, 3, PlanHash{0xABC}, wire::PlanVerdict::None);
  SendReport(&vehicle, 3, PlanHash{0xABC}, static_cast<wire::PlanVerdict>(99));
  SendReport(&vehicle, 3, PlanHash{0xABC}, wire::PlanVerdict::Applied, std::string(600, 'x').c_str());
  const std::byte nonsense[8] = {};
  vehicle.SendPayload(FrameType::kPlanReport, nonsense);
  ASSERT_TRUE(vehicle.Barrier());
  EXPECT_EQ(Count(log::Verdict::BadRange), 3u);
  EXPECT_EQ(Count(log::Verdict::Undecodable), 1u);
  EXPECT_FALSE(gateway_->PlanOf(Name(1)).has_value());
}

}  // namespace
}  // namespace starling::cloud
