#include "sim/fleet/command_book.h"

#include <gtest/gtest.h>

namespace starling::sim {
namespace {

constexpr CloudTime kStart{seconds(1'700'000'000)};

class Book : public testing::Test {
 protected:
  edge::ControlAction Command(std::uint64_t id, wire::CommandKind kind) const {
    edge::ControlAction action;
    action.kind = kind;
    action.command = CommandId{id};
    action.expires = BootTime(seconds(100));
    // Caused by the second vehicle's third sample: 700 ms until it joins, 200 ms, and
    // 50 ms of phase.
    action.cause_vehicle = VehicleId::Parse("veh-00002").value();
    action.cause_boot = BootId{22};
    action.cause_sequence = 3;
    action.cause_log_time_ns = ToNs(kStart + milliseconds(951));
    action.emitted_time_ns = ToNs(kStart + milliseconds(953));
    return action;
  }
  void SetUp() override { book_.Start(kStart); }

  const Schedule schedule_{2};
  const std::vector<BootId> boots_{BootId{11}, BootId{22}};
  CommandBook book_{&schedule_, boots_};
};

double Ms(const Histogram& histogram) {
  return static_cast<double>(histogram.max().count()) * 1e-6;
}

TEST_F(Book, TimesEachLegFromTheCausingSamplesInstant) {
  book_.OnAction(0, Command(1, wire::CommandKind::Avoidance), BootTime(seconds(1)),
                 kStart + milliseconds(957));
  const SampleLegs& legs = book_.figures(wire::CommandKind::Avoidance).by_sample;
  EXPECT_DOUBLE_EQ(Ms(legs.end_to_end), 7);
  EXPECT_DOUBLE_EQ(Ms(legs.uplink), 1);
  EXPECT_DOUBLE_EQ(Ms(legs.decision), 2);
  EXPECT_DOUBLE_EQ(Ms(legs.delivery), 4);
  EXPECT_EQ(book_.figures(wire::CommandKind::SpeedAdvice).handed_over, 0u);
  EXPECT_EQ(book_.figures(wire::CommandKind::None).by_sample.end_to_end.count(), 1u);
}

TEST_F(Book, TimesTheLogsShareWhereItWasNoted) {
  edge::ControlAction action = Command(1, wire::CommandKind::Avoidance);
  action.cause_log_time_ns = ToNs(kStart + milliseconds(950));  // a broker's whole milliseconds
  action.appended_time_ns = ToNs(kStart + milliseconds(951));
  action.read_time_ns = ToNs(kStart + milliseconds(954));
  action.issued_time_ns = ToNs(kStart + milliseconds(955));
  action.emitted_time_ns = ToNs(kStart + milliseconds(961));
  book_.OnAction(0, action, BootTime(seconds(1)), kStart + milliseconds(963));
  const SampleLegs& legs = book_.figures(wire::CommandKind::Avoidance).by_sample;
  EXPECT_DOUBLE_EQ(Ms(legs.end_to_end), 13);
  EXPECT_DOUBLE_EQ(Ms(legs.uplink), 1);
  EXPECT_DOUBLE_EQ(Ms(legs.log_in), 3);
  EXPECT_DOUBLE_EQ(Ms(legs.decision), 1);
  EXPECT_DOUBLE_EQ(Ms(legs.log_out), 6);
  EXPECT_DOUBLE_EQ(Ms(legs.delivery), 2);
  EXPECT_EQ(book_.negative_legs(), 0u);
}

TEST_F(Book, CommandsByTickAreTimedFromTheLogAndKeptApart) {
  edge::ControlAction action = Command(1, wire::CommandKind::SpeedAdvice);
  action.cause_sequence = 0;
  book_.OnAction(0, action, BootTime(seconds(1)), kStart + milliseconds(957));
  const KindFigures& figures = book_.figures(wire::CommandKind::SpeedAdvice);
  EXPECT_EQ(figures.by_sample.end_to_end.count(), 0u);
  EXPECT_DOUBLE_EQ(Ms(figures.by_tick.end_to_end), 6);
}

TEST_F(Book, SamplesOfALaterBootAreTimedFromTheRoundInWhichItBegan) {
  // The second vehicle's twentieth round is 2 s and its phase after the start.
  book_.Resume(1, BootId{23}, 1, 20);
  edge::ControlAction action = Command(1, wire::CommandKind::Avoidance);
  action.cause_boot = BootId{23};
  action.cause_sequence = 1;
  action.cause_log_time_ns = ToNs(kStart + milliseconds(2'053));
  book_.OnAction(0, action, BootTime(seconds(1)), kStart + milliseconds(2'060));
  EXPECT_DOUBLE_EQ(Ms(book_.figures(wire::CommandKind::Avoidance).by_sample.uplink), 3);
  EXPECT_EQ(book_.causes_unknown(), 0u);
}

TEST_F(Book, ALeaseThatHasEndedIsActedOnLate) {
  edge::ControlAction action = Command(1, wire::CommandKind::Avoidance);
  book_.OnAction(0, action, action.expires, kStart + seconds(1));
  EXPECT_EQ(book_.acted_late(), 0u);
  action.command = CommandId{2};
  book_.OnAction(0, action, action.expires + nanoseconds(1), kStart + seconds(1));
  EXPECT_EQ(book_.acted_late(), 1u);
}

TEST_F(Book, TheSameCommandTwiceToOneVehicleIsActedTwice) {
  const edge::ControlAction action = Command(1, wire::CommandKind::Avoidance);
  book_.OnAction(0, action, BootTime(seconds(1)), kStart + seconds(1));
  book_.OnAction(1, action, BootTime(seconds(1)), kStart + seconds(1));
  EXPECT_EQ(book_.acted_twice(), 0u);
  book_.OnAction(0, action, BootTime(seconds(1)), kStart + seconds(1));
  EXPECT_EQ(book_.acted_twice(), 1u);
}

TEST_F(Book, ACauseOfAnotherBootIsUnknownAndNotTimed) {
  edge::ControlAction action = Command(1, wire::CommandKind::Avoidance);
  action.cause_boot = BootId{99};
  book_.OnAction(0, action, BootTime(seconds(1)), kStart + seconds(1));
  EXPECT_EQ(book_.causes_unknown(), 1u);
  EXPECT_EQ(book_.figures(wire::CommandKind::None).by_sample.end_to_end.count(), 0u);
}

}  // namespace
}  // namespace starling::sim
