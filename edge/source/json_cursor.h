#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/status.h"

namespace starling::edge {

// Reads one JSON text from front to back, as the caller's grammar expects it.
// Nothing is allocated and only what is skipped nests, so deep as the caller says,
// so no input costs more than its length.
//
// Strings may not contain escapes: no name or value of ours needs one, and two
// spellings of a key would be two keys.  Others' strings may (RawString).
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

  // For texts of others, of which only a part is known.

  // What comes next after white space, not taken; 0 at the end.
  char Next();
  // True if this literal (true, false, null) comes next, which is then taken.
  bool TakeWord(std::string_view word);
  // A string as it is written: escapes are let by, not resolved.
  Result<std::string_view> RawString();
  // Any value.  Objects and arrays in it nest at most `depth_max` deep.
  Status SkipValue(int depth_max);

 private:
  Status SkipMembers(char end, int depth_max);
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
