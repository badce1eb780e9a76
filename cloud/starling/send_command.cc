// send: an operator's command to one vehicle, by the orchestrator's HTTP port.

#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "cloud/console/access_tokens.h"
#include "cloud/starling/http_get.h"
#include "cloud/starling/subcommand.h"
#include "common/ids.h"

namespace starling::cloud {
namespace {

namespace json = boost::json;

constexpr milliseconds kLookAgain{200};
// A vehicle that is there has said by now what became of it.
constexpr seconds kStatusGrace{10};

struct Arguments {
  HttpServer server;
  std::string vehicle;
  std::optional<double> speed_mps;
  bool brake = false;
  bool release = false;
  std::optional<double> decel_mps2;
  double for_s = 4;
  std::string reason;
  std::string request_id;
  bool yes = false;
  bool no_wait = false;
  bool json = false;
};

std::string Number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%g", value);
  return text.data();
}

std::string WhatOf(const Arguments& arguments) {
  const std::string vehicle = arguments.vehicle;
  if (arguments.release) return vehicle + ": end what operators asked of it";
  const std::string at = arguments.decel_mps2 ? " at " + Number(*arguments.decel_mps2) + " m/s2" : "";
  const std::string lease = ", for " + Number(arguments.for_s) + " s";
  if (arguments.brake) return vehicle + ": brake to a stand" + at + lease;
  return vehicle + ": no faster than " + Number(*arguments.speed_mps) + " m/s" + at + lease;
}

// True: whoever sits there agrees, or has said so beforehand.
Result<bool> Agreed(const Arguments& arguments) {
  if (arguments.yes) return true;
  if (::isatty(STDIN_FILENO) == 0) {
    return Status(ErrorCode::kInvalidArgument, "nobody is here to be asked; --yes says that it is meant");
  }
  std::fprintf(stderr, "%s (%s)\nsend it? [y/N] ", WhatOf(arguments).c_str(), arguments.reason.c_str());
  std::string line;
  std::getline(std::cin, line);
  return line == "y" || line == "Y" || line == "yes";
}

std::string TextOf(const json::object& document, const char* name) {
  const json::value* const value = document.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

// What became of it, as one line.
std::string EndOf(const json::object& document) {
  const std::string stage = TextOf(document, "stage");
  if (stage == "closed") {
    const std::string reject = TextOf(document, "reject_reason");
    return "the vehicle says: " + TextOf(document, "outcome") + (reject.empty() ? "" : " (" + reject + ")");
  }
  if (stage == "withheld") {
    return "NOT sent: commands are " +
           std::string(TextOf(document, "withheld_by") == "stop" ? "stopped" : "in shadow") +
           "; `starling commands status` says by whom";
  }
  if (stage == "refused") return "NOT sent: " + TextOf(document, "refused_because");
  return "";
}

int Run(const Arguments& arguments) {
  if (const Result<VehicleId> parsed = VehicleId::Parse(arguments.vehicle); !parsed.ok()) return Misuse(parsed.status());
  const int kinds = (arguments.speed_mps ? 1 : 0) + (arguments.brake ? 1 : 0) + (arguments.release ? 1 : 0);
  if (kinds != 1) return Misuse({ErrorCode::kInvalidArgument, "give one of --speed, --brake and --release"});
  const Result<bool> agreed = Agreed(arguments);
  if (!agreed.ok()) return Misuse(agreed.status());
  if (!agreed.value()) return Fail({ErrorCode::kInvalidArgument, "not sent"});

  json::object request;
  request["vehicle"] = arguments.vehicle;
  request["kind"] = arguments.brake ? "brake" : arguments.release ? "release" : "speed_limit";
  if (arguments.speed_mps) request["speed_mps"] = *arguments.speed_mps;
  if (arguments.decel_mps2) request["decel_mps2"] = *arguments.decel_mps2;
  request["for_s"] = arguments.for_s;
  request["reason"] = arguments.reason;
  std::string request_id = arguments.request_id;
  if (request_id.empty()) {
    Result<std::string> random = RandomText(12);
    if (!random.ok()) return Fail(random.status());
    request_id = std::move(random).value();
  }
  request["request_id"] = request_id;
  const std::string body = json::serialize(request);

  // Asked again with the same id it says how far it has come, and sends nothing.
  const auto deadline = std::chrono::steady_clock::now() + kStatusGrace +
                        std::chrono::duration_cast<milliseconds>(std::chrono::duration<double>(arguments.for_s));
  bool told = false;
  Status last;
  for (;;) {
    const Result<HttpAnswer> answer = HttpRequest(arguments.server, "POST", "/v1/commands", body);
    if (!answer.ok() && answer.status().code() != ErrorCode::kUnavailable) return Fail(answer.status());
    if (!answer.ok()) {
      last = answer.status();
      // It may have arrived all the same.
    } else if (answer.value().status == 200 || answer.value().status == 202) {
      boost::system::error_code failure;
      const json::value document = json::parse(answer.value().body, failure);
      if (failure || !document.is_object()) {
        return Fail({ErrorCode::kCorruption, "what answers at " + arguments.server.address + " is no orchestrator"});
      }
      const std::string end = EndOf(document.as_object());
      if (!told && !arguments.json) {
        std::printf("command %s to %s, request %s\n", TextOf(document.as_object(), "command_id").c_str(),
                    arguments.vehicle.c_str(), request_id.c_str());
        (void)std::fflush(stdout);
      }
      told = true;
      if (!end.empty() || arguments.no_wait) {
        if (arguments.json) std::printf("%s\n", answer.value().body.c_str());
        if (!arguments.json && !end.empty()) std::printf("%s\n", end.c_str());
        const bool applied = TextOf(document.as_object(), "outcome") == "Applied";
        return applied || end.empty() ? 0 : kExitFailed;
      }
    } else if (answer.value().status == 503 || answer.value().status == 429) {
      last = {ErrorCode::kUnavailable, WhyRefused(answer.value())};
    } else {
      const Status refused(ErrorCode::kInvalidArgument, arguments.server.address + " refuses: " + WhyRefused(answer.value()));
      return answer.value().status == 400 ? Misuse(refused) : Fail(refused);
    }
    if (std::chrono::steady_clock::now() >= deadline) break;
    std::this_thread::sleep_for(kLookAgain);
  }
  if (!told) return Fail(last);
  return Fail({ErrorCode::kUnavailable, arguments.vehicle + " has not said what became of it; the same again with --request-id " +
                                            request_id + " asks once more, and sends nothing twice"});
}

}  // namespace

void AddSendCommand(CLI::App* program, std::vector<Subcommand>* commands) {
  const auto arguments = std::make_shared<Arguments>();
  Arguments* const a = arguments.get();
  CLI::App* const send = program->add_subcommand("send", "Command one vehicle, and wait for what it says");
  send->add_option("VEHICLE", a->vehicle, "its name")->required();
  send->add_option("--speed", a->speed_mps, "drive no faster than so many m/s");
  send->add_flag("--brake", a->brake, "brake to a stand");
  send->add_flag("--release", a->release, "end what operators asked of it before");
  send->add_option("--decel", a->decel_mps2, "m/s2 [1.5 for --speed, at most 3; 3.5 for --brake, at most 8]");
  send->add_option("--for", a->for_s, "seconds; then it ends by itself, at most 8")->capture_default_str();
  send->add_option("--reason", a->reason, "why, for the audit trail")->required();
  send->add_option("--request-id", a->request_id, "of an earlier try: it is not sent twice");
  send->add_flag("--yes", a->yes, "do not ask");
  send->add_flag("--no-wait", a->no_wait, "do not wait for what the vehicle says");
  send->add_flag("--json", a->json, "the answer as it came");
  AddHttpOptions(send, &a->server);
  commands->push_back({send, [arguments] { return Run(*arguments); }});
}

}  // namespace starling::cloud
