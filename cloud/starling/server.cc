#include "cloud/starling/server.h"

#include <chrono>
#include <thread>
#include <utility>

#include <boost/json/parse.hpp>

#include "cloud/starling/document.h"

namespace starling::cloud {
namespace {

namespace json = boost::json;

constexpr std::string_view kPort = ":7480";
constexpr int kWorking = 202;
constexpr milliseconds kLookAgain{20};

// What a 4xx or 5xx says; a page of something else is cut short.
std::string ReasonOf(const HttpAnswer& answer) {
  json::error_code failure;
  const json::value document = json::parse(answer.body, failure);
  if (!failure && document.is_object()) {
    if (const std::string error = TextAt(document.get_object(), "error"); error != "-") return error;
  }
  return Plain(answer.body.substr(0, answer.body.find('\n')).substr(0, 200));
}

}  // namespace

void AddServerOptions(CLI::App* command, ServerOptions* options) {
  AddHttpOptions(command, &options->http);
  command->add_option("--timeout", options->timeout_s, "seconds after which an answer is given up")
      ->check(CLI::Range(1, 3'600))
      ->capture_default_str();
}

Result<std::string> AddressOf(std::string_view url) {
  const Status wrong(ErrorCode::kInvalidArgument,
                     std::string("--server ") + Plain(std::string(url)) + ": expected http://HOST:PORT, as in http://127.0.0.1:7480");
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (url.starts_with(scheme)) url.remove_prefix(scheme.size());
  }
  if (url.ends_with('/')) url.remove_suffix(1);
  if (url.empty() || url.find_first_of("/?# \r\n\t@") != std::string_view::npos) return wrong;
  const std::size_t colon = url.rfind(':');
  const std::size_t bracket = url.rfind(']');
  const bool has_port = colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  std::string address(url);
  if (!has_port) address += kPort;
  return address;
}

Result<Server> Server::Of(const ServerOptions& options) {
  Result<std::string> address = AddressOf(options.http.address);
  if (!address.ok()) return address.status();
  HttpServer server = options.http;
  server.address = (server.address.starts_with("https://") ? "https://" : "http://") + address.value();
  return Server(std::move(server), std::move(address).value(), seconds(options.timeout_s));
}

Result<HttpAnswer> Server::Get(const std::string& target) const {
  Result<HttpAnswer> answer = HttpRequest(server_, "GET", target, "", patience_);
  if (answer.ok() || answer.status().code() != ErrorCode::kUnavailable) return answer;
  return Status(ErrorCode::kUnavailable, std::string(answer.status().message()) +
                                             "; --server or STARLING_SERVER names the orchestrator's HTTP address, and "
                                             "`starling doctor` says what is in between");
}

Result<json::object> Server::Read(const std::string& target, const HttpAnswer& answer) const {
  if (answer.status == 401 || answer.status == 403) {
    return Status(ErrorCode::kUnavailable, root() + target + ": " + std::to_string(answer.status) + ", " +
                                               ReasonOf(answer) + "; --token-file or STARLING_TOKEN says who asks (`starling tokens create`)");
  }
  if (answer.status != 200) {
    return Status(ErrorCode::kUnavailable,
                  root() + target + ": " + std::to_string(answer.status) + ", " + ReasonOf(answer));
  }
  json::error_code failure;
  json::value document = json::parse(answer.body, failure);
  if (failure || !document.is_object()) {
    return Status(ErrorCode::kCorruption,
                  root() + target + " is not what docs/formats/http.md says: no JSON object");
  }
  return std::move(document.get_object());
}

Result<json::object> Server::GetDocument(const std::string& target) const {
  const Result<HttpAnswer> answer = Get(target);
  if (!answer.ok()) return answer.status();
  return Read(target, answer.value());
}

Result<json::object> Server::AwaitDocument(const std::string& target, seconds patience) const {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    const Result<HttpAnswer> answer = Get(target);
    if (!answer.ok()) return answer.status();
    if (answer.value().status != kWorking) return Read(target, answer.value());
    if (std::chrono::steady_clock::now() > deadline) {
      return Status(ErrorCode::kUnavailable, root() + target + ": still at work after " +
                                                 std::to_string(patience.count()) + " s; ask again, or with --wait");
    }
    std::this_thread::sleep_for(kLookAgain);
  }
}

}  // namespace starling::cloud
