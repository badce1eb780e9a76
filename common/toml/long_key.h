#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace starling {

// A key of many parts is as many tables within each other, and what destroys them calls itself
// for each: a text with a longer one than this is not parsed.
inline constexpr int kTomlKeyPartsMax = 9;

// Where the first key with more parts than that has the dot too many; nullopt if there is none.
std::optional<std::size_t> FindLongKey(std::string_view toml);

}  // namespace starling
