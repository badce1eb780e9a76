// The orchestrator that a command asks.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <boost/json/object.hpp>

#include "cloud/starling/http_get.h"
#include "common/status.h"
#include "common/time.h"

namespace starling::cloud {

struct ServerOptions {
  HttpServer http;
  unsigned timeout_s = 5;
};

// The options of AddHttpOptions, and --timeout.  `options` must live as long as the command.
void AddServerOptions(CLI::App* command, ServerOptions* options);

// "http[s]://HOST[:PORT][/]" or HOST:PORT, as HOST:PORT.
// Errors: kInvalidArgument, saying what was expected.
Result<std::string> AddressOf(std::string_view url);

// Threading: thread-compatible.
class Server {
 public:
  // Errors: those of AddressOf.
  static Result<Server> Of(const ServerOptions& options);

  const std::string& address() const { return address_; }
  // "http://" or "https://" and the address.
  const std::string& root() const { return server_.address; }

  // Whatever its status is.  Errors: those of HttpRequest, with what to do.
  Result<HttpAnswer> Get(const std::string& target) const;

  // The document of a 200.
  // Errors: as Get; kUnavailable with the reason that a 4xx or 5xx gives; kCorruption if it is no
  //         JSON object.
  Result<boost::json::object> GetDocument(const std::string& target) const;

  // GetDocument, again while the answer is 202: it is being worked on.
  // Errors: as GetDocument; kUnavailable after `patience`.
  Result<boost::json::object> AwaitDocument(const std::string& target, seconds patience) const;

 private:
  Server(HttpServer server, std::string address, milliseconds patience)
      : server_(std::move(server)), address_(std::move(address)), patience_(patience) {}
  Result<boost::json::object> Read(const std::string& target, const HttpAnswer& answer) const;

  HttpServer server_;
  std::string address_;
  milliseconds patience_;
};

}  // namespace starling::cloud
