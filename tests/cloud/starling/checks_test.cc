// Which step of the chain is wrong, by what an orchestrator answers.
#include "cloud/starling/checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include <boost/json/parse.hpp>

namespace starling::cloud {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

constexpr std::int64_t kNowNs = 1'700'000'000'000'000'000;

class Doctor : public testing::Test {
 protected:
  // An orchestrator of ten vehicles with which nothing is wrong.
  void SetUp() override {
    looks_.address = "http://127.0.0.1:7480";
    looks_.health = HttpAnswer{200, "ok\n"};
    looks_.ready = HttpAnswer{200, "ready\n"};
    before_ = json::parse(R"({
      "gateway": {"connections": 10, "accepted": 10, "refused_connections": 0, "handshakes_failed": 0,
                  "verdicts": {"Accepted": 100, "TooOld": 3, "Duplicate": 1}},
      "certificates": {"server_seconds_left": 8640000, "authority_seconds_left": 86400000, "reloads_refused": 0},
      "runner": {"owner": 1, "vehicles": 10, "lag_ms": 0.4},
      "checkpoint": {"age_s": 1, "failures": 0, "digest_mismatches": 0},
      "commands": {"rules": 0},
      "shard": {"outbox_open": 0, "closed_applied": 5, "closed_superseded": 0, "closed_expired": 0, "closed_rejected": 0,
                "commands_withheld": 0},
      "log": {"records": 1000, "refused": 0, "emitted_ticket": 1000, "durable_ticket": 990},
      "process": {"uptime_s": 100, "rss_bytes": 104857600, "cpu_seconds": 3}})").as_object();
    after_ = before_;
    At(&after_, "gateway", "verdicts").as_object()["Accepted"] = 200;
    At(&after_, "log", "records") = 1100;
    At(&after_, "log", "durable_ticket") = 1100;
    At(&after_, "log", "emitted_ticket") = 1100;
    looks_.heatmap = json::parse(R"({"cells": []})").as_object();
    vehicles_ = json::parse(R"({"total": 2, "vehicles": [{"name": "a", "fix_age_s": 0.2}, {"name": "b", "fix_age_s": 0.9}]})")
                    .as_object();
    vehicles_["at_ns"] = kNowNs;
    looks_.asked = CloudTimeFromNs(kNowNs);
    looks_.between_s = 1;
  }
  static json::value& At(json::object* document, std::string_view group, std::string_view name) {
    return document->at({group.data(), group.size()}).as_object()[{name.data(), name.size()}];
  }
  // The first step that is wrong; empty: none is.
  std::string Wrong() {
    looks_.before = before_;
    looks_.after = after_;
    if (!looks_.vehicles) looks_.vehicles = vehicles_;
    findings_ = Judge(looks_);
    const Finding* const wrong = FirstWrong(findings_);
    if (wrong == nullptr) return "";
    EXPECT_FALSE(wrong->advice.empty()) << wrong->step;
    return wrong->step;
  }

  Looks looks_;
  json::object before_, after_, vehicles_;
  std::vector<Finding> findings_;
};

TEST_F(Doctor, WhereNothingIsWrongItSaysSo) {
  EXPECT_EQ(Wrong(), "") << FindingsText(findings_);
  EXPECT_EQ(findings_.size(), 12u);
  EXPECT_THAT(FindingsText(findings_), HasSubstr("everything that was looked at is well"));
  EXPECT_THAT(StatusText(looks_, findings_), HasSubstr("well: http://127.0.0.1:7480/"));
  EXPECT_TRUE(json::parse(FindingsJson(findings_)).at("well").as_bool());
}

TEST_F(Doctor, EachStepThatIsWrongIsNamed) {
  const auto broken = [this](std::string_view group, std::string_view name, double value) {
    SetUp();
    looks_.vehicles.reset();
    At(&after_, group, name) = value;
    return Wrong();
  };
  EXPECT_EQ(broken("certificates", "server_seconds_left", -60), "certificates");
  EXPECT_EQ(broken("certificates", "server_seconds_left", 86'400), "certificates");
  EXPECT_EQ(broken("certificates", "authority_seconds_left", -60), "certificates");
  EXPECT_EQ(broken("certificates", "crl_seconds_left", -60), "certificates");
  EXPECT_EQ(broken("certificates", "reloads_refused", 1), "certificates");
  EXPECT_EQ(broken("log", "refused", 7), "log");
  EXPECT_EQ(broken("log", "durable_ticket", 990), "log");
  EXPECT_EQ(broken("runner", "lag_ms", -5'000), "clock");
  EXPECT_EQ(broken("runner", "lag_ms", 5'000), "shard");
  EXPECT_EQ(broken("runner", "owner", 0), "shard");
  EXPECT_EQ(broken("checkpoint", "digest_mismatches", 1), "shard");
  EXPECT_EQ(broken("checkpoint", "age_s", 100), "shard");
  EXPECT_EQ(broken("checkpoint", "failures", 1), "shard");
  EXPECT_EQ(broken("gateway", "refused_connections", 4), "gateway");
  EXPECT_EQ(broken("gateway", "handshakes_failed", 4), "gateway");
  EXPECT_EQ(broken("commands", "rules", 1), "commands");
  EXPECT_EQ(broken("shard", "closed_expired", 3), "commands");
  EXPECT_EQ(broken("shard", "commands_withheld", 3), "commands");
}

TEST_F(Doctor, RefusalsAreWrongFromAShareOnAndTheMostFrequentVerdictIsNamed) {
  At(&after_, "gateway", "verdicts").as_object()["TooOld"] = 4;
  EXPECT_EQ(Wrong(), "") << "one of a hundred and one";
  At(&after_, "gateway", "verdicts").as_object()["OverRate"] = 50;
  EXPECT_EQ(Wrong(), "gateway");
  EXPECT_THAT(FirstWrong(findings_)->what, HasSubstr("most as OverRate"));
}

TEST_F(Doctor, SilentVehiclesAndNoVehiclesAreWrong) {
  vehicles_.at("vehicles").at(1).as_object()["fix_age_s"] = 60;
  EXPECT_EQ(Wrong(), "vehicles");
  EXPECT_THAT(FirstWrong(findings_)->advice, HasSubstr("starling vehicle b"));
  looks_.vehicles.reset();
  vehicles_["vehicles"] = json::array();
  EXPECT_EQ(Wrong(), "vehicles");
}

TEST_F(Doctor, AClockThatIsApartIsNamedBeforeTheVehicles) {
  vehicles_["at_ns"] = kNowNs - 10'000'000'000;
  EXPECT_EQ(Wrong(), "clock");
}

TEST_F(Doctor, TheStepsBeyondAWrongOneAreNotJudged) {
  looks_ = {};
  looks_.address = "http://10.0.0.5:7480";
  looks_.health = Status(ErrorCode::kUnavailable, "no answer from http://10.0.0.5:7480/: Connection refused");
  EXPECT_EQ(FirstWrong(findings_ = Judge(looks_))->step, "connection");
  EXPECT_EQ(findings_.size(), 12u);
  EXPECT_EQ(findings_.back().verdict, Finding::Verdict::kUnknown);
  looks_.health = Status(ErrorCode::kUnavailable, "no answer from http://nowhere:1/: Name or service not known");
  EXPECT_EQ(FirstWrong(findings_ = Judge(looks_))->step, "address");
  looks_.health = Status(ErrorCode::kCorruption, "what answers at 10.0.0.5:7480 is no orchestrator's console");
  EXPECT_EQ(FirstWrong(findings_ = Judge(looks_))->step, "http");
  looks_.health = HttpAnswer{404, ""};
  EXPECT_EQ(FirstWrong(findings_ = Judge(looks_))->step, "http");
  looks_.health = HttpAnswer{200, "ok\n"};
  looks_.ready = HttpAnswer{503, "draining\n"};
  looks_.before = looks_.after = Status(ErrorCode::kUnavailable, "401, who asks?");
  EXPECT_EQ(FirstWrong(findings_ = Judge(looks_))->step, "access");
  SetUp();
  looks_.ready = HttpAnswer{503, "the server's certificate has expired\x1b[2J\nmore"};
  EXPECT_EQ(Wrong(), "ready");
  EXPECT_EQ(FirstWrong(findings_)->what, "the server's certificate has expired?[2J");
}

// A process of shards has no gateway, and one of gateways no shard: that is not wrong.
TEST_F(Doctor, WhatAProcessDoesNotHaveIsUnknown) {
  for (const char* group : {"gateway", "certificates"}) {
    before_.erase(group);
    after_.erase(group);
  }
  EXPECT_EQ(Wrong(), "");
  EXPECT_THAT(FindingsText(findings_), HasSubstr("ask a gateway"));
}

// Numbers that are no numbers, groups that are lists: it says what it can.
TEST_F(Doctor, NoAnswerBreaksIt) {
  for (const char* other : {"null", "[]", "\"x\"", "-1e308", "{\"a\":{}}"}) {
    for (const auto& group : json::object(before_)) {
      SetUp();
      looks_.vehicles.reset();
      after_[group.key()] = json::parse(other);
      before_[group.key()] = json::parse(other);
      (void)Wrong();
      EXPECT_EQ(findings_.size(), 12u);
      EXPECT_FALSE(StatusText(looks_, findings_).empty());
      EXPECT_FALSE(StatusJson(looks_, findings_).empty());
    }
  }
}

}  // namespace
}  // namespace starling::cloud
