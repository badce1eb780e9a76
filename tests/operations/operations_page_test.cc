// The page for operators against the rules and dashboards beside it.  What the programs really
// give: operations_test.cc and kafka_operations_test.cc.
#include "tests/operations/operations_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>
#include <set>
#include <string>

namespace starling {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(OperationsPage, HasAParagraphForEachAlertAndNoOther) {
  const std::set<std::string> alerts = NamesInRules(ReadSource("cloud/deploy/prometheus/rules.yaml"), "alert");
  ASSERT_GT(alerts.size(), 10u);
  EXPECT_EQ(RunbookParagraphs(ReadSource("docs/operations.md")), alerts);
}

TEST(OperationsPage, SaysOfEachMetricItsUnitWhatIsHealthyAndWhatToDo) {
  const std::string page = ReadSource("docs/operations.md");
  EXPECT_GT(MetricsOnPage(page, PageEngine::kAny).size(), 100u);
  EXPECT_THAT(IncompleteRows(page), IsEmpty());
}

TEST(OperationsPage, EachAlertNamesItsParagraphAndItsSeverity) {
  const std::string rules = ReadSource("cloud/deploy/prometheus/rules.yaml");
  for (const std::string& alert : NamesInRules(rules, "alert")) {
    const std::size_t begin = rules.find("- alert: " + alert + "\n");
    const std::string text = rules.substr(begin, rules.find("- alert: ", begin + 1) - begin);
    std::string anchor = alert;
    for (char& c : anchor) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    EXPECT_NE(text.find("runbook: docs/operations.md#" + anchor + "\n"), std::string::npos) << alert;
    const bool pages = text.find("{severity: page}") != std::string::npos;
    EXPECT_TRUE(pages || text.find("{severity: ticket}") != std::string::npos) << alert;
  }
}

TEST(OperationsPage, IsReadAsItIsMeant) {
  constexpr const char* kPage =
      "## Gateway\n| metric | unit | healthy | else |\n|---|---|---|---|\n"
      "| `starling_a_total` | frames | 0 | look |\n| `starling_b{db}` | bytes | | look |\n"
      "## Later (when known)\n| `starling_d` | 1 | 1 | look |\n"
      "## Brokers (Kafka)\n| `starling_c` | 1 | 1 | look \\| see |\n### StarlingDown\n";
  EXPECT_THAT(MetricsOnPage(kPage, PageEngine::kAny), ElementsAre("starling_a_total", "starling_b"));
  EXPECT_THAT(MetricsOnPage(kPage, PageEngine::kKafka), ElementsAre("starling_c"));
  EXPECT_THAT(MetricsOnPage(kPage, PageEngine::kSometimes), ElementsAre("starling_d"));
  EXPECT_THAT(IncompleteRows(kPage), ElementsAre("starling_b"));
  EXPECT_THAT(RunbookParagraphs(kPage), ElementsAre("StarlingDown"));
  EXPECT_THAT(MetricsInExpression(R"(rate(starling_x_seconds_bucket{class="starling_no"}[1m]) / starling:y:ratio5m)"),
              ElementsAre("starling:y:ratio5m", "starling_x_seconds"));
}

}  // namespace
}  // namespace starling
