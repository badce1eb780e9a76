// When an agent commits its spool, and what it commits.
#include <algorithm>
#include <deque>
#include <set>

#include "tests/edge/agent/link.h"

namespace starling::edge {
namespace {

// A spool that keeps what its agent says to commit.
class CommittedSpool final : public Spool {
 public:
  struct Seen {
    SpoolMoment moment;
    std::uint64_t sealed = 0;  // samples in batches at that moment
  };
  explicit CommittedSpool(std::vector<Seen>* seen) : seen_(seen) {}

  Status Append(SpooledBatch batch) override { return spool_.Append(std::move(batch)); }
  const SpooledBatch* At(std::size_t index) const override {
    return lost_.contains(index) ? nullptr : spool_.At(index);
  }
  std::optional<BatchLimits> Limits(std::size_t index) const override {
    const SpooledBatch* batch = spool_.At(index);
    if (batch == nullptr) return std::nullopt;
    return BatchLimits{batch->boot, batch->first_sequence, batch->count};
  }
  void GiveUp(std::size_t index) override {
    const BatchLimits limits = *Limits(index);
    unreadable_ += spool_.Delete(limits.boot, limits.first_sequence);
    lost_.erase(index);
  }
  BootTime Commit(SpoolMoment moment) override {
    seen_->push_back({std::move(moment), spool_.samples()});
    return BootTime::max();
  }
  std::size_t Delete(BootId boot, std::uint64_t first) override { return spool_.Delete(boot, first); }
  std::size_t batches() const override { return spool_.batches(); }
  std::uint64_t samples() const override { return spool_.samples(); }
  std::size_t bytes() const override { return spool_.bytes(); }
  std::uint64_t dropped_samples() const override { return spool_.dropped_samples(); }
  std::uint64_t unreadable_samples() const override { return unreadable_; }

  void Lose(std::size_t index) { lost_.insert(index); }

 private:
  std::vector<Seen>* const seen_;
  MemorySpool spool_{MemorySpoolConfig()};
  std::set<std::size_t> lost_;
  std::uint64_t unreadable_ = 0;
};

class AgentCommits : public AgentTest {
 protected:
  static AgentConfig TenSamples() {
    AgentConfig config;
    config.batch_samples_max = 10;
    return config;
  }
  void TakeMany(int count) {
    for (int i = 0; i < count; ++i) Take(SteadySample(now_ + milliseconds(100)));
  }
};

TEST_F(AgentCommits, EverySampleIsCommittedWithinTheIntervalThatOfTheOpenBatchToo) {
  AgentConfig config;
  config.commit_interval = milliseconds(1000);
  std::vector<CommittedSpool::Seen> seen;
  agent_.emplace(config, kBoot, std::make_unique<CommittedSpool>(&seen), &SharedCodec());
  std::uint64_t taken = 0;
  std::uint64_t drafted = 0;   // the last sample that a commit had
  std::deque<BootTime> waiting;  // when samples without one were taken
  for (int ms = 0; ms <= 60'000; ms += 20) {
    now_ = AtMs(1000 + ms);
    if (ms % 100 == 0 && (ms / 10'000) % 3 != 2) {
      Take(SteadySample(now_));
      ++taken;
      waiting.push_back(now_);
    }
    const std::size_t commits = seen.size();
    if (now_ >= agent_->next_timer()) agent_->OnTimer(now_);
    for (std::size_t i = commits; i < seen.size(); ++i) {
      const SpoolMoment& moment = seen[i].moment;
      if (!moment.due) continue;
      EXPECT_EQ(moment.taken, taken);
      if (moment.open) {
        // A draft lies within the open batch, and follows the one before.
        EXPECT_EQ(moment.open->first_sequence, std::max(drafted, seen[i].sealed) + 1);
        drafted = moment.open->through_sequence();
      }
      EXPECT_EQ(std::max(drafted, seen[i].sealed), taken);
      waiting.clear();
    }
    if (!waiting.empty()) {
      EXPECT_LT(now_ - waiting.front(), milliseconds(1020));
    }
  }
  EXPECT_GT(taken, 300u);
  EXPECT_GT(seen.size(), 30u);
  EXPECT_LT(seen.size(), 50u) << "no more commits than intervals with samples";
}

TEST_F(AgentCommits, WithoutAnIntervalNothingIsCommitted) {
  std::vector<CommittedSpool::Seen> seen;
  agent_.emplace(TenSamples(), kBoot, std::make_unique<CommittedSpool>(&seen), &SharedCodec());
  TakeMany(100);
  agent_->OnTimer(now_ + seconds(100));
  EXPECT_TRUE(seen.empty());
}

TEST_F(AgentCommits, ABatchThatTheMediumDoesNotGiveBackIsCountedAndTheNextOneSent) {
  std::vector<CommittedSpool::Seen> seen;
  auto spool = std::make_unique<CommittedSpool>(&seen);
  CommittedSpool* const held = spool.get();
  agent_.emplace(TenSamples(), kBoot, std::move(spool), &SharedCodec());
  TakeMany(30);
  held->Lose(0);
  const std::uint64_t lost = held->Limits(0)->count;
  const std::uint64_t second = held->Limits(1)->first_sequence;
  Connect();
  std::vector<SentFrame> sent = DrainWithClock();
  std::erase_if(sent, [](const SentFrame& frame) { return frame.type != FrameType::kHistory; });
  ASSERT_FALSE(sent.empty());
  EXPECT_EQ(sent[0].As<wire::History>().first_sequence(), second);
  EXPECT_EQ(agent_->ledger().dropped_unreadable, lost);
  const AgentLedger ledger = agent_->ledger();
  EXPECT_EQ(ledger.sampled, ledger.delivered + ledger.dropped_unreadable + ledger.in_flight);
}

}  // namespace
}  // namespace starling::edge
