// plan check: whether what is wanted from vehicles can be had, before they are asked.

#include <cstdio>
#include <memory>
#include <string>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "cloud/starling/plan_text.h"
#include "cloud/starling/subcommand.h"
#include "cloud/streets/text_file.h"

namespace starling::cloud {
namespace {

namespace json = boost::json;

constexpr const char* kCheckExamples = R"(
Examples:
  starling plan check brakes.toml
  starling plan check brakes.toml --json | jq .hash

Exit codes: 0 the plan can be pushed, 1 it cannot (standard error has file, line, column and what was
expected there; with --json standard output has it too), 2 wrong usage.)";

struct Arguments {
  std::string file;
  bool json = false;
};

void Print(const std::string& line) { std::printf("%s\n", line.c_str()); }

std::string CheckedJson(const CompiledPlan& compiled) {
  const Plan& plan = compiled.plan;
  json::object document;
  document["ok"] = true;
  document["name"] = plan.name;
  // As text: readers that keep numbers as doubles would lose its last bits.
  document["version"] = std::to_string(plan.version);
  document["hash"] = ToHex(compiled.hash);
  document["bytes"] = compiled.bytes.size();
  document["signals"] = plan.signals.size();
  document["windows"] = plan.windows.size();
  document["geofences"] = plan.geofences.size();
  document["triggers"] = plan.triggers.size();
  return json::serialize(document);
}

std::string MistakeJson(const std::string& file, const PlanMistake& mistake) {
  json::object document;
  document["ok"] = false;
  document["file"] = file;
  document["line"] = mistake.line;
  document["column"] = mistake.column;
  document["error"] = mistake.why;
  return json::serialize(document);
}

int Check(const Arguments& arguments) {
  const Result<std::string> text = ReadTextFile(arguments.file, kPlanTextBytesMax);
  if (!text.ok()) return Fail(text.status());
  PlanMistake mistake;
  const std::optional<CompiledPlan> compiled = ParsePlan(text.value(), &mistake);
  if (!compiled) {
    if (arguments.json) Print(MistakeJson(arguments.file, mistake));
    return Fail({ErrorCode::kInvalidArgument, mistake.ToText(arguments.file)});
  }
  if (arguments.json) {
    Print(CheckedJson(*compiled));
    return 0;
  }
  Print(PlanSummary(compiled->plan) + "; " + std::to_string(compiled->bytes.size()) + " bytes, hash " +
        ToHex(compiled->hash));
  return 0;
}

}  // namespace

void AddPlanCommands(CLI::App* program, std::vector<Subcommand>* commands) {
  CLI::App* const plan = program->add_subcommand("plan", "What vehicles are to collect");
  plan->require_subcommand(1);
  const auto arguments = std::make_shared<Arguments>();
  Arguments* const a = arguments.get();

  CLI::App* const check = plan->add_subcommand("check", "Check a plan's text");
  check->footer(kCheckExamples);
  check->add_option("FILE", a->file, "a plan: docs/formats/plan.md")->required();
  check->add_flag("--json", a->json, "as JSON");
  commands->push_back({check, [arguments] { return Check(*arguments); }});
}

}  // namespace starling::cloud
