// Pages that promise something name the tests that would fail if it were broken.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

namespace starling {
namespace {

namespace fs = std::filesystem;

std::string Read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// "Suite.Name" of each test in the tree.
std::set<std::string> Tests() {
  std::set<std::string> tests;
  const std::regex defined(R"(TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\s*\))");
  for (const auto& entry : fs::recursive_directory_iterator(STARLING_SOURCE "/tests")) {
    if (entry.path().extension() != ".cc") continue;
    const std::string text = Read(entry.path());
    for (std::sregex_iterator at(text.begin(), text.end(), defined), end; at != end; ++at) {
      tests.insert((*at)[1].str() + "." + (*at)[2].str());
    }
  }
  return tests;
}

TEST(NamedTests, OfThePagesThatPromiseSomethingExist) {
  const std::set<std::string> tests = Tests();
  ASSERT_GT(tests.size(), 1000u);
  const std::regex named(R"(`([A-Z][A-Za-z0-9]+)\.([A-Z][A-Za-z0-9]+)`)");
  std::size_t found = 0;
  for (const char* page : {"docs/guarantees.md", "docs/safety.md", "docs/decisions/0020-shadow-and-switch.md"}) {
    const std::string text = Read(fs::path(STARLING_SOURCE) / page);
    ASSERT_FALSE(text.empty()) << page;
    for (std::sregex_iterator at(text.begin(), text.end(), named), end; at != end; ++at, ++found) {
      const std::string name = (*at)[1].str() + "." + (*at)[2].str();
      EXPECT_TRUE(tests.contains(name)) << page << " names " << name << ", which is no test";
    }
  }
  EXPECT_GT(found, 80u);
}

}  // namespace
}  // namespace starling
