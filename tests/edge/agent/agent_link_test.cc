#include <algorithm>
#include <limits>
#include <random>

#include <gmock/gmock.h>

#include "tests/edge/agent/link.h"

namespace starling::edge {
namespace {

class AgentLink : public AgentTest {
 protected:
  void SetUp() override { Make(); }
};

void Append(const std::vector<std::byte>& frame, std::vector<std::byte>* stream) {
  stream->insert(stream->end(), frame.begin(), frame.end());
}

// One frame of each type that the cloud sends.
std::vector<std::byte> Conversation() {
  std::vector<std::byte> stream;
  Append(WelcomeFrame(), &stream);
  Append(CommandFrame({}), &stream);
  Append(ClockReplyFrame(1, 2, 3), &stream);
  CommandSpec second;
  second.id = 2;
  second.sequence = 2;
  second.episode = 200;
  Append(CommandFrame(second), &stream);
  Append(HistoryAckFrame(kBoot, 1, 10), &stream);
  Append(NoticeFrame(wire::NoticeCode::SlowHistory, 100, "slower, please"), &stream);
  Append(StatusAckFrame(0), &stream);
  return stream;
}

TEST_F(AgentLink, SaysHelloAndNothingElseUntilItIsWelcome) {
  EXPECT_FALSE(Next()) << "not connected";
  for (int i = 1; i <= 250; ++i) Take(SteadySample(AtMs(100 * i)));
  agent_->OnConnected(now_);
  const auto hello = Next();
  ASSERT_TRUE(hello);
  ASSERT_EQ(hello->type, FrameType::kHello);
  const auto& said = hello->As<wire::Hello>();
  EXPECT_EQ(said.boot_id(), ToNumber(kBoot));
  EXPECT_EQ(said.boot_time_ns(), ToNs(now_));
  EXPECT_EQ(said.length_cm(), 460);
  EXPECT_EQ(said.width_cm(), 180);
  EXPECT_EQ(said.sampled(), 250u);
  EXPECT_EQ(said.oldest_spooled_sequence(), 1u);
  EXPECT_FALSE(said.agent_version()->str().empty());
  EXPECT_FALSE(Next());
  EXPECT_FALSE(agent_->welcomed());
  Feed(WelcomeFrame());
  EXPECT_TRUE(agent_->welcomed());
  EXPECT_TRUE(Next());
  agent_->OnDisconnected(now_);
  EXPECT_FALSE(agent_->welcomed());
  EXPECT_FALSE(Next());
}

TEST_F(AgentLink, SpeaksInOrderOfPriority) {
  AgentConfig config;
  config.batch_samples_max = 1;
  Make(config);
  Take(SteadySample(AtMs(100)));
  Connect();
  const auto probe = Next();
  ASSERT_EQ(probe->type, FrameType::kClockProbe);
  Reply(*probe);
  Feed(CommandFrame({}));
  ASSERT_TRUE(agent_->TakeAction(now_));
  EXPECT_EQ(Next()->type, FrameType::kCommandReport);
  EXPECT_EQ(Next()->type, FrameType::kClockReport);
  EXPECT_EQ(Next()->type, FrameType::kLive);
  EXPECT_EQ(Next()->type, FrameType::kHistory);
  EXPECT_FALSE(Next());
}

TEST_F(AgentLink, ClockOffsetIsTheCloudsLessTheVehicles) {
  Connect();
  EXPECT_FALSE(agent_->clock_offset());
  now_ = AtMs(50);
  const auto probe = Next();
  const std::uint64_t sent_ns = probe->As<wire::ClockProbe>().boot_time_ns();
  const std::int64_t read_ns = static_cast<std::int64_t>(sent_ns) + 8'000'000 + kCloudMinusBootNs;
  now_ = AtMs(70);  // 8 ms up, 4 ms there, 8 ms down.
  Feed(ClockReplyFrame(sent_ns, read_ns, read_ns + 4'000'000));
  EXPECT_EQ(agent_->clock_offset(), nanoseconds(kCloudMinusBootNs));
  const auto report = Next();
  ASSERT_EQ(report->type, FrameType::kClockReport);
  EXPECT_EQ(report->As<wire::ClockReport>().cloud_minus_boot_ns(), kCloudMinusBootNs);
  EXPECT_NEAR(static_cast<double>(report->As<wire::ClockReport>().uncertainty_ns()), 8e6, 2);
}

// Types of what goes out together, over so many seconds in which the vehicle samples, or does not.
class AgentClock : public AgentLink {
 protected:
  std::vector<std::vector<FrameType>> Pass(int seconds_passed, bool sampling) {
    std::vector<std::vector<FrameType>> written;
    for (int i = 0; i < seconds_passed * 10; ++i) {
      now_ += kSampleInterval;
      if (sampling) Take(SteadySample(now_));
      if (now_ >= agent_->next_timer()) agent_->OnTimer(now_);
      std::vector<FrameType> types;
      while (const auto frame = Next()) {
        types.push_back(frame->type);
        if (frame->type == FrameType::kClockProbe) Reply(*frame);
      }
      if (!types.empty()) written.push_back(types);
    }
    return written;
  }
};

TEST_F(AgentClock, AtItsRegularTimesItGoesWithALiveFrame) {
  Connect();
  Pass(5, true);
  int probes = 0;
  int reports = 0;
  for (const auto& types : Pass(65, true)) {
    const auto count = [&types](FrameType type) { return std::count(types.begin(), types.end(), type); };
    probes += static_cast<int>(count(FrameType::kClockProbe));
    reports += static_cast<int>(count(FrameType::kClockReport));
    if (count(FrameType::kClockProbe) + count(FrameType::kClockReport) > 0) {
      EXPECT_EQ(count(FrameType::kLive), 1) << "at " << ToNs(now_);
    }
  }
  EXPECT_GE(probes, 5);
  EXPECT_GE(reports, 2);
}

TEST_F(AgentClock, WithoutSamplesItWaitsForNobody) {
  Connect();
  Pass(5, true);
  const auto probes_of = [](const std::vector<std::vector<FrameType>>& written) {
    std::ptrdiff_t probes = 0;
    for (const auto& types : written) probes += std::count(types.begin(), types.end(), FrameType::kClockProbe);
    return probes;
  };
  EXPECT_GE(probes_of(Pass(60, false)), 6);
  // The timer by which it goes alone is there, and is in the future.
  EXPECT_GT(agent_->next_timer(), now_);
  EXPECT_LE(agent_->next_timer(), now_ + seconds(12));
}

// Samples that need no live frame for ten seconds: the heartbeat is as slow as that.
TEST_F(AgentClock, WithSamplesButNoFrameItGoesAloneAfterASecond) {
  AgentConfig config;
  config.silence_max = milliseconds(10'000);
  Make(config);
  Connect();
  std::vector<BootTime> at;
  for (int i = 0; i < 600; ++i) {
    now_ += kSampleInterval;
    Take(SteadySample(now_));
    if (now_ >= agent_->next_timer()) agent_->OnTimer(now_);
    while (const auto frame = Next()) {
      if (frame->type != FrameType::kClockProbe) continue;
      at.push_back(now_);
      Reply(*frame);
    }
  }
  ASSERT_GE(at.size(), 7u);
  for (std::size_t i = 1; i < at.size(); ++i) EXPECT_LE(at[i] - at[i - 1], milliseconds(11'100));
}

TEST_F(AgentClock, TheFirstProbesWaitForNobody) {
  Connect();
  std::ptrdiff_t probes = 0;
  for (const auto& types : Pass(1, true)) probes += std::count(types.begin(), types.end(), FrameType::kClockProbe);
  EXPECT_EQ(probes, 3);
}

TEST_F(AgentLink, ReportsACommandUntilItIsAcknowledged) {
  Connect();
  Feed(CommandFrame({}));
  const auto action = agent_->TakeAction(now_);
  ASSERT_TRUE(action);
  EXPECT_DOUBLE_EQ(*agent_->desired(now_).speed_ceiling_mps, 8);
  EXPECT_FALSE(agent_->drained());
  const auto report = Next();
  ASSERT_EQ(report->type, FrameType::kCommandReport);
  const auto& said = report->As<wire::CommandReport>();
  EXPECT_EQ(said.boot_id(), ToNumber(kBoot));
  ASSERT_EQ(said.statuses()->size(), 1u);
  EXPECT_EQ(said.statuses()->Get(0)->outcome(), wire::CommandOutcome::Applied);

  agent_->OnDisconnected(now_);
  Connect();
  const auto again = Next();
  ASSERT_EQ(again->type, FrameType::kCommandReport);
  EXPECT_EQ(again->aligned, report->aligned);
  Feed(StatusAckFrame(1, BootId{1}));
  EXPECT_FALSE(agent_->drained()) << "of another boot";
  Feed(StatusAckFrame(1));
  EXPECT_TRUE(agent_->drained());
  EXPECT_EQ(agent_->counters().applied, 1u);
}

TEST_F(AgentLink, ACommandOutlivesItsConnectionButNotItsLease) {
  Connect();
  Feed(CommandFrame({}));
  agent_->OnDisconnected(now_);
  now_ = AtMs(5000);
  EXPECT_EQ(agent_->next_timer(), AtMs(5000));
  agent_->OnTimer(now_);
  EXPECT_FALSE(agent_->TakeAction(now_));
  EXPECT_EQ(agent_->counters().expired, 1u);
}

TEST_F(AgentLink, TheStreamMayBeCutAnywhere) {
  const std::vector<std::byte> stream = Conversation();
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    SCOPED_TRACE(cut);
    Make();
    now_ = AtMs(0);
    agent_->OnConnected(now_);
    ASSERT_EQ(Next()->type, FrameType::kHello);
    ASSERT_TRUE(agent_->OnBytes(std::span(stream).first(cut), now_).ok());
    ASSERT_TRUE(agent_->OnBytes(std::span(stream).subspan(cut), now_).ok());
    ASSERT_TRUE(agent_->welcomed());
    ASSERT_TRUE(agent_->TakeAction(now_));
    ASSERT_TRUE(agent_->TakeAction(now_));
    ASSERT_FALSE(agent_->TakeAction(now_));
    ASSERT_EQ(agent_->counters().notices, 1u);
  }
}

TEST_F(AgentLink, TheStreamMayComeByteByByteAndEndAnywhere) {
  const std::vector<std::byte> stream = Conversation();
  agent_->OnConnected(now_);
  ASSERT_EQ(Next()->type, FrameType::kHello);
  for (const std::byte& byte : stream) ASSERT_TRUE(agent_->OnBytes(std::span(&byte, 1), now_).ok());
  EXPECT_EQ(agent_->counters().commands_received, 2u);
  for (std::size_t end = 0; end < stream.size(); ++end) {  // What is torn is forgotten.
    Make();
    agent_->OnConnected(now_);
    Next();
    ASSERT_TRUE(agent_->OnBytes(std::span(stream).first(end), now_).ok());
    agent_->OnDisconnected(now_);
    agent_->OnConnected(now_);
    Next();
    ASSERT_TRUE(agent_->OnBytes(stream, now_).ok());
    ASSERT_EQ(agent_->counters().applied + agent_->counters().rejected, 0u);
    ASSERT_TRUE(agent_->TakeAction(now_));
  }
}

TEST_F(AgentLink, AFlippedBitNeverActsAndClosesTheStream) {
  const std::vector<std::byte> command = CommandFrame({});
  for (std::size_t bit = 0; bit < command.size() * 8; ++bit) {
    SCOPED_TRACE(bit);
    Make();
    agent_->OnConnected(now_);
    Next();
    Feed(WelcomeFrame());
    std::vector<std::byte> damaged = command;
    damaged[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
    const Status status = agent_->OnBytes(damaged, now_);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.code(), ErrorCode::kCorruption);
    ASSERT_FALSE(agent_->TakeAction(now_));
    ASSERT_FALSE(agent_->desired(now_).speed_ceiling_mps);
    ASSERT_FALSE(agent_->OnBytes(command, now_).ok()) << "the stream cannot be followed any more";
    ASSERT_FALSE(Next());
  }
}

// Bits flipped below the checksums: what a faulty peer would send.
TEST_F(AgentLink, APayloadWithAFlippedBitNeverCrashes) {
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(CommandSpec().Build(builder));
  const std::vector<std::uint8_t> payload(builder.GetBufferPointer(),
                                          builder.GetBufferPointer() + builder.GetSize());
  Connect();
  for (const FrameType type : {FrameType::kWelcome, FrameType::kClockReply, FrameType::kHistoryAck,
                               FrameType::kStatusAck, FrameType::kCommand, FrameType::kNotice}) {
    for (std::size_t bit = 0; bit < payload.size() * 8; ++bit) {
      std::vector<std::uint8_t> damaged = payload;
      damaged[bit / 8] = static_cast<std::uint8_t>(damaged[bit / 8] ^ (1 << (bit % 8)));
      std::vector<std::byte> frame;
      ASSERT_TRUE(AppendFrame(type, std::as_bytes(std::span(damaged)), &SharedCodec(), &frame).ok());
      Feed(frame);
      while (const auto action = agent_->TakeAction(now_)) {
        ASSERT_LE(action->decel_mps2, AgentConfig().decel_max_mps2);
        ASSERT_LE(action->expires - now_, AgentConfig().lease_max);
      }
    }
  }
  EXPECT_GT(agent_->counters().frames_malformed, 0u);
}

TEST_F(AgentLink, UnknownTypesAndVersionsAreCountedAndSkipped) {
  Connect();
  for (const int type : {0, 1, 2, 6, 7, 64, 72, 200, 255}) {
    std::vector<std::byte> frame;
    const std::byte payload[4] = {};
    ASSERT_TRUE(AppendFrame(static_cast<FrameType>(type), payload, &SharedCodec(), &frame).ok());
    Feed(frame);
  }
  EXPECT_EQ(agent_->counters().frames_unknown, 9u);
  Feed(CommandFrame({}));
  EXPECT_TRUE(agent_->TakeAction(now_));
}

TEST_F(AgentLink, EmptyPayloadsAreMalformed) {
  agent_->OnConnected(now_);
  Next();
  for (int type = 65; type <= 71; ++type) {
    std::vector<std::byte> frame;
    ASSERT_TRUE(AppendFrame(static_cast<FrameType>(type), {}, &SharedCodec(), &frame).ok());
    Feed(frame);
  }
  EXPECT_EQ(agent_->counters().frames_malformed, 7u);
  EXPECT_FALSE(agent_->welcomed());
}

TEST_F(AgentLink, AWelcomeFromNowhereOrBeforeHelloIsNotOne) {
  agent_->OnConnected(now_);
  Feed(WelcomeFrame());
  EXPECT_FALSE(agent_->welcomed()) << "Hello was not even sent";
  Next();
  flatbuffers::FlatBufferBuilder builder;
  Feed(Framed(FrameType::kWelcome, builder,
              wire::CreateWelcome(builder, 1, 7, 3, 800'000'000, 0, 0, 0)));
  EXPECT_FALSE(agent_->welcomed());
  Feed(WelcomeFrame());
  EXPECT_TRUE(agent_->welcomed());
}

TEST_F(AgentLink, AnythingElseThanFramesIsCorruption) {
  EXPECT_FALSE(agent_->OnBytes(WelcomeFrame(), now_).ok()) << "not connected";
  agent_->OnConnected(now_);
  const char http[] = "HTTP/1.1 400 Bad Request";
  EXPECT_EQ(agent_->OnBytes(std::as_bytes(std::span(http)), now_).code(), ErrorCode::kCorruption);
  agent_->OnConnected(now_);
  EXPECT_EQ(Next()->type, FrameType::kHello) << "a new connection starts anew";
}

TEST_F(AgentLink, TheTimerNeverAsksForWhatOnlyTheLinkCanDo) {
  Connect();
  Take(SteadySample(AtMs(100)));
  for (int i = 0; i < 100 && agent_->next_timer() != BootTime::max(); ++i) {
    const BootTime next = agent_->next_timer();
    agent_->OnTimer(next);
    now_ = std::max(now_, next);
    ASSERT_GT(agent_->next_timer(), next) << "NextFrame was not called: the link is blocked";
  }
}

TEST(AgentConfigTest, NamesTheFieldThatIsOutOfRange) {
  EXPECT_TRUE(AgentConfig().Validate().ok());
  const auto refused = [](auto change) {
    AgentConfig config;
    change(config);
    const Status status = config.Validate();
    return status.ok() ? std::string() : std::string(status.message());
  };
  using ::testing::HasSubstr;
  EXPECT_THAT(refused([](AgentConfig& c) { c.position_error_max_m = 0; }), HasSubstr("position_error_max_m"));
  EXPECT_THAT(refused([](AgentConfig& c) { c.silence_max = milliseconds(99); }), HasSubstr("silence_max"));
  EXPECT_THAT(refused([](AgentConfig& c) { c.batch_samples_max = 1001; }), HasSubstr("batch_samples_max"));
  EXPECT_THAT(refused([](AgentConfig& c) { c.batches_in_flight_max = 0; }), HasSubstr("batches_in_flight_max"));
  EXPECT_THAT(refused([](AgentConfig& c) { c.decel_max_mps2 = 16; }), HasSubstr("decel_max_mps2"));
  EXPECT_THAT(refused([](AgentConfig& c) { c.length_m = std::numeric_limits<double>::quiet_NaN(); }),
              HasSubstr("length_m"));
}

}  // namespace
}  // namespace starling::edge
