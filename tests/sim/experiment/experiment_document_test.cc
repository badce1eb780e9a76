#include "sim/experiment/experiment_document.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "tests/sim/experiment/synthetic_result.h"

namespace starling::sim {
namespace {

namespace json = boost::json;

std::string DocumentOf(ExperimentResult result) {
  const Result<Experiment> experiment = Evaluate(std::move(result));
  EXPECT_TRUE(experiment.ok());
  return ExperimentDocument(experiment.value());
}

std::string FormatPage() {
  std::ifstream page(STARLING_SOURCE_DIR "/docs/formats/experiment.md");
  return std::string((std::istreambuf_iterator<char>(page)), std::istreambuf_iterator<char>());
}

// The page says how each number of it comes about.
TEST(ExperimentDocument, OfTwoSeedsIsTheFormatPagesExample) {
  EXPECT_THAT(FormatPage(), testing::HasSubstr("```json\n" + DocumentOf(TinyResult()) + "```\n"));
}

void ExpectDocumented(const json::value& value, const std::string& page) {
  if (value.is_array()) {
    for (const json::value& element : value.as_array()) ExpectDocumented(element, page);
  }
  if (!value.is_object()) return;
  for (const auto& entry : value.as_object()) {
    EXPECT_THAT(page, testing::HasSubstr(std::string("`").append(entry.key()).append("`")));
    ExpectDocumented(entry.value(), page);
  }
}

TEST(ExperimentDocument, EveryKeyIsDocumented) {
  ExpectDocumented(json::parse(DocumentOf(TinyResult())), FormatPage());
}

TEST(ExperimentDocument, IsTheSameEachTime) { EXPECT_EQ(DocumentOf(SyntheticResult()), DocumentOf(SyntheticResult())); }

TEST(ExperimentDocument, HoldsWhatWasMeasured) {
  const ExperimentResult result = SyntheticResult();
  const json::value document = json::parse(DocumentOf(result));
  const json::array& figures = document.at("figures").as_array();
  ASSERT_EQ(figures.size(), result.figures.size());
  for (std::size_t i = 0; i < figures.size(); ++i) {
    EXPECT_EQ(figures[i].at("name").as_string(), result.figures[i].name);
    EXPECT_EQ(figures[i].at("without").as_array().size(), result.seeds.size());
    EXPECT_NEAR(figures[i].at("with").at(1).as_double(), result.figures[i].with[1], 1e-9);
  }
  EXPECT_EQ(document.at("places").at("with_m").at("collisions").as_array().size() +
                document.at("places").at("with_m").at("near_misses").as_array().size(),
            result.places_with.size());
  EXPECT_EQ(document.at("mean_speed").at("with_mps").at(2).as_array().size(), 600u);
}

TEST(ExperimentDocument, HostileTextsStayTexts) {
  ExperimentResult result = TinyResult();
  result.scenario = "\", \"seeds\": [], \"x\": \"\xFF\n";
  result.figures[0].name = "}]";
  const json::value document = json::parse(DocumentOf(result));
  EXPECT_EQ(document.at("scenario").as_string(), "\", \"seeds\": [], \"x\": \"\xEF\xBF\xBD ");
  EXPECT_EQ(document.at("seeds").as_array().size(), 2u);
}

TEST(ExperimentDocument, WithoutASeriesSaysSo) {
  EXPECT_TRUE(json::parse(DocumentOf(SyntheticResult({.speed_values = 0}))).at("mean_speed").is_null());
}

}  // namespace
}  // namespace starling::sim
