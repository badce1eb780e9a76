// The whole of it, on scenes whose outcome is known.
#include "sim/accuracy/accuracy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "sim/accuracy/accuracy_text.h"
#include "sim/accuracy/future_path.h"
#include "tests/cloud/streets/bend_network.h"
#include "tests/sim/accuracy/scene.h"

namespace starling::sim {
namespace {

using testing::HasSubstr;

// 15 m/s towards one that stands: they touch at 5.05 s, and nobody brakes.
const std::vector<SceneCar> kRearEnd = {{"fast", {0, 0}, 90, 15, 0, 12}, {"still", {75.75 + 5, 0}, 90, 0, 0, 12}};
const std::vector<SceneCar> kOppositeLanes = {{"east", {0, 0}, 90, 14, 0, 12}, {"west", {168, 3.5}, 270, 14, 0, 12}};

class AccuracyTest : public testing::Test {
 protected:
  Accuracy Measure(const std::vector<SceneCar>& cars) {
    options_.fcd = folder_.Write("fcd.csv", FcdOf(cars));
    Result<Accuracy> measured = MeasureAccuracy(options_, nullptr);
    EXPECT_TRUE(measured.ok()) << measured.status().message();
    return std::move(measured).value();
  }

  SceneFolder folder_;
  AccuracyOptions options_;
};

TEST_F(AccuracyTest, ACollisionCourseIsWarnedOfInTime) {
  const Accuracy accuracy = Measure(kRearEnd);
  ASSERT_EQ(accuracy.base().scores.size(), 1u);
  const Score& score = accuracy.base().scores[0];
  ASSERT_EQ(score.recall.of, 1u);
  EXPECT_EQ(score.recall.is, 1u);
  EXPECT_EQ(score.recall_of_touches.is, 1u);
  EXPECT_EQ(score.precision.is, score.precision.of);
  // 3 m/s² are needed when the gap is 15² / 6 = 37.5 m, 2.5 s before.  An agent speaks once a second at least, and a
  // contact nearer than 1.5 s is urgent.
  ASSERT_EQ(score.leads_s.size(), 1u);
  EXPECT_LE(score.leads_s[0], 2.5);
  EXPECT_GE(score.leads_s[0], 1.3);
  EXPECT_GT(accuracy.base().driven.commands[static_cast<std::size_t>(wire::CommandKind::Avoidance)], 0u);
  EXPECT_GT(accuracy.base().driven.applied, 0u);
  EXPECT_EQ(accuracy.base().driven.refused, 0u);
  EXPECT_EQ(accuracy.base().driven.streams_broken, 0u);
  EXPECT_GE(accuracy.base().driven.samples, 2 * 118u);
}

TEST_F(AccuracyTest, BruteForceWarnsAtTheSecondStepThatDemandsIt) {
  const Accuracy accuracy = Measure(kRearEnd);
  ASSERT_EQ(accuracy.references.size(), 1u);
  const AccuracyReference& reference = accuracy.references[0];
  ASSERT_EQ(reference.by_force.decisions.size(), 1u);
  // The touch is at 5.05 s; steps at 2.6 and 2.7 s are the first two with less than 37.5 m.
  EXPECT_NEAR(SecondsOf(reference.by_force.decisions[0].opened), 2.7, 1e-6);
  EXPECT_NEAR(reference.scores[0].leads_s.at(0), 2.35, 0.01);
  EXPECT_EQ(reference.not_in_shard, 0u);
  EXPECT_EQ(reference.not_by_force, 0u);
  EXPECT_EQ(reference.by_force.contacts_not_met, 0u);
}

TEST_F(AccuracyTest, OppositeLanesRaiseNothing) {
  options_.planned_paths = true;
  const Accuracy accuracy = Measure(kOppositeLanes);
  ASSERT_EQ(accuracy.points.size(), 2u);
  for (const AccuracyPoint& point : accuracy.points) {
    EXPECT_TRUE(point.driven.decisions.empty());
    EXPECT_EQ(point.scores[0].recall.of, 0u);
  }
  for (const AccuracyReference& reference : accuracy.references) EXPECT_TRUE(reference.by_force.decisions.empty());
}

TEST_F(AccuracyTest, AVehicleThatComesLaterIsWarnedOfToo) {
  std::vector<SceneCar> cars = kRearEnd;
  for (SceneCar& car : cars) car.from_s = 4, car.to_s = 16;
  cars.push_back({"far", {0, 900}, 90, 10, 0, 16});
  const Accuracy accuracy = Measure(cars);
  EXPECT_EQ(accuracy.base().scores[0].recall.is, 1u);
  EXPECT_EQ(accuracy.base().scores[0].recall.of, 1u);
}

TEST_F(AccuracyTest, TheSameRunGivesTheSameReport) {
  options_.noise_m = {0, 2};
  options_.planned_paths = true;
  options_.sweep = true;
  const std::string once = AccuracyDocument(Measure(kRearEnd));
  EXPECT_EQ(AccuracyDocument(Measure(kRearEnd)), once);
  options_.seed = 2;
  EXPECT_NE(AccuracyDocument(Measure(kRearEnd)), once);
}

TEST_F(AccuracyTest, ANeedThatIsTooHighMissesWhatALowOneFinds) {
  options_.sweep = true;
  const Accuracy accuracy = Measure(kRearEnd);
  ASSERT_EQ(accuracy.swept.size(), SweptThresholds().size());
  double before_s = 10;
  for (const AccuracyPoint& point : accuracy.swept) {
    ASSERT_EQ(point.scores[0].leads_s.size(), 1u) << point.horizon.required_decel_min_mps2;
    EXPECT_LE(point.scores[0].leads_s[0], before_s + 1e-9) << point.horizon.required_decel_min_mps2;
    before_s = point.scores[0].leads_s[0];
  }
  EXPECT_LT(before_s, accuracy.swept.front().scores[0].leads_s[0]);
}

TEST_F(AccuracyTest, ReportTableAndPageSayTheSame) {
  options_.ssm =
      folder_.Write("ssm.xml",
                    "<SSMLog><conflict begin=\"100\" end=\"106\" ego=\"fast\" foe=\"still\"><minTTC time=\"105.0\" "
                    "type=\"2\" value=\"0.10\"/></conflict></SSMLog>");
  options_.network = folder_.Write("city.net.xml", cloud::BendNetworkText());
  const Accuracy accuracy = Measure(kRearEnd);
  const boost::json::value report = boost::json::parse(AccuracyDocument(accuracy));
  EXPECT_EQ(report.at("network_used"), true);
  EXPECT_EQ(report.at("points").at(0).at("ways_known"), "none");
  EXPECT_EQ(report.at("points").at(1).at("ways_known"), "streets");
  EXPECT_EQ(report.at("sources").as_array().size(), 2u);
  const boost::json::value& point = report.at("points").at(0);
  for (const char* source : {"trajectories", "ssm"}) {
    EXPECT_EQ(point.at("scores").at(source).at("recall").at("is").to_number<int>(), 1);
    EXPECT_EQ(point.at("scores").at(source).at("recall").at("of").to_number<int>(), 1);
    EXPECT_EQ(point.at("encounters").at(source).at(0).at("outcome"), "found");
  }
  EXPECT_EQ(point.at("encounters").at("trajectories").at(0).at("kind"), "standing_obstacle");
  EXPECT_NEAR(point.at("encounters").at("trajectories").at(0).at("worst_s").to_number<double>(), 105.05, 0.01);
  EXPECT_EQ(point.at("warnings").at(0).at("verdict"), "true");
  const std::string table = AccuracyTable(accuracy);
  EXPECT_THAT(table, HasSubstr("by trajectories\n"));
  EXPECT_THAT(table, HasSubstr("by ssm\n"));
  EXPECT_THAT(table, HasSubstr("1 of 1"));
  EXPECT_THAT(table, HasSubstr("city.net.xml, 10 lanes"));
  const std::string page = AccuracyPage(accuracy);
  EXPECT_THAT(page, testing::StartsWith("<!DOCTYPE html>"));
  EXPECT_THAT(page, HasSubstr("Recall by trajectories: 1 of 1"));
  EXPECT_THAT(page, HasSubstr("</html>"));
}

TEST_F(AccuracyTest, StreetsSayWhereALaneLeads) {
  // On a lane from which all turn left, and in the turn somebody stands.
  options_.network = folder_.Write("city.net.xml", cloud::BendNetworkText());
  const Accuracy accuracy = Measure({{"comes", {20, -4}, 90, 14, 0, 5.6}, {"stands", {118.7, 4.8}, 45, 0, 0, 5.6}});
  ASSERT_EQ(accuracy.points.size(), 2u);
  EXPECT_EQ(accuracy.points[0].driven.decisions.size(), 0u);
  EXPECT_EQ(accuracy.points[1].driven.decisions.size(), 1u);
}

TEST_F(AccuracyTest, ANetworkThatCannotBeReadOrPlacedIsNamed) {
  options_.fcd = folder_.Write("fcd.csv", FcdOf(kRearEnd));
  options_.network = folder_.Write("city.net.xml", "<net>");
  EXPECT_THAT(std::string(MeasureAccuracy(options_, nullptr).status().message()), HasSubstr("city.net.xml:1"));
  // In degrees it has to be known where on Earth the network is.
  options_.fcd = folder_.Write("degrees.csv", FcdOf({{"a", {11.3, 44.5}, 90, 1e-5, 0, 2}}));
  options_.coordinates = RecordingOptions::Coordinates::kDegrees;
  options_.network = folder_.Write("city.net.xml", cloud::BendNetworkText());
  EXPECT_THAT(std::string(MeasureAccuracy(options_, nullptr).status().message()), HasSubstr("says no projection"));
}

TEST_F(AccuracyTest, IdsAreTextAndNotMarkup) {
  // Rolls up to one that stands, slower than what counts as driving: a touch that nobody is warned of, drawn as a miss.
  const Accuracy accuracy = Measure({{"<b>&", {0, 0}, 90, 0.45, 0, 12}, {"still", {3 + 5, 0}, 90, 0, 0, 12}});
  ASSERT_EQ(accuracy.base().scores[0].encounters.size(), 1u);
  EXPECT_EQ(accuracy.base().scores[0].encounters[0].outcome, EncounterOutcome::kMissed);
  const std::string page = AccuracyPage(accuracy);
  EXPECT_EQ(page.find("<b>"), std::string::npos);
  EXPECT_THAT(page, HasSubstr("&lt;b&gt;&amp; and still"));
  EXPECT_EQ(boost::json::parse(AccuracyDocument(accuracy))
                .at("points")
                .at(0)
                .at("encounters")
                .at("trajectories")
                .at(0)
                .at("a"),
            "<b>&");
}

TEST_F(AccuracyTest, OptionsOutOfTheirRangeAreRefused) {
  const auto refusal = [](const AccuracyOptions& options) {
    return std::string(MeasureAccuracy(options, nullptr).status().message());
  };
  EXPECT_THAT(refusal({}), HasSubstr("a recording must be given"));
  AccuracyOptions options;
  options.fcd = "fcd.csv";
  options.noise_m = {101};
  EXPECT_THAT(refusal(options), HasSubstr("drift_sigma"));
  options.noise_m = {0};
  options.rules.ttc_s = -1;
  EXPECT_THAT(refusal(options), HasSubstr("TTC"));
}

TEST_F(AccuracyTest, ItEndsWhenItIsTold) {
  options_.fcd = folder_.Write("fcd.csv", FcdOf(kRearEnd));
  const Result<Accuracy> ended = MeasureAccuracy(
      options_, [](const std::string& what, double) { return what.find("brute") == std::string::npos; });
  ASSERT_FALSE(ended.ok());
  EXPECT_EQ(ended.status().code(), ErrorCode::kUnavailable);
}

// East for 40 m, a quarter circle of 12 m to the south, and on.
Recording Corner() {
  Recording recording = SceneOf({{"a", {0, 0}, 90, 8, 0, 12}});
  const double turn_m = 12 * kPi / 2;
  std::vector<RecordedRow>& rows = recording.tracks[0].rows;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    // Of the centre, which is what plans are of.
    const double along_m = 0.8 * static_cast<double>(i);
    const double angle = std::clamp((along_m - 40) / 12, 0.0, kPi / 2);
    const SinCosValue at = SinCos(angle);
    Vec2 centre{std::min(along_m, 40.0) + 12 * at.sin, -12 * (1 - at.cos)};
    centre.y -= std::max(along_m - 40 - turn_m, 0.0);
    rows[i].heading_rad = static_cast<float>(kPi / 2 + angle);
    rows[i].front = centre + 2.5 * HeadingVector(rows[i].heading_rad);
  }
  return recording;
}

TEST(FuturePath, LeadsWhereTheVehicleDrives) {
  const Recording recording = Corner();
  FuturePath future(&recording, 0);
  for (int step = 0; step <= 60; ++step) {
    const VehicleTruth truth = recording.TruthAt(0, SimTime(milliseconds(100 * step)));
    const PlannedPath path = future.At(truth);
    const MotionState state{truth.position, truth.heading_rad, truth.speed_mps, 0, 0};
    for (int later = step; later <= std::min(step + 60, 110); ++later) {
      const VehicleTruth there = recording.TruthAt(0, SimTime(milliseconds(100 * later)));
      const Pose planned = DriveAlong(state, path, 0.8 * (later - step));
      EXPECT_LT(Norm(planned.position - there.position), 0.6) << step << " to " << later;
      EXPECT_NEAR(WrapAngle(planned.heading_rad - there.heading_rad), 0, 0.1) << step << " to " << later;
    }
  }
}

TEST(FuturePath, ALaneChangeInOneStepIsNoCorner) {
  Recording recording = SceneOf({{"a", {0, 0}, 90, 12, 0, 12}});
  for (std::size_t i = 50; i < recording.tracks[0].rows.size(); ++i) recording.tracks[0].rows[i].front.y -= 3.2;
  FuturePath future(&recording, 0);
  for (int step = 20; step <= 90; step += 5) {
    const VehicleTruth truth = recording.TruthAt(0, SimTime(milliseconds(100 * step)));
    const PlannedPath path = future.At(truth);
    for (double along_m = 0; along_m < 60; along_m += 1) {
      const Pose planned = DriveAlong({truth.position, truth.heading_rad, 12, 0, 0}, path, along_m);
      EXPECT_LT(std::abs(WrapAngle(planned.heading_rad - kPi / 2)), 0.5) << step << " after " << along_m;
      EXPECT_GT(planned.position.y, -3.8) << step << " after " << along_m;
      EXPECT_LT(planned.position.y, 0.6) << step << " after " << along_m;
    }
  }
}

}  // namespace
}  // namespace starling::sim
