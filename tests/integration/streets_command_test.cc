// starling streets as people and scripts call it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "tests/cloud/streets/small_city.h"
#include "tests/integration/command_fixture.h"

namespace starling {
namespace {

using testing::HasSubstr;

class StreetsCommand : public CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    Write("city.net.xml", cloud::kSmallCity);
  }

  int Run(const std::vector<std::string>& arguments) {
    return Call({STARLING_BIN "/starling", "streets"}, arguments);
  }
};

TEST_F(StreetsCommand, ShowsANetworkAndWhatIsNotSupported) {
  EXPECT_EQ(Run({Path("city.net.xml")}), 0);
  EXPECT_THAT(output_, HasSubstr("lanes          12, 0.883 lane-km"));
  EXPECT_THAT(output_, HasSubstr("         1  <prohibition> in <net>\n"));
}

TEST_F(StreetsCommand, LoadsSignalsInTheirOrder) {
  for (const std::string name : {"one", "two"}) {
    Write(name + ".add.xml", "<additional><tlLogic id=\"light\" programID=\"" + name +
                                 "\"><phase duration=\"9\" state=\"GGG\"/></tlLogic></additional>");
  }
  EXPECT_EQ(Run({Path("city.net.xml"), "--json", "--signals", Path("one.add.xml"), "--signals", Path("two.add.xml")}), 0);
  const boost::json::value json = boost::json::parse(output_);
  EXPECT_EQ(json.at("programmes").to_number<int>(), 3);
  EXPECT_EQ(json.at("programmes_in_force").at("two").to_number<int>(), 1);
}

TEST_F(StreetsCommand, ExitCodesSayWhoWasWrong) {
  Write("wrong.net.xml", "<net>\n<edge id=\"a\" from=\"b\" to=\"c\"/>\n</net>");
  EXPECT_EQ(Run({Path("wrong.net.xml")}), 1);
  EXPECT_EQ(output_, "starling: " + Path("wrong.net.xml") + ":2: expected a <lane> in <edge id=\"a\">\n");
  EXPECT_EQ(Run({Path("nothing.net.xml")}), 1);
  EXPECT_THAT(output_, HasSubstr("No such file or directory"));
  EXPECT_EQ(Run({Path("city.net.xml"), "--signals", Path("city.net.xml")}), 1);
  EXPECT_THAT(output_, HasSubstr("expected element <additional>"));
  EXPECT_EQ(Run({}), 2);
  EXPECT_EQ(Run({Path("city.net.xml"), "--fast"}), 2);
  EXPECT_EQ(Run({"--help"}), 0);
  EXPECT_THAT(output_, HasSubstr("netconvert --osm-files"));
}

}  // namespace
}  // namespace starling
