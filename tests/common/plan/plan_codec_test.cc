#include "common/plan/plan_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "tests/common/plan/example_plan.h"

namespace starling {
namespace {

using testing::HasSubstr;

TEST(PlanCodec, WhatIsCompiledReadsBackTheSame) {
  const Result<CompiledPlan> compiled = CompilePlan(ExamplePlan());
  ASSERT_TRUE(compiled.ok()) << compiled.status().message();
  EXPECT_EQ(compiled.value().plan, ExamplePlan());
  const Result<CompiledPlan> again = ReadCompiledPlan(compiled.value().bytes);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again.value().plan, ExamplePlan());
  EXPECT_EQ(again.value().hash, compiled.value().hash);
  EXPECT_EQ(CompilePlan(ExamplePlan()).value().bytes, compiled.value().bytes);
}

// printf abc | sha256sum: ba7816bf8f01cfea...; FIPS 180-2, appendix B.1.
TEST(PlanCodec, TheHashIsTheBeginningOfSha256) {
  const std::byte abc[] = {std::byte{'a'}, std::byte{'b'}, std::byte{'c'}};
  EXPECT_EQ(ToHex(HashOf(abc)), "ba7816bf8f01cfea");
}

TEST(PlanCodec, AnotherVersionIsAnotherHash) {
  EXPECT_NE(CompilePlan(ExamplePlan(12)).value().hash, CompilePlan(ExamplePlan(13)).value().hash);
}

TEST(PlanCodec, EveryCutIsRefused) {
  const std::vector<std::byte> bytes = CompilePlan(ExamplePlan()).value().bytes;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(ReadCompiledPlan(std::span(bytes).first(size)).ok()) << size;
  }
}

TEST(PlanCodec, WhateverAFlippedBitGivesIsWithinTheLimits) {
  const std::vector<std::byte> bytes = CompilePlan(ExamplePlan()).value().bytes;
  std::size_t taken = 0;
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::vector<std::byte> flipped = bytes;
    flipped[bit / 8] ^= std::byte{1} << (bit % 8);
    const Result<CompiledPlan> read = ReadCompiledPlan(flipped);
    if (!read.ok()) continue;
    ++taken;
    EXPECT_FALSE(FindFault(read.value().plan).has_value()) << bit;
    EXPECT_NE(read.value().hash, HashOf(bytes)) << bit;
  }
  EXPECT_GT(taken, 0u);
}

TEST(PlanCodec, MoreThanItMayBeLongIsRefusedUnread) {
  const std::vector<std::byte> bytes(PlanLimits::kBytesMax + 1);
  const Result<CompiledPlan> read = ReadCompiledPlan(bytes);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.status().code(), ErrorCode::kInvalidArgument);
}

struct Breach {
  const char* section;
  const char* key;
  const char* why;
  std::function<void(Plan*)> commit;
};

// Each limit, one step beyond; the step before is the example, or is taken below.
TEST(PlanLimits, EachBreachIsFoundWhereItIs) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto trigger = [](Plan* plan) -> PlanTrigger& { return plan->triggers[0]; };
  const Breach breaches[] = {
      {"", "name", "48", [](Plan* plan) { plan->name.clear(); }},
      {"", "name", "48", [](Plan* plan) { plan->name = std::string(49, 'a'); }},
      {"", "name", "48", [](Plan* plan) { plan->name = "a b"; }},
      {"", "version", "1 or more", [](Plan* plan) { plan->version = 0; }},
      {"", "end", "not after", [](Plan* plan) { plan->start = plan->end = seconds(1'800'000'000); }},
      {"", "start", "2200", [](Plan* plan) { plan->start = seconds(-1); }},
      {"", "end", "2200", [](Plan* plan) { plan->end = seconds(7'258'118'400); }},
      {"", "priority", "no such", [](Plan* plan) { plan->priority = static_cast<wire::PlanPriority>(9); }},
      {"", "link_share", "0.01", [](Plan* plan) { plan->link_share_percent = 0; }},
      {"", "link_share", "0.01", [](Plan* plan) { plan->link_share_percent = 101; }},
      {"", "", "17 windows", [](Plan* plan) { plan->windows.resize(17, plan->windows[0]); }},
      {"", "", "9 triggers", [](Plan* plan) { plan->triggers.resize(9, plan->triggers[0]); }},
      {"", "", "9 signals", [](Plan* plan) { plan->signals.resize(9, plan->signals[0]); }},
      {"", "", "17 geofences", [](Plan* plan) { plan->geofences.resize(17, plan->geofences[0]); }},
      {"", "", "corners of all", [](Plan* plan) {
         for (int i = 0; i < 5; ++i) plan->geofences.push_back({"g" + std::to_string(i), std::vector<PlanCorner>(60)});
       }},
      {"live", "position_error_m", "0.05", [](Plan* plan) { plan->position_error_m = 0.04; }},
      {"live", "position_error_m", "nan", [=](Plan* plan) { plan->position_error_m = nan; }},
      {"live", "heading_error_deg", "20", [](Plan* plan) { plan->heading_error_deg = 20.1; }},
      {"live", "speed_error_mps", "3", [](Plan* plan) { plan->speed_error_mps = 3.1; }},
      {"live", "heartbeat_s", "2.5", [](Plan* plan) { plan->heartbeat = milliseconds(2501); }},
      {"signal", "name", "no such", [](Plan* plan) { plan->signals[0].signal = wire::PlanSignal::Brake; }},
      {"signal", "name", "already", [](Plan* plan) { plan->signals[0].signal = wire::PlanSignal::YawRate; }},
      {"signal", "every", "600", [](Plan* plan) { plan->signals[0].every = 601; }},
      {"signal", "every", "600", [](Plan* plan) { plan->signals[0].every = 0; }},
      {"signal", "lane", "nothing of it", [](Plan* plan) { plan->windows.clear(); }},
      {"signal", "every", "no raw value", [](Plan* plan) { plan->signals[1].every = 2; }},
      {"window", "signal", "no window", [](Plan* plan) { plan->windows.push_back(plan->windows[0]); plan->windows[1].signal = wire::PlanSignal::Position; }},
      {"window", "seconds", "600", [](Plan* plan) { plan->windows[0].length = milliseconds(600'001); }},
      {"window", "seconds", "600", [](Plan* plan) { plan->windows[0].length = milliseconds(999); }},
      {"window", "aggregates", "empty", [](Plan* plan) { plan->windows[0].aggregates = 0; }},
      {"window", "aggregates", "empty", [](Plan* plan) { plan->windows[0].aggregates = 64; }},
      {"window", "above", "nan", [=](Plan* plan) { plan->windows[0].above = nan; }},
      {"window", "above", "time_above", [](Plan* plan) { plan->windows[0].aggregates = 1; }},
      {"geofence", "corners", "3 to 64", [](Plan* plan) { plan->geofences[0].corners.pop_back(); }},
      {"geofence", "corners", "wider", [](Plan* plan) { plan->geofences[0].corners[0].lon_e7 -= 50'000'000; }},
      {"geofence", "corners", "latitude", [](Plan* plan) { for (PlanCorner& each : plan->geofences[0].corners) each.lat_e7 += 400'000'000; }},
      {"geofence", "name", "another", [](Plan* plan) { plan->geofences.push_back(plan->geofences[0]); }},
      {"trigger", "name", "another", [](Plan* plan) { plan->triggers.push_back(plan->triggers[0]); }},
      {"trigger", "when", "0 steps", [=](Plan* plan) { trigger(plan).condition.clear(); }},
      {"trigger", "when", "33 steps", [=](Plan* plan) { trigger(plan).condition.resize(33, {wire::PlanOpCode::Not, 0, 0}); }},
      {"trigger", "when", "not whole", [=](Plan* plan) { trigger(plan).condition.push_back({wire::PlanOpCode::And, 0, 0}); }},
      {"trigger", "when", "not whole", [=](Plan* plan) { trigger(plan).condition.push_back(trigger(plan).condition[0]); }},
      {"trigger", "when", "not whole", [=](Plan* plan) { trigger(plan).condition[0] = {wire::PlanOpCode::Not, 0, 0}; }},
      {"trigger", "when", "there is not", [=](Plan* plan) { trigger(plan).condition[0].code = wire::PlanOpCode::None; }},
      {"trigger", "when", "no such geofence", [](Plan* plan) { plan->triggers[1].condition[0].argument = 1; }},
      {"trigger", "when", "no condition", [=](Plan* plan) { trigger(plan).condition[0].argument = 1; }},
      {"trigger", "when", "beyond", [=](Plan* plan) { trigger(plan).condition[0].value = nan; }},
      {"trigger", "when", "compares nothing", [=](Plan* plan) { plan->triggers[1].condition[2].value = nan; }},
      {"trigger", "when", "one sample", [](Plan* plan) { plan->triggers[1].hold = milliseconds(1); }},
      {"trigger", "when", "60", [=](Plan* plan) { trigger(plan).hold = milliseconds(60'001); }},
      {"trigger", "before_s", "10", [=](Plan* plan) { trigger(plan).before = milliseconds(10'001); }},
      {"trigger", "after_s", "10", [=](Plan* plan) { trigger(plan).after = milliseconds(10'001); }},
      {"trigger", "cooldown_s", "3600", [=](Plan* plan) { trigger(plan).cooldown = milliseconds(3'600'001); }},
  };
  ASSERT_FALSE(FindFault(ExamplePlan()).has_value());
  for (const Breach& breach : breaches) {
    Plan plan = ExamplePlan();
    breach.commit(&plan);
    const std::optional<PlanFault> fault = FindFault(plan);
    ASSERT_TRUE(fault.has_value()) << breach.section << " " << breach.key << " " << breach.why;
    EXPECT_EQ(fault->section, breach.section) << fault->why;
    EXPECT_EQ(fault->key, breach.key) << fault->why;
    EXPECT_THAT(fault->why, HasSubstr(breach.why));
    EXPECT_FALSE(CompilePlan(plan).ok());
  }
}

TEST(PlanLimits, APlanOfAllThatMayBeIsShortEnough) {
  Plan plan = ExamplePlan();
  plan.name = std::string(PlanLimits::kNameMax, 'p');
  plan.windows.resize(PlanLimits::kWindowsMax, plan.windows[0]);
  plan.geofences.clear();
  plan.triggers.clear();
  for (std::size_t i = 0; i < PlanLimits::kGeofencesMax; ++i) {
    plan.geofences.push_back({std::string(46, 'g') + std::to_string(10 + i), std::vector<PlanCorner>(16)});
  }
  for (std::size_t i = 0; i < PlanLimits::kTriggersMax; ++i) {
    PlanTrigger trigger = ExamplePlan().triggers[0];
    trigger.name = std::string(46, 't') + std::to_string(10 + i);
    trigger.condition.resize(PlanLimits::kStepsMax, {wire::PlanOpCode::Not, 0, 0});
    plan.triggers.push_back(trigger);
  }
  const Result<CompiledPlan> compiled = CompilePlan(plan);
  ASSERT_TRUE(compiled.ok()) << compiled.status().message();
  EXPECT_EQ(compiled.value().plan, plan);
}

}  // namespace
}  // namespace starling
