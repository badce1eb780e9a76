// Vehicles with a valid certificate that say what they should not.

#include <gmock/gmock.h>

#include <cstring>
#include <random>

#include "common/crc32c.h"
#include "tests/cloud/gateway/gateway_fixture.h"

namespace starling::cloud {
namespace {

using log::Verdict;
using testing::ElementsAre;

class GatewayHostile : public GatewayFixture {
 protected:
  void SetUp() override {
    StartGateway();
    ASSERT_TRUE(ConnectAndIntroduce(&vehicle_, 1));
  }
  // A frame by hand, with right checksums.
  static std::vector<std::byte> Frame(std::uint8_t version, std::uint8_t type, std::uint8_t flags,
                                      std::span<const std::byte> payload, std::size_t stated_length) {
    std::vector<std::byte> frame(kFrameHeaderBytes);
    const auto store = [&frame](std::size_t offset, std::size_t value, int bytes) {
      for (int i = 0; i < bytes; ++i) frame[offset + static_cast<std::size_t>(i)] = static_cast<std::byte>(value >> (8 * i));
    };
    std::memcpy(frame.data(), kFrameMagic, 2);
    frame[kFrameVersionOffset] = std::byte{version};
    frame[kFrameTypeOffset] = std::byte{type};
    frame[kFrameFlagsOffset] = std::byte{flags};
    store(kFrameLengthOffset, stated_length, 3);
    store(kFramePayloadCrcOffset, Crc32c(payload), 4);
    store(kFrameHeaderCrcOffset, Crc32c(std::span(frame).first(kFrameHeaderCrcOffset)), 4);
    frame.insert(frame.end(), payload.begin(), payload.end());
    return frame;
  }
  static std::vector<std::byte> Frame(std::uint8_t version, std::uint8_t type, std::uint8_t flags,
                                      std::span<const std::byte> payload) {
    return Frame(version, type, flags, payload, payload.size());
  }
  static std::vector<std::byte> Bytes(std::initializer_list<int> values) {
    std::vector<std::byte> bytes;
    for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
    return bytes;
  }
  // Refused with this verdict and notice; the connection stays and works.
  void ExpectRefusedAndKept(std::span<const std::byte> frame, Verdict verdict, wire::NoticeCode notice) {
    vehicle_.SendBytes(frame);
    EXPECT_THAT(vehicle_.NoticesUntilBarrier(), ElementsAre(notice));
    EXPECT_EQ(Count(verdict), 1u);
    vehicle_.SendFix(1);
    EXPECT_TRUE(vehicle_.Barrier());
    EXPECT_EQ(Telemetry(log::TelemetryBody::Fix).size(), 1u);
    ExpectOneVerdictEach({&vehicle_});
  }
  void ExpectCut(std::span<const std::byte> bytes, Verdict verdict) {
    vehicle_.SendBytes(bytes);
    EXPECT_TRUE(vehicle_.AwaitClosed());
    EXPECT_EQ(Count(verdict), 1u);
    ExpectOneVerdictEach({&vehicle_});
  }
  std::vector<Verdict> DeadLetters() const {
    std::vector<Verdict> verdicts;
    for (const auto& record : log_.Records(Topic::kDeadLetter)) {
      verdicts.push_back(log::GetDeadLetter(record.words.data())->verdict());
    }
    return verdicts;
  }

  TestVehicle vehicle_;
};

TEST_F(GatewayHostile, GarbageIsCut) {
  ExpectCut(std::as_bytes(std::span("GET / HTTP/1.1\r\n\r\n")), Verdict::BadFrame);
  EXPECT_THAT(DeadLetters(), ElementsAre(Verdict::BadFrame));
}

TEST_F(GatewayHostile, AWrongChecksumIsCut) {
  auto frame = Frame(kFrameVersion, 2, 0, Bytes({1, 2, 3, 4}));
  frame.back() ^= std::byte{1};
  ExpectCut(frame, Verdict::BadFrame);
}

TEST_F(GatewayHostile, AnOversizedFrameIsCutByItsHeader) {
  ExpectCut(Frame(kFrameVersion, 2, 0, {}, kFramePayloadBytesMax + 1), Verdict::Oversized);
}

TEST_F(GatewayHostile, AnUnknownTypeIsRefusedByNameAndTheConnectionKept) {
  ExpectRefusedAndKept(Frame(kFrameVersion, 33, 0, Bytes({1})), Verdict::UnknownType, wire::NoticeCode::UnknownType);
}

// The cloud's own types come from nobody else.
TEST_F(GatewayHostile, ACommandFromAVehicleIsAnUnknownType) {
  ExpectRefusedAndKept(Frame(kFrameVersion, static_cast<std::uint8_t>(FrameType::kCommand), 0, Bytes({1})),
                       Verdict::UnknownType, wire::NoticeCode::UnknownType);
}

TEST_F(GatewayHostile, AnUnknownVersionIsRefusedByNameAndTheConnectionKept) {
  ExpectRefusedAndKept(Frame(9, 2, 0, Bytes({1})), Verdict::UnknownVersion, wire::NoticeCode::UnknownVersion);
}

// zstd frame header, RFC 8878 section 3.1.1.1, without its magic (our frames leave it
// out): single segment, 4 bytes of content size; then one RLE block.
TEST_F(GatewayHostile, ABombThatStatesAGigabyteIsNotDecompressed) {
  ExpectRefusedAndKept(Frame(kFrameVersion, 2, kFrameFlagCompressed,
                             Bytes({0xA0, 0x00, 0x00, 0x00, 0x40, 0x03, 0x00, 0x10, 'x'})),
                       Verdict::Undecodable, wire::NoticeCode::Malformed);
}

// States 16 bytes, holds an RLE block of 64 KiB.
TEST_F(GatewayHostile, ABombThatLiesAboutItsSizeIsRefused) {
  ExpectRefusedAndKept(Frame(kFrameVersion, 2, kFrameFlagCompressed,
                             Bytes({0xA0, 0x10, 0x00, 0x00, 0x00, 0x03, 0x00, 0x08, 'x'})),
                       Verdict::Undecodable, wire::NoticeCode::Malformed);
}

TEST_F(GatewayHostile, AFlatBufferThatPointsOutsideItselfIsRefused) {
  ExpectRefusedAndKept(Frame(kFrameVersion, 2, 0, Bytes({0xFF, 0xFF, 0xFF, 0x7F, 1, 2, 3, 4})), Verdict::Undecodable,
                       wire::NoticeCode::Malformed);
}

TEST_F(GatewayHostile, NothingIsTakenBeforeHello) {
  TestVehicle silent;
  ASSERT_TRUE(Connect(&silent, 2));
  silent.SendFix(1);
  silent.SendHistory(1, 10);
  silent.SendHello();
  ASSERT_TRUE(silent.Receive(FrameType::kWelcome));
  EXPECT_EQ(Count(Verdict::BeforeHello), 2u);
  EXPECT_EQ(log_.Records(Topic::kHistory).size(), 0u);
}

// A Hello has no name in it: who speaks is who the certificate says, on each record.
TEST_F(GatewayHostile, ThereIsNoWayToClaimAnothersName) {
  vehicle_.SendFix(1);
  vehicle_.SendHistory(1, 5);
  ASSERT_TRUE(vehicle_.Barrier());
  for (const Topic topic : {Topic::kTelemetry, Topic::kHistory}) {
    for (const auto& record : log_.Records(topic)) EXPECT_EQ(record.key, "veh-00001");
  }
}

TEST_F(GatewayHostile, AClockFiveMinutesAheadIsNotBelieved) {
  vehicle_.SendClock(seconds(300));
  EXPECT_THAT(vehicle_.NoticesUntilBarrier(), ElementsAre(wire::NoticeCode::ClockImplausible));
  vehicle_.SendFix(1);
  ASSERT_TRUE(vehicle_.Barrier());
  EXPECT_EQ(Count(Verdict::ClockStep), 1u);
  EXPECT_EQ(Telemetry(log::TelemetryBody::Fix).size(), 1u);  // by the old belief
}

TEST_F(GatewayHostile, AFixFiveMinutesAheadIsRefused) {
  vehicle_.SendFix(1, seconds(300));
  EXPECT_THAT(vehicle_.NoticesUntilBarrier(), ElementsAre(wire::NoticeCode::FixImplausible));
  EXPECT_EQ(Count(Verdict::FromTheFuture), 1u);
  EXPECT_EQ(Telemetry(log::TelemetryBody::Fix).size(), 0u);
}

TEST_F(GatewayHostile, RepeatedAndJumpingFixesAreRefused) {
  vehicle_.SendFix(5);
  vehicle_.SendFix(5);
  vehicle_.SendFix(6, {}, 20'000);
  ASSERT_TRUE(vehicle_.Barrier());
  EXPECT_EQ(Count(Verdict::RepeatedSequence), 1u);
  EXPECT_EQ(Count(Verdict::Jump), 1u);
  EXPECT_THAT(DeadLetters(), ElementsAre(Verdict::RepeatedSequence, Verdict::Jump));
}

TEST_F(GatewayHostile, WhoSendsTooMuchIsToldOnceASecond) {
  for (std::uint32_t i = 1; i <= 60; ++i) vehicle_.SendFix(i);
  EXPECT_THAT(vehicle_.NoticesUntilBarrier(), ElementsAre(wire::NoticeCode::OverRate));
  EXPECT_GE(Count(Verdict::OverRate), 20u);
  EXPECT_LE(Telemetry(log::TelemetryBody::Fix).size(), 40u);
  EXPECT_EQ(Telemetry(log::TelemetryBody::Fix).size() + Count(Verdict::OverRate), 60u);
}

TEST_F(GatewayHostile, AHundredRefusalsCutTheConnectionAndFewAreWritten) {
  const auto frame = Frame(kFrameVersion, 33, 0, Bytes({1}));
  for (int i = 0; i < 100; ++i) vehicle_.SendBytes(frame);
  EXPECT_TRUE(vehicle_.AwaitClosed());
  EXPECT_EQ(Count(Verdict::UnknownType), 100u);
  EXPECT_LE(DeadLetters().size(), 20u);
}

// Over the rate of bytes: the bucket is 128 KiB and practically never refilled, and
// two frames of 60,000 leave too little for a third.
class GatewayFlood : public GatewayHostile {
 protected:
  void SetUp() override {
    config_.bytes_per_second = 1;
    config_.bytes_burst = 128 << 10;
    GatewayHostile::SetUp();
    Flood(FrameType::kClockReport);
    Flood(FrameType::kClockReport);
    EXPECT_THAT(vehicle_.NoticesUntilBarrier(), ElementsAre(wire::NoticeCode::Malformed));
    EXPECT_EQ(Count(Verdict::Undecodable), 2u);
  }
  void Flood(FrameType type) {
    vehicle_.SendBytes(Frame(kFrameVersion, static_cast<std::uint8_t>(type), 0,
                             std::vector<std::byte>(60'000, std::byte{0xEE})));
  }
};

TEST_F(GatewayFlood, IsRefusedBeforeItIsDecoded) {
  Flood(FrameType::kClockReport);
  EXPECT_THAT(vehicle_.NoticesUntilBarrier(), ElementsAre(wire::NoticeCode::OverRate));
  EXPECT_EQ(Count(Verdict::OverRate), 1u);
  EXPECT_EQ(Count(Verdict::Undecodable), 2u);
  ExpectOneVerdictEach({&vehicle_});
}

TEST_F(GatewayFlood, OfHistoryIsToldToSlowDown) {
  Flood(FrameType::kHistory);
  EXPECT_THAT(vehicle_.NoticesUntilBarrier(), ElementsAre(wire::NoticeCode::SlowHistory));
  EXPECT_EQ(Count(Verdict::Shed), 1u);
}

TEST_F(GatewayFlood, OfReportsIsCut) {
  Flood(FrameType::kCommandReport);
  EXPECT_TRUE(vehicle_.AwaitClosed());
  EXPECT_EQ(Count(Verdict::Shed), 1u);
}

TEST_F(GatewayFlood, GoesOnWithTheNextConnection) {
  ASSERT_TRUE(ConnectAndIntroduce(&vehicle_, 1));
  Flood(FrameType::kClockReport);
  EXPECT_THAT(vehicle_.NoticesUntilBarrier(), ElementsAre(wire::NoticeCode::OverRate));
  TestVehicle other;  // has a bucket of its own
  ASSERT_TRUE(ConnectAndIntroduce(&other, 2));
}

TEST_F(GatewayHostile, StatusesOverTheRateCutTheConnectionAndNoneIsLost) {
  config_.statuses_per_second = 1;
  config_.statuses_burst = 256;
  SetUp();
  vehicle_.SendReport(1, 200);
  ASSERT_TRUE(vehicle_.Barrier());
  vehicle_.SendReport(201, 400);
  EXPECT_TRUE(vehicle_.AwaitClosed());
  EXPECT_EQ(Count(Verdict::Shed), 1u);
  ASSERT_TRUE(ConnectAndIntroduce(&vehicle_, 1));
  vehicle_.SendReport(1, 200);  // Held: takes nothing from the bucket.
  vehicle_.SendReport(201, 220);
  ASSERT_TRUE(vehicle_.Barrier());
  EXPECT_EQ(Count(Verdict::Duplicate), 1u);
  EXPECT_EQ(Telemetry(log::TelemetryBody::CommandReport).size(), 2u);
}

// 36,000 samples, ten a second for an hour, in batches of the agent's size.
TEST_F(GatewayHostile, AnHoursBacklogAtOnceIsNoFlood) {
  for (std::uint64_t batch = 0; batch < 360; ++batch) vehicle_.SendHistory(1 + batch * 100, 100);
  vehicle_.SendReport(1, 256);
  EXPECT_THAT(vehicle_.NoticesUntilBarrier(), ElementsAre());
  EXPECT_EQ(log_.Records(Topic::kHistory).size(), 360u);
  EXPECT_EQ(Count(Verdict::Shed) + Count(Verdict::OverRate), 0u);
}

// Valid frames with one byte changed, and a right checksum again: a verdict each, no
// crash, and the connection works or was cut by the rule.
TEST_F(GatewayHostile, EveryMutatedPayloadGetsAVerdict) {
  flatbuffers::FlatBufferBuilder builder;
  const wire::Fix fix(vehicle_.BootNs(), 9, 0, 0, 0, 1000, 0, 0, 10, wire::Intent::Idle);
  const std::vector<wire::Arc> path{{100, 3}, {200, -3}};
  const auto arcs = builder.CreateVectorOfStructs(path);
  builder.Finish(wire::CreateLive(builder, &fix, arcs));
  const auto payload = std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
  std::mt19937 random(1);
  for (std::size_t i = 0; i < payload.size(); ++i) {
    std::vector<std::byte> mutated(payload.begin(), payload.end());
    mutated[i] ^= static_cast<std::byte>(1 + random() % 255);
    vehicle_.SendBytes(Frame(kFrameVersion, 2, 0, mutated));
    if (i % 40 == 39) {
      ASSERT_TRUE(vehicle_.Barrier()) << i;
      ASSERT_TRUE(ConnectAndIntroduce(&vehicle_, 1)) << i;
    }
  }
  ASSERT_TRUE(vehicle_.Barrier());
  ExpectOneVerdictEach({&vehicle_});
}

}  // namespace
}  // namespace starling::cloud
