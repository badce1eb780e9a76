// plan check, push, status and results: what vehicles are to collect, which have it, and what came of it.

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "cloud/gateway/plan_folder.h"
#include "cloud/log/stored_log.h"
#include "cloud/starling/http_get.h"
#include "cloud/starling/plan_results.h"
#include "cloud/starling/plan_status.h"
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

constexpr const char* kStatusExamples = R"(
Examples:
  starling plan status --data data
  starling plan status --data data --http 127.0.0.1:7480        and what each vehicle says, with its reason
  starling plan status --data data --json | jq '.vehicles[] | select(.state == "behind") | .vehicle'

Without --http it goes by the newest history batch that the log holds of each vehicle, and "behind" may also be a
vehicle that waits for the start, has seen the end, refused, is off, or is in another region than --region.
States: in_force, waiting (its start is to come), ended, refused, behind (it has another plan, or none), unwanted
(nothing is wanted on it).

Exit codes: 0 it is shown, 1 something cannot be read (the reason is on standard error), 2 wrong usage.)";

struct Arguments {
  std::string file;
  std::string data;
  std::string plans;
  std::string vehicle;
  std::string key_file;
  std::string http;
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

Status OpenKeys(const Arguments& arguments, StoreEncryption* encryption) {
  if (arguments.key_file.empty()) return Status();
  Result<std::shared_ptr<KeyRing>> keys = KeyRing::Open(arguments.key_file);
  if (!keys.ok()) return keys.status();
  encryption->keys = std::move(keys).value();
  return Status();
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
  if (Status status = OpenKeys(arguments, &encryption); !status.ok()) return Misuse(status);
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

// What vehicles say, of the orchestrator that runs.
Status Ask(const Arguments& arguments, const std::optional<VehicleId>& only, PlanStatus* plans) {
  constexpr std::uint64_t kPage = 500;
  const auto unexpected = [&](const std::string& target, int status) {
    return Status(ErrorCode::kUnavailable,
                  "http://" + arguments.http + target + " answers with status " + std::to_string(status));
  };
  std::uint64_t total = only ? 0 : 1;
  for (std::uint64_t first = 0; first < total;) {
    const Result<HttpAnswer> page = HttpGet(
        arguments.http, "/v1/vehicles?first=" + std::to_string(first) + "&count=" + std::to_string(kPage));
    if (!page.ok()) return page.status();
    if (page.value().status != 200) return unexpected("/v1/vehicles", page.value().status);
    std::uint64_t on_page = 0;
    const Result<std::uint64_t> count = plans->TakePage(page.value().body, &on_page);
    if (!count.ok()) return count.status();
    if (on_page == 0) break;
    total = count.value();
    first += on_page;
  }
  const std::vector<VehicleId> all = only ? std::vector{*only} : plans->vehicles();
  for (const VehicleId& vehicle : all) {
    const Result<HttpAnswer> answer = HttpGet(arguments.http, "/v1/vehicles/" + vehicle.ToString());
    if (!answer.ok()) return answer.status();
    if (answer.value().status == 404) continue;  // It is wanted on a vehicle that never came.
    if (answer.value().status != 200) {
      return unexpected("/v1/vehicles/" + vehicle.ToString(), answer.value().status);
    }
    if (Status status = plans->TakeVehicle(vehicle, answer.value().body); !status.ok()) return status;
  }
  return Status();
}

int ShowStatus(const Arguments& arguments) {
  std::optional<VehicleId> only;
  if (!arguments.vehicle.empty()) {
    const Result<VehicleId> parsed = VehicleId::Parse(arguments.vehicle);
    if (!parsed.ok()) return Misuse(parsed.status());
    only = parsed.value();
  }
  StoreEncryption encryption;
  if (Status status = OpenKeys(arguments, &encryption); !status.ok()) return Misuse(status);
  const std::string folder = arguments.plans.empty() ? arguments.data + "/plans" : arguments.plans;
  std::vector<std::string> warnings;
  PlanStatus plans(ReadPlanFolder(folder, &warnings));
  // A plan that cannot be read may be the one that is wanted.
  if (!warnings.empty()) return Fail({ErrorCode::kCorruption, warnings.front()});
  Status taken;
  const Status read = ReadStoredLog(arguments.data, Topic::kHistory, Partition{arguments.region}, encryption,
                                    [&](const LogRecord& record) {
                                      taken = plans.TakeBatch(record.value);
                                      return taken.ok();
                                    });
  if (!read.ok()) return Fail(read);
  if (!taken.ok()) return Fail(taken);
  if (!arguments.http.empty()) {
    if (Status status = Ask(arguments, only, &plans); !status.ok()) {
      return status.code() == ErrorCode::kInvalidArgument ? Misuse(status) : Fail(status);
    }
  }
  const std::vector<VehicleId> known = plans.vehicles();
  if (only && std::ranges::find(known, *only) == known.end()) {
    return Fail({ErrorCode::kInvalidArgument, "no vehicle " + only->ToString() + " is known: it has no history in region " +
                                                  std::to_string(arguments.region) + " and no plan of its own" +
                                                  (arguments.http.empty() ? "" : ", and the orchestrator has not met it")});
  }
  std::fputs(arguments.json ? (plans.Json(folder, only) + "\n").c_str() : plans.Table(folder, only).c_str(), stdout);
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

  CLI::App* const push = plan->add_subcommand("push", "Have a plan be wanted on vehicles");
  push->footer(kPushExamples);
  push->add_option("FILE", a->file, "a plan: docs/formats/plan.md")->required();
  push->add_option("--data", a->data, "starling-cloud's folder; it may be running");
  push->add_option("--plans", a->plans, "the folder that is gateway.plans in its --config, instead");
  push->add_option("--vehicle", a->vehicle, "the name of the one that it is for");
  push->add_flag("--all", a->all, "it is for all");
  commands->push_back({push, [arguments] { return Push(*arguments); }});

  CLI::App* const status =
      plan->add_subcommand("status", "Which vehicles have the plan that is wanted on them, and which are behind");
  status->footer(kStatusExamples);
  status->add_option("--data", a->data, "starling-cloud's folder; it may be running, nothing is changed")->required();
  status->add_option("--http", a->http, "HOST:PORT of its pages: also what vehicles say, and why they refuse");
  status->add_option("--plans", a->plans, "the folder that is gateway.plans in its --config [DATA/plans]");
  status->add_option("--key-file", a->key_file, "the keys of that folder, where it is encrypted");
  status->add_option("--region", a->region, "whose history [0]");
  status->add_option("--vehicle", a->vehicle, "this one [all]");
  status->add_flag("--json", a->json, "as one JSON object");
  commands->push_back({status, [arguments] { return ShowStatus(*arguments); }});

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
