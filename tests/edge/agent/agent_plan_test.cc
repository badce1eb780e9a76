// What an agent does with a collection plan.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "common/plan/plan_codec.h"
#include "common/telemetry/fix_codec.h"
#include "common/telemetry/history_reader.h"
#include "common/telemetry/history_writer.h"
#include "edge/agent/wrapped_history.h"
#include "tests/edge/agent/link.h"

namespace starling::edge {
namespace {

using testing::HasSubstr;
using wire::PlanVerdict;

class AgentPlans : public AgentTest {
 protected:
  void SetUp() override { Make(); }

  static Plan APlan(std::uint64_t version = 1) {
    Plan plan;
    plan.name = "test";
    plan.version = version;
    return plan;
  }
  static CompiledPlan Compiled(const Plan& plan) {
    Result<CompiledPlan> compiled = CompilePlan(plan);
    EXPECT_TRUE(compiled.ok()) << compiled.status().message();
    return compiled.value();
  }
  static std::vector<std::byte> PlanFrame(std::span<const std::byte> bytes) {
    std::vector<std::byte> stream;
    EXPECT_TRUE(AppendFrame(FrameType::kPlan, bytes, &SharedCodec(), &stream).ok());
    return stream;
  }
  PlanHash Push(const Plan& plan) {
    const CompiledPlan compiled = Compiled(plan);
    Feed(PlanFrame(compiled.bytes));
    return compiled.hash;
  }
  // The next sample, 100 ms later; `accel` moves, so that decimation shows.
  void Drive(int samples) {
    for (int i = 0; i < samples; ++i) {
      Sample sample = SteadySample(now_ + milliseconds(100));
      sample.accel_mps2 = 0.01 * static_cast<double>(++taken_ % 100);
      Take(sample);
    }
  }
  // What is sent now, by type.
  std::vector<SentFrame> Sent(FrameType type) {
    std::vector<SentFrame> frames;
    for (SentFrame& frame : DrainWithClock()) {
      if (frame.type == type) frames.push_back(std::move(frame));
    }
    return frames;
  }
  // The newest reply to a plan that is sent now.
  std::optional<SentFrame> Answer() {
    std::vector<SentFrame> replies = Sent(FrameType::kPlanReport);
    if (replies.empty()) return std::nullopt;
    return std::move(replies.back());
  }
  static PlanVerdict VerdictOf(const std::optional<SentFrame>& reply) {
    return reply ? reply->As<wire::PlanReport>().verdict() : PlanVerdict::None;
  }
  static std::vector<wire::Fix> FixesOf(const wire::History& history) {
    std::vector<wire::Fix> fixes;
    const auto columns = std::as_bytes(std::span(history.columns()->data(), history.columns()->size()));
    EXPECT_TRUE(ReadHistoryColumns(columns, history.first_sequence(), history.count(), &fixes).ok());
    return fixes;
  }

  int taken_ = 0;
};

TEST_F(AgentPlans, IsAppliedBetweenTwoSamplesAndNamedInEachBatchFromThenOn) {
  Connect();
  Drive(5);
  const PlanHash hash = Push(APlan());
  EXPECT_EQ(VerdictOf(Answer()), PlanVerdict::Waiting);
  Drive(7);
  const auto reply = Answer();
  ASSERT_EQ(VerdictOf(reply), PlanVerdict::Applied);
  EXPECT_EQ(reply->As<wire::PlanReport>().applied_hash(), ToNumber(hash));
  EXPECT_EQ(reply->As<wire::PlanReport>().applied_version(), 1u);
  const PlanHash next = Push(APlan(2));
  Drive(3);
  ASSERT_TRUE(agent_->Flush().ok());
  agent_->OnDisconnected(now_);  // All is sent again, from the spool.
  Connect();
  const std::vector<SentFrame> batches = Sent(FrameType::kHistory);
  ASSERT_EQ(batches.size(), 3u);
  EXPECT_EQ(batches[0].As<wire::History>().plan_hash(), 0u);
  EXPECT_EQ(batches[0].As<wire::History>().count(), 5u);
  EXPECT_EQ(batches[1].As<wire::History>().plan_hash(), ToNumber(hash));
  EXPECT_EQ(batches[1].As<wire::History>().first_sequence(), 6u);
  EXPECT_EQ(batches[1].As<wire::History>().count(), 7u);
  EXPECT_EQ(FixesOf(batches[1].As<wire::History>()).back().sequence(), 12u);
  EXPECT_EQ(batches[2].As<wire::History>().plan_hash(), ToNumber(next));
  ExpectBalanced();
}

TEST_F(AgentPlans, OneThatIsNotNewerIsRefusedAndTheOldOneStays) {
  Connect();
  const PlanHash hash = Push(APlan(7));
  Drive(1);
  EXPECT_EQ(VerdictOf(Answer()), PlanVerdict::Applied);
  for (const std::uint64_t version : {7, 6, 1}) {
    Plan other = APlan(version);
    other.name = "other";
    Push(other);
    Drive(1);
    const auto reply = Answer();
    ASSERT_EQ(VerdictOf(reply), PlanVerdict::RefusedNotNewer) << version;
    const auto& report = reply->As<wire::PlanReport>();
    EXPECT_EQ(report.version(), version);
    EXPECT_THAT(report.detail()->str(), HasSubstr("is not newer than 7"));
    EXPECT_EQ(report.applied_hash(), ToNumber(hash));
  }
  EXPECT_EQ(agent_->plan().hash, hash);
}

TEST_F(AgentPlans, WhatIsNoPlanIsRefusedWithTheReason) {
  Connect();
  std::vector<std::byte> bytes = Compiled(APlan()).bytes;
  bytes.resize(bytes.size() / 2);
  Feed(PlanFrame(bytes));
  const auto reply = Answer();
  ASSERT_EQ(VerdictOf(reply), PlanVerdict::RefusedInvalid);
  EXPECT_THAT(reply->As<wire::PlanReport>().detail()->str(), HasSubstr("not a plan"));
  EXPECT_EQ(agent_->counters().frames_malformed, 1u);
  Drive(1);
  EXPECT_EQ(agent_->plan().hash, PlanHash{});
}

TEST_F(AgentPlans, BeginsAndEndsByTheCloudsClock) {
  const auto cloud_second = [](double boot_s) {
    return seconds(static_cast<std::int64_t>(kCloudMinusBootNs / 1'000'000'000 + static_cast<std::int64_t>(boot_s)));
  };
  static_assert(kCloudMinusBootNs % 1'000'000'000 == 0);
  Plan plan = APlan();
  plan.start = cloud_second(5);
  plan.end = cloud_second(8);
  Connect();
  DrainWithClock();
  const PlanHash hash = Push(plan);
  EXPECT_EQ(VerdictOf(Answer()), PlanVerdict::Waiting);
  while (now_ < AtMs(4900)) Drive(1);
  EXPECT_EQ(VerdictOf(Answer()), PlanVerdict::None);
  Drive(1);
  EXPECT_EQ(VerdictOf(Answer()), PlanVerdict::Applied);
  EXPECT_EQ(agent_->plan().hash, hash);
  while (now_ < AtMs(7900)) Drive(1);
  EXPECT_EQ(agent_->plan().hash, hash);
  Drive(1);
  EXPECT_EQ(VerdictOf(Answer()), PlanVerdict::Ended);
  EXPECT_EQ(agent_->plan().hash, PlanHash{});
  // Never rolled back: what has ended is not to be had again.
  Push(plan);
  EXPECT_EQ(VerdictOf(Answer()), PlanVerdict::RefusedNotNewer);
}

TEST_F(AgentPlans, OneThatIsTakenIsObservedWithItsBytesAndOneThatIsRefusedIsNot) {
  std::vector<std::vector<std::byte>> taken;
  agent_->ObservePlans([&taken](const CompiledPlan& plan) { taken.push_back(plan.bytes); });
  Connect();
  Push(APlan(7));
  Push(APlan(6));
  Push(APlan(7));
  Feed(PlanFrame(std::vector<std::byte>(20)));
  Push(APlan(8));
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(taken[0], Compiled(APlan(7)).bytes);
  EXPECT_EQ(taken[1], Compiled(APlan(8)).bytes);
}

// Another run of the vehicle, with what the former one kept.
class RestoredPlan : public AgentPlans {
 protected:
  Status Restore(const Plan& plan, std::optional<CloudTime> now = std::nullopt) {
    hash_ = Compiled(plan).hash;
    return agent_->RestorePlan(Compiled(plan).bytes, now);
  }
  std::uint64_t HashOfFirstBatch() {
    EXPECT_TRUE(agent_->Flush().ok());
    Connect();
    const std::vector<SentFrame> batches = Sent(FrameType::kHistory);
    return batches.empty() ? 1 : batches.front().As<wire::History>().plan_hash();
  }

  PlanHash hash_{};
};

TEST_F(RestoredPlan, IsInForceAtTheFirstSampleWithoutTheCloud) {
  ASSERT_TRUE(Restore(APlan(7)).ok());
  Drive(5);
  EXPECT_EQ(HashOfFirstBatch(), ToNumber(hash_));
  EXPECT_EQ(agent_->plan().version, 7u);
}

TEST_F(RestoredPlan, IsToldToTheCloudAsOneThatIsThere) {
  ASSERT_TRUE(Restore(APlan(7)).ok());
  Drive(1);
  agent_->OnConnected(now_);
  const auto hello = Next();
  ASSERT_TRUE(hello.has_value());
  EXPECT_EQ(hello->As<wire::Hello>().plan_version(), 7u);
  EXPECT_EQ(hello->As<wire::Hello>().plan_hash(), ToNumber(hash_));
  Connect();
  const auto reply = Answer();
  ASSERT_EQ(VerdictOf(reply), PlanVerdict::Applied);
  EXPECT_EQ(reply->As<wire::PlanReport>().applied_version(), 7u);
}

TEST_F(RestoredPlan, NothingOlderIsTakenAfterIt) {
  ASSERT_TRUE(Restore(APlan(7)).ok());
  Connect();
  Push(APlan(6));
  EXPECT_EQ(VerdictOf(Answer()), PlanVerdict::RefusedNotNewer);
  Push(APlan(7));
  EXPECT_EQ(VerdictOf(Answer()), PlanVerdict::RefusedNotNewer);
  Push(APlan(8));
  Drive(1);
  EXPECT_EQ(VerdictOf(Answer()), PlanVerdict::Applied);
  EXPECT_EQ(agent_->plan().version, 8u);
}

TEST_F(RestoredPlan, OneThatHasEndedIsNotBegunAgainButCounts) {
  Plan plan = APlan(7);
  plan.end = seconds(1'700'000'100);
  ASSERT_TRUE(Restore(plan, CloudTime(seconds(1'700'000'100))).ok());
  Drive(5);
  EXPECT_EQ(HashOfFirstBatch(), 0u);
  EXPECT_EQ(agent_->plan().reply.verdict, PlanVerdict::Ended);
  Push(APlan(7));
  EXPECT_EQ(VerdictOf(Answer()), PlanVerdict::RefusedNotNewer);
}

TEST_F(RestoredPlan, OneWithAStartIsInForceAtOnceWhereTheDateIsKnown) {
  Plan plan = APlan(7);
  plan.start = seconds(1'700'000'000);
  ASSERT_TRUE(Restore(plan, CloudTime(seconds(1'700'000'000))).ok());
  EXPECT_EQ(agent_->plan().version, 7u);
}

TEST_F(RestoredPlan, OneWithAStartWaitsForTheCloudsClockWhereTheDateIsNot) {
  Plan plan = APlan(7);
  plan.start = seconds(1'700'000'000);
  ASSERT_TRUE(Restore(plan).ok());
  Drive(1);
  EXPECT_EQ(agent_->plan().reply.verdict, PlanVerdict::Waiting);
  Connect();
  Sent(FrameType::kClockReport);
  Drive(1);
  EXPECT_EQ(agent_->plan().reply.verdict, PlanVerdict::Applied);
}

TEST_F(RestoredPlan, WhatIsNoPlanIsRefusedAndTheCloudsIsTaken) {
  const std::vector<std::byte> none(100, std::byte{7});
  EXPECT_FALSE(agent_->RestorePlan(none, std::nullopt).ok());
  Connect();
  Push(APlan(1));
  Drive(1);
  EXPECT_EQ(agent_->plan().version, 1u);
}

TEST_F(AgentPlans, TheThresholdsOfTheLiveLaneAreThePlans) {
  const auto live_frames = [this] {
    std::size_t frames = 0;
    for (int i = 0; i < 100; ++i) {
      Take(SteadySample(now_ + milliseconds(100)));
      frames += Sent(FrameType::kLive).size();
    }
    return frames;
  };
  Connect();
  DrainWithClock();
  live_frames();
  EXPECT_EQ(live_frames(), 10u);  // Steady driving: heartbeats alone.
  Plan plan = APlan();
  plan.heartbeat = milliseconds(2000);
  Push(plan);
  live_frames();
  EXPECT_EQ(live_frames(), 5u);
  plan.version = 2;
  plan.heartbeat = milliseconds(500);
  Push(plan);
  live_frames();
  EXPECT_EQ(live_frames(), 20u);
}

TEST_F(AgentPlans, AValueThatIsNotKeptIsTheLastOneThatWasAndIsCounted) {
  Plan plan = APlan();
  plan.signals = {{wire::PlanSignal::Accel, wire::PlanLane::History, 5}};
  Connect();
  Drive(2);
  Push(plan);
  Drive(20);  // Sequences 3 to 22.
  ASSERT_TRUE(agent_->Flush().ok());
  std::vector<SentFrame> batches = Sent(FrameType::kHistory);
  ASSERT_EQ(batches.size(), 2u);
  std::uint64_t repeated = 0;
  int kept = 0;
  for (const wire::Fix& fix : FixesOf(batches[1].As<wire::History>())) {
    if (fix.sequence() == 3 || fix.sequence() % 5 == 0) {
      kept = static_cast<int>(fix.sequence());
    } else {
      ++repeated;
    }
    EXPECT_EQ(fix.accel_cmps2(), kept) << fix.sequence();  // Sample n has n cm/s².
    EXPECT_EQ(fix.speed_cmps(), 1000);
  }
  EXPECT_EQ(repeated, 15u);
  EXPECT_EQ(agent_->ledger().values_decimated, repeated);
  EXPECT_EQ(agent_->ledger().sampled, 22u);
  ExpectBalanced();
}

TEST_F(AgentPlans, HistoryTakesNoMoreThanItsShareOfTheLink) {
  Drive(20'000);  // Much that waits.
  Plan plan = APlan();
  plan.link_share_percent = 1;
  Connect();
  Push(plan);
  Drive(1);
  const BootTime began = now_;
  std::size_t bytes = 0;
  std::size_t batches = 0;
  while (now_ < began + seconds(20)) {
    now_ += milliseconds(10);
    agent_->OnTimer(now_);
    std::vector<std::byte> stream;
    while (agent_->NextFrame(now_, &stream)) {
      const SentFrame frame = ReadOne(stream);
      if (frame.type == FrameType::kHistory) {
        bytes += stream.size();
        ++batches;
        const auto& history = frame.As<wire::History>();
        Feed(HistoryAckFrame(kBoot, history.first_sequence(), history.first_sequence() + history.count() - 1));
      }
      if (frame.type == FrameType::kClockProbe) Reply(frame);
      stream.clear();
    }
  }
  const double share = kPlanLinkBytesPerSecond * 0.01 * 20;
  EXPECT_GT(batches, 10u);
  EXPECT_LT(static_cast<double>(bytes), share * 1.1);
  EXPECT_GT(static_cast<double>(bytes), share * 0.8);
}

TEST_F(AgentPlans, ANewConnectionIsToldWhichOneIsThere) {
  Connect();
  const PlanHash hash = Push(APlan(3));
  Drive(1);
  EXPECT_EQ(VerdictOf(Answer()), PlanVerdict::Applied);
  agent_->OnDisconnected(now_);
  agent_->OnConnected(now_);
  const auto hello = Next();
  ASSERT_TRUE(hello && hello->type == FrameType::kHello);
  EXPECT_EQ(hello->As<wire::Hello>().plan_version(), 3u);
  EXPECT_EQ(hello->As<wire::Hello>().plan_hash(), ToNumber(hash));
  Feed(WelcomeFrame());
  EXPECT_EQ(VerdictOf(Answer()), PlanVerdict::Applied);
}

// A plan with a window of a second and a trigger that fires whenever a command comes.
Plan CollectingPlan(std::uint64_t version, wire::PlanPriority priority) {
  Plan plan;
  plan.name = "collecting";
  plan.version = version;
  plan.priority = priority;
  plan.windows = {{wire::PlanSignal::Accel, milliseconds(1000), static_cast<std::uint8_t>(wire::PlanAggregate::ANY), 0}};
  plan.triggers = {{"told", {{wire::PlanOpCode::CommandReceived, 0, 0}}, {}, milliseconds(300), milliseconds(200), {}}};
  plan.signals = {{wire::PlanSignal::Accel, wire::PlanLane::Windows, 1}};
  return plan;
}

TEST_F(AgentPlans, WindowsAndCapturesGoWithTheBatchInWhichTheyWereComplete) {
  Connect();
  Push(CollectingPlan(1, wire::PlanPriority::Normal));
  Drive(12);
  Feed(CommandFrame({}));
  Drive(13);
  ASSERT_TRUE(agent_->Flush().ok());
  std::size_t windows = 0;
  std::vector<wire::Fix> captured;
  std::uint64_t fired = 0;
  for (const SentFrame& frame : Sent(FrameType::kHistory)) {
    const auto& history = frame.As<wire::History>();
    EXPECT_EQ(history.plan_hash(), ToNumber(agent_->plan().hash));
    EXPECT_EQ(history.results_plan_hash(), 0u);
    // Raw values are only in the capture.
    for (const wire::Fix& fix : FixesOf(history)) EXPECT_EQ(fix.accel_cmps2(), 1);
    if (history.windows() != nullptr) windows += history.windows()->size();
    if (history.captures() == nullptr) continue;
    ASSERT_EQ(history.captures()->size(), 1u);
    const wire::Capture* capture = history.captures()->Get(0);
    fired = capture->fired_sequence();
    const auto columns = std::as_bytes(std::span(capture->columns()->data(), capture->columns()->size()));
    ASSERT_TRUE(ReadHistoryColumns(columns, capture->first_sequence(), capture->count(), &captured).ok());
  }
  EXPECT_EQ(windows, 3u);  // Of 0 to 1 s, 1 to 2 s, and what was open of the third.
  EXPECT_EQ(fired, 13u);
  ASSERT_EQ(captured.size(), 6u);  // 10 to 15.
  for (const wire::Fix& fix : captured) EXPECT_EQ(fix.accel_cmps2(), static_cast<int>(fix.sequence()));
  EXPECT_EQ(agent_->counters().plan_windows, 3u);
  EXPECT_EQ(agent_->counters().plan_captures, 1u);
  EXPECT_EQ(agent_->counters().plan_results_dropped, 0u);
  ExpectBalanced();
}

TEST_F(AgentPlans, AnUrgentPlanSealsABatchForACapture) {
  for (const auto priority : {wire::PlanPriority::Normal, wire::PlanPriority::Urgent}) {
    Make();
    now_ = AtMs(0);
    Connect();
    DrainWithClock();
    Push(CollectingPlan(1, priority));
    Drive(5);
    Feed(CommandFrame({}));
    Drive(4);
    bool there = false;
    for (const SentFrame& frame : Sent(FrameType::kHistory)) there |= frame.As<wire::History>().captures() != nullptr;
    EXPECT_EQ(there, priority == wire::PlanPriority::Urgent);
  }
}

// The open window of a plan that ends goes with its last batch; if that was just sealed, with
// the first sample of the next plan, and says whose it is.
TEST_F(AgentPlans, WhatAPlanLeavesIsDeliveredUnderItsHash) {
  for (int extra = 0; extra < 120; ++extra) {
    Make();
    now_ = AtMs(0);
    Connect();
    const PlanHash first = Push(CollectingPlan(1, wire::PlanPriority::Normal));
    Drive(5 + extra);  // Whatever there is left in the open batch.
    Push(CollectingPlan(2, wire::PlanPriority::Normal));
    Drive(5);
    ASSERT_TRUE(agent_->Flush().ok());
    std::uint64_t samples = 0;
    for (const SentFrame& frame : Sent(FrameType::kHistory)) {
      const auto& history = frame.As<wire::History>();
      if (history.windows() == nullptr) continue;
      const std::uint64_t hash = history.results_plan_hash() != 0 ? history.results_plan_hash() : history.plan_hash();
      if (hash != ToNumber(first)) continue;
      for (const wire::WindowValue* window : *history.windows()) samples += window->count();
    }
    ASSERT_EQ(samples, static_cast<std::uint64_t>(5 + extra));
    EXPECT_EQ(agent_->counters().plan_results_dropped, 0u);
    ExpectBalanced();
  }
}

// Eight triggers that all fire at once, on samples that nothing can predict: more than fits
// one frame.
class AgentPlansOfMuch : public AgentPlans {
 protected:
  void SetUp() override {
    AgentConfig config;
    config.batch_samples_max = 1000;
    config.batches_in_flight_max = 64;
    config.batch_age_max = milliseconds(200'000);
    Make(config);
    Connect();
    Push(Much(1));
  }
  static Plan Much(std::uint64_t version) {
    Plan plan = APlan(version);
    for (int i = 0; i < 8; ++i) {
      const std::string name = std::string("t").append(std::to_string(i));
      plan.triggers.push_back({name, {{wire::PlanOpCode::CommandReceived, 0, 0}}, {},
                               milliseconds(10'000), milliseconds(10'000), {}});
    }
    return plan;
  }
  double Wild(double most) {
    noise_ = MixHash(noise_, 7);
    return most * (static_cast<double>(noise_ >> 11) / 9007199254740992.0 * 2 - 1);
  }
  void DriveWildly(int samples) {
    for (int i = 0; i < samples; ++i) {
      Sample sample;
      sample.time = now_ + milliseconds(100) + nanoseconds(std::llround(Wild(4e6)));
      sample.position = {Wild(84), Wild(179)};
      sample.heading_rad = Wild(3);
      sample.speed_mps = Wild(100);
      sample.accel_mps2 = Wild(50);
      sample.yaw_rate_radps = Wild(3);
      sample.accuracy_m = 12 + Wild(12);
      Take(sample);
    }
  }

  std::uint64_t noise_ = 1;
};

TEST_F(AgentPlansOfMuch, WhatDoesNotFitABatchGoesWithTheNext) {
  DriveWildly(600);
  Feed(CommandFrame({}));
  DriveWildly(300);
  ASSERT_TRUE(agent_->Flush().ok());
  std::size_t captures = 0;
  std::size_t batches = 0;
  for (const SentFrame& frame : Sent(FrameType::kHistory)) {
    const auto& history = frame.As<wire::History>();
    if (history.captures() == nullptr) continue;
    ++batches;
    captures += history.captures()->size();
  }
  EXPECT_EQ(captures, 8u);
  EXPECT_GT(batches, 1u);
  EXPECT_EQ(agent_->counters().plan_results_dropped, 0u);
  ExpectBalanced();
}

TEST_F(AgentPlansOfMuch, WhatNeverFoundABatchIsCounted) {
  // A capture begins with a plan's first sample and ends with the plan.
  const auto always = [](std::uint64_t version) {
    Plan plan = Much(version);
    for (PlanTrigger& trigger : plan.triggers) {
      trigger.condition = {{wire::PlanOpCode::Greater, static_cast<std::uint8_t>(wire::PlanSignal::Speed), -1000}};
    }
    return plan;
  };
  DriveWildly(150);
  Feed(CommandFrame({}));
  DriveWildly(60);  // Eight captures of 160 samples, of which a batch takes two or so.
  for (std::uint64_t version = 2; version < 6; ++version) {
    Push(always(version));
    DriveWildly(1);
  }
  DriveWildly(20);  // What waits finds its batch.
  ASSERT_TRUE(agent_->Flush().ok());
  std::size_t captures = 0;
  for (const SentFrame& frame : Sent(FrameType::kHistory)) {
    const auto& history = frame.As<wire::History>();
    if (history.captures() != nullptr) captures += history.captures()->size();
  }
  const AgentCounters& counters = agent_->counters();
  EXPECT_GT(counters.plan_results_dropped, 0u);
  EXPECT_EQ(captures + counters.plan_results_dropped, counters.plan_captures);
  ExpectBalanced();
}

TEST_F(AgentPlans, WithoutOneNothingIsSaidOfPlans) {
  Connect();
  Drive(150);
  for (const SentFrame& frame : DrainWithClock()) {
    EXPECT_NE(frame.type, FrameType::kPlanReport);
    if (frame.type != FrameType::kHistory) continue;
    EXPECT_EQ(frame.As<wire::History>().plan_hash(), 0u);
  }
}

// 8 bytes that nothing can compress, an entry in the table's layout, and that this layout
// is not in the frame's dictionary.
TEST_F(AgentPlans, TheHashCostsFewBytesOfABatch) {
  std::vector<wire::Fix> fixes;
  for (std::uint32_t i = 1; i <= 100; ++i) fixes.push_back(ToWire(SteadySample(AtMs(100 * i)), i));
  SpooledBatch batch{kBoot, 1, 100, {}};
  WriteHistoryColumns(fixes, &batch.columns);
  const auto bytes_with = [&](PlanHash hash) {
    const std::vector<std::byte> wrapped = WrapHistory(batch, {hash, hash, {}, {}});
    std::vector<std::byte> stream;
    EXPECT_TRUE(AppendFrame(FrameType::kHistory, WrappedHistory(wrapped), &SharedCodec(), &stream).ok());
    return stream.size();
  };
  const std::size_t without = bytes_with(PlanHash{});
  const std::size_t with = bytes_with(Compiled(APlan()).hash);
  RecordProperty("batch_bytes", static_cast<int>(without));
  RecordProperty("hash_bytes", static_cast<int>(with - without));
  EXPECT_GE(with, without + 8);
  EXPECT_LE(with, without + 24);
}

}  // namespace
}  // namespace starling::edge
