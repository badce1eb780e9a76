#include "sim/experiment/experiment_page.h"

#include <expat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <pugixml.hpp>
#include <iterator>
#include <set>
#include <sstream>

#include "tests/sim/experiment/synthetic_result.h"

namespace starling::sim {
namespace {

class Page : public testing::Test {
 protected:
  void Make(ExperimentResult result) {
    const Result<Experiment> experiment = Evaluate(std::move(result));
    ASSERT_TRUE(experiment.ok()) << experiment.status().message();
    text_ = ExperimentPage(experiment.value());
    ExpectWellFormed();
    const pugi::xml_parse_result parsed = document_.load_buffer(
        text_.data(), text_.size(), pugi::parse_default | pugi::parse_doctype | pugi::parse_ws_pcdata);
    ASSERT_TRUE(parsed) << parsed.description() << ": " << text_.substr(static_cast<std::size_t>(parsed.offset), 200);
  }

  // pugixml forgives what this one does not.
  void ExpectWellFormed() const {
    XML_Parser const parser = XML_ParserCreate(nullptr);
    EXPECT_EQ(XML_Parse(parser, text_.data(), static_cast<int>(text_.size()), 1), XML_STATUS_OK)
        << XML_ErrorString(XML_GetErrorCode(parser)) << " at line " << XML_GetCurrentLineNumber(parser);
    XML_ParserFree(parser);
  }

  void ForEach(const std::function<void(pugi::xml_node)>& look) const {
    const std::function<void(pugi::xml_node)> walk = [&](pugi::xml_node node) {
      look(node);
      for (const pugi::xml_node child : node.children()) walk(child);
    };
    walk(document_);
  }

  std::size_t Count(const char* element, const char* looks = nullptr) const {
    std::size_t count = 0;
    ForEach([&](pugi::xml_node node) {
      count += std::strcmp(node.name(), element) == 0 &&
               (looks == nullptr || std::strcmp(node.attribute("class").value(), looks) == 0);
    });
    return count;
  }

  // All text that is shown, or is said when one points at something.
  std::string Words() const {
    std::string words;
    ForEach([&](pugi::xml_node node) {
      if (node.type() == pugi::node_pcdata && std::strcmp(node.parent().name(), "style") != 0)
        words += std::string(node.value()) + "\n";
    });
    return words;
  }

  // Coordinates are numbers, and on the drawing.
  void ExpectDrawable() const {
    ForEach([&](pugi::xml_node node) {
      for (const char* name : {"x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r", "width", "height"}) {
        if (std::strcmp(node.parent().name(), "svg") != 0 || !node.attribute(name)) continue;
        EXPECT_GE(node.attribute(name).as_double(-1e9), 0) << name;
        EXPECT_LE(node.attribute(name).as_double(1e9), 1100) << name;
      }
    });
    EXPECT_EQ(text_.find("nan"), std::string::npos);
    EXPECT_EQ(text_.find("inf"), std::string::npos);
  }

  pugi::xml_document document_;
  std::string text_;
};

TEST_F(Page, IsWellFormedAndDrawsEverything) {
  const ExperimentResult result = SyntheticResult();
  Make(result);
  ExpectDrawable();
  // Forest, a slope for each figure, speed, maps.
  EXPECT_EQ(Count("svg"), result.figures.size() + 3);
  EXPECT_EQ(Count("path", "lanes"), 2u);
  EXPECT_EQ(Count("circle", "point") + Count("circle", "point hollow"),
            result.figures.size() - 2);  // Two have no percentage.
  EXPECT_THAT(Words(), testing::HasSubstr("What these figures may not be used for"));
  EXPECT_THAT(Words(), testing::HasSubstr("drivers of this simulator do not slow down for it"));
  EXPECT_THAT(Words(), testing::HasSubstr("./run experiment fog-on-the-ring --seed 1"));
}

TEST_F(Page, StandsAlone) {
  Make(SyntheticResult());
  ForEach([&](pugi::xml_node node) {
    EXPECT_STRNE(node.name(), "script");
    EXPECT_STRNE(node.name(), "link");
    EXPECT_STRNE(node.name(), "img");
    for (const char* name : {"src", "href", "onload", "onclick", "style"})
      EXPECT_FALSE(node.attribute(name)) << node.name();
  });
  EXPECT_EQ(text_.find("url("), std::string::npos);
  EXPECT_EQ(text_.find("@import"), std::string::npos);
}

TEST_F(Page, HasEverySeedInEveryFigure) {
  ExperimentResult result = SyntheticResult({.seeds = 11});
  for (std::size_t i = 0; i < 11; ++i) result.seeds[i] = 9000 + 7 * i;
  Make(result);
  for (const std::uint64_t seed : result.seeds) {
    std::size_t lines = 0;
    ForEach([&](pugi::xml_node node) {
      if (std::strncmp(node.attribute("class").value(), "slope ", 6) != 0) return;
      lines += std::string(node.child("title").child_value()).find(std::to_string(seed)) != std::string::npos;
    });
    EXPECT_EQ(lines, result.figures.size()) << seed;
    EXPECT_THAT(Words(), testing::HasSubstr("seed " + std::to_string(seed)));
  }
}

TEST_F(Page, SeedsWithTheSameValuesAreOneWideLine) {
  ExperimentResult result = TinyResult();
  result.figures[0].without = {5, 5};
  result.figures[0].with = {3, 3};
  Make(result);
  EXPECT_EQ(Count("path", "slope w2"), 1u);
  EXPECT_EQ(Count("path", "slope w1"), 2u);  // Of the other figure.
  EXPECT_THAT(Words(), testing::HasSubstr("seed 3, 4"));
}

TEST_F(Page, HostileTextsStayTexts) {
  const std::string hostile = "<script>alert(\"1\")</script> & ]]> '--> \x01\xFF</svg></style>";
  ExperimentResult result = SyntheticResult();
  result.scenario = result.description = result.command_line = result.version = hostile;
  result.config = result.not_for = {hostile};
  for (Figure& figure : result.figures) {
    figure.name += hostile;
    figure.unit += hostile;
  }
  Make(result);
  EXPECT_EQ(Count("script"), 0u);
  EXPECT_EQ(Count("svg"), result.figures.size() + 3);
  EXPECT_STREQ(document_.child("html").child("body").child("main").child("header").child("h1").child_value(),
               "<script>alert(\"1\")</script> & ]]> '--> \xEF\xBF\xBD\xEF\xBF\xBD</svg></style>");
}

TEST_F(Page, WithoutAnyCollisionSaysSo) {
  ExperimentResult result = SyntheticResult({.collisions = 0, .near_misses = 0});
  Make(result);
  ExpectDrawable();
  EXPECT_THAT(Words(), testing::HasSubstr("No collision and no near miss happened in any run."));
  EXPECT_THAT(Words(), testing::HasSubstr("0 collisions, 0 near misses"));
}

TEST_F(Page, OfTwoSeedsWithoutCityAndSeriesIsAPage) {
  ExperimentResult result = TinyResult();
  result.city = {};
  result.places_with.clear();
  result.places_without.clear();
  result.speed = {};
  Make(result);
  ExpectDrawable();
  EXPECT_EQ(Count("svg"), 3u);
  EXPECT_THAT(Words(), testing::HasSubstr("with 2 pairs never less than 0.500"));
}

TEST_F(Page, FigureOfZerosIsDrawn) {
  ExperimentResult result = TinyResult();
  result.figures[0].without = result.figures[0].with = {0, 0};
  Make(result);
  ExpectDrawable();
  EXPECT_THAT(Words(), testing::HasSubstr("no percentage"));
}

TEST_F(Page, WildPercentagesAreArrowsAtTheEdge) {
  ExperimentResult result = SyntheticResult();
  const std::size_t arrows = (Make(result), Count("path", "ink-fill"));
  // Ten thousand times as many.
  for (double& value : result.figures[0].with) value = 240'000;
  Make(result);
  ExpectDrawable();
  EXPECT_EQ(Count("path", "ink-fill"), arrows + 1);
  EXPECT_THAT(Words(), testing::HasSubstr("[> 9999, > 9999]"));
}

TEST_F(Page, PlacesOutsideOfTheBoundsAreOnTheMapAllTheSame) {
  ExperimentResult result = TinyResult();
  result.places_with.push_back({{-60, 140}, EncounterKind::kCollision});
  Make(result);
  ExpectDrawable();
  EXPECT_THAT(Words(), testing::HasSubstr("1 collision, 1 near miss"));
}

TEST_F(Page, EveryClassHasItsLooks) {
  Make(SyntheticResult());
  std::set<std::string> classes;
  ForEach([&](pugi::xml_node node) {
    std::istringstream names(node.attribute("class").value());
    classes.insert(std::istream_iterator<std::string>(names), {});
  });
  const std::string style = document_.child("html").child("head").child("style").child_value();
  // These are there to be told from others.
  for (const char* plain : {"name", "slope", "series", "band", "miss", "collision", "figure"}) classes.erase(plain);
  for (const std::string& name : classes) EXPECT_THAT(style, testing::HasSubstr("." + name)) << name;
}

}  // namespace
}  // namespace starling::sim
