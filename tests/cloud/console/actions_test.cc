// What operators do over HTTP: bodies from outside become commands and rules, or a 400 that says why not.
#include "cloud/console/actions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

namespace starling::cloud {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;

class Target final : public ActionTarget {
 public:
  Result<std::optional<CommandFate>> Command(const OperatorCommand& command) override {
    commands.push_back(command);
    return fate;
  }
  Result<std::optional<CommandSettings>> Settings() override { return settings; }
  Result<CommandSettings> ChangeSettings(const SettingsChange& change) override {
    changes.push_back(change);
    Result<CommandSettings> changed = Changed(change, settings, CloudTimeFromNs(5));
    if (changed.ok()) settings = changed.value();
    return changed;
  }

  std::vector<OperatorCommand> commands;
  std::vector<SettingsChange> changes;
  std::optional<CommandSettings> settings;
  Result<std::optional<CommandFate>> fate = std::optional(CommandFate());
};

class Actions : public ::testing::Test {
 protected:
  Answer Post(std::string_view path, std::string_view body) {
    Caller caller;
    caller.how = Caller::How::kToken;
    caller.role = AccessRole::kOperator;
    caller.name = "ana";
    return AnswerAction("POST", path, body, caller, &target_);
  }
  Answer Send(std::string_view body) { return Post("/v1/commands", body); }

  Target target_;
};

TEST_F(Actions, ASpeedLimitIsALeaseOfWhoAsked) {
  const Answer answer = Send(
      R"({"vehicle": "taxi-1", "kind": "speed_limit", "speed_mps": 8.3, "for_s": 2.5, "reason": "ice", "request_id": "r1"})");
  EXPECT_EQ(answer.status, 202u) << answer.body;
  ASSERT_EQ(target_.commands.size(), 1u);
  const OperatorCommand& command = target_.commands[0];
  EXPECT_EQ(command.vehicle.view(), "taxi-1");
  EXPECT_EQ(command.kind, wire::CommandKind::SpeedAdvice);
  EXPECT_EQ(command.speed_ceiling_cmps, 830);
  EXPECT_EQ(command.decel_cmps2, 150);
  EXPECT_EQ(command.lease, milliseconds(2'500));
  EXPECT_EQ(command.by, "ana");
  EXPECT_EQ(command.reason, "ice");
  const json::object document = json::parse(answer.body).as_object();
  EXPECT_EQ(document.at("command_id").as_string(), std::to_string(ToNumber(command.Id())));
  EXPECT_EQ(document.at("stage").as_string(), "taken");
}

TEST_F(Actions, TheSameRequestOfOneCallerIsOneCommandAndOfAnotherItIsNot) {
  const std::string body = R"({"vehicle": "a", "kind": "brake", "reason": "x", "request_id": "r1"})";
  (void)Send(body);
  (void)Send(body);
  (void)Send(R"({"vehicle": "a", "kind": "brake", "reason": "x", "request_id": "r2"})");
  (void)Send(R"({"vehicle": "a", "kind": "brake", "reason": "x"})");
  Caller other;
  other.name = "ben";
  (void)AnswerAction("POST", "/v1/commands", body, other, &target_);
  ASSERT_EQ(target_.commands.size(), 5u);
  EXPECT_EQ(target_.commands[0].Id(), target_.commands[1].Id());
  for (std::size_t i = 2; i < 5; ++i) EXPECT_NE(target_.commands[0].Id(), target_.commands[i].Id()) << i;
  EXPECT_NE(target_.commands[3].Id(), target_.commands[2].Id());
}

TEST_F(Actions, SaysHowFarACommandHasCome) {
  const std::string body = R"({"vehicle": "a", "kind": "release", "reason": "x"})";
  CommandFate fate;
  fate.stage = CommandFate::Stage::kClosed;
  fate.outcome = wire::CommandOutcome::Rejected;
  fate.reject = wire::RejectReason::OutsideEnvelope;
  target_.fate = std::optional(fate);
  EXPECT_EQ(Send(body).status, 200u);
  EXPECT_THAT(Send(body).body, HasSubstr(R"("outcome":"Rejected","reject_reason":"OutsideEnvelope")"));
  fate = {};
  fate.stage = CommandFate::Stage::kWithheld;
  fate.mode = CommandMode::Stop;
  target_.fate = std::optional(fate);
  EXPECT_THAT(Send(body).body, HasSubstr(R"("withheld_by":"stop")"));
  target_.fate = std::optional<CommandFate>();
  EXPECT_EQ(Send(body).status, 404u);
  target_.fate = Status(ErrorCode::kExhausted, "the log is full");
  EXPECT_EQ(Send(body).status, 503u);
  Caller caller;
  EXPECT_EQ(AnswerAction("POST", "/v1/commands", body, caller, nullptr).status, 503u);
}

TEST_F(Actions, WhatCannotBeMeantIsNamedAndSentToNobody) {
  const std::pair<const char*, const char*> wrongs[] = {
      {"", "not JSON"},
      {"[]", "not an object"},
      {R"({"vehicle": "a", "kind": "brake"})", "reason is missing"},
      {R"({"kind": "brake", "reason": "x"})", "vehicle is no vehicle's name"},
      {R"({"vehicle": "a b", "kind": "brake", "reason": "x"})", "vehicle"},
      {R"({"vehicle": "a", "kind": "stop", "reason": "x"})", "kind is none of"},
      {R"({"vehicle": "a", "kind": "speed_limit", "reason": "x"})", "speed_mps is missing"},
      {R"({"vehicle": "a", "kind": "speed_limit", "speed_mps": 0, "reason": "x"})", "above 0"},
      {R"({"vehicle": "a", "kind": "speed_limit", "speed_mps": -1, "reason": "x"})", "speed_mps is outside"},
      {R"({"vehicle": "a", "kind": "speed_limit", "speed_mps": 121, "reason": "x"})", "speed_mps is outside"},
      {R"({"vehicle": "a", "kind": "speed_limit", "speed_mps": "5", "reason": "x"})", "speed_mps is not a number"},
      {R"({"vehicle": "a", "kind": "speed_limit", "speed_mps": 5, "decel_mps2": 4, "reason": "x"})", "up to 3"},
      {R"({"vehicle": "a", "kind": "brake", "speed_mps": 5, "reason": "x"})", "for a speed_limit"},
      {R"({"vehicle": "a", "kind": "brake", "decel_mps2": 9, "reason": "x"})", "decel_mps2 is outside"},
      {R"({"vehicle": "a", "kind": "brake", "for_s": 8.1, "reason": "x"})", "for_s is outside"},
      {R"({"vehicle": "a", "kind": "brake", "for_s": 0, "reason": "x"})", "for_s is outside"},
      {R"({"vehicle": "a", "kind": "brake", "for_s": 1e400, "reason": "x"})", "error"},
      {R"({"vehicle": "a", "kind": "brake", "reason": "x", "speed": 1})", "\\\"speed\\\" is unknown"},
      {R"({"vehicle": "a", "kind": "brake", "reason": "a\nb"})", "control"},
      {R"({"vehicle": "a", "kind": "release", "decel_mps2": 1, "reason": "x"})", "decel_mps2"},
  };
  for (const auto& [body, why] : wrongs) {
    const Answer answer = Send(body);
    EXPECT_EQ(answer.status, 400u) << body << answer.body;
    EXPECT_THAT(answer.body, HasSubstr(why)) << body;
  }
  const std::string long_reason = R"({"vehicle": "a", "kind": "brake", "reason": ")" + std::string(201, 'a') + "\"}";
  EXPECT_EQ(Send(long_reason).status, 400u);
  EXPECT_TRUE(target_.commands.empty());
}

TEST_F(Actions, TheSwitchIsThrownByName) {
  const Answer stopped = Post("/v1/switch", R"({"mode": "stop", "fleet": "taxi-", "kind": "avoidance", "area": [1, -2, 3, 4], "region": 0, "reason": "false brakes"})");
  EXPECT_EQ(stopped.status, 200u) << stopped.body;
  ASSERT_EQ(target_.settings->rules.size(), 1u);
  const CommandRule& rule = target_.settings->rules[0];
  EXPECT_EQ(rule.by, "ana");
  EXPECT_EQ(rule.reason, "false brakes");
  EXPECT_EQ(rule.scope.fleet, "taxi-");
  EXPECT_EQ(rule.scope.area, (CommandArea{{1, -2}, 3, 4}));
  EXPECT_EQ(rule.scope.region, RegionId{0});
  EXPECT_THAT(stopped.body, HasSubstr(R"("area":[1,-2,3,4])"));
  const Answer now = AnswerAction("GET", "/v1/switch", {}, {}, &target_);
  EXPECT_EQ(now.body, stopped.body);
  EXPECT_EQ(Post("/v1/switch", R"({"mode": "start", "reason": "x"})").status, 400u) << "nothing by that scope";
  EXPECT_EQ(Post("/v1/switch", R"({"mode": "start", "all": true, "reason": "x"})").status, 200u);
  EXPECT_TRUE(target_.settings->rules.empty());
  for (const char* wrong :
       {R"({"mode": "stop"})", R"({"mode": "halt", "reason": "x"})", R"({"mode": "stop", "area": [1,2,3], "reason": "x"})",
        R"({"mode": "stop", "area": [1,2,0,1], "reason": "x"})", R"({"mode": "stop", "region": -1, "reason": "x"})",
        R"({"mode": "stop", "kind": "release", "reason": "x"})", R"({"mode": "start", "all": true, "region": 1, "reason": "x"})",
        R"({"mode": "stop", "all": true, "reason": "x"})", R"({"mode": "stop", "by": "ben", "reason": "x"})"}) {
    EXPECT_EQ(Post("/v1/switch", wrong).status, 400u) << wrong;
  }
}

}  // namespace
}  // namespace starling::cloud
