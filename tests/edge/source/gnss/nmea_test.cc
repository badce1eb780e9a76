#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/geo/trigonometry.h"
#include "edge/source/gnss/nmea_epochs.h"
#include "edge/source/gnss/nmea_sentence.h"
#include "tests/edge/source/gnss/nmea_text.h"

namespace starling::edge {
namespace {

using ::testing::HasSubstr;

NmeaSentence Parsed(const std::string& line) {
  const auto sentence = ParseNmea(line);
  EXPECT_TRUE(sentence.ok()) << line << ": " << sentence.status().message();
  return sentence.ok() ? sentence.value() : NmeaSentence{};
}

std::string WhyNot(const std::string& body) {
  const auto sentence = ParseNmea(Nmea(body));
  if (sentence.ok()) return "taken";
  EXPECT_EQ(sentence.status().code(), ErrorCode::kInvalidArgument);
  return std::string(sentence.status().message());
}

// The sentences that manuals have printed for decades, with their checksums.
TEST(NmeaSentence, ReadsTheClassicGga) {
  const NmeaSentence gga = Parsed("$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47");
  EXPECT_EQ(gga.type, NmeaType::kGga);
  EXPECT_TRUE(gga.valid);
  EXPECT_EQ(gga.time_of_day, seconds(12 * 3600 + 35 * 60 + 19));
  EXPECT_NEAR(gga.position->lat_deg, 48 + 7.038 / 60, 1e-12);
  EXPECT_NEAR(gga.position->lon_deg, 11 + 31.0 / 60, 1e-12);
  EXPECT_EQ(gga.hdop, 0.9);
  EXPECT_FALSE(gga.speed_mps);
}

TEST(NmeaSentence, ReadsTheClassicRmcWithoutAModeIndicator) {
  const NmeaSentence rmc = Parsed("$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A\r");
  EXPECT_EQ(rmc.type, NmeaType::kRmc);
  EXPECT_TRUE(rmc.valid);
  EXPECT_NEAR(*rmc.speed_mps, 22.4 * 1852 / 3600, 1e-12);
  EXPECT_NEAR(*rmc.course_rad, 84.4 * kDegree, 1e-12);
}

TEST(NmeaSentence, ReadsTheClassicVtgInKilometresAnHour) {
  const NmeaSentence vtg = Parsed("$GPVTG,054.7,T,034.4,M,005.5,N,010.2,K*48");
  EXPECT_EQ(vtg.type, NmeaType::kVtg);
  EXPECT_TRUE(vtg.valid);
  EXPECT_NEAR(*vtg.speed_mps, 10.2 / 3.6, 1e-12);
  EXPECT_NEAR(*vtg.course_rad, 54.7 * kDegree, 1e-12);
  EXPECT_NEAR(*Parsed(Nmea("GNVTG,,T,,M,10.0,N,,K,A")).speed_mps, 10 * 1852.0 / 3600, 1e-12);
}

TEST(NmeaSentence, AnyTalkerIsTakenAndSouthAndWestAreNegative) {
  for (const char* talker : {"GP", "GN", "GL", "GA", "GB", "BD", "QZ"}) {
    const NmeaSentence rmc =
        Parsed(Nmea(std::string(talker) + "RMC,000000.10,A,3342.5,S,07030.75,W,0.0,,010120,,,A,V"));
    EXPECT_EQ(rmc.time_of_day, milliseconds(100));
    EXPECT_NEAR(rmc.position->lat_deg, -(33 + 42.5 / 60), 1e-12);
    EXPECT_NEAR(rmc.position->lon_deg, -(70 + 30.75 / 60), 1e-12);
    EXPECT_EQ(rmc.speed_mps, 0);
    EXPECT_FALSE(rmc.course_rad);
  }
}

TEST(NmeaSentence, GnsIsAFixIfOneSystemHasOne) {
  EXPECT_TRUE(Parsed(Nmea("GNGNS,112257.00,3844.24011,N,00908.43828,W,AN,03,10.5,,,,")).valid);
  EXPECT_FALSE(Parsed(Nmea("GNGNS,112257.00,,,,,NN,00,99.99,,,,")).valid);
}

TEST(NmeaSentence, WithoutAFixItIsReadAndNotValid) {
  EXPECT_FALSE(Parsed(Nmea("GNRMC,,V,,,,,,,,,,N,V")).valid);
  EXPECT_FALSE(Parsed(Nmea("GPGGA,000001.00,,,,,0,00,99.99,,,,,,")).valid);
  EXPECT_FALSE(Parsed(Nmea("GPVTG,,,,,,,,,N")).valid);
}

TEST(NmeaSentence, TypedInAndSimulatedPositionsAreNoFix) {
  for (const char quality : {'7', '8'}) {
    EXPECT_FALSE(
        Parsed(Nmea(std::string("GPGGA,120000,4807.038,N,01131.0,E,") + quality + ",8,1,5,M,4,M,,")).valid);
  }
  for (const char mode : {'M', 'S', 'N'}) {
    EXPECT_FALSE(Parsed(Nmea(std::string("GPRMC,120000,A,4807.038,N,01131.0,E,1,2,010120,,,") + mode)).valid);
  }
}

TEST(NmeaSentence, OtherTypesAndProprietaryOnesAreReadAsSuch) {
  EXPECT_EQ(Parsed(Nmea("GPGSV,1,1,00")).type, NmeaType::kOther);
  EXPECT_EQ(Parsed(Nmea("PUBX,00,rubbish")).type, NmeaType::kOther);
  EXPECT_EQ(Parsed(Nmea("")).type, NmeaType::kOther);
}

TEST(NmeaSentence, EveryFlippedBitIsSeenByTheChecksum) {
  const std::string line = "$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47";
  for (std::size_t at = 1; at < line.size() - 3; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = line;
      flipped[at] = static_cast<char>(flipped[at] ^ 1 << bit);
      EXPECT_FALSE(ParseNmea(flipped).ok()) << flipped;
    }
  }
}

TEST(NmeaSentence, WithoutAChecksumItIsRefusedAtEveryLength) {
  const std::string line = "$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47";
  for (std::size_t length = 0; length < line.size(); ++length) {
    EXPECT_FALSE(ParseNmea(line.substr(0, length)).ok()) << length;
  }
  EXPECT_EQ(ParseNmea(line.substr(0, line.size() - 3)).status().code(), ErrorCode::kCorruption);
}

TEST(NmeaSentence, WrongFieldsAreNamed) {
  EXPECT_THAT(WhyNot("GPGGA,243519,4807.038,N,01131.000,E,1,08,0.9,,M,,M,,"), HasSubstr("GGA: time"));
  EXPECT_THAT(WhyNot("GPGGA,123560.5,9007.038,N,01131.000,E,1,08,0.9,,M,,M,,"), HasSubstr("latitude"));
  EXPECT_THAT(WhyNot("GPGGA,123519,4860.000,N,01131.000,E,1,08,0.9,,M,,M,,"), HasSubstr("latitude"));
  EXPECT_THAT(WhyNot("GPGGA,123519,-807.038,N,01131.000,E,1,08,0.9,,M,,M,,"), HasSubstr("latitude"));
  EXPECT_THAT(WhyNot("GPGGA,123519,4807.038,X,01131.000,E,1,08,0.9,,M,,M,,"), HasSubstr("hemisphere"));
  EXPECT_THAT(WhyNot("GPGGA,123519,4807.038,N,18031.000,E,1,08,0.9,,M,,M,,"), HasSubstr("longitude"));
  EXPECT_THAT(WhyNot("GPGGA,123519,4807.038,N,,,1,08,0.9,,M,,M,,"), HasSubstr("longitude"));
  EXPECT_THAT(WhyNot("GPGGA,123519,4807.038,N,01131.000,E,,08,0.9,,M,,M,,"), HasSubstr("quality"));
  EXPECT_THAT(WhyNot("GPRMC,123519,B,,,,,,,,,,A"), HasSubstr("status"));
  EXPECT_THAT(WhyNot("GPRMC,123519,A,4807.038,N,01131.000,E,1e3,084.4,230394,,,A"), HasSubstr("speed"));
  EXPECT_THAT(WhyNot("GPRMC,123519,A,4807.038,N,01131.000,E,300,084.4,230394,,,A"), HasSubstr("speed"));
  EXPECT_THAT(WhyNot("GPRMC,123519,A,4807.038,N,01131.000,E,nan,084.4,230394,,,A"), HasSubstr("speed"));
  EXPECT_THAT(WhyNot("GPRMC,123519,A,4807.038,N,01131.000,E,1,361,230394,,,A"), HasSubstr("course"));
  EXPECT_THAT(WhyNot("GPRMC,123519.0000000001,A,4807.038,N,01131.000,E,1,3,230394,,,A"), HasSubstr("time"));
}

class Epochs : public testing::Test {
 protected:
  void Line(const std::string& line) {
    const Status status = epochs_.OnLine(line, now_);
    last_ok_ = status.ok();
    Collect();
    now_ += milliseconds(2);
  }
  void Pause(milliseconds length) {
    now_ += length;
    epochs_.OnTime(now_);
    Collect();
  }
  void Collect() {
    if (const auto fix = epochs_.TakeFix()) fixes_.push_back(*fix);
  }

  NmeaEpochs epochs_;
  BootTime now_ = BootTimeFromNs(1'000'000'000);
  std::vector<GnssFix> fixes_;
  bool last_ok_ = true;
};

TEST_F(Epochs, SentencesOfOneInstantAreOneFixThatArrivedWithTheFirst) {
  const BootTime began = now_;
  Line(Rmc(1000, 48.5, 11.25, 10, 90));
  Line(Nmea("GNVTG,91,T,,M,99,N,,K,A"));
  Line(Gga(1000, 48.5, 11.25));
  EXPECT_TRUE(fixes_.empty());
  Pause(milliseconds(40));
  ASSERT_EQ(fixes_.size(), 1u);
  EXPECT_EQ(fixes_[0].arrival, began);
  EXPECT_EQ(fixes_[0].epoch, seconds(1));
  EXPECT_NEAR(*fixes_[0].speed_mps, 10, 1e-4);  // RMC's, not VTG's
  EXPECT_NEAR(*fixes_[0].accuracy_m, 0.7 * NmeaEpochs::kRangeErrorM, 1e-12);
  EXPECT_FALSE(epochs_.deadline());
}

TEST_F(Epochs, TheNextInstantEndsTheOneBeforeWithoutAPause) {
  for (int i = 0; i < 5; ++i) {
    Line(Gga(i * 100, 48.5 + i, 11.25));
    Line(Rmc(i * 100, 48.5 + i, 11.25, 10, 90));
  }
  ASSERT_EQ(fixes_.size(), 4u);
  EXPECT_NEAR(fixes_[3].position.lat_deg, 51.5, 1e-8);
}

TEST_F(Epochs, VtgGivesTheSpeedWhereNothingElseDoes) {
  Line(Gga(1000, 48.5, 11.25));
  Line(Nmea("GNVTG,45,T,,M,,N,36,K,A"));
  Pause(milliseconds(50));
  ASSERT_EQ(fixes_.size(), 1u);
  EXPECT_NEAR(*fixes_[0].speed_mps, 10, 1e-12);
  EXPECT_NEAR(*fixes_[0].course_rad, 45 * kDegree, 1e-12);
}

TEST_F(Epochs, VtgBetweenTwoEpochsBelongsToTheNext) {
  Line(Gga(1000, 48.5, 11.25));
  Pause(milliseconds(900));
  Line(Nmea("GNVTG,45,T,,M,,N,36,K,A"));
  Line(Gga(2000, 48.5, 11.25));
  Pause(milliseconds(50));
  ASSERT_EQ(fixes_.size(), 2u);
  EXPECT_FALSE(fixes_[0].speed_mps);
  EXPECT_NEAR(*fixes_[1].speed_mps, 10, 1e-12);
}

TEST_F(Epochs, OneSentenceWithoutAFixMakesAnEpochWithoutOne) {
  Line(Gga(1000, 48.5, 11.25));
  Line(Nmea("GNRMC,000001.000,V,,,,,,,,,,N"));
  Pause(milliseconds(50));
  EXPECT_TRUE(fixes_.empty());
  EXPECT_EQ(epochs_.counters().epochs, 1u);
  EXPECT_EQ(epochs_.counters().epochs_without_fix, 1u);
}

TEST_F(Epochs, TheDayAfterMidnightIsLaterThanTheDayBefore) {
  Line(Rmc(86'399'900, 48.5, 11.25, 10, 90));
  Line(Rmc(0, 48.5, 11.25, 10, 90));
  Line(Rmc(100, 48.5, 11.25, 10, 90));
  Pause(milliseconds(50));
  ASSERT_EQ(fixes_.size(), 3u);
  EXPECT_EQ(*fixes_[1].epoch - *fixes_[0].epoch, milliseconds(100));
  EXPECT_EQ(*fixes_[2].epoch - *fixes_[1].epoch, milliseconds(100));
}

TEST_F(Epochs, RefusedLinesAreCountedByReasonAndChangeNothing) {
  Line(Gga(1000, 48.5, 11.25));
  Line("$GPGGA,000001,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*00");
  EXPECT_FALSE(last_ok_);
  Line("$GPGGA,000001,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,");
  Line(Nmea("GPGGA,000001,9907.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,"));
  Line("rubbish");
  Line(Nmea("GPGSV,1,1,00"));
  Pause(milliseconds(50));
  EXPECT_EQ(epochs_.counters().sentences, 6u);
  EXPECT_EQ(epochs_.counters().refused_checksum, 2u);
  EXPECT_EQ(epochs_.counters().refused_malformed, 2u);
  EXPECT_EQ(epochs_.counters().unused, 1u);
  ASSERT_EQ(fixes_.size(), 1u);
  EXPECT_NEAR(fixes_[0].position.lat_deg, 48.5, 1e-8);
}

TEST_F(Epochs, WhatWasOpenWhenTheLineBrokeOffIsThrownAway) {
  Line(Gga(1000, 48.5, 11.25));
  epochs_.Reset();
  Pause(milliseconds(100));
  EXPECT_TRUE(fixes_.empty());
}

}  // namespace
}  // namespace starling::edge
