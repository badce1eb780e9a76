#include "cloud/explain/explanation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/parse.hpp>

#include "cloud/shard/shard.h"
#include "tests/cloud/explain/memory_records.h"
#include "tests/cloud/shard/recorded_partition.h"
#include "tests/cloud/shard/traffic_log.h"

namespace starling::cloud {
namespace {

using testing::HasSubstr;

constexpr nanoseconds kUplink = milliseconds(20);           // from a sample to the log
constexpr nanoseconds kWritten = std::chrono::microseconds(400);  // from there to the command's record
constexpr nanoseconds kHanded = milliseconds(7);            // from the log to the controller
constexpr double kCarM = 4.6;
constexpr double kSpeedMps = 15;

// One drives up to another that stands, is told to brake, does, and stands.
class Scene : public testing::Test {
 protected:
  Scene() : shard_(ShardConfig(), &records_, kWritten) { config_.origin = kOrigin; }

  static CloudTime At(double seconds) { return ShardDriver::At(seconds); }

  // Taken at `at_s`, in the log 20 ms later; its boot clock is 0 at -100 s.
  void Fix(const Car& car, double at_s) {
    const auto boot_ns = static_cast<std::uint64_t>((at_s + 100) * 1e9 + 0.5);
    shard_.Apply(encoder_.Fix(car, ++sequence_, boot_ns, ToNs(At(at_s))), At(at_s) + kUplink);
    Answer(At(at_s) + kUplink);
  }
  void Tick(double at_s) {
    shard_.Apply(encoder_.Tick(), At(at_s));
    Answer(At(at_s));
  }

  // Each vehicle says that it handed the command over 7 ms after what caused it.
  void Answer(CloudTime caused) {
    for (const ShardOutputs::Command& command : std::vector<ShardOutputs::Command>(shard_.outputs().commands)) {
      const auto& issued = *flatbuffers::GetRoot<wire::Command>(command.wire_command.data());
      commands_.push_back({command.vehicle.ToString(), issued.command_id(), issued.kind(), issued.decel_cmps2(),
                           issued.speed_ceiling_cmps()});
      if (!answers_) continue;
      const auto boot_ns = static_cast<std::uint64_t>(ToNs(caused + kHanded) - ToNs(At(0)) + 100'000'000'000);
      due_.push_back({caused + milliseconds(30), command.vehicle.ToString(),
                      wire::CommandStatus(issued.command_id(), issued.sequence(), issued.epoch(), boot_ns,
                                          static_cast<std::uint32_t>(++reports_), ToNumber(kRegion),
                                          wire::CommandOutcome::Applied, wire::RejectReason::None)});
    }
  }
  void SendDue(CloudTime now) {
    while (!due_.empty() && due_.front().at <= now) {
      const Due due = due_.front();
      due_.erase(due_.begin());
      shard_.Apply(encoder_.Report(due.vehicle, 1, {due.status}), now);
    }
  }

  void Drive(double seconds) {
    Car standing = MakeCar("b-standing", 0, 0, 90, 0);
    Car coming = MakeCar("a-coming", -130, 0, 90, kSpeedMps);
    bool brakes = false;
    const int steps = static_cast<int>(seconds * 10 + 0.5);
    for (int step = 0; step < steps; ++step) {
      const double at_s = step * 0.1;
      SendDue(At(at_s) + milliseconds(1));
      brakes = brakes || !commands_.empty();
      coming.motion.accel_mps2 = brakes && coming.motion.speed_mps > 0 ? -4 : 0;
      Fix(coming, at_s);
      Fix(standing, at_s + 0.01);
      const Travel travel = TravelAfter(coming.motion.speed_mps, coming.motion.accel_mps2, 0.1);
      coming.motion.position.x += travel.distance_m;
      coming.motion.speed_mps = travel.speed_mps;
      Tick(at_s + 0.05);
    }
  }

  Explanation Explain(std::uint64_t id) {
    Result<std::optional<Explanation>> explanation = ExplainCommand(records_, config_, kRegion, CommandId{id});
    EXPECT_TRUE(explanation.ok()) << explanation.status().message();
    EXPECT_TRUE(explanation.ok() && explanation.value()) << id;
    return explanation.ok() && explanation.value() ? *explanation.value() : Explanation();
  }

  struct Given {
    std::string vehicle;
    std::uint64_t id = 0;
    wire::CommandKind kind{};
    int decel_cmps2 = 0;
    int ceiling_cmps = 0;
  };
  std::optional<Given> First(const std::string& vehicle, wire::CommandKind kind) const {
    for (const Given& given : commands_) {
      if (given.vehicle == vehicle && given.kind == kind) return given;
    }
    return std::nullopt;
  }

  struct Due {
    CloudTime at;
    std::string vehicle;
    wire::CommandStatus status;
  };
  MemoryRecords records_;
  RecordedShard shard_;
  RecordEncoder encoder_;
  ExplainConfig config_;
  std::vector<Given> commands_;
  std::vector<Due> due_;
  bool answers_ = true;
  std::uint32_t sequence_ = 0;
  int reports_ = 0;
};

// Hand-computed: TTC = gap / v, DRAC = v^2 / 2 gap, as the gap is between bumpers.
TEST_F(Scene, PredictionIsWhatTheSamplesGiveByHand) {
  Drive(12);
  const std::optional<Given> given = First("a-coming", wire::CommandKind::Avoidance);
  ASSERT_TRUE(given);
  const Explanation explanation = Explain(given->id);
  ASSERT_TRUE(explanation.replay.reproduced) << explanation.replay.note;
  ASSERT_TRUE(explanation.decision);
  const Decision& decision = *explanation.decision;
  ASSERT_EQ(decision.vehicles.size(), 2u);
  const TraceVehicle& coming = decision.vehicles[0];
  EXPECT_EQ(coming.vehicle.view(), "a-coming");
  EXPECT_EQ(decision.vehicles[1].vehicle.view(), "b-standing");
  // Where it was when the shard decided: 15 m/s on from its sample.
  const double since_s = static_cast<double>(decision.at_ns - coming.sample_time_ns) * 1e-9;
  const double gap_m = 0 - (coming.position.x + kSpeedMps * since_s) - kCarM;
  ASSERT_FALSE(decision.evaluations.empty());
  const TraceEvaluation& last = decision.evaluations.back();
  EXPECT_EQ(last.at_ns, decision.at_ns);
  EXPECT_TRUE(last.hit);
  ASSERT_TRUE(last.met);
  EXPECT_EQ(last.met->type, log::Encounter::Following);
  EXPECT_NEAR(last.met->ttc_s, gap_m / kSpeedMps, 0.02);
  EXPECT_NEAR(last.met->drac_mps2, kSpeedMps * kSpeedMps / (2 * gap_m), 0.02);
  // The rule: from a required 3 m/s2 on, twice of three looks.
  EXPECT_GE(last.met->required_mps2, ShardConfig().horizon.required_decel_min_mps2);
  const auto first_hit = std::find_if(decision.evaluations.begin(), decision.evaluations.end(),
                                      [](const TraceEvaluation& each) { return each.hit; });
  EXPECT_NE(first_hit, decision.evaluations.begin()) << "it was watched before it had to be acted on";
  EXPECT_GE(decision.at_ns - first_hit->at_ns, 50'000'000) << "looks closer together count once";
  EXPECT_LE(decision.at_ns - first_hit->at_ns, 150'000'000);
  // What was recorded of the episode is the same encounter, to the units of the record.
  ASSERT_FALSE(explanation.phases.empty());
  EXPECT_EQ(explanation.phases[0].phase, log::EpisodePhase::Opened);
  EXPECT_NEAR(explanation.phases[0].ttc_s, last.met->ttc_s, 0.0006);
  EXPECT_NEAR(explanation.phases[0].drac_mps2, last.met->drac_mps2, 0.006);
  // Its path goes straight east at 15 m/s; as told it brakes.
  ASSERT_GE(coming.expected.size(), 3u);
  EXPECT_NEAR(coming.expected[2].position.x - coming.expected[0].position.x, kSpeedMps, 0.05);
  ASSERT_EQ(coming.told.size(), coming.expected.size());
  EXPECT_NEAR(coming.told[2].speed_mps, kSpeedMps - given->decel_cmps2 * 0.01, 0.05);
}

// The mildest of 2, 3.5, 5 and 7 m/s2 that keeps 0.3 m: at 15 m/s over some 35 m it is 3.5.
TEST_F(Scene, AlternativesAreThoseThatThePlannerWeighed) {
  Drive(12);
  const std::optional<Given> given = First("a-coming", wire::CommandKind::Avoidance);
  ASSERT_TRUE(given);
  const Explanation explanation = Explain(given->id);
  ASSERT_TRUE(explanation.decision && explanation.decision->plan);
  const TracePlan& plan = *explanation.decision->plan;
  EXPECT_EQ(plan.yields.view(), "a-coming");
  EXPECT_TRUE(plan.resolved);
  EXPECT_FALSE(plan.both_brake);
  ASSERT_EQ(plan.trials.size(), 2u);
  EXPECT_EQ(plan.trials[0].profile.decel_mps2, 2);
  EXPECT_TRUE(plan.trials[0].met) << "two would do";
  EXPECT_EQ(plan.trials[1].profile.decel_mps2, 3.5);
  EXPECT_FALSE(plan.trials[1].met);
  EXPECT_EQ(given->decel_cmps2, 350);
  EXPECT_EQ(given->ceiling_cmps, 0);
  EXPECT_EQ(plan.profiles[0].decel_mps2, 3.5);
}

TEST_F(Scene, LegsAreTheTimesOfTheRecords) {
  Drive(12);
  const std::optional<Given> given = First("a-coming", wire::CommandKind::Avoidance);
  ASSERT_TRUE(given);
  const Explanation explanation = Explain(given->id);
  ASSERT_TRUE(explanation.command.end);
  EXPECT_EQ(explanation.command.end->outcome, wire::CommandOutcome::Applied);
  const SeenLegs& legs = explanation.legs;
  EXPECT_EQ(legs.recorded_ns - legs.logged_ns, kWritten.count());
  EXPECT_NEAR(static_cast<double>(legs.controller_ns - legs.logged_ns), kHanded.count(), 2);
  if (!explanation.command.command.request.cause.vehicle.empty()) {
    EXPECT_EQ(legs.logged_ns - legs.sample_ns, kUplink.count());
  }
  const auto document = boost::json::parse(ToJson(explanation));
  EXPECT_NEAR(document.at("legs").at("decision_and_delivery_ms").to_number<double>(), 7, 1e-5);
  EXPECT_NEAR(document.at("legs").at("decision_at_most_ms").to_number<double>(), 0.4, 1e-9);
}

TEST_F(Scene, EveryCommandIsDecidedAgainAndSaysWhatMomentItWas) {
  Drive(16);
  ASSERT_GT(commands_.size(), 4u);
  std::map<std::string, int> moments;
  for (const Given& given : commands_) {
    const Explanation explanation = Explain(given.id);
    EXPECT_TRUE(explanation.replay.reproduced) << given.id << ": " << explanation.replay.note;
    EXPECT_EQ(explanation.command.vehicle.view(), given.vehicle);
    const auto document = boost::json::parse(ToJson(explanation));
    EXPECT_EQ(document.at("command").at("id").as_string(), std::to_string(given.id));
    ++moments[document.at("decision").at("moment").as_string().c_str()];
  }
  EXPECT_EQ(moments["opened"], 2) << "one for each of the two";
  EXPECT_GT(moments["renewed"], 0);
  EXPECT_EQ(moments["closed"], 2);
}

TEST_F(Scene, TheSampleThatCausedItIsAmongThoseShown) {
  Drive(12);
  for (const Given& given : commands_) {
    const Explanation explanation = Explain(given.id);
    const Cause& cause = explanation.command.command.request.cause;
    if (cause.vehicle.empty()) continue;
    const auto causing = std::find_if(explanation.samples.begin(), explanation.samples.end(),
                                      [](const SeenSample& sample) { return sample.causes; });
    ASSERT_NE(causing, explanation.samples.end());
    EXPECT_EQ(causing->sequence, cause.sequence);
    EXPECT_EQ(causing->vehicle, cause.vehicle);
    EXPECT_EQ(causing->log_time_ns, cause.log_time_ns);
  }
}

TEST_F(Scene, SaysSoWhereTheRecordsAreGoneOrTheConfigurationWasAnother) {
  Drive(12);
  const std::optional<Given> given = First("a-coming", wire::CommandKind::Avoidance);
  ASSERT_TRUE(given);
  ExplainConfig other = config_;
  other.shard.planner.margin_m = 2;
  other.shard.horizon.required_decel_min_mps2 = 5;
  const auto explained = ExplainCommand(records_, other, kRegion, CommandId{given->id});
  ASSERT_TRUE(explained.ok() && explained.value());
  EXPECT_FALSE(explained.value()->replay.reproduced);
  EXPECT_THAT(explained.value()->replay.note, HasSubstr("--config"));

  ExplainConfig bounded = config_;
  bounded.records_max = 10;
  const auto cut = ExplainCommand(records_, bounded, kRegion, CommandId{given->id});
  ASSERT_TRUE(cut.ok() && cut.value());
  EXPECT_FALSE(cut.value()->replay.tried);
  EXPECT_THAT(cut.value()->replay.note, HasSubstr("more than the 10"));
  EXPECT_FALSE(cut.value()->samples.empty()) << "they are shown all the same";

  records_.DropBefore(Topic::kTelemetry, records_.size(Topic::kTelemetry));
  const Explanation gone = Explain(given->id);
  EXPECT_FALSE(gone.replay.tried);
  EXPECT_THAT(gone.replay.note, HasSubstr("no longer holds"));
  EXPECT_TRUE(gone.command.end) << "what is still there is shown";
}

TEST_F(Scene, AnUnknownCommandIsNone) {
  Drive(12);
  const auto explained = ExplainCommand(records_, config_, kRegion, CommandId{42});
  ASSERT_TRUE(explained.ok());
  EXPECT_FALSE(explained.value());
}

// Whatever the traffic, a decision can be made again from ten seconds before it.
TEST(Explanation, EveryCommandOfACityOfMishapsIsDecidedAgain) {
  for (const std::uint64_t seed : {3u}) {
    MemoryRecords records;
    RecordedShard shard(ShardConfig(), &records, kWritten);
    struct Given {
      std::uint64_t id;
      std::uint16_t decel;
      std::uint16_t ceiling;
    };
    std::vector<Given> given;
    for (const Recorded& record : Record(seed)) {
      shard.Apply(record.value(), CloudTimeFromNs(record.time_ns));
      for (const ShardOutputs::Command& command : shard.outputs().commands) {
        const auto& issued = *flatbuffers::GetRoot<wire::Command>(command.wire_command.data());
        given.push_back({issued.command_id(), issued.decel_cmps2(), issued.speed_ceiling_cmps()});
      }
    }
    ASSERT_GT(given.size(), 100u);
    ExplainConfig config;
    config.origin = kOrigin;
    std::size_t again = 0;
    std::size_t tried = 0;
    for (std::size_t i = 0; i < given.size(); i += given.size() / 10) {
      ++tried;
      const auto explained = ExplainCommand(records, config, kRegion, CommandId{given[i].id});
      ASSERT_TRUE(explained.ok() && explained.value()) << "seed " << seed << ", command " << given[i].id;
      const Explanation& explanation = *explained.value();
      const CommandRequest& request = explanation.command.command.request;
      EXPECT_NEAR(request.profile.decel_mps2, given[i].decel * 0.01, 1e-9);
      EXPECT_NEAR(request.profile.ceiling_mps, given[i].ceiling * 0.01, 1e-9);
      again += explanation.replay.reproduced ? 1 : 0;
    }
    EXPECT_EQ(again, tried) << "seed " << seed;
  }
}

TEST(Explanation, AnObserverChangesNoByteOfWhatIsDecided) {
  DecisionTrace trace(CommandId{1}, Name("car-1"));
  Replayer alone{ShardConfig()};
  auto watched = std::make_unique<Shard>(ShardConfig(), kRegion, kOrigin);
  watched->Observe(&trace);
  Replayer beside{Replayer(ShardConfig()), std::move(watched)};
  for (const Recorded& record : Record(5)) {
    alone.Apply(record);
    beside.Apply(record);
  }
  EXPECT_GT(alone.shard().counters().avoidance_issued, 0u);
  EXPECT_EQ(alone.digest(), beside.digest());
}

}  // namespace
}  // namespace starling::cloud
