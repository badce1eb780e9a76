// What docs/operations.md lists, and what the files beside it name.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace starling {

// A file of the source tree; fails the program if it is not there.
std::string ReadSource(const std::string& path);

// Of which engine a section of the page is; each heading says so, or says nothing.  kSometimes,
// "(when known)": what is there with either, and not from the start.
enum class PageEngine { kAny, kEmbedded, kKafka, kSometimes };

// Metrics that the page has a row for: the first cell is `starling_...`, as code.  kAny: those
// that are there with either engine; else those of that engine alone.
std::set<std::string> MetricsOnPage(std::string_view page, PageEngine engine);

// Rows of metrics' tables that lack a unit, a healthy value or what to do.
std::set<std::string> IncompleteRows(std::string_view page);

// Headings "### StarlingX".
std::set<std::string> RunbookParagraphs(std::string_view page);

// Names behind "- alert:" and "- record:".
std::set<std::string> NamesInRules(std::string_view rules, std::string_view kind);

// Families of a text in Prometheus's format: what "# TYPE" names.
std::set<std::string> MetricFamilies(std::string_view metrics);

// Every starling_... and starling:... that an expression names, a histogram by its family's
// name.
std::set<std::string> MetricsInExpression(std::string_view expression);

}  // namespace starling
