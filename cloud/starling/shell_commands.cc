// completion and man.

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <system_error>

#include "cloud/starling/operator_commands.h"
#include "cloud/starling/shell.h"

namespace starling::cloud {
namespace {

void Print(const std::string& text) { (void)std::fwrite(text.data(), 1, text.size(), stdout); }

int Complete(const CLI::App& program, const std::string& shell) {
  const Result<std::string> script = CompletionScript(program, shell);
  if (!script.ok()) return Misuse(script.status());
  Print(script.value());
  return 0;
}

int Manual(const CLI::App& program, const std::vector<std::string>& words, const std::string& folder) {
  const std::vector<ManualPage> pages = ManualPages(program);
  if (folder.empty()) {
    std::string wanted = "starling";
    for (const std::string& word : words) wanted += "-" + word;
    for (const ManualPage& page : pages) {
      if (page.name != wanted) continue;
      Print(page.text);
      return 0;
    }
    return Misuse({ErrorCode::kInvalidArgument, wanted + " has no page; `starling --help` lists the commands"});
  }
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  for (const ManualPage& page : pages) {
    const std::string path = folder + "/" + page.name + ".1";
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << page.text;
    file.close();
    if (!file) return Fail({ErrorCode::kIoError, path + " cannot be written"});
  }
  Print(std::to_string(pages.size()) + " pages in " + folder + "\n");
  return 0;
}

}  // namespace

void AddShellCommands(CLI::App* program, std::vector<Subcommand>* commands) {
  CLI::App* const completion = program->add_subcommand("completion", "Completion for a shell");
  completion->footer(R"(
Examples:
  source <(starling completion bash)
  starling completion zsh > ~/.zfunc/_starling
  starling completion fish > ~/.config/fish/completions/starling.fish)");
  const auto shell = std::make_shared<std::string>();
  completion->add_option("shell", *shell, "bash, zsh or fish")->required();
  commands->push_back({completion, [program, shell] { return Complete(*program, *shell); }});

  CLI::App* const manual = program->add_subcommand("man", "Manual pages, of the program and of each command");
  manual->footer(R"(
Examples:
  starling man explain | man -l -
  starling man --out /usr/local/share/man/man1)");
  struct Arguments {
    std::vector<std::string> words;
    std::string folder;
  };
  const auto arguments = std::make_shared<Arguments>();
  manual->add_option("command", arguments->words, "whose page, to standard output; without it the program's");
  manual->add_option("--out", arguments->folder, "write all of them into this folder");
  commands->push_back(
      {manual, [program, arguments] { return Manual(*program, arguments->words, arguments->folder); }});
}

}  // namespace starling::cloud
