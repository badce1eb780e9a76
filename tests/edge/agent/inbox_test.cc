#include "edge/inbox/inbox.h"

#include <map>
#include <random>
#include <set>

#include "tests/edge/agent/link.h"

namespace starling::edge {
namespace {

using wire::CommandKind;
using wire::CommandOutcome;
using wire::RejectReason;

constexpr double kAnySpeed = 1000;

class InboxTest : public ::testing::Test {
 protected:
  void Accept(const CommandSpec& spec) {
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(spec.Build(builder));
    inbox_->Accept(*flatbuffers::GetRoot<wire::Command>(builder.GetBufferPointer()), now_);
  }
  // Its id, or 0 if nothing is to be handed over.
  std::uint64_t Take() {
    const auto action = inbox_->Take(now_);
    return action ? ToNumber(action->command) : 0;
  }
  // All statuses that are due, as they are sent.
  std::vector<wire::CommandStatus> Reports() { return inbox_->NextReports(1000); }
  // The one that is due.
  wire::CommandStatus Report() {
    const auto reports = Reports();
    EXPECT_EQ(reports.size(), 1u);
    return reports.empty() ? wire::CommandStatus() : reports.back();
  }
  void ExpectRejected(const CommandSpec& spec, RejectReason reason) {
    Accept(spec);
    EXPECT_EQ(Take(), 0u);
    const auto status = Report();
    EXPECT_EQ(status.outcome(), CommandOutcome::Rejected);
    EXPECT_EQ(status.reason(), reason) << wire::EnumNameRejectReason(status.reason());
    EXPECT_EQ(status.command_id(), spec.id);
  }
  static CommandSpec Spec(std::uint64_t id, std::uint64_t sequence, std::uint64_t episode) {
    CommandSpec spec;
    spec.id = id;
    spec.sequence = sequence;
    spec.episode = episode;
    return spec;
  }

  std::optional<Inbox> inbox_{std::in_place, InboxConfig(), kBoot};
  BootTime now_ = AtMs(1000);
};

TEST_F(InboxTest, HandsACommandOverOnceAndReportsApplied) {
  Accept({});
  EXPECT_TRUE(Reports().empty()) << "not final before it is handed over";
  now_ = AtMs(1002);
  const auto action = inbox_->Take(now_);
  ASSERT_TRUE(action);
  EXPECT_EQ(action->kind, CommandKind::SpeedAdvice);
  EXPECT_EQ(action->command, CommandId{1});
  EXPECT_EQ(action->episode, EpisodeId{100});
  EXPECT_DOUBLE_EQ(action->speed_ceiling_mps, 8);
  EXPECT_DOUBLE_EQ(action->decel_mps2, 2);
  EXPECT_EQ(action->expires, AtMs(5000));
  EXPECT_EQ(action->cell_x, 41);
  EXPECT_EQ(action->cell_y, -17);
  EXPECT_EQ(action->cause_vehicle.view(), "taxi-17");
  EXPECT_EQ(action->cause_boot, BootId{5});
  EXPECT_EQ(action->cause_sequence, 6u);
  EXPECT_EQ(action->cause_log_time_ns, 7);
  EXPECT_EQ(action->emitted_time_ns, 8);
  EXPECT_FALSE(inbox_->Take(now_));

  const auto status = Report();
  EXPECT_EQ(status.command_id(), 1u);
  EXPECT_EQ(status.outcome(), CommandOutcome::Applied);
  EXPECT_EQ(status.reason(), RejectReason::None);
  EXPECT_EQ(status.sequence(), 1u);
  EXPECT_EQ(status.epoch(), 3u);
  EXPECT_EQ(status.region(), 7u);
  EXPECT_EQ(status.boot_time_ns(), ToNs(AtMs(1002)));
  EXPECT_EQ(status.report_sequence(), 1u);
}

TEST_F(InboxTest, IsNeverLateNotEvenByANanosecond) {
  CommandSpec spec;
  spec.expires = AtMs(2000);
  Accept(spec);
  now_ = AtMs(2000) - nanoseconds(1);
  Accept(Spec(2, 2, 200));
  now_ = AtMs(2000);
  EXPECT_EQ(Take(), 2u);
  EXPECT_EQ(Take(), 0u);
  const auto reports = Reports();
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[0].command_id(), 1u);
  EXPECT_EQ(reports[0].outcome(), CommandOutcome::Expired);

  spec = Spec(3, 3, 300);
  spec.expires = now_;
  Accept(spec);
  EXPECT_EQ(Take(), 0u);
  EXPECT_EQ(Report().outcome(), CommandOutcome::Expired);
}

TEST_F(InboxTest, WhatWaitsExpiresByTheTimer) {
  EXPECT_EQ(inbox_->next_expiry(), BootTime::max());
  Accept({});
  EXPECT_EQ(inbox_->next_expiry(), AtMs(5000));
  inbox_->Expire(AtMs(5000));
  EXPECT_EQ(Report().outcome(), CommandOutcome::Expired);
  EXPECT_EQ(inbox_->next_expiry(), BootTime::max());
}

TEST_F(InboxTest, RejectsWhatIsNotForThisBoot) {
  CommandSpec spec;
  spec.boot = BootId{1};
  ExpectRejected(spec, RejectReason::WrongBoot);
}

TEST_F(InboxTest, RejectsWhatItDoesNotUnderstand) {
  CommandSpec spec;
  spec.kind = CommandKind::None;
  ExpectRejected(spec, RejectReason::Malformed);
  spec = Spec(2, 2, 2);
  spec.kind = static_cast<CommandKind>(4);
  ExpectRejected(spec, RejectReason::Malformed);
  spec = Spec(3, 3, 3);
  spec.cause = "no such name!";
  ExpectRejected(spec, RejectReason::Malformed);
  spec = Spec(0, 4, 4);
  ExpectRejected(spec, RejectReason::Malformed);
}

TEST_F(InboxTest, RejectsWhatIsOutsideTheEnvelope) {
  CommandSpec spec;
  spec.decel_cmps2 = 801;
  ExpectRejected(spec, RejectReason::OutsideEnvelope);
  spec = Spec(2, 2, 2);
  spec.ceiling_cmps = 12001;
  ExpectRejected(spec, RejectReason::OutsideEnvelope);
  spec = Spec(3, 3, 3);
  spec.decel_cmps2 = 800;
  Accept(spec);
  EXPECT_EQ(Take(), 3u);
}

TEST_F(InboxTest, RejectsALeaseThatIsTooLong) {
  CommandSpec spec;
  spec.expires = now_ + seconds(10) + nanoseconds(1);
  ExpectRejected(spec, RejectReason::LeaseTooLong);
  spec = Spec(2, 2, 2);
  spec.expires = BootTime(nanoseconds(-1));  // 2^64 - 1 on the wire.
  ExpectRejected(spec, RejectReason::LeaseTooLong);
  spec = Spec(3, 3, 3);
  spec.expires = now_ + seconds(10);
  Accept(spec);
  EXPECT_EQ(Take(), 3u);
}

TEST_F(InboxTest, AnOlderEpochIsFencedOffInItsRegionOnly) {
  CommandSpec spec;
  spec.epoch = 5;
  Accept(spec);
  spec = Spec(2, 99, 200);
  spec.epoch = 4;
  Accept(spec);
  EXPECT_EQ(Take(), 1u);
  EXPECT_EQ(Take(), 0u);
  EXPECT_EQ(Reports()[0].reason(), RejectReason::StaleEpoch);
  spec.id = 3;
  spec.region = 8;
  Accept(spec);
  EXPECT_EQ(Take(), 3u);
}

TEST_F(InboxTest, WhatIsRejectedForItsBootOrFormDoesNotFence) {
  CommandSpec spec;
  spec.epoch = 50;
  spec.boot = BootId{1};
  ExpectRejected(spec, RejectReason::WrongBoot);
  Accept(Spec(2, 1, 200));
  EXPECT_EQ(Take(), 2u);
}

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

TEST_F(InboxTest, ANewerCommandOfItsEpisodeSupersedesTheOneThatWaits) {
  Accept(Spec(1, 1, 100));
  Accept(Spec(2, 2, 100));
  EXPECT_EQ(Take(), 2u);
  EXPECT_EQ(Take(), 0u);
  const auto reports = Reports();
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[0].command_id(), 1u);
  EXPECT_EQ(reports[0].outcome(), CommandOutcome::Superseded);
}

TEST_F(InboxTest, AnOlderCommandThatArrivesLaterIsSuperseded) {
  for (const bool handed_over : {false, true}) {
    inbox_.emplace(InboxConfig(), kBoot);
    Accept(Spec(2, 2, 100));
    if (handed_over) {
      EXPECT_EQ(Take(), 2u);
    }
    Accept(Spec(1, 1, 100));
    EXPECT_EQ(Take(), handed_over ? 0u : 2u);
    for (const auto& status : Reports()) {
      EXPECT_EQ(status.outcome(),
                status.command_id() == 1 ? CommandOutcome::Superseded : CommandOutcome::Applied);
    }
  }
}

TEST_F(InboxTest, AnOlderCommandOfAnotherEpisodeThatArrivesLaterStillActs) {
  Accept(Spec(2, 2, 100));
  Accept(Spec(1, 1, 200));
  EXPECT_EQ(Take(), 2u);
  EXPECT_EQ(Take(), 1u);
}

TEST_F(InboxTest, ARejectedCommandSupersedesNothing) {
  CommandSpec spec = Spec(2, 2, 100);
  spec.decel_cmps2 = 2000;
  Accept(Spec(1, 1, 100));
  Accept(spec);
  EXPECT_EQ(Take(), 1u);
}

TEST_F(InboxTest, TwoIdsCannotShareASequence) {
  Accept(Spec(1, 1, 100));
  EXPECT_EQ(Take(), 1u);
  Reports();
  ExpectRejected(Spec(2, 1, 200), RejectReason::StaleSequence);
}

TEST_F(InboxTest, ANewerCommandTakesThePlaceOfTheOldersLease) {
  CommandSpec spec = Spec(1, 1, 100);
  spec.ceiling_cmps = 300;
  Accept(spec);
  EXPECT_EQ(Take(), 1u);
  EXPECT_DOUBLE_EQ(*inbox_->Desired(now_, kAnySpeed).speed_ceiling_mps, 3);
  spec = Spec(2, 2, 100);
  spec.ceiling_cmps = 900;
  Accept(spec);
  EXPECT_DOUBLE_EQ(*inbox_->Desired(now_, kAnySpeed).speed_ceiling_mps, 3) << "not handed over yet";
  EXPECT_EQ(Take(), 2u);
  EXPECT_DOUBLE_EQ(*inbox_->Desired(now_, kAnySpeed).speed_ceiling_mps, 9);
  for (const auto& status : Reports()) EXPECT_EQ(status.outcome(), CommandOutcome::Applied);
}

TEST_F(InboxTest, TheMostRestrictiveOfTwoRegionsWins) {
  CommandSpec spec = Spec(1, 1, 100);
  spec.ceiling_cmps = 1000;
  spec.decel_cmps2 = 500;
  spec.expires = AtMs(3000);
  Accept(spec);
  spec = Spec(2, 1, 100);  // The same episode, seen from the other side of the seam.
  spec.region = 8;
  spec.ceiling_cmps = 600;
  spec.decel_cmps2 = 100;
  spec.expires = AtMs(2000);
  Accept(spec);
  EXPECT_EQ(Take(), 1u);
  EXPECT_EQ(Take(), 2u);
  EXPECT_DOUBLE_EQ(*inbox_->Desired(now_, 15).speed_ceiling_mps, 6);
  EXPECT_DOUBLE_EQ(inbox_->Desired(now_, 15).decel_mps2, 5) << "under 10 m/s it has to get hard";
  EXPECT_DOUBLE_EQ(inbox_->Desired(now_, 8).decel_mps2, 1) << "under 10 m/s it already is";
  EXPECT_DOUBLE_EQ(inbox_->Desired(now_, 5).decel_mps2, 1);
  EXPECT_DOUBLE_EQ(*inbox_->Desired(AtMs(2000), 15).speed_ceiling_mps, 10);
  EXPECT_FALSE(inbox_->Desired(AtMs(3000), 15).speed_ceiling_mps);
  EXPECT_DOUBLE_EQ(inbox_->Desired(AtMs(3000), 15).decel_mps2, 0);
}

TEST_F(InboxTest, ReleaseEndsTheLeasesOfItsEpisode) {
  Accept(Spec(1, 1, 100));
  Accept(Spec(2, 2, 200));
  EXPECT_EQ(Take(), 1u);
  EXPECT_EQ(Take(), 2u);
  CommandSpec release = Spec(3, 3, 100);
  release.kind = CommandKind::Release;
  release.ceiling_cmps = 0;
  Accept(release);
  const auto action = inbox_->Take(now_);
  ASSERT_TRUE(action);
  EXPECT_EQ(action->kind, CommandKind::Release);
  EXPECT_DOUBLE_EQ(*inbox_->Desired(now_, kAnySpeed).speed_ceiling_mps, 8) << "episode 200 goes on";
  release.id = 4;
  release.sequence = 4;
  release.episode = 200;
  Accept(release);
  EXPECT_EQ(Take(), 4u);
  EXPECT_FALSE(inbox_->Desired(now_, kAnySpeed).speed_ceiling_mps);
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

}  // namespace
}  // namespace starling::edge
