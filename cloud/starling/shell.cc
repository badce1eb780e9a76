#include "cloud/starling/shell.h"

#include <algorithm>
#include <cctype>
#include <functional>
#include <utility>

namespace starling::cloud {
namespace {

struct Word {
  std::string text;
  std::string help;
};

std::vector<const CLI::App*> ChildrenOf(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* child) { return !child->get_name().empty(); });
}

std::vector<const CLI::Option*> OptionsOf(const CLI::App& app) {
  return app.get_options([](const CLI::Option*) { return true; });
}

// Each command with the words that lead to it, the program first.
void Walk(const CLI::App& app, const std::string& path,
          const std::function<void(const std::string& path, const CLI::App& app)>& visit) {
  visit(path, app);
  for (const CLI::App* child : ChildrenOf(app)) Walk(*child, path + " " + child->get_name(), visit);
}

std::vector<Word> WordsOf(const CLI::App& app) {
  std::vector<Word> words;
  for (const CLI::App* child : ChildrenOf(app)) words.push_back({child->get_name(), child->get_description()});
  for (const CLI::Option* option : OptionsOf(app)) {
    for (const std::string& name : option->get_lnames()) words.push_back({"--" + name, option->get_description()});
  }
  return words;
}

// Between single quotes, for bash and zsh.
std::string Quoted(std::string_view text) {
  std::string quoted = "'";
  for (const char each : text) {
    if (each == '\'') quoted += "'\\'";
    quoted += each;
  }
  quoted += '\'';
  return quoted;
}

// Between single quotes, for fish.
std::string FishQuoted(std::string_view text) {
  std::string quoted = "'";
  for (const char each : text) {
    if (each == '\'' || each == '\\') quoted += '\\';
    quoted += each;
  }
  quoted += '\'';
  return quoted;
}

std::string Bash(const CLI::App& program) {
  std::string words;
  std::string paths;
  Walk(program, program.get_name(), [&](const std::string& path, const CLI::App& app) {
    std::string of;
    for (const Word& word : WordsOf(app)) of.append(of.empty() ? "" : " ").append(word.text);
    words += std::string("    ") + Quoted(path) + ") words=" + Quoted(of) + " ;;\n";
    if (&app != &program) paths.append(paths.empty() ? "" : "|").append(Quoted(path));
  });
  return "# bash completion of starling: put it into /etc/bash_completion.d, or: source <(starling completion bash)\n"
         "_starling() {\n"
         "  local path=starling words= i\n"
         "  for ((i = 1; i < COMP_CWORD; ++i)); do\n"
         "    case \"$path ${COMP_WORDS[i]}\" in\n"
         "    " + paths + ") path=\"$path ${COMP_WORDS[i]}\" ;;\n"
         "    esac\n"
         "  done\n"
         "  case \"$path\" in\n" + words + "  esac\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
         "}\n"
         "complete -o default -F _starling starling\n";
}

std::string Zsh(const CLI::App& program) {
  std::string words;
  std::string paths;
  Walk(program, program.get_name(), [&](const std::string& path, const CLI::App& app) {
    words += std::string("    ") + Quoted(path) + ") words=(";
    for (const Word& word : WordsOf(app)) {
      std::string name = word.text;
      // A colon parts the word from its help.
      for (std::size_t at = 0; (at = name.find(':', at)) != std::string::npos; at += 2) name.insert(at, 1, '\\');
      words += Quoted(name + ":" + word.help) + " ";
    }
    words += ") ;;\n";
    if (&app != &program) paths.append(paths.empty() ? "" : "|").append(Quoted(path));
  });
  return "#compdef starling\n"
         "# zsh completion of starling: put it as _starling into a folder of $fpath\n"
         "_starling() {\n"
         "  local at=starling i\n"
         "  local -a words_here=(\"${words[@]}\") words\n"
         "  for ((i = 2; i < CURRENT; ++i)); do\n"
         "    case \"$at ${words_here[i]}\" in\n"
         "    " + paths + ") at=\"$at ${words_here[i]}\" ;;\n"
         "    esac\n"
         "  done\n"
         "  case \"$at\" in\n" + words + "  esac\n"
         "  _describe -o starling words || _files\n"
         "}\n"
         "if [ \"$funcstack[1]\" = _starling ]; then _starling \"$@\"; else compdef _starling starling; fi\n";
}

std::string Fish(const CLI::App& program) {
  std::string lines;
  std::string paths;
  Walk(program, program.get_name(), [&](const std::string& path, const CLI::App& app) {
    if (&app != &program) paths.append(" ").append(FishQuoted(path));
    const std::string at = std::string("complete -c starling -n \"__starling_at ") + FishQuoted(path) + "\"";
    for (const CLI::App* child : ChildrenOf(app)) {
      lines += at + " -f -a " + FishQuoted(child->get_name()) + " -d " + FishQuoted(child->get_description()) + "\n";
    }
    for (const CLI::Option* option : OptionsOf(app)) {
      for (const std::string& name : option->get_lnames()) {
        lines += at + " -l " + name + (option->get_type_size() != 0 ? " -r" : "") + " -d " +
                 FishQuoted(option->get_description()) + "\n";
      }
    }
  });
  return "# fish completion of starling: put it into ~/.config/fish/completions/starling.fish\n"
         "function __starling_at\n"
         "  set -l at starling\n"
         "  for word in (commandline -opc)[2..-1]\n"
         "    if contains -- \"$at $word\"" + paths + "\n"
         "      set at \"$at $word\"\n"
         "    end\n"
         "  end\n"
         "  test \"$at\" = \"$argv[1]\"\n"
         "end\n" + lines;
}

// Text that troff takes for no request and no escape.
std::string Troff(std::string_view text) {
  std::string safe;
  bool begins = true;                    // a line
  for (const char each : text) {
    if (begins && (each == '.' || each == '\'')) safe += "\\&";
    if (each == '\\') safe += "\\e";
    if (each == '-') safe += "\\-";
    if (each != '\\' && each != '-') safe += each;
    begins = each == '\n';
  }
  return safe;
}

std::string Upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char each) { return static_cast<char>(std::toupper(each)); });
  return text;
}

std::string Title(const CLI::Option& option) {
  std::string title;
  for (const std::string& name : option.get_snames()) title.append(title.empty() ? "-" : ", -").append(name);
  for (const std::string& name : option.get_lnames()) title.append(title.empty() ? "--" : ", --").append(name);
  if (title.empty()) return Upper(option.get_name(true));
  const std::string type = option.get_type_name();
  if (option.get_type_size() != 0) title.append(" ").append(type.empty() ? "VALUE" : type);
  return title;
}

std::string Page(const std::string& path, const CLI::App& app) {
  std::string name = path;
  std::replace(name.begin(), name.end(), ' ', '-');
  std::string text = std::string(".TH ") + Upper(name) + " 1 \"\" Starling \"Starling's operator program\"\n";
  text += std::string(".SH NAME\n") + Troff(name) + " \\- " + Troff(app.get_description()) + "\n";
  text += std::string(".SH SYNOPSIS\n.B ") + Troff(path) + "\n";
  const std::vector<const CLI::App*> children = ChildrenOf(app);
  const std::vector<const CLI::Option*> options = OptionsOf(app);
  if (!options.empty()) text += "[\\fIoptions\\fR]\n";
  for (const CLI::Option* option : options) {
    if (option->get_positional()) {
      text += (option->get_required() ? "\\fI" : "[\\fI") + Troff(Upper(option->get_name(true))) +
              (option->get_required() ? "\\fR\n" : "\\fR]\n");
    }
  }
  if (!children.empty()) text += app.get_require_subcommand_min() > 0 ? "\\fIcommand\\fR\n" : "[\\fIcommand\\fR]\n";
  if (!children.empty()) {
    text += ".SH COMMANDS\n";
    for (const CLI::App* child : children) {
      text += std::string(".TP\n.B ") + Troff(path + " " + child->get_name()) + "\n" + Troff(child->get_description()) + "\n";
    }
  }
  if (!options.empty()) {
    text += ".SH OPTIONS\n";
    for (const CLI::Option* option : options) {
      text += std::string(".TP\n.B ") + Troff(Title(*option)) + "\n" + Troff(option->get_description());
      if (!option->get_default_str().empty()) text += std::string(" (without it: ") + Troff(option->get_default_str()) + ")";
      text += "\n";
    }
  }
  std::string footer = app.get_footer();
  footer.erase(0, footer.find_first_not_of('\n'));
  if (footer.starts_with("Examples:\n")) footer.erase(0, std::string_view("Examples:\n").size());
  if (!footer.empty()) text += std::string(".SH EXAMPLES\n.nf\n") + Troff(footer) + "\n.fi\n";
  text += ".SH EXIT STATUS\n0 done, 1 failed (the reason is on standard error), 2 wrong usage.\n";
  if (path != "starling") text += ".SH SEE ALSO\n.BR starling (1)\n";
  return text;
}

}  // namespace

Result<std::string> CompletionScript(const CLI::App& program, std::string_view shell) {
  if (shell == "bash") return Bash(program);
  if (shell == "zsh") return Zsh(program);
  if (shell == "fish") return Fish(program);
  return Status(ErrorCode::kInvalidArgument, "there is completion for bash, zsh and fish");
}

std::vector<ManualPage> ManualPages(const CLI::App& program) {
  std::vector<ManualPage> pages;
  Walk(program, program.get_name(), [&](const std::string& path, const CLI::App& app) {
    std::string name = path;
    std::replace(name.begin(), name.end(), ' ', '-');
    pages.push_back({std::move(name), Page(path, app)});
  });
  return pages;
}

}  // namespace starling::cloud
