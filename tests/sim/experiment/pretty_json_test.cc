#include "sim/fleet/pretty_json.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include <cstdlib>

namespace starling::sim {
namespace {

namespace json = boost::json;

TEST(PrettyJson, SmallThingsAreOnOneLine) {
  const json::value value = {
      {"a", {{"p50", 0.5}, {"count", 3}}}, {"b", json::array{1, "x", nullptr}}, {"c", json::object()}, {"d", true}};
  EXPECT_EQ(PrettyJson(value), R"({
  "a": {"p50": 0.5, "count": 3},
  "b": [1, "x", null],
  "c": {},
  "d": true
}
)");
}

TEST(PrettyJson, LargeThingsHaveALineForEach) {
  json::object seven;
  for (const char* key : {"1", "2", "3", "4", "5", "6", "7"}) seven[key] = 0;
  EXPECT_EQ(PrettyJson({{"list", json::array{json::array{1, 2}, json::array()}}, {"seven", seven}}), R"({
  "list": [
    [1, 2],
    []
  ],
  "seven": {
    "1": 0,
    "2": 0,
    "3": 0,
    "4": 0,
    "5": 0,
    "6": 0,
    "7": 0
  }
}
)");
}

TEST(PrettyJson, NumbersReadBackAsTheSame) {
  for (const double number : {0.1, 1 / 3.0, 5.0, -0.0, 1e300, 5e-324, 123456789.125}) {
    const std::string text = PrettyJson(number);
    EXPECT_EQ(std::strtod(text.c_str(), nullptr), number) << text;
    EXPECT_TRUE(json::parse(text).is_double()) << text;
  }
  EXPECT_EQ(PrettyJson(5.0), "5.0\n");
  EXPECT_EQ(PrettyJson(~std::uint64_t{0}), "18446744073709551615\n");
}

TEST(PrettyJson, KeysAndTextsAreEscaped) {
  EXPECT_EQ(PrettyJson({{"a\"\n", "b\\\x01"}}), "{\"a\\\"\\n\": \"b\\\\\\u0001\"}\n");
}

}  // namespace
}  // namespace starling::sim
