#include "cloud/shard/changelog.h"

#include <array>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "cloud/log/group_format.h"

namespace starling::cloud {
namespace {

constexpr std::array<std::byte, 2> kBegin{std::byte{0xff}, std::byte{'b'}};
constexpr std::array<std::byte, 2> kNext{std::byte{0xff}, std::byte{'n'}};
constexpr std::array<std::byte, 1> kPresent{std::byte{1}};

bool Equal(std::span<const std::byte> key, const std::array<std::byte, 2>& other) {
  return key.size() == other.size() && std::memcmp(key.data(), other.data(), other.size()) == 0;
}

std::string TextOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Status AppendChangelog(const Checkpointer::Changelog& changelog, RegionWriter* writer) {
  if (changelog.whole) {
    if (Status status = writer->Append(Topic::kVehicleState, kBegin, kPresent); !status.ok()) return status;
  }
  for (std::size_t i = 0; i < changelog.changes.size(); ++i) {
    const SavedState::Entry entry = changelog.changes[i];
    Status status = writer->Append(Topic::kVehicleState, entry.key,
                                   entry.value.value_or(std::span<const std::byte>()));
    if (!status.ok()) return status;
  }
  std::array<std::byte, sizeof(std::uint64_t)> next{};
  StoreLittleEndian(static_cast<std::uint64_t>(changelog.next), next.data());
  return writer->Append(Topic::kVehicleState, kNext, next);
}

Result<std::optional<Offset>> LoadChangelog(const Log& log, Partition partition,
                                            const StateStore::Visitor& visit) {
  // Compaction keeps the order of what it keeps, so reading in order is replaying.
  std::map<std::string, std::string> entries;
  std::map<std::string, std::string> pending;  // since the last complete point in time
  std::optional<Offset> next;
  bool readable = true;
  const Result<Log::Range> range = log.QueryRange(Topic::kVehicleState, partition);
  if (!range.ok()) return range.status();
  const Status status =
      log.Read(Topic::kVehicleState, partition, range.value().first, [&](const LogRecord& record) {
        if (Equal(record.key, kBegin)) {
          entries.clear();
          pending.clear();
          next.reset();
        } else if (Equal(record.key, kNext)) {
          readable = record.value.size() == sizeof(std::uint64_t);
          if (!readable) return false;
          for (auto& [key, value] : pending) {
            if (value.empty()) {
              entries.erase(key);
            } else {
              entries[key] = std::move(value);
            }
          }
          pending.clear();
          next = Offset{LoadLittleEndian<std::uint64_t>(record.value.data())};
        } else {
          pending[TextOf(record.key)] = TextOf(record.value);
        }
        return true;
      });
  if (!status.ok()) return status;
  if (!readable) return Status(ErrorCode::kCorruption, "topic vehicle-state holds no offset where one is due");
  if (!next) return std::optional<Offset>();
  for (const auto& [key, value] : entries) {
    Status visited = visit(std::as_bytes(std::span(key)), std::as_bytes(std::span(value)));
    if (!visited.ok()) return visited;
  }
  return next;
}

}  // namespace starling::cloud
