#include "cloud/store/key_ring.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <system_error>

#include "common/check.h"

namespace starling::cloud {
namespace {

constexpr std::string_view kCheckLabel = "starling key check 1";

int DigitOf(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

// False if it is not 64 hexadecimal digits.
bool ReadHex(std::string_view hex, SecretKey* secret) {
  if (hex.size() != 2 * SecretKey::kBytes) return false;
  for (std::size_t i = 0; i < SecretKey::kBytes; ++i) {
    const int high = DigitOf(hex[2 * i]);
    const int low = DigitOf(hex[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    secret->bytes[i] = static_cast<std::uint8_t>(16 * high + low);
  }
  return true;
}

void ComputeCheck(NamedKey* key) {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned int bytes = 0;
  STARLING_CHECK(HMAC(EVP_sha256(), key->secret.bytes.data(), SecretKey::kBytes,
                      reinterpret_cast<const unsigned char*>(kCheckLabel.data()), kCheckLabel.size(), digest.data(),
                      &bytes) != nullptr);
  std::copy_n(digest.begin(), NamedKey::kCheckBytes, key->check.begin());
}

}  // namespace

bool IsKeyId(std::string_view id) {
  return !id.empty() && id.size() <= NamedKey::kIdBytesMax && std::ranges::all_of(id, [](char letter) {
    return std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '.' || letter == '_' || letter == '-';
  });
}

SecretKey::~SecretKey() { OPENSSL_cleanse(bytes.data(), bytes.size()); }

Result<std::shared_ptr<KeyRing>> KeyRing::Open(const std::string& path) {
  std::shared_ptr<KeyRing> ring(new KeyRing(path));
  if (Status status = ring->Reload(); !status.ok()) return status;
  return ring;
}

Status KeyRing::Reload() {
  Result<Keys> keys = Read(path_);
  if (!keys.ok()) return keys.status();
  MutexLock lock(mutex_);
  keys_ = std::move(keys).value();
  return {};
}

Result<KeyRing::Keys> KeyRing::Read(const std::string& path) {
  struct stat attributes = {};
  if (::stat(path.c_str(), &attributes) != 0) {
    return Status(ErrorCode::kIoError, "key file " + path + ": " + std::generic_category().message(errno));
  }
  if ((attributes.st_mode & S_IRWXO) != 0) {
    return Status(ErrorCode::kInvalidArgument, "key file " + path + " is open to everybody; chmod o-rwx it");
  }
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file.is_open() || file.bad()) return Status(ErrorCode::kIoError, "key file " + path + " cannot be read");

  Keys keys;
  Status mistake;
  std::size_t number = 0;
  for (std::size_t at = 0; at < text.size() && mistake.ok();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line(text.data() + at, end - at);
    at = end + 1;
    ++number;
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty() || line.front() == '#') continue;
    const std::size_t space = line.find(' ');
    auto key = std::make_shared<NamedKey>();
    key->id = std::string(line.substr(0, std::min(space, NamedKey::kIdBytesMax + 1)));
    if (space == std::string_view::npos || !IsKeyId(key->id) || !ReadHex(line.substr(space + 1), &key->secret)) {
      mistake = {ErrorCode::kInvalidArgument,
                 "line " + std::to_string(number) + " of key file " + path +
                     " is not ID HEX: 1 to 16 of [A-Za-z0-9._-], a space, 64 hexadecimal digits; starling keys init makes such a file"};
    } else if (std::ranges::any_of(keys, [&](const auto& other) { return other->id == key->id; })) {
      mistake = {ErrorCode::kInvalidArgument, "key file " + path + " has two keys " + key->id};
    } else {
      ComputeCheck(key.get());
      keys.push_back(std::move(key));
    }
  }
  OPENSSL_cleanse(text.data(), text.size());
  if (!mistake.ok()) return mistake;
  if (keys.empty()) return Status(ErrorCode::kInvalidArgument, "key file " + path + " holds no key");
  return keys;
}

NamedKey KeyRing::current() const {
  MutexLock lock(mutex_);
  return *keys_.front();
}

std::vector<std::string> KeyRing::ids() const {
  MutexLock lock(mutex_);
  std::vector<std::string> ids;
  for (const auto& key : keys_) ids.push_back(key->id);
  return ids;
}

std::shared_ptr<const NamedKey> KeyRing::Find(std::string_view id) const {
  MutexLock lock(mutex_);
  const auto found = std::ranges::find_if(keys_, [&](const auto& key) { return key->id == id; });
  return found == keys_.end() ? nullptr : *found;
}

}  // namespace starling::cloud
