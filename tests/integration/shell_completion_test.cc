// Completion in the shells themselves, and manual pages as man shows them.
#include <gmock/gmock.h>

#include <set>
#include <sstream>
#include <string>

#include "tests/integration/command_fixture.h"

namespace starling {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class ShellCompletion : public CommandTest {
 protected:
  std::string Program() const { return STARLING_BIN "/starling"; }
  std::set<std::string> Words() const {
    std::istringstream words(output_);
    std::set<std::string> all;
    for (std::string word; words >> word;) all.insert(word);
    return all;
  }
  // What bash offers for these words, the last one unfinished.
  void Bash(const std::string& words, int at) {
    ASSERT_EQ(Call({"/usr/bin/env", "bash", "-c", "source <(" + Program() + " completion bash); COMP_WORDS=(" + words + "); COMP_CWORD=" +
                                      std::to_string(at) + "; _starling; printf '%s\\n' \"${COMPREPLY[@]}\""},
                   {}),
              0)
        << output_;
  }
};

TEST_F(ShellCompletion, BashOffersCommandsAndTheirOptions) {
  Bash("starling sta", 1);
  EXPECT_EQ(Words(), (std::set<std::string>{"status"}));
  Bash("starling ''", 1);
  for (const char* name : {"status", "top", "vehicles", "vehicle", "conflicts", "cells", "commands", "explain", "tail",
                           "doctor", "plan", "audit", "completion", "man"}) {
    EXPECT_THAT(Words(), Contains(name));
  }
  Bash("starling explain --re", 2);
  EXPECT_THAT(Words(), Contains("--region"));
  Bash("starling plan p", 2);
  EXPECT_EQ(Words(), (std::set<std::string>{"push"}));
}

TEST_F(ShellCompletion, ZshAndFishTakeTheirScripts) {
  ASSERT_EQ(Call({Program()}, {"completion", "zsh"}), 0);
  Write("_starling", output_);
  EXPECT_EQ(Call({"/usr/bin/env", "zsh", "-f", "-n", Path("_starling")}, {}), 0) << output_;
  EXPECT_EQ(Call({"/usr/bin/env", "zsh", "-f", "-c",
                  "_describe() { print -l -- ${(P)2}; print -l -- ${(P)3}; }; compdef() { :; }; source " + Path("_starling") +
                      "; words=(starling pl); CURRENT=2; _starling"},
                 {}),
            0);
  EXPECT_THAT(output_, HasSubstr("doctor:"));
  ASSERT_EQ(Call({Program()}, {"completion", "fish"}), 0);
  Write("starling.fish", output_);
  EXPECT_EQ(Call({"/usr/bin/env", "fish", "--no-config", "-c", "source " + Path("starling.fish") + "; complete -C 'starling sta'"}, {}), 0);
  EXPECT_THAT(output_, HasSubstr("status"));
  EXPECT_THAT(output_, Not(HasSubstr("doctor")));
  EXPECT_EQ(Call({"/usr/bin/env", "fish", "--no-config", "-c", "source " + Path("starling.fish") + "; complete -C 'starling plan pu'"}, {}), 0);
  EXPECT_THAT(output_, HasSubstr("push"));
}

TEST_F(ShellCompletion, ThereIsAPageForEachCommandAndManFormatsIt) {
  ASSERT_EQ(Call({Program()}, {"man", "--out", Path("man1")}), 0) << output_;
  for (const char* name : {"starling", "starling-explain", "starling-status", "starling-plan-push", "starling-commands-stop"}) {
    EXPECT_FALSE(Text("man1/" + std::string(name) + ".1").empty()) << name;
  }
  // groff's warnings go to standard error, which is in output_.
  ASSERT_EQ(Call({"/usr/bin/env", "sh", "-c", "groff -man -Tascii -ww -z " + Path("man1") + "/*.1"}, {}), 0) << output_;
  EXPECT_EQ(output_, "");
  ASSERT_EQ(Call({"/usr/bin/env", "sh", "-c", "groff -man -Tascii -P-c -P-b -P-u " + Path("man1/starling-explain.1")}, {}), 0);
  ASSERT_EQ(Call({Program()}, {"explain", "--help"}), 0);
  EXPECT_THAT(output_, HasSubstr("--records-max"));
  EXPECT_EQ(Call({Program()}, {"man", "nothing"}), 2);
}

}  // namespace
}  // namespace starling
