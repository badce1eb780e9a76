#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "common/check.h"

namespace starling {

// What a caller can do about a failure; one value per distinct reaction.
enum class ErrorCode : std::uint8_t {
  kInvalidArgument,  // The caller's input is wrong; do not retry.
  kCorruption,       // Stored or received bytes are not what was written.
  kExhausted,        // A stated limit was reached; shed load or wait.
  kUnavailable,      // A peer or device is away; retry with backoff.
  kIoError,          // The operating system refused; see the message.
  kFenced,           // Another owner has taken over; stop acting, stand by.
};

// The outcome of an operation that returns no value.
class [[nodiscard]] Status {
 public:
  Status() = default;  // Success.
  Status(ErrorCode code, std::string message)
      : failure_(std::in_place_index<1>, code, std::move(message)) {}

  bool ok() const { return failure_.index() == 0; }

  // REQUIRES: !ok()
  ErrorCode code() const { return std::get<1>(failure_).first; }
  std::string_view message() const { return std::get<1>(failure_).second; }

 private:
  std::variant<std::monostate, std::pair<ErrorCode, std::string>> failure_;
};

// Either a T or the reason why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : outcome_(std::move(value)) {}
  Result(Status failure) : outcome_(std::move(failure)) {
    STARLING_CHECK(!std::get<Status>(outcome_).ok());
  }

  bool ok() const { return std::holds_alternative<T>(outcome_); }

  // REQUIRES: ok()
  const T& value() const& { return std::get<T>(outcome_); }
  T& value() & { return std::get<T>(outcome_); }
  T&& value() && { return std::get<T>(std::move(outcome_)); }

  // REQUIRES: !ok()
  const Status& status() const { return std::get<Status>(outcome_); }

 private:
  std::variant<T, Status> outcome_;
};

}  // namespace starling
