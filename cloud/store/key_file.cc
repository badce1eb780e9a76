#include "cloud/store/key_file.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>

#include "cloud/store/key_ring.h"
#include "common/check.h"

namespace starling::cloud {
namespace {

// Text with keys in it; overwritten when it goes.
class SecretText {
 public:
  SecretText() = default;
  ~SecretText() { OPENSSL_cleanse(text.data(), text.capacity()); }
  SecretText(const SecretText&) = delete;
  SecretText& operator=(const SecretText&) = delete;

  std::string text;
};

Status SystemFailure(const std::string& doing) {
  return {ErrorCode::kIoError, doing + ": " + std::generic_category().message(errno)};
}

Status CheckId(const std::string& id) {
  if (IsKeyId(id)) return {};
  return {ErrorCode::kInvalidArgument, "'" + id + "' cannot name a key: 1 to 16 of [A-Za-z0-9._-]"};
}

void AppendNewKey(const std::string& id, SecretText* to) {
  SecretKey key;
  STARLING_CHECK(RAND_bytes(key.bytes.data(), SecretKey::kBytes) == 1);
  to->text += id + " ";
  for (const std::uint8_t byte : key.bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    to->text.push_back(kDigits[byte >> 4]);
    to->text.push_back(kDigits[byte & 15]);
  }
  to->text.push_back('\n');
}

Status WriteWhole(const std::string& path, int flags, const std::string& text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | flags, S_IRUSR | S_IWUSR);
  if (fd < 0) return SystemFailure("writing key file " + path);
  std::size_t written = 0;
  bool whole = true;
  while (whole && written < text.size()) {
    const ssize_t part = ::write(fd, text.data() + written, text.size() - written);
    whole = part > 0;
    if (whole) written += static_cast<std::size_t>(part);
  }
  whole = whole && ::fsync(fd) == 0;
  Status status;
  if (!whole) status = SystemFailure("writing key file " + path);
  ::close(fd);
  return status;
}

Status SyncFolderOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return SystemFailure("opening " + folder);
  const bool synced = ::fsync(fd) == 0;
  Status status;
  if (!synced) status = SystemFailure("syncing " + folder);
  ::close(fd);
  return status;
}

Status Replace(const std::string& path, const std::string& text) {
  const std::string draft = path + ".new";
  struct stat before = {};
  if (::stat(path.c_str(), &before) != 0) return SystemFailure("key file " + path);
  (void)::unlink(draft.c_str());  // Of a change that was cut short.
  if (Status status = WriteWhole(draft, O_CREAT | O_EXCL, text); !status.ok()) return status;
  // Who could read the keys before still can: starling-cloud may run as another user.
  if ((before.st_uid != ::geteuid() || before.st_gid != ::getegid()) &&
      ::chown(draft.c_str(), before.st_uid, before.st_gid) != 0) {
    return SystemFailure("giving the new key file " + path + " to the old one's owner");
  }
  if (::chmod(draft.c_str(), before.st_mode & 07777) != 0 || ::rename(draft.c_str(), path.c_str()) != 0) {
    return SystemFailure("replacing key file " + path);
  }
  return SyncFolderOf(path);
}

void ReadInto(const std::string& path, SecretText* text) {
  std::ifstream file(path, std::ios::binary);
  text->text.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

}  // namespace

Status InitKeyFile(const std::string& path, const std::string& id) {
  if (Status status = CheckId(id); !status.ok()) return status;
  SecretText file;
  file.text.reserve(1 << 10);
  AppendNewKey(id, &file);
  Status status = WriteWhole(path, O_CREAT | O_EXCL, file.text);
  if (!status.ok() && errno == EEXIST) {
    return {ErrorCode::kInvalidArgument, path + " is there already; starling keys rotate adds a key to it"};
  }
  return status.ok() ? SyncFolderOf(path) : status;
}

Status AddKey(const std::string& path, const std::string& id) {
  if (Status status = CheckId(id); !status.ok()) return status;
  const Result<std::shared_ptr<KeyRing>> ring = KeyRing::Open(path);
  if (!ring.ok()) return ring.status();
  if (ring.value()->Find(id) != nullptr) {
    return {ErrorCode::kInvalidArgument, "key file " + path + " has a key " + id + " already"};
  }
  SecretText before;
  ReadInto(path, &before);
  SecretText after;
  after.text.reserve(before.text.size() + (1 << 10));  // So that no copy is left behind by growth.
  AppendNewKey(id, &after);
  after.text += before.text;
  return Replace(path, after.text);
}

Status DropKey(const std::string& path, const std::string& id) {
  const Result<std::shared_ptr<KeyRing>> ring = KeyRing::Open(path);
  if (!ring.ok()) return ring.status();
  if (ring.value()->Find(id) == nullptr) {
    return {ErrorCode::kInvalidArgument, "key file " + path + " has no key " + id};
  }
  if (ring.value()->current().id == id) {
    return {ErrorCode::kInvalidArgument,
            "key " + id + " is the first of " + path + ", which new files take; starling keys rotate adds another"};
  }
  SecretText before;
  ReadInto(path, &before);
  SecretText after;
  after.text.reserve(before.text.size() + 1);
  for (std::size_t at = 0; at < before.text.size();) {
    const std::size_t end = std::min(before.text.find('\n', at), before.text.size());
    const std::string_view line(before.text.data() + at, end - at);
    if (!line.starts_with(id + " ")) after.text.append(line).push_back('\n');
    at = end + 1;
  }
  return Replace(path, after.text);
}

std::string NextKeyId(const std::vector<std::string>& ids) {
  std::uint32_t last = 0;
  for (const std::string& id : ids) {
    std::uint32_t number = 0;
    if (!id.starts_with("key")) continue;
    const auto [end, error] = std::from_chars(id.data() + 3, id.data() + id.size(), number);
    if (error == std::errc() && end == id.data() + id.size() && number < 999'999'999) last = std::max(last, number);
  }
  return "key" + std::to_string(last + 1);
}

}  // namespace starling::cloud
