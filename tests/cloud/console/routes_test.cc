#include "cloud/console/routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <string>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "tests/cloud/console/fake_source.h"

namespace starling::cloud {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;

class Routes : public ::testing::Test {
 protected:
  Answer Get(std::string_view target) { return AnswerGet(target, &source_); }

  json::value GetDocument(std::string_view target) {
    const Answer answer = Get(target);
    EXPECT_EQ(answer.status, 200u) << answer.body;
    EXPECT_EQ(answer.content_type, "application/json");
    return json::parse(answer.body);
  }

  FakeSource source_;
};

TEST_F(Routes, HealthNeedsNothing) {
  source_.ready = {ErrorCode::kIoError, "disk full"};
  source_.shard_answers = false;
  EXPECT_EQ(Get("/healthz").status, 200u);
}

TEST_F(Routes, ReadyzSaysWhyNot) {
  EXPECT_EQ(Get("/readyz").status, 200u);
  source_.ready = {ErrorCode::kIoError, "the log stopped: disk full"};
  const Answer answer = Get("/readyz");
  EXPECT_EQ(answer.status, 503u);
  EXPECT_EQ(answer.body, "the log stopped: disk full\n");
}

TEST_F(Routes, StatsGroupsCountersAndNamesVerdicts) {
  source_.gateway.frames_in = 9007199254740991;  // 2^53 - 1: the last exact one
  source_.gateway.verdicts[static_cast<std::size_t>(log::Verdict::TooOld)] = 3;
  source_.shard.episodes = 7;
  const json::value stats = GetDocument("/v1/stats");
  EXPECT_EQ(stats.at("gateway").at("frames_in").to_number<std::uint64_t>(), 9007199254740991u);
  EXPECT_EQ(stats.at("gateway").at("verdicts").at("TooOld").to_number<int>(), 3);
  EXPECT_EQ(stats.at("gateway").at("verdicts").as_object().size(), kVerdictCount);
  EXPECT_EQ(stats.at("shard").at("episodes").to_number<int>(), 7);
}

TEST_F(Routes, HeatmapListsCells) {
  const json::value map = GetDocument("/v1/heatmap");
  EXPECT_EQ(map.at("cell_side_m").to_number<double>(), 100);
  const json::value& cell = map.at("cells").at(0);
  EXPECT_EQ(cell.at("x").as_int64(), 41);
  EXPECT_EQ(cell.at("y").as_int64(), -17);
  EXPECT_EQ(cell.at("vehicles").to_number<int>(), 6);
  EXPECT_EQ(cell.at("mean_speed_mps").to_number<double>(), 1.25);
  EXPECT_TRUE(cell.at("congested").as_bool());
}

TEST_F(Routes, ConflictKeepsAllBitsOfItsEpisode) {
  const json::value conflict = GetDocument("/v1/conflicts").at("conflicts").at(0);
  EXPECT_EQ(conflict.at("episode").as_string(), "18446744073709551615");
  EXPECT_EQ(conflict.at("vehicle_b").as_string(), "b");
  EXPECT_EQ(conflict.at("x_m").to_number<double>(), 10.5);
}

TEST_F(Routes, VehiclesSaysForWhichInstantItPredicted) {
  const json::value document = GetDocument("/v1/vehicles?first=20&count=2");
  EXPECT_EQ(source_.asked_first, 20u);
  EXPECT_EQ(source_.asked_count, 2u);
  EXPECT_EQ(document.at("total").to_number<int>(), 2);
  const json::value& vehicle = document.at("vehicles").at(1);
  EXPECT_EQ(vehicle.at("name").as_string(), "b");
  EXPECT_EQ(vehicle.at("at_ns").as_int64(), 1'700'000'000'123'456'789);
  EXPECT_EQ(vehicle.at("x_m").to_number<double>(), 1234.0625);
  EXPECT_EQ(vehicle.at("fix_age_s").to_number<double>(), 0.25);
}

TEST_F(Routes, VehiclesRefusesWhatItDoesNotUnderstand) {
  for (const char* target :
       {"/v1/vehicles?count=501", "/v1/vehicles?count=-1", "/v1/vehicles?count=", "/v1/vehicles?count",
        "/v1/vehicles?first=99999999999999999999999", "/v1/vehicles?first=1x", "/v1/vehicles?all=1",
        "/v1/vehicles?&", "/v1/vehicles?=3"}) {
    EXPECT_EQ(Get(target).status, 400u) << target;
  }
  EXPECT_EQ(Get("/v1/vehicles?count=500").status, 200u);
}

TEST_F(Routes, OneVehicleAnswersWhetherItStreams) {
  const json::value vehicle = GetDocument("/v1/vehicles/a");
  EXPECT_TRUE(vehicle.at("connected").as_bool());
  EXPECT_TRUE(vehicle.at("known").as_bool());
  EXPECT_EQ(vehicle.at("history").at("samples").to_number<int>(), 12);
  EXPECT_EQ(vehicle.at("history").at("boot_id").as_string(), "18446744073709551615");
}

TEST_F(Routes, UnknownVehicleIsNotFoundAndBadNamesAreRefused) {
  EXPECT_EQ(Get("/v1/vehicles/zz").status, 404u);
  EXPECT_EQ(Get("/v1/vehicles/").status, 400u);
  EXPECT_EQ(Get("/v1/vehicles/..%2f..%2fetc").status, 400u);
  EXPECT_EQ(Get("/v1/vehicles/" + std::string(25, 'a')).status, 400u);
}

TEST_F(Routes, ShardThatDoesNotAnswerIs503WithItsReason) {
  source_.shard_answers = false;
  for (const char* target : {"/v1/heatmap", "/v1/conflicts", "/v1/audit", "/v1/vehicles", "/v1/vehicles/a"}) {
    const Answer answer = Get(target);
    EXPECT_EQ(answer.status, 503u) << target;
    EXPECT_EQ(answer.body, R"({"error":"the shard is busy"})");
  }
}

TEST_F(Routes, CommandsAreNarrowedByWhatIsAskedFor) {
  GetDocument("/v1/commands?vehicle=veh-00001&kind=avoidance&end=open&before=18446744073709551615&count=7&region=3");
  EXPECT_EQ(source_.commands_query.vehicle, "veh-00001");
  EXPECT_EQ(source_.commands_query.kind, "avoidance");
  EXPECT_EQ(source_.commands_query.end, "open");
  EXPECT_EQ(source_.commands_query.before, 18446744073709551615u);
  EXPECT_EQ(source_.commands_query.count, 7u);
  EXPECT_EQ(source_.commands_query.region, RegionId{3});
  GetDocument("/v1/commands");
  EXPECT_EQ(source_.commands_query.count, 100u);
  EXPECT_FALSE(source_.commands_query.before);
  for (const char* target : {"/v1/commands?count=501", "/v1/commands?count=-1", "/v1/commands?kind=braking",
                             "/v1/commands?all=1", "/v1/commands?region=10000", "/v1/commands?before="}) {
    EXPECT_EQ(Get(target).status, 400u) << target;
  }
  source_.shard_answers = false;
  EXPECT_EQ(Get("/v1/commands").status, 503u);
}

TEST_F(Routes, AnExplanationIsReadyOrBeingMadeOrThereIsNoSuchCommand) {
  EXPECT_EQ(Get("/v1/commands/1").status, 202u);
  EXPECT_EQ(Get("/v1/commands/2").status, 404u);
  EXPECT_EQ(Get("/v1/commands/18446744073709551615").body, R"({"command":{}})");
  for (const char* target : {"/v1/commands/", "/v1/commands/0", "/v1/commands/-1", "/v1/commands/x",
                             "/v1/commands/18446744073709551616"}) {
    EXPECT_EQ(Get(target).status, 400u) << target;
  }
  source_.shard_answers = false;
  EXPECT_EQ(Get("/v1/commands/3").status, 503u);
}

TEST_F(Routes, ATopicIsReadFromAnOffset) {
  GetDocument("/v1/topics/conflicts?from=12&count=1000&region=1");
  EXPECT_EQ(source_.records_query.from, 12u);
  EXPECT_EQ(source_.records_query.count, 1'000u);
  EXPECT_EQ(source_.records_query.region, RegionId{1});
  for (const char* target : {"/v1/topics/", "/v1/topics/letters", "/v1/topics/conflicts?count=1001",
                             "/v1/topics/conflicts?from=x", "/v1/topics/conflicts?until=3"}) {
    EXPECT_EQ(Get(target).status, 400u) << target;
  }
}

TEST_F(Routes, UnknownPathListsThoseThatExist) {
  for (const char* target : {"", "*", "/v1", "/healthz/", "//", "/%00", "http://elsewhere/healthz"}) {
    EXPECT_EQ(Get(target).status, 404u) << target;
  }
  EXPECT_THAT(Get("/nothing").body, HasSubstr("/v1/stats"));
}

// Prometheus text format 0.0.4: HELP and TYPE once before the samples of a name.
TEST_F(Routes, MetricsHaveHelpAndTypeOnceEachAndAllBeginWithStarling) {
  source_.gateway.verdicts[0] = 5;
  const Answer answer = Get("/metrics");
  ASSERT_EQ(answer.status, 200u);
  std::istringstream lines(answer.body);
  std::string line;
  std::set<std::string> typed;
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string first, second, name;
    words >> first >> second >> name;
    if (first == "#" && second == "TYPE") {
      EXPECT_TRUE(typed.insert(name).second) << line;
    }
    if (first == "#") continue;
    EXPECT_EQ(line.rfind("starling_", 0), 0u) << line;
    EXPECT_TRUE(typed.count(line.substr(0, line.find_first_of(" {")))) << line;
  }
  EXPECT_THAT(answer.body, HasSubstr("starling_ready 1"));
  EXPECT_THAT(answer.body, HasSubstr("starling_gateway_verdicts_total{verdict=\"Accepted\"} 5"));
  EXPECT_THAT(answer.body, HasSubstr("# TYPE starling_gateway_connections gauge"));
}

TEST_F(Routes, StatsAndMetricsShowTheSameFigures) {
  const std::string metrics = Get("/metrics").body;
  for (const Figure& figure : source_.Figures()) {
    EXPECT_THAT(metrics, HasSubstr("starling_" + std::string(figure.group) + "_" +
                                   std::string(figure.name)));
  }
}

// Prometheus text format: buckets count all that is no longer, and the last one is +Inf.
TEST_F(Routes, AHistogramIsBucketsInMetricsAndQuantilesInStats) {
  LatencyHistogram histogram;
  for (const int ms : {1, 2, 30, 500}) histogram.Record(milliseconds(ms));
  source_.more.push_back(HistogramFigure("latency", "decision_seconds", "What it took", histogram.Read(), "cause", "fix"));
  source_.more.push_back(HistogramFigure("latency", "decision_seconds", "What it took", HistogramCounts(), "cause", "tick"));
  const std::string metrics = Get("/metrics").body;
  EXPECT_THAT(metrics, HasSubstr("# TYPE starling_latency_decision_seconds histogram"));
  EXPECT_THAT(metrics, HasSubstr("starling_latency_decision_seconds_bucket{cause=\"fix\",le=\"0.002\"} 2\n"));
  EXPECT_THAT(metrics, HasSubstr("starling_latency_decision_seconds_bucket{cause=\"fix\",le=\"0.032\"} 3\n"));
  EXPECT_THAT(metrics, HasSubstr("starling_latency_decision_seconds_bucket{cause=\"fix\",le=\"0.512\"} 4\n"));
  EXPECT_THAT(metrics, HasSubstr("starling_latency_decision_seconds_bucket{cause=\"fix\",le=\"+Inf\"} 4\n"));
  EXPECT_THAT(metrics, HasSubstr("starling_latency_decision_seconds_count{cause=\"fix\"} 4\n"));
  EXPECT_THAT(metrics, HasSubstr("starling_latency_decision_seconds_sum{cause=\"fix\"} 0.533\n"));
  const json::value stats = GetDocument("/v1/stats");
  const json::value& decision = stats.at("latency").at("decision_seconds").at("fix");
  EXPECT_EQ(decision.at("count").to_number<int>(), 4);
  EXPECT_EQ(decision.at("p50_ms").to_number<double>(), 2);
  EXPECT_EQ(decision.at("p99_ms").to_number<double>(), 512);
  EXPECT_EQ(stats.at("latency").at("decision_seconds").at("tick").at("count").to_number<int>(), 0);
}

TEST_F(Routes, ShedFramesAreToldApartByClass) {
  source_.gateway.shed[static_cast<std::size_t>(FrameClass::kInvolved)] = 4;
  EXPECT_THAT(Get("/metrics").body, HasSubstr("starling_gateway_shed_total{class=\"involved\"} 4\n"));
  EXPECT_EQ(GetDocument("/v1/stats").at("gateway").at("shed").at("involved").to_number<int>(), 4);
}

TEST_F(Routes, PageLoadsNothingFromElsewhere) {
  const Answer answer = Get("/");
  EXPECT_EQ(answer.status, 200u);
  EXPECT_THAT(answer.body, Not(HasSubstr("//")));
}

}  // namespace
}  // namespace starling::cloud
