#include "cloud/starling/plan_status.h"

// The code of Boost.JSON, once for each program.
#include <boost/json/src.hpp>

#include <unistd.h>

#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "schemas/log/history_generated.h"

namespace starling::cloud {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

class PlanStatusTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "status-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    former_ = Push(3, std::nullopt);
    wanted_ = Push(4, std::nullopt);
  }
  void TearDown() override { fs::remove_all(folder_); }

  PlanHash Push(std::uint64_t version, const std::optional<VehicleId>& vehicle) {
    Plan plan;
    plan.name = "brakes";
    plan.version = version;
    const CompiledPlan compiled = CompilePlan(plan).value();
    EXPECT_TRUE(PushPlan(folder_, compiled, vehicle).ok());
    return compiled.hash;
  }
  PlanStatus Read() {
    std::vector<std::string> warnings;
    return PlanStatus(ReadPlanFolder(folder_, &warnings));
  }
  static std::vector<std::byte> Batch(const std::string& vehicle, std::int64_t received_ns, PlanHash hash) {
    flatbuffers::FlatBufferBuilder builder;
    const std::vector<std::uint8_t> columns = {1};
    builder.Finish(log::CreateHistoryBatchDirect(builder, vehicle.c_str(), 1, 1, 1, &columns, 0, received_ns,
                                                 static_cast<std::uint64_t>(hash)));
    const auto bytes = std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
    return {bytes.begin(), bytes.end()};
  }
  static std::string Document(const std::string& verdict, PlanHash said, PlanHash in_force, const std::string& detail) {
    return R"({"known":true,"plan":{"said":{"verdict":")" + verdict + R"(","version":"4","hash":")" + ToHex(said) +
           R"(","detail":")" + detail + R"("},"in_force":)" +
           (in_force == PlanHash{} ? "null" : R"({"version":"4","hash":")" + ToHex(in_force) + "\"}") + "}}";
  }
  static VehicleId Name(const std::string& name) { return VehicleId::Parse(name).value(); }

  fs::path folder_;
  PlanHash former_{};
  PlanHash wanted_{};
};

TEST_F(PlanStatusTest, TheNewestBatchSaysWhatIsInForceInWhateverOrderTheyStand) {
  PlanStatus status = Read();
  ASSERT_TRUE(status.TakeBatch(Batch("veh-2", 10, former_)).ok());
  ASSERT_TRUE(status.TakeBatch(Batch("veh-1", 30, wanted_)).ok());
  ASSERT_TRUE(status.TakeBatch(Batch("veh-1", 20, former_)).ok());
  ASSERT_TRUE(status.TakeBatch(Batch("veh-3", 1'767'225'600'000'000'000, PlanHash{})).ok());
  EXPECT_EQ(status.Table(folder_, std::nullopt),
            "vehicle  state     wanted              in force            newest batch          said\n"
            "veh-1    in_force  4 " + ToHex(wanted_) + "  4 " + ToHex(wanted_) + "  1970-01-01T00:00:00Z  -\n"
            "veh-2    behind    4 " + ToHex(wanted_) + "  3 " + ToHex(former_) + "  1970-01-01T00:00:00Z  -\n"
            "veh-3    behind    4 " + ToHex(wanted_) + "  none                2026-01-01T00:00:00Z  -\n"
            "1 in_force  2 behind\n");
}

TEST_F(PlanStatusTest, AVehiclesOwnPlanIsWhatIsWantedOfIt) {
  const PlanHash own = Push(5, Name("veh-9"));
  PlanStatus status = Read();
  ASSERT_TRUE(status.TakeBatch(Batch("veh-1", 1, wanted_)).ok());
  // It is there without having sent anything.
  EXPECT_THAT(status.Json(folder_, Name("veh-9")),
              HasSubstr(R"("vehicle":"veh-9","state":"behind","wanted":{"name":"brakes","version":"5","hash":")" + ToHex(own)));
  EXPECT_THAT(status.Json(folder_, Name("veh-9")), Not(HasSubstr("veh-1")));
  EXPECT_THAT(status.Json(folder_, Name("veh-1")), HasSubstr(R"("state":"in_force")"));
}

TEST_F(PlanStatusTest, WhatTheVehicleSaidDecidesAndIsShownWithItsReason) {
  const struct {
    const char* verdict;
    bool of_wanted;
    bool in_force;
    PlanState state;
  } cases[] = {
      {"applied", true, true, PlanState::kInForce},      {"waiting", true, false, PlanState::kWaiting},
      {"ended", true, false, PlanState::kEnded},         {"refused_invalid", true, false, PlanState::kRefused},
      {"refused_not_newer", true, false, PlanState::kRefused}, {"refused_invalid", false, false, PlanState::kBehind},
      {"applied", false, false, PlanState::kBehind},     {"", false, false, PlanState::kBehind},
  };
  for (const auto& each : cases) {
    PlanStatus status = Read();
    ASSERT_TRUE(status.TakeBatch(Batch("veh-1", 1, former_)).ok());
    ASSERT_TRUE(status.TakeVehicle(Name("veh-1"), Document(each.verdict, each.of_wanted ? wanted_ : former_,
                                                           each.in_force ? wanted_ : PlanHash{}, "because")).ok());
    EXPECT_THAT(status.Json(folder_, std::nullopt),
                HasSubstr(R"("state":")" + std::string(NameOf(each.state)) + "\""))
        << each.verdict;
    if (*each.verdict != '\0') {
      EXPECT_THAT(status.Table(folder_, std::nullopt), HasSubstr(std::string(each.verdict) + ": because\n"));
    }
  }
}

TEST_F(PlanStatusTest, WhereNothingIsWantedThatIsTheState) {
  fs::remove(folder_ / "all.plan");
  PlanStatus status = Read();
  ASSERT_TRUE(status.TakeBatch(Batch("veh-1", 1, former_)).ok());
  EXPECT_THAT(status.Json(folder_, std::nullopt), HasSubstr(R"("state":"unwanted","wanted":null)"));
}

TEST_F(PlanStatusTest, APlanThatNobodyKnowsHasItsHashAlone) {
  PlanStatus status = Read();
  ASSERT_TRUE(status.TakeBatch(Batch("veh-1", 1, PlanHash{0xABCD})).ok());
  EXPECT_THAT(status.Table(folder_, std::nullopt), HasSubstr("unknown 000000000000abcd"));
  EXPECT_THAT(status.Json(folder_, std::nullopt), HasSubstr(R"("in_force":{"version":null,"hash":"000000000000abcd"})"));
}

TEST_F(PlanStatusTest, WhoIsOnAPageHasALine) {
  PlanStatus status = Read();
  std::uint64_t on_page = 0;
  const auto total = status.TakePage(R"({"first":0,"total":7,"vehicles":[{"name":"a"},{"name":"b"}]})", &on_page);
  ASSERT_TRUE(total.ok());
  EXPECT_EQ(total.value(), 7u);
  EXPECT_EQ(on_page, 2u);
  EXPECT_THAT(status.vehicles(), testing::ElementsAre(Name("a"), Name("b")));
}

TEST_F(PlanStatusTest, WhatIsNoAnswerIsRefused) {
  PlanStatus status = Read();
  std::uint64_t on_page = 0;
  for (const char* text : {"", "{", "[]", "1", "{}", R"({"total":-1,"vehicles":[]})", R"({"total":1,"vehicles":{}})",
                           R"({"total":1,"vehicles":[1]})", R"({"total":1,"vehicles":[{"name":"../x"}]})",
                           R"({"total":1,"vehicles":[{}]})"}) {
    EXPECT_FALSE(status.TakePage(text, &on_page).ok()) << text;
  }
  for (const char* text : {"", "[]", "nonsense"}) EXPECT_FALSE(status.TakeVehicle(Name("a"), text).ok()) << text;
  // What is there and of another kind is as if it were not there.
  for (const char* text : {"{}", R"({"plan":1})", R"({"plan":{"said":[]}})", R"({"plan":{"said":{"verdict":1}}})"}) {
    EXPECT_TRUE(status.TakeVehicle(Name("a"), text).ok()) << text;
  }
  EXPECT_FALSE(status.TakeBatch(std::vector<std::byte>(50, std::byte{1})).ok());
  EXPECT_FALSE(status.TakeBatch({}).ok());
}

TEST_F(PlanStatusTest, WhatAVehicleSaysCannotMoveTheTerminal) {
  PlanStatus status = Read();
  ASSERT_TRUE(status.TakeVehicle(Name("a"), Document("refused_invalid", wanted_, PlanHash{}, R"(\u001b[2J\n)")).ok());
  const std::string table = status.Table(folder_, std::nullopt);
  EXPECT_THAT(table, HasSubstr("refused_invalid: ?[2J?\n"));
  EXPECT_THAT(table, Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace starling::cloud
