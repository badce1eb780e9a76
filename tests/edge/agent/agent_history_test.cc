#include <algorithm>
#include <deque>
#include <limits>
#include <random>
#include <set>

#include "common/telemetry/fix_codec.h"
#include "common/telemetry/history_reader.h"
#include "tests/edge/agent/link.h"

namespace starling::edge {
namespace {

class HistoryLane : public AgentTest {
 protected:
  static AgentConfig TenSamples() {
    AgentConfig config;
    config.batch_samples_max = 10;
    return config;
  }
  void TakeMany(int count) {
    for (int i = 0; i < count; ++i) Take(SteadySample(now_ + milliseconds(100)));
  }
  // The history frames that are due.
  std::vector<SentFrame> History() {
    std::vector<SentFrame> frames = DrainWithClock();
    std::erase_if(frames, [](const SentFrame& frame) { return frame.type != FrameType::kHistory; });
    return frames;
  }
  void Ack(const SentFrame& frame, bool refused = false) {
    const auto& history = frame.As<wire::History>();
    Feed(HistoryAckFrame(BootId{history.boot_id()}, history.first_sequence(),
                         history.first_sequence() + history.count() - 1, refused));
  }
  static std::uint64_t FirstOf(const SentFrame& frame) { return frame.As<wire::History>().first_sequence(); }
};

TEST_F(HistoryLane, EverySampleArrivesAsItWasTaken) {
  Make(TenSamples());
  std::vector<wire::Fix> taken;
  for (int i = 1; i <= 47; ++i) {
    const Sample sample = SteadySample(AtMs(100 * i), 7.5);
    Take(sample);
    taken.push_back(ToWire(sample, static_cast<std::uint32_t>(i)));
  }
  ASSERT_TRUE(agent_->Flush().ok());
  Connect();
  std::size_t next = 0;
  for (std::vector<SentFrame> frames = History(); !frames.empty(); frames = History()) {
    for (const SentFrame& frame : frames) {
      const auto& history = frame.As<wire::History>();
      EXPECT_EQ(history.boot_id(), ToNumber(kBoot));
      std::vector<wire::Fix> fixes;
      const auto columns = std::as_bytes(std::span(history.columns()->data(), history.columns()->size()));
      ASSERT_TRUE(ReadHistoryColumns(columns, history.first_sequence(), history.count(), &fixes).ok());
      for (const wire::Fix& fix : fixes) {
        EXPECT_EQ(fix.sequence(), taken[next].sequence());
        EXPECT_EQ(fix.boot_time_ns(), taken[next].boot_time_ns());
        EXPECT_EQ(fix.lat_e7(), taken[next].lat_e7());
        ++next;
      }
      Ack(frame);
    }
  }
  EXPECT_EQ(next, taken.size());
  EXPECT_EQ(agent_->ledger().delivered, 47u);
  EXPECT_TRUE(agent_->drained());
}

TEST_F(HistoryLane, VehiclesThatStartTogetherDoNotSealTogether) {
  std::set<std::uint64_t> first_batches;
  for (std::uint64_t boot = 1; boot <= 200; ++boot) {
    Agent agent(AgentConfig(), BootId{boot}, std::make_unique<MemorySpool>(MemorySpoolConfig()), &SharedCodec());
    std::uint64_t in_open_batch = 0;
    for (int i = 1; i <= 100; ++i) {
      ASSERT_TRUE(agent.OnSample(SteadySample(AtMs(100 * i)), AtMs(100 * i)).ok());
      if (agent.next_timer() == BootTime::max()) in_open_batch = static_cast<std::uint64_t>(i);
    }
    first_batches.insert(in_open_batch);
  }
  EXPECT_GT(first_batches.size(), 60u);
}

TEST_F(HistoryLane, ABatchIsSealedAtItsAgeByTheTimer) {
  Make();
  Take(SteadySample(AtMs(100)));
  Take(SteadySample(AtMs(200)));
  if (agent_->next_timer() != BootTime::max()) {
    EXPECT_EQ(agent_->next_timer(), AtMs(10'100));
  }
  now_ = AtMs(10'100);
  agent_->OnTimer(now_);
  EXPECT_EQ(agent_->next_timer(), BootTime::max());
  Connect();
  ASSERT_FALSE(History().empty());
}

TEST_F(HistoryLane, OnlySoManyBatchesAreOnTheirWayAndAnAckMakesRoom) {
  Make(TenSamples());
  TakeMany(100);
  Connect();
  const auto first = History();
  ASSERT_EQ(first.size(), 4u);
  EXPECT_TRUE(History().empty());
  Ack(first[2]);  // In any order.
  const auto next = History();
  ASSERT_EQ(next.size(), 1u);
  EXPECT_GT(FirstOf(next[0]), FirstOf(first[3]));
  ExpectBalanced();
}

TEST_F(HistoryLane, WhatIsNotAcknowledgedIsSentAgainUnchangedOldestFirst) {
  Make(TenSamples());
  TakeMany(40);
  Connect();
  const auto before = History();
  ASSERT_EQ(before.size(), 4u);
  Ack(before[1]);
  agent_->OnDisconnected(now_);
  TakeMany(20);
  Connect();
  const auto after = History();
  ASSERT_EQ(after.size(), 4u);
  EXPECT_EQ(after[0].aligned, before[0].aligned);
  EXPECT_EQ(after[1].aligned, before[2].aligned);
  EXPECT_EQ(after[2].aligned, before[3].aligned);
}

TEST_F(HistoryLane, WelcomeSaysWhatNeedNotBeSentAgain) {
  Make(TenSamples());
  TakeMany(60);
  Connect();
  const auto sent = History();
  ASSERT_EQ(sent.size(), 4u);
  agent_->OnDisconnected(now_);
  const auto& second = sent[1].As<wire::History>();
  const std::uint64_t through = second.first_sequence() + second.count() - 1;
  Connect(kBoot, through + 3);  // Covers the first two wholly.
  EXPECT_EQ(agent_->ledger().delivered, through);
  EXPECT_EQ(FirstOf(History()[0]), through + 1);
  ExpectBalanced();
}

TEST_F(HistoryLane, NobodyCanAcknowledgeWhatWasNeverSent) {
  Make(TenSamples());
  TakeMany(60);
  Connect(kBoot, 1'000'000);
  EXPECT_EQ(agent_->ledger().delivered, 0u);
  const auto sent = History();
  ASSERT_EQ(sent.size(), 4u);
  const std::uint64_t unsent = FirstOf(sent[3]) + 10;
  Feed(HistoryAckFrame(kBoot, unsent, unsent + 9));
  Feed(HistoryAckFrame(kBoot, FirstOf(sent[0]), 1'000'000));
  EXPECT_EQ(agent_->ledger().delivered, 0u);
  EXPECT_EQ(agent_->counters().frames_malformed, 2u);
  Feed(HistoryAckFrame(BootId{1}, 1, 10));  // Not held: perhaps acknowledged before.
  ExpectBalanced();
}

TEST_F(HistoryLane, ARefusedBatchIsDroppedCountedAndNeverSentAgain) {
  Make(TenSamples());
  TakeMany(30);
  Connect();
  const auto sent = History();
  Ack(sent[0], true);
  Ack(sent[0], true);
  EXPECT_EQ(agent_->ledger().dropped_refused, sent[0].As<wire::History>().count());
  agent_->OnDisconnected(now_);
  Connect();
  for (const SentFrame& frame : History()) EXPECT_NE(FirstOf(frame), FirstOf(sent[0]));
  ExpectBalanced();
}

// The cloud shed a batch: it says so with SlowHistory, and holds nothing of it.
TEST_F(HistoryLane, WhatWasInFlightAtSlowHistoryIsSentAgainAfterThePause) {
  Make(TenSamples());
  Connect();
  TakeMany(30);
  const std::vector<SentFrame> shed = History();
  ASSERT_FALSE(shed.empty());
  Feed(NoticeFrame(wire::NoticeCode::SlowHistory, 500));
  EXPECT_TRUE(History().empty());
  now_ += milliseconds(500);
  const std::vector<SentFrame> again = History();
  ASSERT_EQ(again.size(), shed.size());
  for (std::size_t i = 0; i < shed.size(); ++i) EXPECT_EQ(FirstOf(again[i]), FirstOf(shed[i]));
  ExpectBalanced();
}

TEST_F(HistoryLane, SlowHistoryPausesHistoryAndNothingElse) {
  Make(TenSamples());
  Connect();
  Feed(NoticeFrame(wire::NoticeCode::SlowHistory, 3000));
  const BootTime until = now_ + milliseconds(3000);
  int live = 0;
  while (now_ + milliseconds(100) < until) {
    TakeMany(1);
    for (const SentFrame& frame : DrainWithClock()) {
      EXPECT_NE(frame.type, FrameType::kHistory);
      live += frame.type == FrameType::kLive ? 1 : 0;
    }
  }
  EXPECT_GE(live, 3);
  agent_->OnTimer(now_);
  EXPECT_EQ(agent_->next_timer(), until);
  now_ = until;
  EXPECT_FALSE(History().empty());
}

TEST_F(HistoryLane, AFullSpoolGivesUpTheOldestEvenInFlightAndSaysSo) {
  Make(TenSamples(), 4096);
  TakeMany(20);
  Connect();
  const auto sent = History();
  ASSERT_GE(sent.size(), 2u);
  TakeMany(3000);
  ExpectBalanced();
  EXPECT_GT(agent_->ledger().dropped_spool_full, 2000u);
  Ack(sent[0]);  // Too late: no longer held.
  EXPECT_EQ(agent_->ledger().delivered, 0u);
  ExpectBalanced();
  EXPECT_EQ(History().size(), 4u);
}

// A spool whose medium refuses at times.
class UnreliableSpool final : public Spool {
 public:
  Status Append(SpooledBatch batch) override {
    if (++appends_ % 3 == 0) return Status(ErrorCode::kIoError, "medium refused");
    return spool_.Append(std::move(batch));
  }
  const SpooledBatch* At(std::size_t index) const override { return spool_.At(index); }
  std::size_t Delete(BootId boot, std::uint64_t first) override { return spool_.Delete(boot, first); }
  std::size_t batches() const override { return spool_.batches(); }
  std::uint64_t samples() const override { return spool_.samples(); }
  std::size_t bytes() const override { return spool_.bytes(); }
  std::uint64_t dropped_samples() const override { return spool_.dropped_samples(); }

 private:
  MemorySpool spool_{MemorySpoolConfig()};
  int appends_ = 0;
};

TEST_F(HistoryLane, WhatTheMediumRefusedIsInTheLedger) {
  agent_.emplace(TenSamples(), kBoot, std::make_unique<UnreliableSpool>(), &SharedCodec());
  int refused = 0;
  for (int i = 1; i <= 100; ++i) {
    now_ = AtMs(100 * i);
    const Status status = agent_->OnSample(SteadySample(now_), now_);
    if (!status.ok()) {
      EXPECT_EQ(status.code(), ErrorCode::kIoError);
      ++refused;
    }
    ExpectBalanced();
  }
  EXPECT_GE(refused, 3);
  EXPECT_EQ(agent_->ledger().dropped_io, 10u * static_cast<unsigned>(refused));
}

TEST_F(HistoryLane, BatchesOfFormerBootsAreSentAndCounted) {
  auto spool = std::make_unique<MemorySpool>(MemorySpoolConfig());
  ASSERT_TRUE(spool->Append({BootId{1}, 51, 10, std::vector<std::byte>(20)}).ok());
  ASSERT_TRUE(spool->Append({BootId{1}, 61, 10, std::vector<std::byte>(20)}).ok());
  agent_.emplace(TenSamples(), kBoot, std::move(spool), &SharedCodec());
  EXPECT_EQ(agent_->ledger().sampled, 20u);
  TakeMany(5);
  Connect(BootId{1}, 60);
  EXPECT_EQ(agent_->ledger().delivered, 10u);
  const auto sent = History();
  ASSERT_FALSE(sent.empty());
  EXPECT_EQ(sent[0].As<wire::History>().boot_id(), 1u);
  EXPECT_EQ(FirstOf(sent[0]), 61u);
  ExpectBalanced();
}

TEST_F(HistoryLane, InvalidAndOldSamplesAreRefusedAndChangeNothing) {
  Make();
  Take(SteadySample(AtMs(100)));
  const AgentLedger before = agent_->ledger();
  Sample bad = SteadySample(AtMs(200));
  bad.speed_mps = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(agent_->OnSample(bad, now_).code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(agent_->OnSample(SteadySample(AtMs(100)), now_).code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(agent_->OnSample(SteadySample(AtMs(-5)), now_).code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(agent_->ledger(), before);
  EXPECT_EQ(agent_->counters().samples_refused, 3u);
}

// A cloud that stores some batches, refuses a few, loses acks, cuts the link and
// says at each Welcome what it has.  After every step the ledger is equal; at the
// end the cloud has exactly what the agent counts as delivered.
TEST_F(HistoryLane, TheLedgerIsBalancedAfterEveryStepAndTrueAtTheEnd) {
  for (std::uint32_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
    AgentConfig config;
    config.batch_samples_max = 1 + below(30);
    config.batch_age_max = milliseconds(500 + below(5000));
    config.batches_in_flight_max = 1 + below(5);
    now_ = AtMs(0);
    Make(config, seed % 2 == 0 ? 4096 : 1 << 20);
    std::set<std::uint64_t> durable;  // Sequences.
    std::set<std::uint64_t> refused;
    std::deque<std::vector<std::byte>> acks;
    bool connected = false;
    const auto store = [&](const SentFrame& frame) {
      const auto& history = frame.As<wire::History>();
      const std::uint64_t first = history.first_sequence();
      const bool no = first % 11 == 0;
      for (std::uint64_t i = first; i < first + history.count(); ++i) (no ? refused : durable).insert(i);
      acks.push_back(HistoryAckFrame(kBoot, first, first + history.count() - 1, no));
    };
    const auto connect = [&] {
      std::uint64_t through = 0;  // As far as there is no gap.
      while (durable.count(through + 1) == 1) ++through;
      acks.clear();
      Connect(kBoot, through);
      connected = true;
    };
    for (int step = 0; step < 1500; ++step) {
      now_ += milliseconds(below(60));
      switch (below(8)) {
        case 0:
        case 1:
        case 2: Take(SteadySample(now_ + milliseconds(1))); break;
        case 3: agent_->OnTimer(now_); break;
        case 4:
          if (connected) {
            for (const SentFrame& frame : DrainWithClock()) {
              if (frame.type == FrameType::kHistory) store(frame);
            }
          }
          break;
        case 5:
          if (connected && !acks.empty()) {
            const std::size_t which = below(static_cast<unsigned>(acks.size()));
            if (below(8) > 0) Feed(acks[which]);
            if (below(4) > 0) acks.erase(acks.begin() + static_cast<std::ptrdiff_t>(which));
          }
          break;
        case 6:
          if (below(10) == 0) {
            agent_->OnDisconnected(now_);
            connected = false;
          }
          break;
        case 7:
          if (!connected) connect();
          break;
      }
      ExpectBalanced();
    }
    agent_->OnDisconnected(now_);
    ASSERT_TRUE(agent_->Flush().ok());
    connect();
    while (agent_->ledger().in_flight > 0) {
      const std::uint64_t before = agent_->ledger().in_flight;
      for (const SentFrame& frame : DrainWithClock()) {
        if (frame.type == FrameType::kHistory) store(frame);
      }
      for (; !acks.empty(); acks.pop_front()) Feed(acks.front());
      ASSERT_LT(agent_->ledger().in_flight, before);
    }
    ExpectBalanced();
    const AgentLedger ledger = agent_->ledger();
    EXPECT_TRUE(agent_->drained());
    // What the spool gave up after the cloud had it is in both.
    EXPECT_LE(ledger.delivered, durable.size());
    EXPECT_LE(durable.size(), ledger.delivered + ledger.dropped_spool_full);
    if (ledger.dropped_spool_full == 0) {
      EXPECT_EQ(ledger.delivered, durable.size());
      EXPECT_EQ(ledger.dropped_refused, refused.size());
    }
  }
}

}  // namespace
}  // namespace starling::edge
