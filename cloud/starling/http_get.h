#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <string>

#include "common/status.h"
#include "common/time.h"

namespace starling::cloud {

// Where the orchestrator's HTTP port is, and what lets this program in there.
struct HttpServer {
  std::string address = "127.0.0.1:7480";  // HOST:PORT, or https://HOST:PORT
  std::string token_file;                  // its first line; empty: none
  std::string token;                       // instead of the file
  std::string ca;                          // PEM: who may have signed the server's certificate; empty: the system's
  std::string certificate;                 // PEM: a client's, with its key
  std::string key;

  // What the environment says: STARLING_SERVER, STARLING_TOKEN or STARLING_TOKEN_FILE, STARLING_CA,
  // STARLING_CERT and STARLING_KEY.
  static HttpServer FromEnvironment();
};

// --server, --token-file, --ca, --cert and --key over what the environment says.  `server` must live
// as long as the command.
void AddHttpOptions(CLI::App* command, HttpServer* server);

struct HttpAnswer {
  int status = 0;
  std::string body;
};

// `method` `target` on a connection of its own; `body` is JSON, and empty for GET.  What the
// network takes longer than `patience` for, in each step, is given up.  The server's certificate
// has to be of the name or address that was asked for.
//
// Errors: kInvalidArgument if the address is not HOST:PORT, or a file cannot be used; kUnavailable
//         if nobody answers, or whoever does cannot show who it is; kCorruption if what answers is
//         not HTTP; kExhausted above 16 MiB.
Result<HttpAnswer> HttpRequest(const HttpServer& server, const std::string& method, const std::string& target,
                               const std::string& body = "", milliseconds patience = milliseconds(5'000));

// GET `target` of the orchestrator's console at `address`, with what the environment says of tokens
// and certificates.  Errors: as HttpRequest.
Result<HttpAnswer> HttpGet(const std::string& address, const std::string& target,
                           milliseconds patience = milliseconds(5'000));

// Why an answer is none of 2xx: the server's own words, if it has any.
std::string WhyRefused(const HttpAnswer& answer);

}  // namespace starling::cloud
