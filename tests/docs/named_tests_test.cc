// Pages that promise something name the tests that would fail if it were broken.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace starling {
namespace {

namespace fs = std::filesystem;

std::string Read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

bool InName(char character) {
  return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
         (character >= '0' && character <= '9');
}

// The name at the beginning of `text`, which is taken away; empty: there is none.
std::string TakeName(std::string_view* text) {
  std::size_t length = 0;
  while (length < text->size() && InName((*text)[length])) ++length;
  const std::string name(text->substr(0, length));
  text->remove_prefix(length);
  return name;
}

bool Take(std::string_view wanted, std::string_view* text) {
  if (!text->starts_with(wanted)) return false;
  text->remove_prefix(wanted.size());
  return true;
}

void SkipSpace(std::string_view* text) { text->remove_prefix(std::min(text->find_first_not_of(" \n"), text->size())); }

// "Suite.Name" of each test in the tree: TEST(Suite, Name), TEST_F, TEST_P.
std::set<std::string> Tests() {
  std::set<std::string> tests;
  for (const auto& entry : fs::recursive_directory_iterator(STARLING_SOURCE "/tests")) {
    if (entry.path().extension() != ".cc") continue;
    const std::string text = Read(entry.path());
    for (std::size_t at = text.find("TEST"); at != std::string::npos; at = text.find("TEST", at + 1)) {
      std::string_view rest = std::string_view(text).substr(at + 4);
      if (!Take("_F", &rest)) Take("_P", &rest);
      if (!Take("(", &rest)) continue;
      SkipSpace(&rest);
      const std::string suite = TakeName(&rest);
      if (!Take(",", &rest)) continue;
      SkipSpace(&rest);
      tests.insert(suite + "." + TakeName(&rest));
    }
  }
  return tests;
}

// Each `Suite.Name` of a page: two names with capitals and a point between them, as code.
std::vector<std::string> NamedIn(const std::string& page) {
  std::vector<std::string> named;
  for (std::size_t at = page.find('`'); at != std::string::npos; at = page.find('`', at + 1)) {
    std::string_view rest = std::string_view(page).substr(at + 1);
    const std::string suite = TakeName(&rest);
    if (suite.empty() || !Take(".", &rest)) continue;
    const std::string name = TakeName(&rest);
    const auto capital = [](const std::string& word) { return !word.empty() && word[0] >= 'A' && word[0] <= 'Z'; };
    if (capital(suite) && capital(name) && Take("`", &rest)) named.push_back(suite + "." + name);
  }
  return named;
}

TEST(NamedTests, OfThePagesThatPromiseSomethingExist) {
  const std::set<std::string> tests = Tests();
  ASSERT_GT(tests.size(), 1000u);
  std::size_t found = 0;
  for (const char* page : {"docs/guarantees.md", "docs/safety.md", "docs/decisions/0020-shadow-and-switch.md"}) {
    const std::string text = Read(fs::path(STARLING_SOURCE) / page);
    ASSERT_FALSE(text.empty()) << page;
    for (const std::string& name : NamedIn(text)) {
      EXPECT_TRUE(tests.contains(name)) << page << " names " << name << ", which is no test";
      ++found;
    }
  }
  EXPECT_GT(found, 80u);
}

}  // namespace
}  // namespace starling
