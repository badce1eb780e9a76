// What `starling` makes of an orchestrator's answers, whatever these are.
#include "cloud/starling/views.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <random>
#include <string>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "cloud/starling/document.h"
#include "cloud/starling/server.h"

namespace starling::cloud {
namespace {

namespace json = boost::json;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kExplanation = R"({
 "command": {"id": "18446744073709551615", "vehicle": "veh-00007", "kind": "avoidance", "region": 0, "epoch": "17",
   "sequence": "5", "episode": "99", "supersedes": "12", "ceiling_mps": 0, "decel_mps2": 3.5, "boot_id": "1",
   "expires_boot_time_ns": "9", "cause": {"kind": "sample", "vehicle": "veh-00003", "boot_id": "2", "sequence": "412",
   "log_time_ns": 1700000000020000000}, "recorded_ns": 1700000000020400000, "offset": 3, "mode": "send",
   "issued_again_ns": [1700000001000000000], "ending": "rejected",
   "end": {"outcome": "rejected", "reason": "stale_epoch", "boot_id": "1", "boot_time_ns": "8",
           "recorded_ns": 1700000000050000000}},
 "pair": ["veh-00003", "veh-00007"],
 "samples": [{"vehicle": "veh-00003", "causes": true, "sequence": "412", "sample_time_ns": 1700000000000000000,
   "log_time_ns": 1700000000020000000, "x_m": 1.25, "y_m": -2.5, "heading_rad": 1.5707963267948966, "speed_mps": 15,
   "accel_mps2": 0, "accuracy_m": 0.1, "planned_arcs": 2}],
 "episode": [{"phase": "opened", "encounter": "crossing", "at_ns": 1700000000020000000, "ttc_s": 2.25, "drac_mps2": 3.1,
   "pet_s": 0, "probability": 0.9, "x_m": 4, "y_m": 5}],
 "cell": [],
 "decision": {"at_ns": 1700000000020000000, "moment": "opened", "vehicles": [
    {"vehicle": "veh-00003", "expected": [{"after_s": 0, "x_m": 1, "y_m": 2, "speed_mps": 15}], "told": []}],
   "evaluations": [{"at_ns": 1700000000020000000, "sequences": ["412", "77"], "hit": true,
     "met": {"encounter": "crossing", "contact_s": 2.2, "ttc_s": 2.25, "drac_mps2": 3.1, "required_mps2": 3.2,
             "probability": 0.9}}],
   "plan": {"at_ns": 1700000000020000000, "yields": "veh-00007", "resolved": true, "both_brake": false, "reversed": false,
     "trials": [{"what": "yields", "brakes": "veh-00007", "ceiling_mps": 0, "decel_mps2": 2, "resolves": false,
                 "met": {"contact_s": 3, "ttc_s": 3, "drac_mps2": 1}},
                {"what": "yields", "brakes": "veh-00007", "ceiling_mps": 0, "decel_mps2": 3.5, "resolves": true, "met": null}],
     "told": [{"vehicle": "veh-00003", "ceiling_mps": 15, "decel_mps2": 1},
              {"vehicle": "veh-00007", "ceiling_mps": 0, "decel_mps2": 3.5}]},
   "advice": null},
 "legs": {"uplink_ms": 20, "uplink_log_ms": 0.2, "decision_at_most_ms": 0.4, "decision_and_delivery_ms": 7,
          "end_to_end_ms": 27},
 "replay": {"tried": true, "reproduced": true, "records": 1234, "note": ""}, "took_ms": 42})";

constexpr const char* kVehicle = R"({"name": "veh-00001", "at_ns": 1700000000123456789, "x_m": 10, "y_m": -3,
 "heading_rad": -0.5, "speed_mps": 8.25, "fix_age_s": 0.25, "known": true, "connected": true,
 "history": {"boot_id": "1311768467463790320", "through_sequence": 600, "samples": 601},
 "plan": {"wanted": {"name": "brakes", "version": "12", "hash": "9"}, "said": {"verdict": "applied", "version": "12"}}})";

json::object Object(const std::string& text) { return json::parse(text).as_object(); }

TEST(Views, AnExplanationIsOnePageWithEachOfItsParts) {
  const std::string page = ExplanationText(Object(kExplanation));
  for (const char* part :
       {"command 18446744073709551615 to veh-00007, avoidance: <= 0.0 m/s at 3.5 m/s2",
        "because of sample 412 of veh-00003, as a conflict opened", "in place of command 12",
        "ended       rejected (stale_epoch)", "again       2023-11-14T22:13:21.000Z", "EPISODE of veh-00003 and veh-00007",
        "PREDICTION, the last 1 of 1", "412, 77", "PATHS", "not enough, contact in 3.00 s", "veh-00007 to 0.0 m/s at 3.5 m/s2: resolves it",
        "taken: veh-00007 yields", "20.00 ms, of which 0.20 ms", "at most 0.40 ms", "7.00 ms with the decision",
        "27.00 ms", "the 1234 records before it again, and decided the same command; took 42 ms", "90.0"}) {
    EXPECT_THAT(page, HasSubstr(part));
  }
  EXPECT_LT(std::count(page.begin(), page.end(), '\n'), 66);
}

TEST(Views, WhatIsNotThereIsADash) {
  const std::string page = ExplanationText({});
  EXPECT_THAT(page, HasSubstr("command - to -"));
  EXPECT_THAT(page, HasSubstr("none of them is in the log any more"));
  EXPECT_THAT(VehicleText({}, {}), HasSubstr("no: no fix of it is known"));
  EXPECT_EQ(ConflictsText({}), "no conflict is open\n");
  EXPECT_EQ(CommandsText({}), "no commands\n");
  EXPECT_EQ(CellsText({}, 3), "no cell has a vehicle\n");
}

TEST(Views, AVehiclePageSaysWhetherItStreams) {
  json::object vehicle = Object(kVehicle);
  EXPECT_THAT(VehicleText(vehicle, {}), HasSubstr("streaming   yes, its last fix is 0.25 s old"));
  EXPECT_THAT(VehicleText(vehicle, {}), HasSubstr("601 samples held"));
  EXPECT_THAT(VehicleText(vehicle, {}), HasSubstr("brakes version 12; it said applied"));
  EXPECT_THAT(VehicleText(vehicle, {}), HasSubstr("heading 331 degrees"));
  vehicle["fix_age_s"] = 64;
  EXPECT_THAT(StreamingText(vehicle), HasSubstr("no: it is connected, but its last fix is 1 min 4 s old"));
  vehicle["connected"] = false;
  EXPECT_THAT(StreamingText(vehicle), HasSubstr("starling-edge doctor"));
  vehicle["connected"] = nullptr;
  EXPECT_THAT(StreamingText(vehicle), HasSubstr("a gateway's own"));
}

TEST(Views, TheMostCongestedCellsComeFirst) {
  const std::string text = CellsText(Object(R"({"cells": [{"x": 1, "y": 1, "congestion": 0.1, "vehicles": 1},
    {"x": 2, "y": 2, "congestion": 0.9, "vehicles": 9, "congested": true}, {"x": 3, "y": 3, "congestion": 0.5}]})"), 2);
  EXPECT_LT(text.find("0.90"), text.find("0.50"));
  EXPECT_THAT(text, HasSubstr("congested"));
  EXPECT_THAT(text, HasSubstr("1 more; --limit"));
}

// Every place of a document in turn is something else, and every text has what a terminal would act on.
TEST(Views, NoAnswerBreaksAPageOrReachesTheTerminal) {
  const std::vector<std::string> others = {"null", "[]", "{}", "-1", "1e308", "\"\\u001b[2J\\u0007\\n\"", "true",
                                           "18446744073709551615", "[[]]", "[{}]", "\"\""};
  const std::function<std::string(const json::object&)> views[] = {
      [](const json::object& document) { return ExplanationText(document); },
      [](const json::object& document) { return VehicleText(document, json::array{document}); },
      [](const json::object& document) { return ConflictsText({{"conflicts", json::array{document}}}); },
      [](const json::object& document) { return CellsText({{"cells", json::array{document}}}, 3); },
      [](const json::object& document) { return CommandsText(json::array{document}); },
      [](const json::object& document) { return VehiclesText(json::array{document}); }};
  std::size_t places = 0;
  for (const char* text : {kExplanation, kVehicle}) {
    const json::value whole = json::parse(text);
    // Walks to the place that is next, and puts something else there.
    const std::function<bool(json::value*, std::size_t*, const json::value&)> put =
        [&](json::value* at, std::size_t* left, const json::value& other) {
          if ((*left)-- == 0) {
            *at = other;
            return true;
          }
          if (at->is_object()) {
            for (auto& entry : at->get_object()) {
              if (put(&entry.value(), left, other)) return true;
            }
          } else if (at->is_array()) {
            for (json::value& entry : at->get_array()) {
              if (put(&entry, left, other)) return true;
            }
          }
          return false;
        };
    for (const std::string& other : others) {
      for (std::size_t place = 1;; ++place) {
        json::value changed = whole;
        std::size_t left = place;
        if (!put(&changed, &left, json::parse(other))) break;
        ++places;
        for (const auto& view : views) {
          const std::string page = view(changed.as_object());
          for (const char each : page) ASSERT_TRUE(each == '\n' || (each >= 0x20 && each < 0x7F)) << page;
        }
      }
    }
  }
  EXPECT_GT(places, 1'000u);
}

TEST(Document, TextsForPeople) {
  EXPECT_EQ(SpanText(0.25), "0.25 s");
  EXPECT_EQ(SpanText(125), "2 min 5 s");
  EXPECT_EQ(SpanText(3 * 86'400 + 4 * 3'600), "3 d 4 h");
  EXPECT_EQ(SpanText(-60), "-1 min");
  EXPECT_EQ(SpanText(std::numeric_limits<double>::infinity()), "-");
  EXPECT_EQ(TimeText(1'700'000'000'123'456'789), "2023-11-14T22:13:20.123Z");
  EXPECT_EQ(TimeText(0), "-");
  EXPECT_EQ(Plain("a\x1b[2Jb\n"), "a?[2Jb?");
  TextTable table({"name", "n>"});
  table.Add({"x", "10"});
  table.Add({"longer", "7"});
  EXPECT_EQ(table.Text(), "name     n\nx       10\nlonger   7\n");
}

TEST(Document, ServerAddresses) {
  EXPECT_EQ(AddressOf("http://10.0.0.5:7480").value(), "10.0.0.5:7480");
  EXPECT_EQ(AddressOf("http://cloud/").value(), "cloud:7480");
  EXPECT_EQ(AddressOf("cloud:80").value(), "cloud:80");
  EXPECT_EQ(AddressOf("http://[::1]").value(), "[::1]:7480");
  EXPECT_EQ(AddressOf("http://[::1]:81").value(), "[::1]:81");
  for (const char* wrong : {"", "http://", "http://a/b", "a b", "http://a:1?x", "ftp://a", "u@h"}) {
    EXPECT_FALSE(AddressOf(wrong).ok()) << wrong;
  }
}

}  // namespace
}  // namespace starling::cloud
