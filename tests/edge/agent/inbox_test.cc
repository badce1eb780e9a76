// What an inbox takes, refuses, supersedes and hands over.
#include "tests/edge/agent/inbox_fixture.h"

namespace starling::edge {
namespace {

using wire::CommandKind;
using wire::CommandOutcome;
using wire::RejectReason;

constexpr double kAnySpeed = 1000;

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

TEST_F(InboxTest, WhatTheVehicleVetoesIsRejectedAndTheFormerLeaseStays) {
  Accept(Spec(1, 1, 7));
  EXPECT_EQ(Take(), 1u);
  Reports();
  inbox_->SetVeto([](const ControlAction& action) { return ToNumber(action.command) == 2; });
  Accept(Spec(2, 2, 7));
  Accept(Spec(3, 3, 8));
  EXPECT_EQ(Take(), 3u);  // The one behind it is handed over all the same.
  const auto reports = Reports();
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[0].command_id(), 2u);
  EXPECT_EQ(reports[0].outcome(), wire::CommandOutcome::Rejected);
  EXPECT_EQ(reports[0].reason(), wire::RejectReason::OutsideEnvelope);
  EXPECT_EQ(reports[1].outcome(), wire::CommandOutcome::Applied);
  EXPECT_TRUE(inbox_->Desired(now_, 10).speed_ceiling_mps.has_value());
  Accept(Spec(2, 2, 7));  // Sent again, as if the report were lost: it is not asked for twice.
  EXPECT_EQ(Take(), 0u);
  EXPECT_EQ(inbox_->counters().rejected, 1u);
}

TEST_F(InboxTest, WhatIsVetoedTakesNoPlaceOfOneThatWaits) {
  inbox_->SetVeto([](const ControlAction& action) { return ToNumber(action.command) == 2; });
  Accept(Spec(1, 1, 7));
  Accept(Spec(2, 2, 7));
  EXPECT_EQ(Take(), 1u);
  EXPECT_EQ(Take(), 0u);
  EXPECT_EQ(inbox_->counters().superseded, 0u);
  EXPECT_EQ(inbox_->counters().rejected, 1u);
}

TEST_F(InboxTest, AReleaseIsNotVetoed) {
  Accept(Spec(1, 1, 7));
  EXPECT_EQ(Take(), 1u);
  inbox_->SetVeto([](const ControlAction&) { return true; });
  CommandSpec release = Spec(2, 2, 7);
  release.kind = wire::CommandKind::Release;
  Accept(release);
  EXPECT_EQ(Take(), 2u);
  EXPECT_FALSE(inbox_->Desired(now_, 10).speed_ceiling_mps.has_value());
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

TEST_F(InboxTest, ACommandIssuedAgainByANewOwnerIsNotHandedOverTwice) {
  CommandSpec spec = Spec(1, 10, 100);
  spec.epoch = 5;
  Accept(spec);
  EXPECT_EQ(Take(), 1u);
  EXPECT_EQ(Report().outcome(), wire::CommandOutcome::Applied);
  for (const std::uint64_t epoch : {6u, 7u, 6u}) {
    spec.epoch = epoch;
    Accept(spec);
    EXPECT_EQ(Take(), 0u);
    EXPECT_EQ(Report().outcome(), wire::CommandOutcome::Applied);  // The same, once more.
  }
  EXPECT_EQ(inbox_->counters().applied, 1u);
  EXPECT_EQ(inbox_->counters().rejected, 0u);
  // The repeats alone have fenced the former owners off.
  CommandSpec late = Spec(2, 11, 101);
  late.epoch = 6;
  ExpectRejected(late, RejectReason::StaleEpoch);
}

TEST_F(InboxTest, OneThatWaitsTakesTheNewOwnersEpoch) {
  CommandSpec spec = Spec(1, 10, 100);
  spec.epoch = 5;
  Accept(spec);
  spec.epoch = 6;
  Accept(spec);
  EXPECT_EQ(Take(), 1u);
  EXPECT_EQ(Take(), 0u);
  const auto status = Report();
  EXPECT_EQ(status.outcome(), wire::CommandOutcome::Applied);
  EXPECT_EQ(status.epoch(), 6u);
}

TEST_F(InboxTest, ACommandThatItNeverReceivedActsUnderANewOwner) {
  CommandSpec spec = Spec(1, 10, 100);
  spec.epoch = 5;
  Accept(spec);
  EXPECT_EQ(Take(), 1u);
  CommandSpec lost = Spec(2, 11, 101);
  lost.epoch = 6;
  Accept(lost);
  EXPECT_EQ(Take(), 2u);
}

TEST_F(InboxTest, AnEarlierDecisionIssuedAgainDoesNotReplaceALaterOne) {
  CommandSpec later = Spec(2, 11, 100);
  later.epoch = 5;
  Accept(later);
  EXPECT_EQ(Take(), 2u);
  Reports();
  CommandSpec earlier = Spec(1, 10, 100);  // Lost on its way; a new owner issues it again.
  earlier.epoch = 6;
  Accept(earlier);
  EXPECT_EQ(Take(), 0u);
  EXPECT_EQ(Report().outcome(), wire::CommandOutcome::Superseded);
}

TEST_F(InboxTest, WhatWasForgottenIsNotActedOnUnderANewEpochEither) {
  CommandSpec first = Spec(1, 10, 100);
  first.epoch = 5;
  Accept(first);
  EXPECT_EQ(Take(), 1u);
  CommandSpec release = Spec(2, 11, 100);
  release.epoch = 5;
  release.kind = wire::CommandKind::Release;
  Accept(release);
  EXPECT_EQ(Take(), 2u);
  now_ += seconds(8);  // Its lease is over, so it may be forgotten.
  for (std::uint64_t i = 0; i < 2 * Inbox::kKnownMax; ++i) {
    CommandSpec other = Spec(1000 + i, 100 + i, 1000 + i);
    other.epoch = 5;
    other.expires = now_ + seconds(1);
    Accept(other);
    Take();
    now_ += seconds(2);
  }
  inbox_->Acknowledge(Reports().back().report_sequence());
  first.epoch = 6;
  first.expires = now_ + seconds(1);
  ExpectRejected(first, RejectReason::StaleSequence);
}

TEST_F(InboxTest, WhatIsRejectedForItsBootOrFormDoesNotFence) {
  CommandSpec spec;
  spec.epoch = 50;
  spec.boot = BootId{1};
  ExpectRejected(spec, RejectReason::WrongBoot);
  Accept(Spec(2, 1, 200));
  EXPECT_EQ(Take(), 2u);
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

TEST_F(InboxTest, AvoidsWhileTheLeaseOfAnAvoidanceLives) {
  Accept(Spec(1, 1, 100));
  EXPECT_EQ(Take(), 1u);
  EXPECT_FALSE(inbox_->Avoids(now_)) << "a speed advice";
  CommandSpec avoidance = Spec(2, 2, 200);
  avoidance.kind = wire::CommandKind::Avoidance;
  Accept(avoidance);
  EXPECT_FALSE(inbox_->Avoids(now_)) << "nobody has it yet";
  EXPECT_EQ(Take(), 2u);
  EXPECT_TRUE(inbox_->Avoids(now_));
  EXPECT_TRUE(inbox_->Avoids(avoidance.expires - nanoseconds(1)));
  EXPECT_FALSE(inbox_->Avoids(avoidance.expires));
  CommandSpec release = Spec(3, 3, 200);
  release.kind = wire::CommandKind::Release;
  Accept(release);
  EXPECT_EQ(Take(), 3u);
  EXPECT_FALSE(inbox_->Avoids(now_));
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

}  // namespace
}  // namespace starling::edge
