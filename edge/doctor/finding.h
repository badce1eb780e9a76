#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace starling::edge {

enum class Verdict : std::uint8_t {
  kOk,
  kWarning,                              // it works, with less than could be had
  kFailed,
  kSkipped,                              // another step has to work first, or there is nothing to look at
};

// What one step of an examination found.
struct Finding {
  std::string step;                      // "source", "dns", ...
  Verdict verdict = Verdict::kOk;
  std::string detail;                    // what is so, for a person
  std::string remedy;                    // what to do about it; empty where all is well
};

inline Finding Fine(std::string step, std::string detail) {
  return {std::move(step), Verdict::kOk, std::move(detail), {}};
}
inline Finding Skipped(std::string step, std::string why) {
  return {std::move(step), Verdict::kSkipped, std::move(why), {}};
}
inline Finding Warning(std::string step, std::string detail, std::string remedy) {
  return {std::move(step), Verdict::kWarning, std::move(detail), std::move(remedy)};
}
inline Finding Failed(std::string step, std::string detail, std::string remedy) {
  return {std::move(step), Verdict::kFailed, std::move(detail), std::move(remedy)};
}

}  // namespace starling::edge
