#include "sim/fcd/fcd_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "sim/fcd/fcd_writer.h"

namespace starling::sim {
namespace {

namespace fs = std::filesystem;
using testing::EndsWith;
using testing::HasSubstr;

constexpr std::string_view kXml =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\n"
    "<fcd-export xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
    "xsi:noNamespaceSchemaLocation=\"http://sumo.dlr.de/xsd/fcd_file.xsd\">\n"
    "    <timestep time=\"0.00\"/>\n"
    "    <timestep time=\"0.10\">\n"
    "        <vehicle id=\"a&amp;b\" x=\"100.25\" y=\"-3.50\" angle=\"90.00\" type=\"bus\" speed=\"13.89\" pos=\"5.10\" "
    "lane=\":j_0_0\" slope=\"0.00\" acceleration=\"-0.50\"/>\n"
    "        <vehicle id=\"c\" x=\"0.00\" y=\"0.00\" angle=\"359.99\" speed=\"0.00\"/>\n"
    "    </timestep>\n"
    "</fcd-export>\n";

// What SUMO 1.15's tools/xml/xml2csv.py makes of it, with all columns.
constexpr std::string_view kCsv =
    "timestep_time;vehicle_acceleration;vehicle_angle;vehicle_id;vehicle_lane;vehicle_pos;vehicle_slope;"
    "vehicle_speed;vehicle_type;vehicle_x;vehicle_y\n"
    "0.00;;;;;;;;;;\n"
    "0.10;-0.50;90.00;a&b;:j_0_0;5.10;0.00;13.89;bus;100.25;-3.50\n"
    "0.10;;359.99;c;;;;0.00;;0.00;0.00\n";

class FcdTest : public testing::Test {
 protected:
  FcdTest() : folder_(fs::temp_directory_path() / ("fcd_test." + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
  }
  ~FcdTest() override { fs::remove_all(folder_); }

  std::string Path(const std::string& name) const { return (folder_ / name).string(); }
  std::string Save(const std::string& name, std::string_view text) const {
    std::ofstream(Path(name), std::ios::binary) << text;
    return Path(name);
  }
  static std::string Load(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
  }

  // All of it, written again.
  static Status Copy(const std::string& from, const std::string& to) {
    auto reader = FcdReader::Open(from);
    if (!reader.ok()) return reader.status();
    auto writer = FcdWriter::Create(to, {});
    if (!writer.ok()) return writer.status();
    FcdStep step;
    for (;;) {
      const Result<bool> more = reader.value()->Next(&step);
      if (!more.ok()) return more.status();
      if (!more.value()) return writer.value()->Close();
      if (Status status = writer.value()->Write(step); !status.ok()) return status;
    }
  }

  // Why a reader stops; empty if it does not.
  std::string Refusal(std::string_view text) const {
    const std::string path = Save("refused", text);
    auto reader = FcdReader::Open(path);
    FcdStep step;
    for (;;) {
      const Result<bool> more = reader.value()->Next(&step);
      if (!more.ok()) return std::string(more.status().message()).substr(path.size());
      if (!more.value()) return {};
    }
  }
  static std::string Xml(const std::string& steps) { return "<fcd-export>\n" + steps + "\n</fcd-export>"; }
  static std::string Step(const std::string& attributes) {
    return Xml("<timestep time=\"1\">\n<vehicle " + attributes + "/>\n</timestep>");
  }

  const fs::path folder_;
};

TEST_F(FcdTest, ComesBackByteForByte) {
  for (const char* name : {"fcd.xml", "fcd.xml.gz", "fcd.csv", "fcd.csv.gz"}) {
    ASSERT_TRUE(Copy(Save("original.xml", kXml), Path(name)).ok()) << name;
    ASSERT_TRUE(Copy(Path(name), Path("again.xml")).ok()) << name;
    EXPECT_EQ(Load(Path("again.xml")), kXml) << name;
  }
}

TEST_F(FcdTest, CsvHasXml2csvsColumns) {
  ASSERT_TRUE(Copy(Save("original.xml", kXml), Path("fcd.csv")).ok());
  EXPECT_EQ(Load(Path("fcd.csv")), kCsv);
  ASSERT_TRUE(Copy(Path("fcd.csv"), Path("again.csv")).ok());
  EXPECT_EQ(Load(Path("again.csv")), kCsv);
}

TEST_F(FcdTest, CompressedIsWhatItsNameSays) {
  ASSERT_TRUE(Copy(Save("original.xml", kXml), Path("fcd.xml.gz")).ok());
  EXPECT_EQ(Load(Path("fcd.xml.gz")).substr(0, 2), "\x1f\x8b");
}

TEST_F(FcdTest, ReadsWhatAVehicleHas) {
  auto reader = FcdReader::Open(Save("fcd.xml", kXml));
  ASSERT_TRUE(reader.ok());
  FcdStep step;
  ASSERT_TRUE(reader.value()->Next(&step).value());
  EXPECT_TRUE(step.vehicles.empty());
  ASSERT_TRUE(reader.value()->Next(&step).value());
  EXPECT_EQ(step.time, SimTime(milliseconds(100)));
  ASSERT_EQ(step.vehicles.size(), 2u);
  EXPECT_EQ(step.vehicles[0].id, "a&b");
  EXPECT_EQ(step.vehicles[0].lane, ":j_0_0");
  EXPECT_EQ(step.vehicles[0].accel_mps2, -0.5);
  EXPECT_EQ(step.vehicles[1].number, 1u);
  EXPECT_TRUE(std::isnan(step.vehicles[1].pos_m));
  EXPECT_FALSE(reader.value()->Next(&step).value());
}

TEST_F(FcdTest, CountsWhatItPassesOver) {
  auto reader = FcdReader::Open(Save(
      "fcd.xml", Xml("<timestep time=\"1\"><person id=\"p\" x=\"1\" y=\"1\" angle=\"0\" speed=\"1\"/>"
                     "<vehicle id=\"a\" x=\"1\" y=\"1\" z=\"9\" angle=\"0\" speed=\"1\"/></timestep>")));
  FcdStep step;
  ASSERT_TRUE(reader.value()->Next(&step).value());
  EXPECT_EQ(step.vehicles.size(), 1u);
  EXPECT_EQ(reader.value()->skipped().at("<person>"), 1u);
  EXPECT_EQ(reader.value()->skipped().at("attribute z"), 1u);
}

TEST_F(FcdTest, MalformedXmlIsRefusedWithItsLine) {
  EXPECT_THAT(Refusal("<net/>"), HasSubstr(":1: expected <fcd-export> at the top, not <net>"));
  EXPECT_THAT(Refusal(Xml("<timestep time=\"1\">")), HasSubstr(":3: expected well-formed XML: mismatched tag"));
  EXPECT_THAT(Refusal("<fcd-export>"), HasSubstr(":1: expected well-formed XML: no element found"));
  EXPECT_THAT(Refusal(Xml("<timestep time=\"soon\"/>")),
              EndsWith(":2: expected seconds as the time of a step, not \"soon\""));
  EXPECT_THAT(Refusal(Xml("<timestep/>")), HasSubstr(":2: expected seconds"));
  EXPECT_THAT(Refusal(Xml("<timestep time=\"1\"/>\n<timestep time=\"1\"/>")), HasSubstr(":3: expected a later time"));
  EXPECT_THAT(Refusal(Step("x=\"1\" y=\"1\" angle=\"0\" speed=\"1\"")), EndsWith(":3: expected id of a vehicle"));
  EXPECT_THAT(Refusal(Step("id=\"a\" x=\"1\" y=\"1\" angle=\"0\"")), EndsWith(":3: expected speed of a vehicle"));
  EXPECT_THAT(Refusal(Step("id=\"a\" x=\"nan\" y=\"1\" angle=\"0\" speed=\"1\"")),
              EndsWith(":3: expected a number as x of vehicle \"a\", not \"nan\""));
  EXPECT_THAT(Refusal(Step("id=\"a\" x=\"1e9\" y=\"1\" angle=\"0\" speed=\"1\"")), HasSubstr("expected a number as x"));
  EXPECT_THAT(Refusal(Step("id=\"a\" x=\"1\" y=\"1\" angle=\"0\" speed=\"1\"/><vehicle id=\"a\" x=\"1\" y=\"1\" "
                           "angle=\"0\" speed=\"1\"")),
              EndsWith(":3: expected each vehicle once in a step, not \"a\" again"));
  EXPECT_THAT(Refusal(Step("id=\"" + std::string(2000, 'a') + "\" x=\"1\" y=\"1\" angle=\"0\" speed=\"1\"")),
              HasSubstr(":3: expected id of at most 1000 bytes"));
}

// Entities of one's own can grow without bound.
TEST_F(FcdTest, DocumentTypesAreRefused) {
  EXPECT_THAT(Refusal("<!DOCTYPE a [<!ENTITY b \"cc\">]>\n<fcd-export/>"), HasSubstr("expected no document type"));
}

TEST_F(FcdTest, MalformedCsvIsRefusedWithItsLine) {
  const std::string header = "timestep_time;vehicle_id;vehicle_x;vehicle_y;vehicle_angle;vehicle_speed\n";
  EXPECT_EQ(Refusal(header + "0;a;1;1;0;1\n0;b;1;1;0;1\n1;a;1;1;0;1"), "");
  EXPECT_THAT(Refusal(""), HasSubstr("expected a header"));
  EXPECT_THAT(Refusal("time;id\n"), EndsWith(":1: expected a column timestep_time, or XML"));
  EXPECT_THAT(Refusal("timestep_time;vehicle_id\n"), EndsWith(":1: expected a column vehicle_x"));
  EXPECT_THAT(Refusal(header + "0;a;1;1;0\n"), EndsWith(":2: expected 6 cells as in the header, not 5"));
  EXPECT_THAT(Refusal(header + "0;a;1;1;0;fast\n"), EndsWith(":2: expected a number as speed of vehicle \"a\", not \"fast\""));
  EXPECT_THAT(Refusal(header + "1;a;1;1;0;1\n0;a;1;1;0;1\n"), HasSubstr(":3: expected a later time"));
  EXPECT_THAT(Refusal(header + "1;a;1;1;0;1\n1;a;1;1;0;1\n"), HasSubstr(":3: expected each vehicle once"));
}

TEST_F(FcdTest, MemoryIsBoundedByTheLongestTag) {
  EXPECT_THAT(Refusal("<fcd-export><timestep time=\"" + std::string(3 << 20, '1')), HasSubstr("more than 1048576 bytes"));
  EXPECT_THAT(Refusal("timestep_time;" + std::string(3 << 20, 'a')), HasSubstr("more than 1048576 bytes"));
}

TEST_F(FcdTest, EveryCutIsAnErrorOrAWholeFile) {
  for (std::size_t size = 0; size < kXml.size() - 2; ++size) {
    EXPECT_NE(Refusal(kXml.substr(0, size)), "") << size;
  }
  for (std::size_t size = 0; size < kCsv.size(); ++size) Refusal(kCsv.substr(0, size));  // A cut row may be a row.
}

TEST_F(FcdTest, EveryChangedByteIsReadOrRefused) {
  for (const std::string_view original : {kXml, kCsv}) {
    for (std::size_t i = 0; i < original.size(); ++i) {
      for (const char c : {'\0', '<', '"', ';', '\xff', '9'}) {
        std::string text(original);
        text[i] = c;
        Refusal(text);
      }
    }
  }
}

TEST_F(FcdTest, CutGzipIsAnError) {
  ASSERT_TRUE(Copy(Save("original.xml", kXml), Path("fcd.xml.gz")).ok());
  const std::string whole = Load(Path("fcd.xml.gz"));
  for (std::size_t size = 3; size < whole.size(); ++size) EXPECT_NE(Refusal(whole.substr(0, size)), "") << size;
}

TEST_F(FcdTest, WriterSaysWhatItCannotWrite) {
  auto writer = FcdWriter::Create(Path("fcd.csv"), {});
  ASSERT_TRUE(writer.ok());
  FcdStep step;
  step.vehicles.emplace_back().id = "a;b";
  EXPECT_EQ(writer.value()->Write(step).code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(FcdWriter::Create(Path("no/folder.xml"), {}).status().code(), ErrorCode::kIoError);
  EXPECT_EQ(FcdReader::Open(Path("nothing")).status().code(), ErrorCode::kIoError);
}

}  // namespace
}  // namespace starling::sim
