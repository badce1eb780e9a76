// One real minute from the devices' lines to samples, in virtual time, against the pose
// that was computed afterwards from everything the car had.
#include "tests/edge/source/recorded_drive.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include "common/geo/trigonometry.h"
#include "common/telemetry/fix_codec.h"
#include "edge/source/can/can_decoder.h"
#include "edge/source/can/candump_line.h"
#include "edge/source/fusion.h"
#include "edge/source/gnss/gpsd_session.h"
#include "edge/source/gnss/nmea_epochs.h"

namespace starling::edge {
namespace {

struct Errors {
  std::vector<double> position_m;
  std::vector<double> speed_mps;
  std::vector<double> heading_deg;

  static double At(std::vector<double> values, double share) {
    EXPECT_FALSE(values.empty());
    std::sort(values.begin(), values.end());
    return values.empty() ? 0 : values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
  }
  void Print(const char* name) const {
    std::printf("%-28s n %4zu  position m p50 %.2f p95 %.2f max %.2f  speed m/s p95 %.2f max %.2f  "
                "heading deg p95 %.2f max %.2f\n",
                name, position_m.size(), At(position_m, 0.5), At(position_m, 0.95), At(position_m, 1),
                At(speed_mps, 0.95), At(speed_mps, 1), At(heading_deg, 0.95), At(heading_deg, 1));
  }
};

class Drive : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(RecordedDriveFolder())) {
      GTEST_SKIP() << RecordedDriveFolder() << " is not there; STARLING_DATA names the folder that holds it";
    }
  }
  void Load(int nth) { drive_ = LoadRecordedDrive(RecordedDriveFolder(), nth); }

  Errors Compare(const std::vector<Truth>& said) const {
    Errors errors;
    for (const Truth& one : said) {
      const auto truth = drive_.TruthAt(one.at);
      if (!truth) continue;
      const LocalFrame frame({static_cast<std::int32_t>(std::lround(truth->position.lat_deg * 1e7)),
                              static_cast<std::int32_t>(std::lround(truth->position.lon_deg * 1e7))});
      errors.position_m.push_back(Norm(frame.ToLocal(one.position) - frame.ToLocal(truth->position)));
      errors.speed_mps.push_back(std::abs(one.speed_mps - truth->speed_mps));
      errors.heading_deg.push_back(std::abs(WrapAngle(one.course_rad - truth->course_rad)) / kDegree);
    }
    return errors;
  }

  enum class Receiver { kNmea, kGpsd };

  // What the agent would have been handed.
  Errors Fused(Receiver receiver, bool with_bus) {
    Fusion fusion({});
    NmeaEpochs epochs;
    GpsdSession session;
    const auto dbc = ParseDbc(kDriveDbc, "drive.dbc");
    EXPECT_TRUE(dbc.ok());
    // A steering ratio of 16 and a wheelbase of 2.66 m, about this car's; to the left is negative here.
    auto decoder = CanDecoder::Make(dbc.value(), "drive.dbc",
                                    {{Quantity::kSpeed, "Motion", "Speed", {}},
                                     {Quantity::kSteering, "Motion", "Wheel", -1.0 / 16}});
    EXPECT_TRUE(decoder.ok()) << decoder.status().message();

    const auto& lines = receiver == Receiver::kNmea ? drive_.nmea : drive_.gpsd;
    auto line = lines.begin();
    auto frame = with_bus ? drive_.candump.begin() : drive_.candump.end();
    BootTime now = drive_.truth.front().at;
    std::vector<Truth> said;
    while (line != lines.end() || frame != drive_.candump.end() || epochs.deadline()) {
      const BootTime next_line = line != lines.end() ? line->at : BootTime::max();
      const BootTime next_frame = frame != drive_.candump.end() ? frame->at : BootTime::max();
      const BootTime next_epoch = epochs.deadline().value_or(BootTime::max());
      const BootTime next_sample = fusion.next_sample(now);
      now = std::max(now, std::min({next_line, next_frame, next_epoch, next_sample}));
      if (next_frame <= now) {
        const auto parsed = ParseCandumpLine(frame++->text);
        EXPECT_TRUE(parsed.ok());
        decoder.value().OnFrame(parsed.value().frame, [&](Quantity quantity, double value) {
          fusion.OnBus(quantity, value, now);
        });
      } else if (next_line <= now && receiver == Receiver::kNmea) {
        EXPECT_TRUE(epochs.OnLine(line++->text, now).ok());
      } else if (next_line <= now) {
        const auto event = session.OnLine(line++->text, now);
        EXPECT_TRUE(event.ok());
        EXPECT_TRUE(event.value().fix);
        if (event.value().fix) fusion.OnFix(*event.value().fix);
      } else if (next_epoch <= now) {
        epochs.OnTime(now);
      } else if (const auto sample = fusion.TakeSample(now)) {
        EXPECT_TRUE(ValidateSample(*sample).ok());
        said.push_back({sample->time, sample->position, sample->speed_mps, sample->heading_rad});
      }
      if (const auto fix = epochs.TakeFix()) fusion.OnFix(*fix);
    }
    EXPECT_EQ(fusion.counters().fixes, drive_.fixes.size());
    EXPECT_EQ(fusion.counters().fixes_refused, 0u);
    EXPECT_EQ(fusion.counters().fixes_out_of_order, 0u);
    EXPECT_EQ(fusion.counters().clock_steps, 0u);
    EXPECT_EQ(fusion.counters().silent_stale_fix, 0u);
    EXPECT_EQ(decoder.value().counters().values, with_bus ? 2 * drive_.candump.size() : 0);
    // 59 s at ten a second.
    EXPECT_GT(said.size(), 570u);
    return Compare(said);
  }

  RecordedDrive drive_;
};

TEST_F(Drive, TenFixesASecondAreNoWorseThanTheReceiver) {
  Load(1);
  const Errors receiver = Compare(drive_.fixes);
  receiver.Print("the receiver's fixes");
  for (const auto& [name, errors] : {std::pair{"10 Hz NMEA and bus", Fused(Receiver::kNmea, true)},
                                     std::pair{"10 Hz gpsd and bus", Fused(Receiver::kGpsd, true)},
                                     std::pair{"10 Hz NMEA alone", Fused(Receiver::kNmea, false)},
                                     std::pair{"10 Hz gpsd alone", Fused(Receiver::kGpsd, false)}}) {
    errors.Print(name);
    for (const double share : {0.5, 0.95, 1.0}) {
      EXPECT_LE(Errors::At(errors.position_m, share), Errors::At(receiver.position_m, share)) << name << " " << share;
    }
    EXPECT_LT(Errors::At(errors.speed_mps, 1), 1) << name;
    EXPECT_LT(Errors::At(errors.heading_deg, 1), 4) << name;
  }
}

TEST_F(Drive, OneFixASecondIsReckonedBetween) {
  Load(10);
  const Errors receiver = Compare(drive_.fixes);
  receiver.Print("every tenth fix");
  const Errors alone = Fused(Receiver::kGpsd, false);
  const Errors bus = Fused(Receiver::kGpsd, true);
  alone.Print("1 Hz gpsd alone");
  bus.Print("1 Hz gpsd and bus");
  EXPECT_LT(Errors::At(bus.position_m, 0.95), Errors::At(receiver.position_m, 0.95) + 0.3);
  EXPECT_LT(Errors::At(bus.position_m, 1), Errors::At(receiver.position_m, 1) + 0.5);
  // Driven at up to 20 m/s: to hold the position for a second would be 20 m wrong.
  EXPECT_LT(Errors::At(alone.position_m, 1), 4);
  EXPECT_LE(Errors::At(bus.speed_mps, 0.95), Errors::At(alone.speed_mps, 0.95));
}

}  // namespace
}  // namespace starling::edge
