#include "cloud/store/state_format.h"

#include <array>
#include <vector>

#include "cloud/store/byte_order.h"
#include "common/crc32c.h"

namespace starling::cloud {
namespace {

void Append(std::span<const std::byte> bytes, std::string* text) {
  text->append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

std::uint32_t StateCrc(std::string_view key, std::span<const std::byte> content) {
  std::string covered(key);
  Append(content, &covered);
  return Crc32c(std::as_bytes(std::span(covered)));
}

}  // namespace

std::string StatePrefix(Topic topic, Partition partition) {
  const auto number = static_cast<std::uint32_t>(partition);
  std::string prefix(1, static_cast<char>(topic));
  for (int shift = 24; shift >= 0; shift -= 8) prefix.push_back(static_cast<char>(number >> shift));
  return prefix;
}

std::string StateOffsetKey(Topic topic, Partition partition) {
  return StatePrefix(topic, partition) + kStateKindOffsetRecord;
}

std::string StateEntryKey(Topic topic, Partition partition, std::span<const std::byte> key) {
  std::string whole = StatePrefix(topic, partition) + kStateKindEntry;
  Append(key, &whole);
  return whole;
}

std::string StateValue(std::string_view key, std::span<const std::byte> content) {
  std::array<std::byte, kStateCrcBytes> crc;
  StoreLittleEndian(StateCrc(key, content), crc.data());
  std::string value;
  value.reserve(kStateCrcBytes + content.size());
  Append(crc, &value);
  Append(content, &value);
  return value;
}

std::optional<std::span<const std::byte>> StateContent(std::string_view key, std::string_view stored) {
  const auto bytes = std::as_bytes(std::span(stored.data(), stored.size()));
  if (bytes.size() < kStateCrcBytes) return std::nullopt;
  const auto content = bytes.subspan(kStateCrcBytes);
  if (LoadLittleEndian<std::uint32_t>(bytes.data()) != StateCrc(key, content)) return std::nullopt;
  return content;
}

}  // namespace starling::cloud
