#include "sim/truth/truth_program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace starling::sim {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// "a" at 20 m/s, 35 m behind the front of "b" at 10 m/s, for 1 s; docs/formats/ssm_log.md has the log.
// At 1 s: gap 35 - 5 - 10 = 20 m, TTC 20 / 10 = 2 s, DRAC 10² / (2 * 20) = 2.5 m/s².
constexpr std::string_view kLog =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\n"
    "<SSMLog xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
    "xsi:noNamespaceSchemaLocation=\"http://sumo.dlr.de/xsd/ssm_file.xsd\">\n"
    "    <conflict begin=\"0.00\" end=\"1.00\" ego=\"a\" foe=\"b\">\n"
    "        <minTTC time=\"1.00\" position=\"40.00,7.00\" type=\"2\" value=\"2.00\"/>\n"
    "        <maxDRAC time=\"1.00\" position=\"40.00,7.00\" type=\"2\" value=\"2.50\"/>\n"
    "        <PET time=\"NA\" position=\"NA\" type=\"NA\" value=\"NA\"/>\n"
    "    </conflict>\n"
    "    <conflict begin=\"0.00\" end=\"1.00\" ego=\"b\" foe=\"a\">\n"
    "        <minTTC time=\"1.00\" position=\"40.00,7.00\" type=\"3\" value=\"2.00\"/>\n"
    "        <maxDRAC time=\"1.00\" position=\"40.00,7.00\" type=\"3\" value=\"2.50\"/>\n"
    "        <PET time=\"NA\" position=\"NA\" type=\"NA\" value=\"NA\"/>\n"
    "    </conflict>\n"
    "</SSMLog>\n";

class TruthProgramTest : public testing::Test {
 protected:
  TruthProgramTest() : folder_(fs::temp_directory_path() / ("truth_program_test." + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
    std::ostringstream fcd;
    fcd << "timestep_time;vehicle_id;vehicle_x;vehicle_y;vehicle_angle;vehicle_speed;vehicle_type\n";
    for (int step = 0; step <= 10; ++step) {
      fcd << step / 10.0 << ";a;" << 2 * step << ";7;90;20;car\n";
      fcd << step / 10.0 << ";b;" << 35 + step << ";7;90;10;car\n";
    }
    options_.fcd = Save("fcd.csv", fcd.str());
    options_.ssm = (folder_ / "ssm.xml").string();
  }
  ~TruthProgramTest() override { fs::remove_all(folder_); }

  std::string Save(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }
  std::string Log() const {
    std::ostringstream text;
    text << std::ifstream(options_.ssm).rdbuf();
    return text.str();
  }

  const fs::path folder_;
  TruthOptions options_;
};

TEST_F(TruthProgramTest, WritesSumosLogFromBothSides) {
  const auto summary = RunTruth(options_, {});
  ASSERT_TRUE(summary.ok()) << summary.status().message();
  EXPECT_EQ(Log(), kLog);
  EXPECT_EQ(summary.value().conflicts, 1u);
  EXPECT_EQ(summary.value().ttc, (std::array<std::uint64_t, 3>{0, 1, 1}));
  EXPECT_EQ(summary.value().types_without_size.at("car"), 22u);
  EXPECT_THAT(summary.value().ToText(), HasSubstr("TTC <= 3 s        1\n"));
  EXPECT_THAT(summary.value().ToJson(), HasSubstr("\"encounters\":{\"following\":1},\"ttc_at_most\":{\"1.5\":0,\"3\":1,"));
}

TEST_F(TruthProgramTest, OnlyConflictsAreLogged) {
  options_.ttc_s = 1.9;
  const auto summary = RunTruth(options_, {});
  ASSERT_TRUE(summary.ok());
  EXPECT_EQ(summary.value().conflicts, 0u);
  EXPECT_THAT(Log(), testing::Not(HasSubstr("<conflict")));
}

// A bus of 12 m: 7 m less of a gap.
TEST_F(TruthProgramTest, SizesAreByType) {
  options_.sizes = Save("dims.txt", "# type length width\ncar 12 2.5\n");
  double ttc_s = 0;
  ASSERT_TRUE(RunTruth(options_, {[&](const Encounter& each, std::string_view ego, std::string_view foe) {
                                    ttc_s = each.min_ttc->value;
                                    EXPECT_EQ(ego, "a");
                                    EXPECT_EQ(foe, "b");
                                  },
                                  {}})
                  .ok());
  EXPECT_NEAR(ttc_s, 1.3, 1e-5);
}

TEST_F(TruthProgramTest, SizesThatAreNoneAreRefusedWithTheirLine) {
  for (const char* line : {"car 12", "car 12 x", "car 0 2", "car 12 2 3", "car -1 2", "car 101 2"}) {
    options_.sizes = Save("dims.txt", std::string("bus 12 2.5\n") + line + "\n");
    const auto summary = RunTruth(options_, {});
    ASSERT_FALSE(summary.ok()) << line;
    EXPECT_EQ(summary.status().message(),
              options_.sizes + ":2: expected \"type length width\" with metres above 0 and up to 100");
  }
}

// 1e-5 degree of latitude is 1.11 m at 45 degrees.
TEST_F(TruthProgramTest, DegreesBecomeMetresAndDegreesAgain) {
  std::ostringstream fcd;
  fcd << "timestep_time;vehicle_id;vehicle_x;vehicle_y;vehicle_angle;vehicle_speed\n";
  fcd.precision(10);
  for (int step = 0; step <= 10; ++step) {
    fcd << step / 10.0 << ";a;11;" << 45 + step * 1.8e-5 << ";0;20\n";
    fcd << step / 10.0 << ";b;11;" << 45 + (35 / 1.1113e5) + step * 0.9e-5 << ";0;10\n";
  }
  options_.fcd = Save("geo.csv", fcd.str());
  options_.geo = true;
  double ttc_s = 0;
  ASSERT_TRUE(RunTruth(options_, {[&](const Encounter& each, auto, auto) { ttc_s = each.min_ttc->value; }, {}}).ok());
  EXPECT_NEAR(ttc_s, 2, 0.01);
  EXPECT_THAT(Log(), HasSubstr("position=\"11.0000000,45.0003"));
}

TEST_F(TruthProgramTest, MetresAreNoDegrees) {
  std::ofstream(options_.fcd, std::ios::app) << "2;a;5000;7;90;20;car\n";
  options_.geo = true;
  const auto summary = RunTruth(options_, {});
  ASSERT_FALSE(summary.ok());
  EXPECT_THAT(std::string(summary.status().message()), HasSubstr("without --geo and --origin they are metres"));
}

TEST_F(TruthProgramTest, MissingFilesAreNamed) {
  options_.fcd = (folder_ / "nothing.xml").string();
  EXPECT_EQ(RunTruth(options_, {}).status().code(), ErrorCode::kIoError);
  EXPECT_THAT(std::string(RunTruth(options_, {}).status().message()), HasSubstr("nothing.xml"));
}

}  // namespace
}  // namespace starling::sim
