// The bytes of the state store, shared by what writes and what reads them.  The full
// description, with an example, is docs/formats/state_store.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cloud/log/log.h"

namespace starling::cloud {

inline constexpr std::string_view kStateFormat = "1";

// Sorts behind every partition's keys: no topic has this number.
inline constexpr std::string_view kStateFormatKey = "\xff" "format";

// Key: topic | partition, big-endian | kind | the entry's own key.  The offset sorts
// before the entries of its partition.
inline constexpr std::size_t kStatePrefixBytes = 5;
inline constexpr std::size_t kStateKindOffset = kStatePrefixBytes;
inline constexpr std::size_t kStateEntryKeyOffset = kStatePrefixBytes + 1;
inline constexpr char kStateKindOffsetRecord = 0;
inline constexpr char kStateKindEntry = 1;

// Value: crc32c of the whole key and of what follows, little-endian | the content.
inline constexpr std::size_t kStateCrcBytes = 4;

// Content of the offset record: the offset, little-endian.
inline constexpr std::size_t kStateOffsetBytes = 8;

inline constexpr std::size_t kStateKeyBytesMax = 1 << 10;
inline constexpr std::size_t kStateValueBytesMax = 4 << 20;

std::string StatePrefix(Topic topic, Partition partition);
std::string StateOffsetKey(Topic topic, Partition partition);
std::string StateEntryKey(Topic topic, Partition partition, std::span<const std::byte> key);

// What is stored under `key` for `content`.
std::string StateValue(std::string_view key, std::span<const std::byte> content);

// The content of a stored value; nullopt if it is not what was written under `key`.
std::optional<std::span<const std::byte>> StateContent(std::string_view key, std::string_view stored);

}  // namespace starling::cloud
