#include "edge/source/json_cursor.h"

#include <charconv>
#include <cmath>
#include <system_error>

namespace starling::edge {
namespace {

bool IsDigit(char character) { return character >= '0' && character <= '9'; }

}  // namespace

void JsonCursor::SkipSpace() {
  while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r' ||
                                text_[at_] == '\n')) {
    ++at_;
  }
}

Status JsonCursor::Wrong(const std::string& what) const {
  return Status(ErrorCode::kInvalidArgument, "column " + std::to_string(at_ + 1) + ": " + what);
}

bool JsonCursor::Take(char wanted) {
  SkipSpace();
  if (at_ == text_.size() || text_[at_] != wanted) return false;
  ++at_;
  return true;
}

Status JsonCursor::Expect(char wanted) {
  if (Take(wanted)) return Status();
  return Wrong(std::string("expected '") + wanted + (at_ == text_.size() ? "', the line ends" : "'"));
}

Result<std::string_view> JsonCursor::String() {
  if (!Take('"')) return Wrong("expected a string");
  const std::size_t start = at_;
  for (; at_ < text_.size(); ++at_) {
    const char character = text_[at_];
    if (character == '"') return text_.substr(start, at_++ - start);
    if (character == '\\') return Wrong("escapes are not allowed in strings");
    if (static_cast<unsigned char>(character) < 0x20) return Wrong("control character in a string");
  }
  return Wrong("string without an end");
}

Result<std::string_view> JsonCursor::NumberText() {
  SkipSpace();
  const std::size_t start = at_;
  const auto digits = [this] {
    const std::size_t first = at_;
    while (at_ < text_.size() && IsDigit(text_[at_])) ++at_;
    return at_ - first;
  };
  const auto next_is = [this](char one, char other) {
    return at_ < text_.size() && (text_[at_] == one || text_[at_] == other);
  };
  if (next_is('-', '-')) ++at_;
  const bool leading_zero = next_is('0', '0');
  const std::size_t whole = digits();
  if (whole == 0) return at_ = start, Wrong("expected a number");
  if (leading_zero && whole > 1) return at_ = start, Wrong("number with a leading zero");
  if (next_is('.', '.')) {
    ++at_;
    if (digits() == 0) return Wrong("expected digits after the decimal point");
  }
  if (next_is('e', 'E')) {
    ++at_;
    if (next_is('+', '-')) ++at_;
    if (digits() == 0) return Wrong("expected digits in the exponent");
  }
  return text_.substr(start, at_ - start);
}

Result<double> JsonCursor::Number() {
  const Result<std::string_view> text = NumberText();
  if (!text.ok()) return text.status();
  double value = 0;
  const char* const end = text.value().data() + text.value().size();
  const auto [stop, error] = std::from_chars(text.value().data(), end, value);
  if (error != std::errc() || stop != end || !std::isfinite(value)) {
    return Wrong("number is out of range");
  }
  return value;
}

Result<std::uint64_t> JsonCursor::Integer() {
  const Result<std::string_view> text = NumberText();
  if (!text.ok()) return text.status();
  std::uint64_t value = 0;
  const char* const end = text.value().data() + text.value().size();
  const auto [stop, error] = std::from_chars(text.value().data(), end, value);
  if (error != std::errc() || stop != end) return Wrong("expected a whole number of digits alone");
  return value;
}

Status JsonCursor::End() {
  SkipSpace();
  return at_ == text_.size() ? Status() : Wrong("something follows the object");
}

char JsonCursor::Next() {
  SkipSpace();
  return at_ == text_.size() ? '\0' : text_[at_];
}

bool JsonCursor::TakeWord(std::string_view word) {
  SkipSpace();
  if (text_.substr(at_, word.size()) != word) return false;
  at_ += word.size();
  return true;
}

Result<std::string_view> JsonCursor::RawString() {
  if (!Take('"')) return Wrong("expected a string");
  const std::size_t start = at_;
  for (; at_ < text_.size(); ++at_) {
    const char character = text_[at_];
    if (character == '"') return text_.substr(start, at_++ - start);
    if (character == '\\' && ++at_ == text_.size()) break;
    if (static_cast<unsigned char>(character) < 0x20) return Wrong("control character in a string");
  }
  return Wrong("string without an end");
}

Status JsonCursor::SkipMembers(char end, int depth_max) {
  if (Take(end)) return Status();
  do {
    if (end == '}') {
      if (const auto name = RawString(); !name.ok()) return name.status();
      if (Status status = Expect(':'); !status.ok()) return status;
    }
    if (Status status = SkipValue(depth_max); !status.ok()) return status;
  } while (Take(','));
  return Expect(end);
}

Status JsonCursor::SkipValue(int depth_max) {
  const char next = Next();
  if (next == '{' || next == '[') {
    if (depth_max == 0) return Wrong("nests too deep");
    ++at_;
    return SkipMembers(next == '{' ? '}' : ']', depth_max - 1);
  }
  if (next == '"') {
    const auto text = RawString();
    return text.ok() ? Status() : text.status();
  }
  if (TakeWord("true") || TakeWord("false") || TakeWord("null")) return Status();
  const auto number = NumberText();
  return number.ok() ? Status() : number.status();
}

void AppendJsonString(std::string_view text, std::string* json) {
  constexpr char kHex[] = "0123456789abcdef";
  *json += '"';
  for (const char character : text) {
    const auto code = static_cast<unsigned char>(character);
    if (character == '"' || character == '\\') {
      *json += '\\';
      *json += character;
    } else if (code < 0x20) {
      *json += "\\u00";
      *json += kHex[code >> 4];
      *json += kHex[code & 15];
    } else {
      *json += code < 0x7F ? character : '?';
    }
  }
  *json += '"';
}

}  // namespace starling::edge
