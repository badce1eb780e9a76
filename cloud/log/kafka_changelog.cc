#include "cloud/log/kafka_changelog.h"

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace starling::cloud {
namespace {

// Sorts before every entry's key.
constexpr std::string_view kOffsetKey("\0next", 5);
constexpr std::uint64_t kFormat = 1;

std::span<const std::byte> BytesOf(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

std::string_view TextOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Format and offset, each eight bytes, little-endian.
std::array<std::byte, 16> EncodeMarker(Offset next) {
  std::array<std::byte, 16> bytes{};
  for (std::size_t i = 0; i < 8; ++i) {
    bytes[i] = static_cast<std::byte>(kFormat >> (8 * i));
    bytes[8 + i] = static_cast<std::byte>(static_cast<std::uint64_t>(next) >> (8 * i));
  }
  return bytes;
}

std::uint64_t LoadWord(std::span<const std::byte> bytes) {
  std::uint64_t word = 0;
  for (std::size_t i = 8; i-- > 0;) word = word << 8 | static_cast<std::uint64_t>(bytes[i]);
  return word;
}

}  // namespace

Status KafkaChangelog::Append(RegionWriter* writer, std::span<const StateChange> changes, Offset next) {
  for (const StateChange& change : changes) {
    if (change.key.empty() || change.key[0] == std::byte{0} || (change.value.has_value() && change.value->empty())) {
      return {ErrorCode::kInvalidArgument, "changelog: an entry with an empty value or a reserved key"};
    }
  }
  for (const StateChange& change : changes) {
    const auto value = change.value.value_or(std::span<const std::byte>());
    if (Status status = writer->Append(Topic::kVehicleState, change.key, value); !status.ok()) return status;
  }
  return writer->Append(Topic::kVehicleState, BytesOf(kOffsetKey), EncodeMarker(next));
}

Result<std::optional<Offset>> KafkaChangelog::Load(Partition partition, const StateStore::Visitor& visit) const {
  std::map<std::string, std::string, std::less<>> entries;
  std::optional<Offset> next;
  bool whole = true;
  Status damage;
  const Status read = log_->Read(Topic::kVehicleState, partition, Offset{0}, [&](const LogRecord& record) {
    const std::string_view key = TextOf(record.key);
    if (key == kOffsetKey) {
      if (record.value.size() != 16 || LoadWord(record.value) != kFormat) {
        damage = {ErrorCode::kCorruption, PartitionName(Topic::kVehicleState, partition) + ": the offset in record " +
                                              std::to_string(static_cast<std::uint64_t>(record.offset)) +
                                              " is of another format"};
        return false;
      }
      next = Offset{LoadWord(record.value.subspan(8))};
      whole = true;
      return true;
    }
    whole = false;
    if (record.value.empty()) {
      if (const auto found = entries.find(key); found != entries.end()) entries.erase(found);
    } else {
      entries.insert_or_assign(std::string(key), std::string(TextOf(record.value)));
    }
    return true;
  });
  if (!read.ok()) return read;
  if (!damage.ok()) return damage;
  if (!next.has_value()) return std::optional<Offset>();
  if (!whole) {
    log_->Report(PartitionName(Topic::kVehicleState, partition) +
                 ": its last writer died within a checkpoint; the state is not used");
    return std::optional<Offset>();
  }
  for (const auto& [key, value] : entries) {
    if (Status status = visit(BytesOf(key), BytesOf(value)); !status.ok()) return status;
  }
  return next;
}

}  // namespace starling::cloud
