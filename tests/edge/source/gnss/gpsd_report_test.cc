#include "edge/source/gnss/gpsd_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/geo/trigonometry.h"
#include "edge/source/gnss/gpsd_session.h"

namespace starling::edge {
namespace {

using ::testing::HasSubstr;

GpsdReport Parsed(std::string_view line) {
  const auto report = ParseGpsdReport(line);
  EXPECT_TRUE(report.ok()) << line << ": " << report.status().message();
  return report.ok() ? report.value() : GpsdReport{};
}

std::string WhyNot(std::string_view line) {
  const auto report = ParseGpsdReport(line);
  return report.ok() ? "taken" : std::string(report.status().message());
}

// 2018-08-02 16:14:48 UTC is Unix time 1533226488.
TEST(IsoTime, IsUnixTime) {
  EXPECT_EQ(ParseIsoTime("2018-08-02T16:14:48.299Z"), seconds(1'533'226'488) + milliseconds(299));
  EXPECT_EQ(ParseIsoTime("1970-01-01T00:00:00Z"), nanoseconds(0));
  EXPECT_EQ(ParseIsoTime("2000-02-29T00:00:00.000000001Z"), seconds(951'782'400) + nanoseconds(1));
  EXPECT_EQ(ParseIsoTime("2018-08-02T16:14:48.29900000000000Z"), seconds(1'533'226'488) + milliseconds(299));
  EXPECT_EQ(ParseIsoTime("2018-08-02T16:14:48+00:00"), seconds(1'533'226'488));
}

TEST(IsoTime, OtherFormsAreNone) {
  for (const char* text : {"", "Z", "2018-08-02", "2018-08-02T16:14:48", "2018-08-02T16:14:48+02:00",
                           "2018-13-02T16:14:48Z", "2018-08-02T24:14:48Z", "0000-00-00T00:00:00Z",
                           "2018-08-02 16:14:48Z", "20180802T161448Z", "9999-01-01T00:00:00Z"}) {
    EXPECT_FALSE(ParseIsoTime(text)) << text;
  }
}

TEST(GpsdReport, ReadsTheTpvOfARecentRelease) {
  const GpsdReport tpv = Parsed(
      R"({"class":"TPV","device":"/dev/ttyACM0","mode":3,"time":"2018-08-02T16:14:48.299Z","leapseconds":18,)"
      R"("ept":0.005,"lat":37.7209977,"lon":-122.4723053,"altHAE":33.37,"altMSL":66.1,"alt":66.1,"epx":2.1,)"
      R"("epy":2.9,"epv":5.7,"track":2.1356,"magtrack":348.0,"speed":7.823,"climb":0.02,"eps":0.4,)"
      R"("ecef":{"x":1,"v":[1,2]},"geoidSep":-32.7,"eph":3.6,"sep":6.1})");
  EXPECT_EQ(tpv.type, GpsdClass::kTpv);
  EXPECT_EQ(tpv.device, "/dev/ttyACM0");
  EXPECT_EQ(tpv.mode, 3);
  EXPECT_EQ(tpv.time, seconds(1'533'226'488) + milliseconds(299));
  EXPECT_EQ(tpv.lat_deg, 37.7209977);
  EXPECT_EQ(tpv.lon_deg, -122.4723053);
  EXPECT_EQ(tpv.speed_mps, 7.823);
  EXPECT_EQ(tpv.track_deg, 2.1356);
  EXPECT_EQ(tpv.eph_m, 3.6);
  EXPECT_EQ(tpv.epx_m, 2.1);
}

TEST(GpsdReport, KeysMayComeInAnyOrderAndTimeAsANumber) {
  const GpsdReport tpv = Parsed(R"( { "lat" : 1e1 , "time":1533226488.5,"mode":2,"lon":null,"class":"TPV" } )");
  EXPECT_EQ(tpv.type, GpsdClass::kTpv);
  EXPECT_EQ(tpv.lat_deg, 10);
  EXPECT_FALSE(tpv.lon_deg);
  EXPECT_EQ(tpv.time, seconds(1'533'226'488) + milliseconds(500));
}

TEST(GpsdReport, OtherClassesMayUseTheSameKeysForAnything) {
  EXPECT_EQ(Parsed(R"({"class":"SKY","time":[1],"lat":"n/a","mode":{}})").type, GpsdClass::kOther);
  EXPECT_EQ(Parsed(R"({"class":"WHAT_IS_NEXT"})").type, GpsdClass::kOther);
  EXPECT_EQ(Parsed("{}").type, GpsdClass::kOther);
}

TEST(GpsdReport, ADeviceThatIsNotActiveIsLost) {
  EXPECT_TRUE(Parsed(R"({"class":"DEVICE","path":"/dev/ttyACM0","activated":0})").lost);
  EXPECT_FALSE(Parsed(R"({"class":"DEVICE","path":"/dev/ttyACM0","activated":"2018-08-02T16:14:48Z"})").lost);
  EXPECT_FALSE(Parsed(R"({"class":"DEVICE","path":"/dev/ttyACM0","activated":1533226488.5})").lost);
  EXPECT_FALSE(Parsed(R"({"class":"DEVICE","path":"/dev/ttyACM0"})").lost);
}

TEST(GpsdReport, TextsMayHoldEscapes) {
  EXPECT_EQ(Parsed(R"({"class":"ERROR","message":"a \"b\" \\"})").message, R"(a \"b\" \\)");
}

TEST(GpsdReport, WhatIsNotJsonIsRefusedByColumn) {
  EXPECT_THAT(WhyNot(""), HasSubstr("column 1"));
  EXPECT_THAT(WhyNot("$GPGGA,1"), HasSubstr("column 1"));
  EXPECT_THAT(WhyNot(R"({"class":"TPV"} {)"), HasSubstr("follows"));
  EXPECT_THAT(WhyNot(R"({"class":"TPV","x":nan})"), HasSubstr("expected a number"));
  EXPECT_THAT(WhyNot(R"({"class":"TPV","lat":"48"})"), HasSubstr("lat: "));
  EXPECT_THAT(WhyNot(R"({"class":"TPV","lat":1e999})"), HasSubstr("lat: "));
}

TEST(GpsdReport, EveryBeginningOfALineIsRefused) {
  const std::string line = R"({"class":"TPV","device":"/d\"","mode":3,"lat":48.1,"lon":[{"x":[true,null,-1.5e3]}]})";
  EXPECT_FALSE(ParseGpsdReport(line).ok());  // a position is no list
  const std::string other = R"({"class":"SKY","device":"/d\"","lon":[{"x":[true,null,-1.5e3]}]})";
  EXPECT_TRUE(ParseGpsdReport(other).ok());
  for (std::size_t length = 0; length < other.size(); ++length) {
    EXPECT_FALSE(ParseGpsdReport(other.substr(0, length)).ok()) << length;
  }
}

TEST(GpsdReport, DepthAndLengthAreLimited) {
  EXPECT_EQ(WhyNot(R"({"class":"SKY","x":)" + std::string(8, '[') + std::string(8, ']') + "}"), "taken");
  EXPECT_THAT(WhyNot(R"({"class":"SKY","x":)" + std::string(9, '[') + std::string(9, ']') + "}"),
              HasSubstr("too deep"));
  EXPECT_THAT(WhyNot(R"({"x":)" + std::string(60'000, '[')), HasSubstr("too deep"));
  EXPECT_EQ(ParseGpsdReport(std::string(kGpsdLineBytesMax + 1, '{')).status().code(), ErrorCode::kExhausted);
}

class Session : public testing::Test {
 protected:
  GpsdSession::Event Line(const std::string& line) {
    now_ += milliseconds(100);
    const auto event = session_.OnLine(line, now_);
    return event.ok() ? event.value() : GpsdSession::Event{};
  }
  static std::string Tpv(const std::string& device, int mode, const std::string& more = "") {
    return R"({"class":"TPV","device":")" + device + R"(","mode":)" + std::to_string(mode) +
           R"(,"lat":48.5,"lon":11.25,"speed":5,"track":90)" + more + "}";
  }

  GpsdSession session_;
  BootTime now_;
};

TEST_F(Session, AFixOfTwoDimensionsOrThreeIsTaken) {
  EXPECT_FALSE(Line(Tpv("a", 0)).fix);
  EXPECT_FALSE(Line(Tpv("a", 1)).fix);
  const auto fix = Line(Tpv("a", 2, R"(,"epx":3,"epy":4)")).fix;
  ASSERT_TRUE(fix);
  EXPECT_EQ(fix->arrival, now_);
  EXPECT_NEAR(*fix->course_rad, kPi / 2, 1e-12);
  EXPECT_EQ(fix->accuracy_m, 5);
  EXPECT_EQ(Line(Tpv("a", 3, R"(,"epx":3,"epy":4,"eph":2)")).fix->accuracy_m, 2);
  EXPECT_EQ(session_.counters().tpv_without_fix, 2u);
  EXPECT_EQ(session_.counters().fixes, 2u);
}

TEST_F(Session, SimulatedPositionsAreNoFix) { EXPECT_FALSE(Line(Tpv("a", 3, R"(,"status":8)")).fix); }

TEST_F(Session, OfTwoReceiversOneIsFollowedUntilItHasNone) {
  EXPECT_TRUE(Line(Tpv("a", 3)).fix);
  EXPECT_FALSE(Line(Tpv("b", 3)).fix);
  EXPECT_EQ(session_.counters().tpv_other_device, 1u);
  now_ += GpsdSession::kFollowed;
  EXPECT_TRUE(Line(Tpv("b", 3)).fix);
  EXPECT_FALSE(Line(Tpv("a", 3)).fix);
  // Or until it is lost.
  EXPECT_THAT(Line(R"({"class":"DEVICE","path":"b","activated":0})").trouble, HasSubstr("lost b"));
  EXPECT_EQ(session_.counters().devices_lost, 1u);
  EXPECT_TRUE(Line(Tpv("a", 3)).fix);
}

TEST_F(Session, WhatGpsdComplainsOfIsTold) {
  EXPECT_THAT(Line(R"({"class":"ERROR","message":"Bogus WATCH"})").trouble, HasSubstr("Bogus WATCH"));
  EXPECT_THAT(Line(R"({"class":"DEVICES","devices":[]})").trouble, HasSubstr("no receiver"));
  EXPECT_EQ(Line(R"({"class":"DEVICES","devices":[{"class":"DEVICE","path":"/dev/ttyS0"}]})").trouble, "");
  EXPECT_THAT(Line(R"({"class":"VERSION","release":"5.0","proto_major":4})").trouble, HasSubstr("protocol 4"));
  EXPECT_THAT(Line(R"({"class":"VERSION","release":"5.0","proto_major":5e99})").trouble, HasSubstr("protocol 1000000000"));
  EXPECT_EQ(Line(R"({"class":"VERSION","release":"3.25","proto_major":3,"proto_minor":16})").trouble, "");
  EXPECT_EQ(session_.counters().errors, 1u);
}

}  // namespace
}  // namespace starling::edge
