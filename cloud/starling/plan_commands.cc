// plan check, plan push and plan results: what vehicles are to collect, on which, and what came of it.

#include <cstdio>
#include <memory>
#include <string>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "cloud/gateway/plan_folder.h"
#include "cloud/log/stored_log.h"
#include "cloud/starling/plan_results.h"
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

constexpr const char* kPushExamples = R"(
Examples:
  starling plan push brakes.toml --data data --all
  starling plan push brakes.toml --data data --vehicle veh-00001
  curl -s http://127.0.0.1:7480/v1/vehicles/veh-00001 | jq .plan     what the vehicle says of it

starling-cloud looks at its folder every half second, and sends the plan to the vehicles that are connected, and to the
others when they come.  A version that is not newer than what is there is refused: nothing is rolled back.  To take a
plan off, push one without sections.

Exit codes: 0 the plan is wanted now, 1 it is not (the reason is on standard error), 2 wrong usage.)";

struct Arguments {
  std::string file;
  std::string data;
  std::string plans;
  std::string vehicle;
  std::string key_file;
  std::uint32_t region = 0;
  bool all = false;
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

// The plan, or what the program exits with.
std::optional<CompiledPlan> Read(const Arguments& arguments, int* code) {
  const Result<std::string> text = ReadTextFile(arguments.file, kPlanTextBytesMax);
  if (!text.ok()) {
    *code = Fail(text.status());
    return std::nullopt;
  }
  PlanMistake mistake;
  std::optional<CompiledPlan> compiled = ParsePlan(text.value(), &mistake);
  if (compiled) return compiled;
  if (arguments.json) Print(MistakeJson(arguments.file, mistake));
  *code = Fail({ErrorCode::kInvalidArgument, mistake.ToText(arguments.file)});
  return std::nullopt;
}

int Push(const Arguments& arguments) {
  if (arguments.data.empty() == arguments.plans.empty()) {
    return Misuse({ErrorCode::kInvalidArgument, "name one of --data and --plans"});
  }
  if (arguments.all != arguments.vehicle.empty()) {
    return Misuse({ErrorCode::kInvalidArgument, "name one of --all and --vehicle"});
  }
  std::optional<VehicleId> vehicle;
  if (!arguments.all) {
    const Result<VehicleId> parsed = VehicleId::Parse(arguments.vehicle);
    if (!parsed.ok()) return Misuse(parsed.status());
    vehicle = parsed.value();
  }
  int code = 0;
  const std::optional<CompiledPlan> compiled = Read(arguments, &code);
  if (!compiled) return code;
  const std::string folder = arguments.plans.empty() ? arguments.data + "/plans" : arguments.plans;
  if (Status status = PushPlan(folder, *compiled, vehicle); !status.ok()) return Fail(status);
  Print(compiled->plan.name + " version " + std::to_string(compiled->plan.version) + ", hash " + ToHex(compiled->hash) +
        ", is wanted on " + (vehicle ? vehicle->ToString() : "all vehicles"));
  return 0;
}

int Check(const Arguments& arguments) {
  int code = 0;
  const std::optional<CompiledPlan> compiled = Read(arguments, &code);
  if (!compiled) return code;
  if (arguments.json) {
    Print(CheckedJson(*compiled));
    return 0;
  }
  Print(PlanSummary(compiled->plan) + "; " + std::to_string(compiled->bytes.size()) + " bytes, hash " +
        ToHex(compiled->hash));
  return 0;
}

// What is kept under the same folder as the log's records.
int Results(const Arguments& arguments) {
  std::optional<VehicleId> vehicle;
  if (!arguments.vehicle.empty()) {
    const Result<VehicleId> parsed = VehicleId::Parse(arguments.vehicle);
    if (!parsed.ok()) return Misuse(parsed.status());
    vehicle = parsed.value();
  }
  StoreEncryption encryption;
  if (!arguments.key_file.empty()) {
    Result<std::shared_ptr<KeyRing>> keys = KeyRing::Open(arguments.key_file);
    if (!keys.ok()) return Misuse(keys.status());
    encryption.keys = std::move(keys).value();
  }
  const std::string plans = arguments.plans.empty() ? arguments.data + "/plans" : arguments.plans;
  Status described;
  const Status read = ReadStoredLog(arguments.data, Topic::kHistory, Partition{arguments.region}, encryption,
                                    [&](const LogRecord& record) {
                                      described = DescribePlanResults(record.value, plans, vehicle, Print);
                                      return described.ok();
                                    });
  if (!read.ok()) return Fail(read);
  return described.ok() ? 0 : Fail(described);
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

  CLI::App* const push = plan->add_subcommand("push", "Have a plan be wanted on vehicles");
  push->footer(kPushExamples);
  push->add_option("FILE", a->file, "a plan: docs/formats/plan.md")->required();
  push->add_option("--data", a->data, "starling-cloud's folder; it may be running");
  push->add_option("--plans", a->plans, "the folder that is gateway.plans in its --config, instead");
  push->add_option("--vehicle", a->vehicle, "the name of the one that it is for");
  push->add_flag("--all", a->all, "it is for all");
  commands->push_back({push, [arguments] { return Push(*arguments); }});

  CLI::App* const results =
      plan->add_subcommand("results", "The windows and captures that vehicles have sent, a JSON line each");
  results->add_option("--data", a->data, "starling-cloud's folder; it may be running, nothing is changed")->required();
  results->add_option("--plans", a->plans, "the folder that is gateway.plans in its --config [DATA/plans]");
  results->add_option("--key-file", a->key_file, "the keys of that folder, where it is encrypted");
  results->add_option("--region", a->region, "whose history [0]");
  results->add_option("--vehicle", a->vehicle, "of this one [all]");
  commands->push_back({results, [arguments] { return Results(*arguments); }});
}

}  // namespace starling::cloud
