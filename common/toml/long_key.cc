#include "common/toml/long_key.h"

#include <algorithm>
#include <string>

namespace starling {
namespace {

// Where the text goes on after the one in quotes that begins at `at`.
std::size_t EndOfQuoted(std::string_view text, std::size_t at) {
  const char quote = text[at];
  const std::string three(3, quote);
  const bool long_one = text.substr(at, 3) == three;
  for (at += long_one ? 3 : 1; at < text.size(); ++at) {
    if (quote == '"' && text[at] == '\\') {
      ++at;
    } else if (!long_one && (text[at] == quote || text[at] == '\n')) {
      return at + 1;
    } else if (long_one && text.substr(at, 3) == three) {
      return std::min(text.find_first_not_of(quote, at), text.size());
    }
  }
  return text.size();
}

}  // namespace

std::optional<std::size_t> FindLongKey(std::string_view toml) {
  int dots = 0;
  for (std::size_t at = 0; at < toml.size();) {
    const char each = toml[at];
    if (each == '"' || each == '\'') {
      at = EndOfQuoted(toml, at);
      continue;
    }
    if (each == '#') {
      at = std::min(toml.find('\n', at), toml.size());
      continue;
    }
    if (each == '\n' || each == '=' || each == ',' || each == '{') dots = 0;
    if (each == '.' && ++dots == kTomlKeyPartsMax) return at;
    ++at;
  }
  return std::nullopt;
}

}  // namespace starling
