// One command, one outcome: repeats, reports, and what memory is bounded to.
#include "tests/edge/agent/inbox_fixture.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace starling::edge {
namespace {

using wire::CommandKind;
using wire::CommandOutcome;
using wire::RejectReason;

TEST_F(InboxTest, ARepeatNeverActsAgainAndSaysTheSame) {
  Accept({});
  EXPECT_EQ(Take(), 1u);
  const auto first = Report();
  for (int i = 0; i < 3; ++i) {
    now_ += milliseconds(1);
    Accept({});
    EXPECT_EQ(Take(), 0u);
    const auto again = Report();
    EXPECT_EQ(again.report_sequence(), first.report_sequence());
    EXPECT_EQ(again.outcome(), CommandOutcome::Applied);
  }
  now_ = AtMs(9000);  // The lease is over: still Applied, not Expired.
  Accept({});
  EXPECT_EQ(Report().outcome(), CommandOutcome::Applied);

  inbox_->Acknowledge(first.report_sequence());
  EXPECT_TRUE(inbox_->idle());
  Accept({});
  EXPECT_EQ(Take(), 0u);
  const auto later = Report();
  EXPECT_EQ(later.outcome(), CommandOutcome::Applied);
  EXPECT_EQ(later.boot_time_ns(), first.boot_time_ns());
  EXPECT_GT(later.report_sequence(), first.report_sequence());
  EXPECT_EQ(inbox_->counters().applied, 1u);
  EXPECT_EQ(inbox_->counters().repeated, 5u);
}

TEST_F(InboxTest, ARepeatOfOneThatWaitsChangesNothing) {
  Accept({});
  Accept({});
  EXPECT_EQ(Take(), 1u);
  EXPECT_EQ(Take(), 0u);
  EXPECT_EQ(Reports().size(), 1u);
}

TEST_F(InboxTest, StatusesAreKeptUntilAcknowledgedAndSentAgainOnANewConnection) {
  for (std::uint64_t i = 1; i <= 5; ++i) {
    Accept(Spec(i, i, i));
    EXPECT_EQ(Take(), i);
  }
  EXPECT_EQ(Reports().size(), 5u);
  EXPECT_FALSE(inbox_->has_reports());
  inbox_->Acknowledge(2);
  inbox_->SendAgain();
  const auto again = Reports();
  ASSERT_EQ(again.size(), 3u);
  for (std::uint32_t i = 0; i < 3; ++i) EXPECT_EQ(again[i].report_sequence(), 3 + i);
  inbox_->Acknowledge(5);
  EXPECT_TRUE(inbox_->idle());
  EXPECT_FALSE(inbox_->has_reports());
}

TEST_F(InboxTest, AnAcknowledgementCannotCoverWhatWasNeverSent) {
  Accept({});
  EXPECT_EQ(Take(), 1u);
  inbox_->Acknowledge(0xFFFF'FFFF);
  EXPECT_EQ(Report().command_id(), 1u);
  inbox_->Acknowledge(0xFFFF'FFFF);
  EXPECT_TRUE(inbox_->idle());
}

TEST_F(InboxTest, AFullInboxRejects) {
  for (std::uint64_t i = 1; i <= Inbox::kPendingMax; ++i) Accept(Spec(i, i, i));
  CommandSpec spec = Spec(1000, 1000, 1000);
  Accept(spec);
  const auto status = Report();
  EXPECT_EQ(status.outcome(), CommandOutcome::Rejected);
  EXPECT_EQ(status.reason(), RejectReason::InboxFull);
  for (std::uint64_t i = 1; i <= Inbox::kPendingMax; ++i) EXPECT_EQ(Take(), i);
  EXPECT_EQ(Take(), 0u);
}

TEST_F(InboxTest, WithoutRoomForAStatusACommandIsAsIfTheLinkHadLostIt) {
  InboxConfig config;
  config.reports_max = 2;
  inbox_.emplace(config, kBoot);
  for (std::uint64_t i = 1; i <= 3; ++i) Accept(Spec(i, i, i));
  EXPECT_EQ(inbox_->counters().ignored, 1u);
  EXPECT_EQ(Take(), 1u);
  EXPECT_EQ(Take(), 2u);
  EXPECT_EQ(Take(), 0u);
  EXPECT_EQ(Reports().size(), 2u);
  inbox_->Acknowledge(2);
  Accept(Spec(3, 3, 3));
  EXPECT_EQ(Take(), 3u);
}

TEST_F(InboxTest, AVehicleMayPassThroughAnyNumberOfRegions) {
  for (std::uint32_t i = 1; i <= 3 * Inbox::kRegionsMax; ++i) {
    CommandSpec spec = Spec(i, 1, i);
    spec.region = i;
    spec.expires = now_ + milliseconds(10);
    Accept(spec);
    EXPECT_EQ(Take(), i);
    spec = Spec(1000 + i, 2, i);  // Its present region's fence holds.
    spec.region = i;
    spec.epoch = 2;
    Accept(spec);
    EXPECT_EQ(Take(), 0u);
    now_ += milliseconds(20);
  }
}

TEST_F(InboxTest, AForgottenIdIsNeverActedOnAgain) {
  const CommandSpec first = Spec(1, 1, 1);
  Accept(first);
  EXPECT_EQ(Take(), 1u);
  for (std::uint64_t i = 2; i <= 200; ++i) {
    CommandSpec spec = Spec(i, i, i);
    spec.expires = now_;  // Expired: forgotten early.
    Accept(spec);
  }
  while (!Reports().empty()) {
  }
  inbox_->Acknowledge(0xFFFF'FFFF);
  Accept(first);  // Its lease lives, so it is not forgotten.
  EXPECT_EQ(Take(), 0u);
  EXPECT_EQ(Report().outcome(), CommandOutcome::Applied);
  CommandSpec forgotten = Spec(2, 2, 2);  // Now with a lease that would live.
  ExpectRejected(forgotten, RejectReason::StaleSequence);
}

// Any commands in any order, repeated, with acknowledgements and reconnects: each
// id is handed over at most once, never late, and never has two outcomes.
TEST_F(InboxTest, WhateverArrivesEachCommandHasOneOutcome) {
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const auto below = [&](std::uint64_t n) { return random() % n; };
    inbox_.emplace(InboxConfig(), kBoot);
    now_ = AtMs(1000);
    std::vector<CommandSpec> outbox;
    std::map<std::uint64_t, CommandOutcome> outcomes;
    std::set<std::uint64_t> handed_over;
    std::set<std::uint64_t> accepted;
    std::uint64_t sequence[2] = {0, 0};
    std::uint32_t last_report = 0;
    for (int step = 0; step < 3000; ++step) {
      now_ += std::chrono::microseconds(below(20'000));
      switch (below(6)) {
        case 0:
        case 1: {
          CommandSpec spec;
          const std::size_t region = below(2);
          spec.region = static_cast<std::uint32_t>(region);
          spec.sequence = ++sequence[region];
          spec.id = 1000 * spec.sequence + region + 1;
          spec.episode = below(5);
          spec.epoch = 3 + below(2) * (step > 1500 ? 1 : 0);
          spec.kind = static_cast<CommandKind>(1 + below(3));
          spec.expires = now_ + milliseconds(static_cast<std::int64_t>(below(4000))) - milliseconds(50);
          outbox.push_back(spec);
          if (below(3) > 0) {
            Accept(spec);
            accepted.insert(spec.id);
          }
          break;
        }
        case 2:
          if (!outbox.empty()) {  // One of the last fifteen again, perhaps for the first time.
            const CommandSpec& spec = outbox[outbox.size() - 1 - below(std::min<std::size_t>(15, outbox.size()))];
            Accept(spec);
            accepted.insert(spec.id);
          }
          break;
        case 3:
          while (const auto action = inbox_->Take(now_)) {
            ASSERT_LT(now_, action->expires);
            ASSERT_TRUE(handed_over.insert(ToNumber(action->command)).second);
          }
          break;
        case 4:
          for (const auto& status : inbox_->NextReports(1 + below(20))) {
            const auto [known, is_new] = outcomes.emplace(status.command_id(), status.outcome());
            ASSERT_EQ(known->second, status.outcome());
            if (is_new) {
              ASSERT_GT(status.report_sequence(), 0u);
            }
            last_report = std::max(last_report, status.report_sequence());
          }
          break;
        case 5:
          if (below(2) == 0) {
            inbox_->Acknowledge(last_report);
          } else {
            inbox_->SendAgain();
          }
          break;
      }
    }
    now_ += seconds(20);
    inbox_->Expire(now_);
    for (const auto& status : Reports()) outcomes.emplace(status.command_id(), status.outcome());
    for (const std::uint64_t id : accepted) ASSERT_EQ(outcomes.count(id), 1u) << id;
    for (const auto& [id, outcome] : outcomes) {
      ASSERT_EQ(outcome == CommandOutcome::Applied, handed_over.count(id) == 1) << id;
    }
    const InboxCounters& counters = inbox_->counters();
    EXPECT_EQ(counters.applied + counters.superseded + counters.expired + counters.rejected, outcomes.size());
    EXPECT_EQ(counters.received - counters.repeated, outcomes.size());
  }
}

TEST_F(InboxTest, ObserverHearsOfEachTerminalStatusOnceWhateverIsRepeated) {
  std::vector<wire::CommandStatus> heard;
  inbox_->ObserveClosed([&](const wire::CommandStatus& status) { heard.push_back(status); });
  Accept(Spec(1, 1, 10));
  EXPECT_TRUE(heard.empty());
  EXPECT_EQ(Take(), 1u);
  ASSERT_EQ(heard.size(), 1u);
  EXPECT_EQ(heard[0].command_id(), 1u);
  EXPECT_EQ(heard[0].outcome(), CommandOutcome::Applied);
  Report();
  inbox_->Acknowledge(1);
  Accept(Spec(1, 1, 10));  // Its status is sent once more, and is the same.
  EXPECT_EQ(Reports().size(), 1u);
  EXPECT_EQ(heard.size(), 1u);
}

}  // namespace
}  // namespace starling::edge
