#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/status.h"

namespace starling::edge {

// Reads one JSON text from front to back, as the caller's grammar expects it.
// Nothing is allocated and nothing nests, so no input costs more than its length.
//
// Strings may not contain escapes: no name or value of ours needs one, and two
// spellings of a key would be two keys.
//
// Source: RFC 8259.  We deviate in the strings and in taking numbers only within
// the range of a double.
//
// Threading: thread-compatible.
class JsonCursor {
 public:
  explicit JsonCursor(std::string_view text) : text_(text) {}

  // Skips white space; true if `wanted` comes next, which is then taken.
  bool Take(char wanted);

  // Errors (all methods): kInvalidArgument, naming the column and what is wrong.
  Status Expect(char wanted);
  Result<std::string_view> String();
  Result<double> Number();            // finite
  Result<std::uint64_t> Integer();    // digits alone: no sign, fraction or exponent
  Status End();                       // nothing but white space follows

 private:
  void SkipSpace();
  // The characters of a number, checked against the grammar.
  Result<std::string_view> NumberText();
  Status Wrong(const std::string& what) const;

  std::string_view text_;
  std::size_t at_ = 0;
};

// `text` as a JSON string, with quotes and escapes; what is not ASCII becomes "?".
void AppendJsonString(std::string_view text, std::string* json);

}  // namespace starling::edge
