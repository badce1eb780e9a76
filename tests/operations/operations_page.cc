#include "tests/operations/operations_page.h"

#include <cctype>
#include <fstream>
#include <iterator>
#include <sstream>
#include <vector>

#include "common/check.h"

namespace starling {
namespace {

std::string Trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

std::vector<std::string> LinesOf(std::string_view text) {
  std::vector<std::string> lines;
  std::istringstream stream{std::string(text)};
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// "| a | b |": a, b.  A bar that is part of a cell has a backslash before it.
std::vector<std::string> CellsOf(const std::string& line) {
  std::vector<std::string> cells;
  std::string cell;
  for (std::size_t i = 1; i < line.size(); ++i) {
    if (line[i] == '|' && line[i - 1] != '\\') {
      cells.push_back(Trimmed(cell));
      cell.clear();
    } else {
      cell += line[i];
    }
  }
  return cells;
}

// "starling_x" of a row whose first cell is that, as code; empty otherwise.
std::string MetricOfRow(const std::string& line) {
  constexpr std::string_view kBegin = "| `starling_";
  if (!line.starts_with(kBegin)) return {};
  const std::size_t begin = line.find('`') + 1;
  const std::string name = line.substr(begin, line.find('`', begin) - begin);
  return name.substr(0, name.find('{'));
}

bool InName(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == ':'; }

}  // namespace

std::string ReadSource(const std::string& path) {
  std::ifstream file(STARLING_SOURCE_DIR "/" + path, std::ios::binary);
  STARLING_CHECK(file.is_open());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::set<std::string> MetricsOnPage(std::string_view page, PageEngine engine) {
  std::set<std::string> metrics;
  PageEngine section = PageEngine::kAny;
  for (const std::string& line : LinesOf(page)) {
    if (line.starts_with("#")) {
      section = PageEngine::kAny;
      if (line.find("(Kafka)") != std::string::npos) section = PageEngine::kKafka;
      if (line.find("(embedded log)") != std::string::npos) section = PageEngine::kEmbedded;
      if (line.find("(when known)") != std::string::npos) section = PageEngine::kSometimes;
    }
    if (const std::string name = MetricOfRow(line); !name.empty() && section == engine) metrics.insert(name);
  }
  return metrics;
}

std::set<std::string> IncompleteRows(std::string_view page) {
  std::set<std::string> incomplete;
  for (const std::string& line : LinesOf(page)) {
    const std::string name = MetricOfRow(line);
    if (name.empty()) continue;
    const std::vector<std::string> cells = CellsOf(line);
    bool complete = cells.size() == 4;
    for (const std::string& cell : cells) complete = complete && !cell.empty();
    if (!complete) incomplete.insert(name);
  }
  return incomplete;
}

std::set<std::string> RunbookParagraphs(std::string_view page) {
  std::set<std::string> alerts;
  for (const std::string& line : LinesOf(page)) {
    constexpr std::string_view kHeading = "### Starling";
    if (line.starts_with(kHeading)) alerts.insert(Trimmed(std::string_view(line).substr(4)));
  }
  return alerts;
}

std::set<std::string> NamesInRules(std::string_view rules, std::string_view kind) {
  std::set<std::string> names;
  const std::string begin = "- " + std::string(kind) + ":";
  for (const std::string& line : LinesOf(rules)) {
    const std::string text = Trimmed(line);
    if (text.starts_with(begin)) names.insert(Trimmed(std::string_view(text).substr(begin.size())));
  }
  return names;
}

std::set<std::string> MetricFamilies(std::string_view metrics) {
  std::set<std::string> families;
  for (const std::string& line : LinesOf(metrics)) {
    std::istringstream words(line);
    std::string mark, type, name;
    words >> mark >> type >> name;
    if (mark == "#" && type == "TYPE") families.insert(name);
  }
  return families;
}

std::set<std::string> MetricsInExpression(std::string_view expression) {
  std::set<std::string> metrics;
  for (std::size_t at = 0; at < expression.size();) {
    if (expression[at] == '"') {  // A label's value is no metric.
      at = expression.find('"', at + 1);
      if (at == std::string_view::npos) break;
      ++at;
      continue;
    }
    if (!InName(expression[at])) {
      ++at;
      continue;
    }
    std::size_t end = at;
    while (end < expression.size() && InName(expression[end])) ++end;
    std::string name(expression.substr(at, end - at));
    at = end;
    if (!name.starts_with("starling_") && !name.starts_with("starling:")) continue;
    for (const std::string_view suffix : {"_bucket", "_count", "_sum"}) {
      if (name.ends_with("_seconds" + std::string(suffix))) name.resize(name.size() - suffix.size());
    }
    metrics.insert(name);
  }
  return metrics;
}

}  // namespace starling
