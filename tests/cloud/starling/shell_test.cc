#include "cloud/starling/shell.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

namespace starling::cloud {
namespace {

using testing::HasSubstr;
using testing::Not;

class Shell : public testing::Test {
 protected:
  Shell() : program_("A program", "starling") {
    CLI::App* const plan = program_.add_subcommand("plan", "What it's to do");
    CLI::App* const push = plan->add_subcommand("push", "Hand it over");
    push->add_option("file", file_, "the plan")->required();
    push->add_option("--data", data_, "a 'folder'; .dot")->capture_default_str();
    push->add_flag("--all", all_, "everybody");
    push->footer("\nExamples:\n  starling plan push a.toml\n.not a request");
  }
  std::map<std::string, std::string> Pages() {
    std::map<std::string, std::string> pages;
    for (const ManualPage& page : ManualPages(program_)) pages[page.name] = page.text;
    return pages;
  }

  CLI::App program_;
  std::string file_;
  std::string data_ = "data";
  bool all_ = false;
};

TEST_F(Shell, EachCommandHasAPageWithItsOptionsAndExamples) {
  const auto pages = Pages();
  ASSERT_EQ(pages.size(), 3u);
  const std::string& page = pages.at("starling-plan-push");
  EXPECT_THAT(page, HasSubstr(".TH STARLING-PLAN-PUSH 1"));
  EXPECT_THAT(page, HasSubstr("starling\\-plan\\-push \\- Hand it over"));
  EXPECT_THAT(page, HasSubstr("\\-\\-data"));
  EXPECT_THAT(page, HasSubstr("(without it: data)"));
  EXPECT_THAT(page, HasSubstr("\\fIFILE\\fR"));
  EXPECT_THAT(page, HasSubstr("starling plan push a.toml"));
  EXPECT_THAT(page, HasSubstr("\n\\&.not a request")) << "no line of a text begins a request";
  EXPECT_THAT(pages.at("starling"), HasSubstr(".B starling plan"));
}

TEST_F(Shell, CompletionKnowsEachCommandAndOptionInEachShell) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const Result<std::string> script = CompletionScript(program_, shell);
    ASSERT_TRUE(script.ok()) << shell;
    for (const char* word : {"plan", "push", "data", "all", "starling plan push"}) {
      EXPECT_THAT(script.value(), HasSubstr(word)) << shell;
    }
  }
  EXPECT_FALSE(CompletionScript(program_, "tcsh").ok());
}

TEST_F(Shell, QuotesInTextsDoNotEndTheShellsOwn) {
  EXPECT_THAT(CompletionScript(program_, "zsh").value(), HasSubstr("--data:a '\\''folder'\\''"));
  EXPECT_THAT(CompletionScript(program_, "fish").value(), HasSubstr("'a \\'folder\\'; .dot'"));
}

}  // namespace
}  // namespace starling::cloud
