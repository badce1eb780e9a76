#include "cloud/backup/backup_manifest.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <optional>
#include <set>

#include "common/check.h"

namespace starling::cloud {
namespace {

constexpr std::string_view kFirstLine = "starling backup 1";
constexpr std::string_view kFamily = "starling backup ";
constexpr std::size_t kDigestDigits = 64;
constexpr std::size_t kManifestBytesMax = 64 << 20;

EVP_MD_CTX* Context(void* context) { return static_cast<EVP_MD_CTX*>(context); }

class Line {
 public:
  explicit Line(std::string_view text) : rest_(text) {}

  std::string_view Word() {
    const std::size_t end = std::min(rest_.find(' '), rest_.size());
    const std::string_view word = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    return word;
  }
  template <typename T>
  std::optional<T> Number() {
    const std::string_view word = Word();
    T value{};
    const auto [end, failure] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (failure != std::errc() || end != word.data() + word.size()) return std::nullopt;
    return value;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

bool IsDigest(std::string_view text) {
  return text.size() == kDigestDigits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// Below the backup, and nowhere else.
bool IsInside(std::string_view path) {
  if (path.empty() || path.front() == '/' || path.back() == '/') return false;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view name = path.substr(0, end);
    if (name.empty() || name == "." || name == ".." || name.find('\0') != std::string_view::npos) return false;
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return true;
}

std::optional<Topic> TopicOf(std::string_view name) {
  for (std::size_t i = 0; i < kTopicCount; ++i) {
    if (TopicName(static_cast<Topic>(i)) == name) return static_cast<Topic>(i);
  }
  return std::nullopt;
}

}  // namespace

std::uint64_t BackupManifest::bytes() const {
  std::uint64_t sum = 0;
  for (const BackupFile& file : files) sum += file.bytes;
  return sum;
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  STARLING_CHECK(context_ != nullptr && EVP_DigestInit_ex(Context(context_), EVP_sha256(), nullptr) == 1);
}

Sha256::~Sha256() { EVP_MD_CTX_free(Context(context_)); }

void Sha256::Add(const void* bytes, std::size_t count) {
  STARLING_CHECK(EVP_DigestUpdate(Context(context_), bytes, count) == 1);
}

std::string Sha256::Finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int count = 0;
  STARLING_CHECK(EVP_DigestFinal_ex(Context(context_), digest.data(), &count) == 1);
  std::string text;
  for (unsigned int i = 0; i < count; ++i) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    text += kDigits[digest[i] >> 4];
    text += kDigits[digest[i] & 15];
  }
  return text;
}

std::string TimeText(CloudTime time) {
  const auto unix_time = static_cast<std::time_t>(std::chrono::floor<seconds>(time).time_since_epoch().count());
  std::tm utc{};
  ::gmtime_r(&unix_time, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text.data();
}

std::string WithEndLine(std::string text) {
  Sha256 digest;
  digest.Add(text.data(), text.size());
  return text + "end " + digest.Finish() + "\n";
}

Result<std::string_view> WithoutEndLine(std::string_view text) {
  constexpr std::size_t kEndLine = 4 + kDigestDigits + 1;
  const Status cut(ErrorCode::kCorruption, "is not whole: its last line does not prove the others");
  if (text.size() < kEndLine) return cut;
  const std::string_view body = text.substr(0, text.size() - kEndLine);
  if (WithEndLine(std::string(body)) != text) return cut;
  return body;
}

std::string EncodeBackupManifest(const BackupManifest& manifest) {
  std::string text(kFirstLine);
  text += "\ncut " + std::to_string(ToNs(manifest.cut)) + " " + TimeText(manifest.cut) + "\n";
  text += std::string("source ") + (manifest.running ? "running" : "stopped") + "\n";
  for (const BackupPartition& each : manifest.partitions) {
    text += "partition " + std::string(TopicName(each.topic)) + " " +
            std::to_string(static_cast<std::uint32_t>(each.partition)) + " " +
            std::to_string(static_cast<std::uint64_t>(each.first)) + " " +
            std::to_string(static_cast<std::uint64_t>(each.end)) + "\n";
  }
  for (const std::string& key : manifest.keys) text += "key " + key + "\n";
  for (const BackupFile& file : manifest.files) {
    text += "file " + file.sha256 + " " + std::to_string(file.bytes) + " " + file.path + "\n";
  }
  return WithEndLine(std::move(text));
}

Result<BackupManifest> DecodeBackupManifest(std::string_view text) {
  const Status wrong(ErrorCode::kCorruption, "holds a line that no backup has written");
  if (text.size() > kManifestBytesMax) return Status(ErrorCode::kCorruption, "is too large for a manifest");
  const Result<std::string_view> body = WithoutEndLine(text);
  if (!body.ok()) return body.status();
  BackupManifest manifest;
  std::set<std::string_view> paths;
  std::string_view rest = body.value();
  bool has_cut = false;
  for (bool first = true; !rest.empty(); first = false) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view whole = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (first) {
      if (whole == kFirstLine) continue;
      if (!whole.starts_with(kFamily)) return wrong;
      return Status(ErrorCode::kInvalidArgument, "is of format " + std::string(whole.substr(kFamily.size())) +
                                                     ", this program reads 1; use the program that wrote it");
    }
    Line line(whole);
    const std::string_view kind = line.Word();
    if (kind == "cut") {
      const auto cut = line.Number<std::int64_t>();
      if (!cut) return wrong;
      manifest.cut = CloudTimeFromNs(*cut);
      has_cut = true;
    } else if (kind == "source") {
      manifest.running = line.rest() == "running";
    } else if (kind == "partition") {
      const std::optional<Topic> topic = TopicOf(line.Word());
      const auto partition = line.Number<std::uint32_t>();
      const auto from = line.Number<std::uint64_t>();
      const auto until = line.Number<std::uint64_t>();
      if (!topic || !partition || !from || !until || *from > *until) return wrong;
      manifest.partitions.push_back({*topic, Partition{*partition}, Offset{*from}, Offset{*until}});
    } else if (kind == "key") {
      manifest.keys.emplace_back(line.rest());
    } else if (kind == "file") {
      BackupFile file;
      file.sha256 = line.Word();
      const auto bytes = line.Number<std::uint64_t>();
      file.path = line.rest();
      if (!bytes || !IsDigest(file.sha256)) return wrong;
      if (!IsInside(file.path)) {
        return Status(ErrorCode::kInvalidArgument, "names a file outside of the backup: " + file.path);
      }
      if (!paths.insert(line.rest()).second) return wrong;
      file.bytes = *bytes;
      manifest.files.push_back(std::move(file));
    } else {
      return wrong;
    }
  }
  if (!has_cut) return wrong;
  return manifest;
}

}  // namespace starling::cloud
