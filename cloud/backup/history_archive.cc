#include "cloud/backup/history_archive.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "cloud/log/stored_log.h"
#include "common/crc32c.h"
#include "common/durable_file.h"

namespace starling::cloud {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMagic = "STHIST01";
constexpr std::string_view kFamily = "STHIST";
constexpr std::size_t kHeaderBytes = 36;  // magic, crc, partition, count, first, end - first
constexpr std::size_t kRecordBytes = 24;  // offset, time, lengths
constexpr std::size_t kFileBytesMax = 64 << 20;
constexpr std::uint64_t kBytesReadMax = std::uint64_t{1} << 30;

void Put(std::uint64_t value, std::size_t bytes, std::string* text) {
  for (std::size_t i = 0; i < bytes; ++i) *text += static_cast<char>(value >> (8 * i));
}

std::uint64_t NumberAt(std::span<const std::byte> bytes, std::size_t at, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value |= std::to_integer<std::uint64_t>(bytes[at + i]) << (8 * i);
  return value;
}

std::int64_t HourOf(CloudTime time) { return std::chrono::floor<std::chrono::hours>(time).time_since_epoch().count(); }

std::uint64_t Number(Offset offset) { return static_cast<std::uint64_t>(offset); }

// history-PARTITION-FIRST-END.archive, so that a listing says what there is.
std::string NameOf(Partition partition, Offset first, Offset end) {
  char name[96];
  std::snprintf(name, sizeof name, "history-%05u-%020llu-%020llu.archive", static_cast<unsigned>(partition),
                static_cast<unsigned long long>(first), static_cast<unsigned long long>(end));
  return name;
}

std::optional<ArchiveFile> ParseName(const fs::path& path) {
  const std::string name = path.filename().string();
  unsigned partition = 0;
  unsigned long long first = 0;
  unsigned long long end = 0;
  if (std::sscanf(name.c_str(), "history-%5u-%20llu-%20llu", &partition, &first, &end) != 3) return std::nullopt;
  ArchiveFile file{path.string(), Partition{partition}, Offset{first}, Offset{end}};
  if (NameOf(file.partition, file.first, file.end) != name || first >= end) return std::nullopt;
  return file;
}

// Records of one hour, until they are a file.
class Writer {
 public:
  Writer(std::string folder, Partition partition) : folder_(std::move(folder)), partition_(partition) {}

  Status Add(const LogRecord& record) {
    const std::size_t size = kRecordBytes + record.value.size() + record.key.size();
    const bool other_hour = count_ > 0 && HourOf(record.time) != hour_;
    if (other_hour || (count_ > 0 && body_.size() + size > kFileBytesMax)) {
      if (Status status = Finish(); !status.ok()) return status;
    }
    if (count_ == 0) first_ = record.offset;
    hour_ = HourOf(record.time);
    next_ = Offset{Number(record.offset) + 1};
    ++count_;
    Put(Number(record.offset), 8, &body_);
    Put(static_cast<std::uint64_t>(ToNs(record.time)), 8, &body_);
    Put(record.value.size(), 4, &body_);
    Put(record.key.size(), 4, &body_);
    body_.append(reinterpret_cast<const char*>(record.value.data()), record.value.size());
    body_.append(reinterpret_cast<const char*>(record.key.data()), record.key.size());
    return {};
  }

  Status Finish() {
    if (count_ == 0) return {};
    std::string rest;
    Put(static_cast<std::uint32_t>(partition_), 4, &rest);
    Put(count_, 4, &rest);
    Put(Number(first_), 8, &rest);
    Put(Number(next_), 8, &rest);
    rest += body_;
    std::string text(kMagic);
    Put(Crc32c(std::as_bytes(std::span(rest))), 4, &text);
    text += rest;
    const Status status = ReplaceFile(folder_ + "/" + NameOf(partition_, first_, next_), std::as_bytes(std::span(text)), 0640);
    if (!status.ok()) return status;
    ++outcome_.files;
    outcome_.records += count_;
    outcome_.bytes += text.size();
    body_.clear();
    count_ = 0;
    return {};
  }

  const ArchiveOutcome& outcome() const { return outcome_; }

 private:
  const std::string folder_;
  const Partition partition_;
  std::string body_;
  std::uint32_t count_ = 0;
  Offset first_{};
  Offset next_{};
  std::int64_t hour_ = 0;
  ArchiveOutcome outcome_;
};

}  // namespace

Result<std::vector<ArchiveFile>> ListArchive(const std::string& folder, Partition partition) {
  std::vector<ArchiveFile> files;
  std::error_code failure;
  if (!fs::exists(folder, failure)) return files;
  for (auto each = fs::directory_iterator(folder, failure); !failure && each != fs::directory_iterator();
       each.increment(failure)) {
    const std::optional<ArchiveFile> file = ParseName(each->path());
    if (file && file->partition == partition) files.push_back(*file);
  }
  if (failure) return Status(ErrorCode::kIoError, folder + ": " + failure.message());
  std::sort(files.begin(), files.end(), [](const ArchiveFile& a, const ArchiveFile& b) { return a.first < b.first; });
  for (std::size_t i = 1; i < files.size(); ++i) {
    if (files[i].first >= files[i - 1].end) continue;
    return Status(ErrorCode::kCorruption, files[i].path + " and " + files[i - 1].path + " hold the same records");
  }
  return files;
}

Status ReadArchiveFile(const ArchiveFile& file, const std::function<bool(const LogRecord&)>& visit) {
  std::error_code failure;
  const std::uintmax_t size = fs::file_size(file.path, failure);
  if (failure) return {ErrorCode::kIoError, file.path + ": " + failure.message()};
  const Status corrupt(ErrorCode::kCorruption, file.path + " is not what was written: it was cut or altered");
  if (size < kHeaderBytes || size > kBytesReadMax) return corrupt;
  // Aligned, as readers of FlatBuffers want it.
  std::vector<std::uint64_t> memory((size + 7) / 8);
  std::ifstream stream(file.path, std::ios::binary);
  stream.read(reinterpret_cast<char*>(memory.data()), static_cast<std::streamsize>(size));
  if (!stream || static_cast<std::uintmax_t>(stream.gcount()) != size) return {ErrorCode::kIoError, file.path + " cannot be read"};
  const std::span<const std::byte> bytes = std::as_bytes(std::span(memory)).first(size);
  const std::string_view magic(reinterpret_cast<const char*>(bytes.data()), kMagic.size());
  if (magic != kMagic && magic.starts_with(kFamily)) {
    return {ErrorCode::kInvalidArgument, file.path + " is of format " + std::string(magic.substr(kFamily.size())) +
                                             ", this program reads 01"};
  }
  if (magic != kMagic || Crc32c(bytes.subspan(12)) != NumberAt(bytes, 8, 4)) return corrupt;
  // A file that was given another name would be taken for other records.
  if (NumberAt(bytes, 12, 4) != static_cast<std::uint32_t>(file.partition) || NumberAt(bytes, 20, 8) != Number(file.first) ||
      NumberAt(bytes, 28, 8) != Number(file.end)) {
    return {ErrorCode::kCorruption, file.path + " holds other records than its name says"};
  }
  const std::uint64_t count = NumberAt(bytes, 16, 4);
  std::size_t at = kHeaderBytes;
  std::vector<std::uint64_t> value;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (bytes.size() - at < kRecordBytes) return corrupt;
    const std::uint64_t value_bytes = NumberAt(bytes, at + 16, 4);
    const std::uint64_t key_bytes = NumberAt(bytes, at + 20, 4);
    if (bytes.size() - at - kRecordBytes < value_bytes + key_bytes) return corrupt;
    LogRecord record;
    record.offset = Offset{NumberAt(bytes, at, 8)};
    record.time = CloudTimeFromNs(static_cast<std::int64_t>(NumberAt(bytes, at + 8, 8)));
    value.assign(value_bytes / 8 + 1, 0);
    std::memcpy(value.data(), bytes.data() + at + kRecordBytes, value_bytes);
    record.value = std::as_bytes(std::span(value)).first(value_bytes);
    record.key = bytes.subspan(at + kRecordBytes + value_bytes, key_bytes);
    at += kRecordBytes + value_bytes + key_bytes;
    if (!visit(record)) return {};
  }
  return at == bytes.size() ? Status() : corrupt;
}

Result<ArchiveOutcome> ArchiveHistory(const std::string& data, Partition partition, const StoreEncryption& encryption,
                                      const std::string& folder, CloudTime until) {
  std::error_code failure;
  fs::create_directories(folder, failure);
  if (failure) return Status(ErrorCode::kIoError, folder + ": " + failure.message());
  const Result<std::vector<ArchiveFile>> files = ListArchive(folder, partition);
  if (!files.ok()) return files.status();
  const Offset from = files.value().empty() ? Offset{} : files.value().back().end;
  Writer writer(folder, partition);
  Status status;
  std::optional<std::pair<Offset, Offset>> lost;
  std::optional<Offset> expected;
  if (!files.value().empty()) expected = from;
  const Status read = ReadStoredLog(data, Topic::kHistory, partition, encryption, [&](const LogRecord& record) {
    if (record.offset < from) return true;
    if (record.time >= until) return false;
    if (expected && record.offset > *expected) lost = {*expected, record.offset};
    expected.reset();
    status = writer.Add(record);
    return status.ok();
  });
  if (!read.ok()) return read;
  if (status.ok()) status = writer.Finish();
  if (!status.ok()) return status;
  ArchiveOutcome outcome = writer.outcome();
  outcome.lost = lost;
  return outcome;
}

Result<std::uint64_t> ExpireArchive(const std::string& folder, Partition partition, CloudTime before) {
  const Result<std::vector<ArchiveFile>> files = ListArchive(folder, partition);
  if (!files.ok()) return files.status();
  std::uint64_t removed = 0;
  for (const ArchiveFile& file : files.value()) {
    // The newest one says where the next run goes on.
    if (file.first == files.value().back().first) break;
    bool old = true;
    const Status read = ReadArchiveFile(file, [&](const LogRecord& record) {
      old = HourOf(record.time) < HourOf(before);  // All of a file are of one hour.
      return false;
    });
    if (!read.ok()) return read;
    if (!old) break;
    std::error_code failure;
    fs::remove(file.path, failure);
    if (failure) return Status(ErrorCode::kIoError, file.path + ": " + failure.message());
    ++removed;
  }
  return removed;
}

}  // namespace starling::cloud
