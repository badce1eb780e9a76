#include "sim/accuracy/true_encounter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/accuracy/truth_files.h"
#include "tests/sim/accuracy/scene.h"

namespace starling::sim {
namespace {

using testing::HasSubstr;

// 15 m/s towards one that stands 75.75 m before the front: they touch at 5.05 s.
Recording RearEnd() { return SceneOf({{"fast", {0, 0}, 90, 15, 0, 8}, {"still", {75.75 + 5, 0}, 90, 0, 0, 8}}); }

TEST(TrueEncounter, OneThatDrivesIntoAStandingOneTouchesWhenTheGapIsGone) {
  const Recording recording = RearEnd();
  std::vector<TrueEncounter> found = FindTrueEncounters(recording, nullptr);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].a, 0u);
  EXPECT_EQ(found[0].b, 1u);
  EXPECT_EQ(found[0].ttc_s, 0);
  EXPECT_NEAR(SecondsOf(found[0].worst), 5.05, 0.01);
  EXPECT_EQ(found[0].kind, ConflictKind::kStanding);
  Foresee(recording, {5, 1}, &found[0]);
  EXPECT_EQ(found[0].foresight, Foresight::kSeen);
  // From 5 s before on; of the steps that is the one at 0.1 s.
  EXPECT_NEAR(found[0].seen_s, 4.95, 0.01);
}

TEST(TrueEncounter, OneThatIsPutInFrontIsSudden) {
  // The leader comes over from another lane at 4.5 s.
  Recording recording = SceneOf({{"fast", {0, 0}, 90, 15, 0, 8}, {"slow", {45, 5}, 90, 5, 0, 8}});
  for (std::size_t i = 45; i < recording.tracks[1].rows.size(); ++i) recording.tracks[1].rows[i].front.y = 0;
  // Gap 45 - 5 - 10 t: touch after 4.0 s, if it were there; by then it is beside.
  std::vector<TrueEncounter> found = FindTrueEncounters(recording, nullptr);
  ASSERT_FALSE(found.empty());
  TrueEncounter& worst = found[0];
  EXPECT_EQ(worst.ttc_s, 0);
  Foresee(recording, {5, 1}, &worst);
  EXPECT_EQ(worst.foresight, Foresight::kSudden);
  EXPECT_LT(worst.seen_s, 1);
}

TEST(TrueEncounter, OppositeLanesAreNoCourseToMeet) {
  const Recording recording = SceneOf({{"east", {0, 0}, 90, 14, 0, 8}, {"west", {112, 3.5}, 270, 14, 0, 8}});
  TrueEncounter encounter;
  encounter.b = 1;
  encounter.worst = SimTime(milliseconds(4000));
  Foresee(recording, {5, 1}, &encounter);
  EXPECT_EQ(encounter.foresight, Foresight::kNever);
}

TEST(TrueEncounter, AContactsKindIsTheAngleOfTheHeadings) {
  const Recording recording = SceneOf({{"a", {0, 0}, 90, 10, 0, 8},
                                       {"same", {0, 5}, 100, 10, 0, 8},
                                       {"across", {0, 10}, 0, 10, 0, 8},
                                       {"against", {0, 15}, 265, 10, 0, 8},
                                       {"still", {0, 20}, 90, 0, 0, 8}});
  const auto kind = [&](std::uint32_t other) {
    return KindOf(recording, 0, other, SimTime(seconds(4)), EncounterType::kCollision);
  };
  EXPECT_EQ(kind(1), ConflictKind::kFollowing);
  EXPECT_EQ(kind(2), ConflictKind::kCrossing);
  EXPECT_EQ(kind(3), ConflictKind::kHeadOn);
  EXPECT_EQ(kind(4), ConflictKind::kStanding);
  EXPECT_EQ(KindOf(recording, 0, 1, SimTime(seconds(4)), EncounterType::kMergingLeader), ConflictKind::kMerging);
}

class TruthFilesTest : public testing::Test {
 protected:
  TruthFilesTest() : recording_(RearEnd()) { recording_.begin_s = 100; }

  static std::string Conflict(const std::string& ego, const std::string& foe, const std::string& ttc) {
    return "<conflict begin=\"101.0\" end=\"106.0\" ego=\"" + ego + "\" foe=\"" + foe + "\"><minTTC time=\"" +
           (ttc == "NA" ? "NA" : "105.0") + "\" type=\"2\" value=\"" + ttc + "\"/></conflict>\n";
  }
  std::string Refusal(const std::string& text) {
    const Result<ReadTruth> read = ReadSsmLog(folder_.Write("ssm.xml", text), recording_);
    return read.ok() ? "read" : std::string(read.status().message());
  }

  SceneFolder folder_;
  Recording recording_;
};

TEST_F(TruthFilesTest, AConflictFromBothSidesIsOneWithTheSmallerTtc) {
  const Result<ReadTruth> read = ReadSsmLog(
      folder_.Write("ssm.xml", "<SSMLog>" + Conflict("fast", "still", "0.80") + Conflict("still", "fast", "0.75") +
                                   Conflict("fast", "other", "0.5") + Conflict("fast", "still", "NA") + "</SSMLog>"),
      recording_);
  ASSERT_TRUE(read.ok()) << read.status().message();
  ASSERT_EQ(read.value().encounters.size(), 1u);
  const TrueEncounter& only = read.value().encounters[0];
  EXPECT_DOUBLE_EQ(only.ttc_s, 0.75);
  EXPECT_NEAR(SecondsOf(only.worst), 5, 1e-9);
  EXPECT_NEAR(SecondsOf(only.end), 6, 1e-9);
  EXPECT_EQ(only.kind, ConflictKind::kStanding);
  EXPECT_EQ(read.value().rows, 4u);
  EXPECT_EQ(read.value().not_recorded, 1u);
  EXPECT_EQ(read.value().without_ttc, 1u);
}

TEST_F(TruthFilesTest, ACrossingThatIsSaidFromOneSideAloneIsMarked) {
  const auto crossing = [](const std::string& ego, const std::string& foe, const std::string& ttc) {
    std::string text = Conflict(ego, foe, ttc);
    text.replace(text.find("type=\"2\""), 8, "type=\"11\"");
    return text;
  };
  const auto one_sided = [&](const std::string& conflicts) {
    const Result<ReadTruth> read =
        ReadSsmLog(folder_.Write("ssm.xml", "<SSMLog>" + conflicts + "</SSMLog>"), recording_);
    return read.ok() && read.value().encounters.size() == 1 && read.value().encounters[0].one_sided;
  };
  EXPECT_TRUE(one_sided(crossing("fast", "still", "0.80")));
  EXPECT_TRUE(one_sided(crossing("fast", "still", "0.80") + crossing("still", "fast", "2.00")));
  EXPECT_FALSE(one_sided(crossing("fast", "still", "0.80") + crossing("still", "fast", "0.81")));
  EXPECT_FALSE(one_sided(Conflict("fast", "still", "0.80")));
}

TEST_F(TruthFilesTest, WhatIsNoSsmLogIsRefusedWithItsLine) {
  EXPECT_THAT(Refusal(""), HasSubstr("ssm.xml:1: expected well-formed XML"));
  EXPECT_THAT(Refusal("<a/>"), HasSubstr("ssm.xml:1: expected <SSMLog> at the top, not <a>"));
  EXPECT_THAT(Refusal("<SSMLog>\n<conflict begin=\"1\" end=\"x\" ego=\"a\" foe=\"b\"/></SSMLog>"),
              HasSubstr("ssm.xml:2: expected a number as end of <conflict>, not \"x\""));
  EXPECT_THAT(Refusal("<SSMLog>\n\n<conflict begin=\"1\" end=\"2\"/></SSMLog>"),
              HasSubstr("ssm.xml:3: expected ego and foe"));
  EXPECT_THAT(Refusal("<!DOCTYPE a><SSMLog/>"), HasSubstr("expected no document type"));
  EXPECT_THAT(Refusal("<SSMLog>" + Conflict("a", "b", "nan") + "</SSMLog>"),
              HasSubstr("value of <minTTC>, not \"nan\""));
  EXPECT_THAT(Refusal("<SSMLog>" + Conflict("a", "b", "1")), HasSubstr("no element found"));
}

TEST_F(TruthFilesTest, ContactsAreRowsAndTheirErrorsHaveLines) {
  const std::string head = "begin_s,end_s,id_a,id_b,more\n";
  const Result<ReadTruth> read = ReadContacts(
      folder_.Write("contacts.csv", head + "105.1,105.3,still,fast,x\n105.1,105.3,fast,nobody,x"), recording_);
  ASSERT_TRUE(read.ok()) << read.status().message();
  ASSERT_EQ(read.value().encounters.size(), 1u);
  EXPECT_EQ(read.value().encounters[0].ttc_s, 0);
  EXPECT_NEAR(SecondsOf(read.value().encounters[0].worst), 5.1, 1e-9);
  EXPECT_EQ(read.value().not_recorded, 1u);
  const auto refusal = [&](const std::string& text) {
    return std::string(ReadContacts(folder_.Write("contacts.csv", text), recording_).status().message());
  };
  EXPECT_THAT(refusal("a,b\n"),
              HasSubstr("contacts.csv:1: expected a header that begins with begin_s,end_s,id_a,id_b"));
  EXPECT_THAT(refusal(head + "1,2,a\n"), HasSubstr("contacts.csv:2: expected four cells at least, not 3"));
  EXPECT_THAT(refusal(head + "\n1,x,a,b\n"), HasSubstr("contacts.csv:3: expected seconds"));
}

}  // namespace
}  // namespace starling::sim
