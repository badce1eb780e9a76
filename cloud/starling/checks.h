// Whether everything is well: each step of the chain from this machine to the vehicles.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "cloud/starling/http_get.h"
#include "cloud/starling/server.h"
#include "common/status.h"
#include "common/time.h"

namespace starling::cloud {

struct Finding {
  enum class Verdict : std::uint8_t { kWell, kWrong, kUnknown };
  std::string step;                      // "address", "certificates", ...
  Verdict verdict = Verdict::kWell;
  std::string what;
  std::string advice;                    // what to do, if it is not well
};

// What was asked of an orchestrator, twice, a moment apart: what grows tells more than what is.
struct Looks {
  std::string address;                   // http[s]://HOST:PORT
  // Each with the status that it had; an error: nobody answered.
  std::optional<Result<HttpAnswer>> health;
  std::optional<Result<HttpAnswer>> ready;
  std::optional<Result<boost::json::object>> before;    // /v1/stats
  std::optional<Result<boost::json::object>> after;
  std::optional<Result<boost::json::object>> heatmap;
  std::optional<Result<boost::json::object>> vehicles;  // the first page
  CloudTime asked{};                     // this machine's clock when `vehicles` was asked for
  double between_s = 0;                  // from `before` to `after`
};

// Asks, and stops where nobody answers.
Looks LookAt(const Server& server, nanoseconds between);

// In the order of the chain; a step that cannot be judged because an earlier one is wrong is unknown.
std::vector<Finding> Judge(const Looks& looks);

// The first that is wrong; null: none.
const Finding* FirstWrong(const std::vector<Finding>& findings);

std::string FindingsText(const std::vector<Finding>& findings);
std::string FindingsJson(const std::vector<Finding>& findings);
// One screen: whether it is well, the first that is wrong, and the figures that matter.
std::string StatusText(const Looks& looks, const std::vector<Finding>& findings);
std::string StatusJson(const Looks& looks, const std::vector<Finding>& findings);

}  // namespace starling::cloud
