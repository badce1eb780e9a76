// status, top, vehicles, vehicle, conflicts, cells, commands, tail and doctor: what an orchestrator
// that runs says of itself and of its fleet.

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "cloud/starling/checks.h"
#include "cloud/starling/document.h"
#include "cloud/starling/operator_commands.h"
#include "cloud/starling/server.h"
#include "cloud/starling/views.h"
#include "common/ids.h"

namespace starling::cloud {
namespace {

namespace json = boost::json;

// Apart far enough that each vehicle has sent in between.
constexpr milliseconds kBetweenLooks{1'000};
constexpr std::size_t kPageVehicles = 500;
constexpr double kSilentS = 3;
constexpr std::size_t kPagesMax = 1'000;    // 500,000 vehicles; an answer that never ends is ended
constexpr milliseconds kTailPause{300};

struct LookArguments {
  ServerOptions server;
  bool json = false;
  std::string vehicle;
  std::string fleet;
  bool silent = false;
  std::size_t first = 0;
  std::size_t limit = 100;
  std::string kind;
  std::string end;
  std::optional<std::uint64_t> before;
  std::optional<std::uint32_t> region;
  std::string topic;
  std::optional<std::uint64_t> from;
  std::size_t last = 10;
  bool once = false;
  double interval_s = 1;
  std::size_t rounds = 0;
};

void Print(const std::string& text) { (void)std::fwrite(text.data(), 1, text.size(), stdout); }
void PrintDocument(const json::value& document) { Print(std::string(json::serialize(document)) + "\n"); }

int ShowStatus(const LookArguments& arguments) {
  const Result<Server> server = Server::Of(arguments.server);
  if (!server.ok()) return Misuse(server.status());
  const Looks looks = LookAt(server.value(), kBetweenLooks);
  const std::vector<Finding> findings = Judge(looks);
  Print(arguments.json ? StatusJson(looks, findings) : StatusText(looks, findings));
  return FirstWrong(findings) == nullptr ? 0 : kExitFailed;
}

int Doctor(const LookArguments& arguments) {
  const Result<Server> server = Server::Of(arguments.server);
  if (!server.ok()) return Misuse(server.status());
  const std::vector<Finding> findings = Judge(LookAt(server.value(), kBetweenLooks));
  Print(arguments.json ? FindingsJson(findings) : FindingsText(findings));
  return FirstWrong(findings) == nullptr ? 0 : kExitFailed;
}

// All vehicles that are asked for, however many pages it takes.
Result<json::array> ReadVehicles(const Server& server, const LookArguments& arguments, double* total) {
  const bool all = !arguments.fleet.empty() || arguments.silent;
  json::array chosen;
  std::size_t at = all ? 0 : arguments.first;
  std::size_t skipped = 0;
  for (std::size_t pages = 0; pages < kPagesMax && chosen.size() < arguments.limit; ++pages) {
    const std::size_t count = all ? kPageVehicles : std::min(kPageVehicles, arguments.limit - chosen.size());
    const Result<json::object> page =
        server.GetDocument(std::string("/v1/vehicles?first=") + std::to_string(at) + "&count=" + std::to_string(count));
    if (!page.ok()) return page.status();
    *total = NumberAt(page.value(), "total").value_or(0);
    const json::array& list = ArrayAt(page.value(), "vehicles");
    for (const json::value& each : list) {
      const json::object* const vehicle = each.if_object();
      if (vehicle == nullptr || chosen.size() == arguments.limit) continue;
      if (!TextAt(*vehicle, "name").starts_with(arguments.fleet)) continue;
      if (arguments.silent && NumberAt(*vehicle, "fix_age_s").value_or(1e9) <= kSilentS) continue;
      if (all && skipped < arguments.first) {
        ++skipped;
        continue;
      }
      chosen.push_back(each);
    }
    at += list.size();
    if (list.empty() || static_cast<double>(at) >= *total) break;
  }
  return chosen;
}

int Vehicles(const LookArguments& arguments) {
  const Result<Server> server = Server::Of(arguments.server);
  if (!server.ok()) return Misuse(server.status());
  double total = 0;
  Result<json::array> vehicles = ReadVehicles(server.value(), arguments, &total);
  if (!vehicles.ok()) return Fail(vehicles.status());
  if (arguments.json) {
    json::object document;
    document["total"] = total;
    document["vehicles"] = std::move(vehicles).value();
    PrintDocument(document);
    return 0;
  }
  const std::size_t shown = vehicles.value().size();
  if (shown > 0) Print(VehiclesText(vehicles.value()));
  Print(std::to_string(shown) + " shown of " + Fixed(total, 0) +
        (shown == arguments.limit ? std::string("; --first ") + std::to_string(arguments.first + shown) + " goes on\n" : "\n"));
  return 0;
}

std::string CommandsTarget(const LookArguments& arguments) {
  std::string target = std::string("/v1/commands?count=") + std::to_string(arguments.limit);
  if (!arguments.vehicle.empty()) target += "&vehicle=" + arguments.vehicle;
  if (!arguments.kind.empty()) target += "&kind=" + arguments.kind;
  if (!arguments.end.empty()) target += "&end=" + arguments.end;
  if (arguments.before) target += std::string("&before=") + std::to_string(*arguments.before);
  if (arguments.region) target += std::string("&region=") + std::to_string(*arguments.region);
  return target;
}

int Vehicle(const LookArguments& arguments) {
  const Result<VehicleId> name = VehicleId::Parse(arguments.vehicle);
  if (!name.ok()) return Misuse(name.status());
  const Result<Server> server = Server::Of(arguments.server);
  if (!server.ok()) return Misuse(server.status());
  const Result<HttpAnswer> answer = server.value().Get("/v1/vehicles/" + arguments.vehicle);
  if (!answer.ok()) return Fail(answer.status());
  if (answer.value().status == 404) {
    return Fail({ErrorCode::kUnavailable, arguments.vehicle + " is neither known, nor connected, nor in the log; on it "
                                                              "`starling-edge doctor` says what does not work"});
  }
  const Result<json::object> vehicle = server.value().GetDocument("/v1/vehicles/" + arguments.vehicle);
  if (!vehicle.ok()) return Fail(vehicle.status());
  // A process of gateways has none.
  const Result<json::object> commands = server.value().GetDocument(CommandsTarget(arguments));
  const json::array list = commands.ok() ? ArrayAt(commands.value(), "commands") : json::array();
  if (arguments.json) {
    json::object document = vehicle.value();
    document["commands"] = commands.ok() ? json::value(list) : json::value(nullptr);
    PrintDocument(document);
  } else {
    Print(VehicleText(vehicle.value(), list));
  }
  const bool streaming = NumberAt(vehicle.value(), "fix_age_s").value_or(1e9) <= kSilentS;
  return streaming ? 0 : kExitFailed;
}

// A document as it is, or made readable.
int Show(const LookArguments& arguments, const std::string& target,
         const std::function<std::string(const json::object&)>& view) {
  const Result<Server> server = Server::Of(arguments.server);
  if (!server.ok()) return Misuse(server.status());
  const Result<json::object> document = server.value().GetDocument(target);
  if (!document.ok()) return Fail(document.status());
  if (arguments.json) {
    PrintDocument(document.value());
  } else {
    Print(view(document.value()));
  }
  return 0;
}

int Commands(const LookArguments& arguments) {
  if (!arguments.vehicle.empty() && !VehicleId::Parse(arguments.vehicle).ok()) {
    return Misuse({ErrorCode::kInvalidArgument, std::string("--vehicle ") + Plain(arguments.vehicle) + " is not a vehicle's name"});
  }
  return Show(arguments, CommandsTarget(arguments), [](const json::object& document) {
    std::string text = CommandsText(ArrayAt(document, "commands"));
    if (const std::string next = TextAt(document, "next"); next != "-") text += "older ones: --before " + next + "\n";
    return text;
  });
}

std::string TopText(const Server& server, const Looks& looks) {
  std::string text = TimeText(ToNs(CloudNow())) + "\n" + StatusText(looks, Judge(looks));
  if (const Result<json::object> conflicts = server.GetDocument("/v1/conflicts"); conflicts.ok()) {
    text += "\n" + ConflictsText(conflicts.value());
  }
  if (looks.heatmap && looks.heatmap->ok()) text += "\n" + CellsText(looks.heatmap->value(), 5);
  if (const Result<json::object> commands = server.GetDocument("/v1/commands?count=8"); commands.ok()) {
    text += "\n" + CommandsText(ArrayAt(commands.value(), "commands"));
  }
  return text;
}

int Top(const LookArguments& arguments) {
  const Result<Server> server = Server::Of(arguments.server);
  if (!server.ok()) return Misuse(server.status());
  const bool terminal = ::isatty(STDOUT_FILENO) != 0;
  const auto interval = std::chrono::duration_cast<nanoseconds>(std::chrono::duration<double>(arguments.interval_s));
  for (std::size_t round = 0; arguments.rounds == 0 || round < arguments.rounds; ++round) {
    const Looks looks = LookAt(server.value(), interval);
    if (!looks.health->ok()) {
      if (!terminal || arguments.rounds != 0) return Fail(looks.health->status());
      std::this_thread::sleep_for(interval);
    }
    if (arguments.json) {
      Print(StatusJson(looks, Judge(looks)));
    } else {
      // Home, the text, and whatever is left of the former one below it goes.
      const std::string text = TopText(server.value(), looks);
      std::string screen;
      for (const char each : text) screen += terminal && each == '\n' ? std::string("\x1b[K\n") : std::string(1, each);
      Print(terminal ? "\x1b[H" + screen + "\x1b[J" : screen + "\n");
    }
    if (std::fflush(stdout) != 0) return 0;  // Whoever read it has gone.
  }
  return 0;
}

int Tail(const LookArguments& arguments) {
  const Result<Server> server = Server::Of(arguments.server);
  if (!server.ok()) return Misuse(server.status());
  if (arguments.topic.find_first_not_of("abcdefghijklmnopqrstuvwxyz-") != std::string::npos) {
    return Misuse({ErrorCode::kInvalidArgument, Plain(arguments.topic) + " is no topic: they are telemetry, history, commands, "
                                                "heatmap, conflicts, dead-letter, ownership, vehicle-state, dispatch, progress"});
  }
  std::string base = "/v1/topics/" + arguments.topic + "?";
  if (arguments.region) base += std::string("region=") + std::to_string(*arguments.region) + "&";
  std::string target = base + (arguments.from ? std::string("from=") + std::to_string(*arguments.from) + "&count=1000"
                                              : std::string("count=") + std::to_string(std::min<std::size_t>(arguments.last, 1'000)));
  for (;;) {
    const Result<json::object> document = server.value().GetDocument(target);
    if (!document.ok()) return Fail(document.status());
    for (const json::value& record : ArrayAt(document.value(), "records")) PrintDocument(record);
    if (std::fflush(stdout) != 0) return 0;
    const std::optional<std::int64_t> next = WholeAt(document.value(), "next");
    const std::optional<std::int64_t> end = WholeAt(document.value(), "end");
    if (!next || !end || *next < 0) {
      return Fail({ErrorCode::kCorruption, "the answer has no next: it is not what docs/formats/http.md says"});
    }
    const bool behind = *next < *end;
    // Without --from the last ones are all that is wanted of what there is.
    if (arguments.once && (!behind || !arguments.from)) return 0;
    target = base + "from=" + std::to_string(*next) + "&count=1000";
    if (!behind) std::this_thread::sleep_for(kTailPause);
  }
}

}  // namespace

void AddLookCommands(CLI::App* program, std::vector<Subcommand>* commands) {
  const auto add = [&](const char* name, const char* help, const char* examples,
                       int (*run)(const LookArguments&)) -> std::pair<CLI::App*, LookArguments*> {
    CLI::App* command = nullptr;
    for (CLI::App* const known : program->get_subcommands([](CLI::App*) { return true; })) {
      if (known->get_name() == name) command = known;  // "commands" has others beneath it.
    }
    if (command == nullptr) command = program->add_subcommand(name, help);
    command->description(help);
    command->footer(examples);
    const auto arguments = std::make_shared<LookArguments>();
    AddServerOptions(command, &arguments->server);
    command->add_flag("--json", arguments->json, "as JSON, for programs");
    commands->push_back({command, [arguments, run] { return run(*arguments); }});
    return {command, arguments.get()};
  };

  add("status", "Is everything well: the first thing that is wrong, and what to do", R"(
Examples:
  starling status                                  exit code 1 if anything is wrong
  starling status --server http://10.0.0.5:7480
  STARLING_SERVER=http://cloud:7480 starling status --json | jq .first_wrong)",
      ShowStatus);

  const auto [top, top_of] = add("top", "The same, again and again, with what happens", R"(
Examples:
  starling top
  starling top --interval 5
  starling top --rounds 1 > now.txt                plain text where it is not a terminal)",
                                 Top);
  top->add_option("--interval", top_of->interval_s, "seconds between two looks")
      ->check(CLI::Range(0.2, 3'600.0))
      ->capture_default_str();
  top->add_option("--rounds", top_of->rounds, "looks after which it ends; 0: never")->capture_default_str();

  const auto [vehicles, vehicles_of] = add("vehicles", "The vehicles that the shard knows", R"(
Examples:
  starling vehicles
  starling vehicles --fleet taxi- --limit 1000
  starling vehicles --silent                       those that have sent nothing for 3 s
  starling vehicles --first 100                    the second hundred)",
                                           Vehicles);
  vehicles->add_option("--fleet", vehicles_of->fleet, "only those whose names begin with this");
  vehicles->add_flag("--silent", vehicles_of->silent, "only those that have sent nothing for 3 s");
  vehicles->add_option("--first", vehicles_of->first, "how many to leave out")->capture_default_str();
  vehicles->add_option("--limit", vehicles_of->limit, "how many to show")->check(CLI::Range(1, 500'000))->capture_default_str();

  const auto [vehicle, vehicle_of] = add("vehicle", "One vehicle: is it streaming? Its link, plan and commands", R"(
Examples:
  starling vehicle veh-00001                       exit code 1 if it is not streaming
  starling vehicle veh-00001 --json)",
                                         Vehicle);
  vehicle->add_option("name", vehicle_of->vehicle, "its name")->required();
  vehicle_of->limit = 10;
  vehicle->add_option("--limit", vehicle_of->limit, "of its commands, how many")->check(CLI::Range(1, 500))->capture_default_str();

  add("conflicts", "The conflicts that are open now", R"(
Examples:
  starling conflicts
  starling conflicts --json | jq '.conflicts[].ttc_s')",
      [](const LookArguments& arguments) { return Show(arguments, "/v1/conflicts", ConflictsText); });

  const auto [cells, cells_of] = add("cells", "The cells that have vehicles, the most congested first", R"(
Examples:
  starling cells
  starling cells --limit 5)",
                                     [](const LookArguments& arguments) {
                                       return Show(arguments, "/v1/heatmap", [&](const json::object& document) {
                                         return CellsText(document, arguments.limit);
                                       });
                                     });
  cells_of->limit = 20;
  cells->add_option("--limit", cells_of->limit, "how many to show")->check(CLI::Range(1, 100'000))->capture_default_str();

  const auto [list, list_of] = add("commands", "The commands of late, the newest first; or stop what is sent", R"(
Examples:
  starling commands
  starling commands --vehicle veh-00001 --kind avoidance
  starling commands --end rejected                 open, applied, superseded, expired, rejected, unknown, shadow, stopped
  starling explain $(starling commands --json | jq -r '.commands[0].id')
  starling commands stop --data data --reason "false brakes at the harbour")",
                                   Commands);
  list->add_option("--vehicle", list_of->vehicle, "only those to this one");
  list->add_option("--kind", list_of->kind, "only these")->check(CLI::IsMember({"avoidance", "speed_advice", "release"}));
  list->add_option("--end", list_of->end, "only those that ended so")
      ->check(CLI::IsMember({"open", "applied", "superseded", "expired", "rejected", "unknown", "shadow", "stopped"}));
  list_of->limit = 20;
  list->add_option("--limit", list_of->limit, "how many to show")->check(CLI::Range(1, 500))->capture_default_str();
  list->add_option("--before", list_of->before, "only those whose records are before this offset: the next page");
  list->add_option("--region", list_of->region, "whose; without it the server's first one");

  const auto [tail, tail_of] = add("tail", "Follow a topic of the log, a JSON line for each record", R"(
Examples:
  starling tail conflicts
  starling tail commands --from 0 --once           all that the log holds
  starling tail dead-letter | jq -r '.value.verdict'
Topics: telemetry, history, commands, heatmap, conflicts, dead-letter, ownership, vehicle-state, dispatch, progress.)",
                                   Tail);
  tail->add_option("topic", tail_of->topic, "its name")->required();
  tail->add_option("--from", tail_of->from, "the first offset wanted; without it the last few records");
  tail->add_option("--last", tail_of->last, "of what is there, how many")->check(CLI::Range(0, 1'000))->capture_default_str();
  tail->add_flag("--once", tail_of->once, "end where the topic ends now");
  tail->add_option("--region", tail_of->region, "whose; without it the server's first one");

  add("doctor", "Each step from here to the vehicles; the first that fails, and what to do", R"(
Examples:
  starling doctor                                  exit code 1 if any step is wrong
  starling doctor --server http://10.0.0.5:7480 --json)",
      Doctor);
}

}  // namespace starling::cloud
