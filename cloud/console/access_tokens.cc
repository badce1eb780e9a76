#include "cloud/console/access_tokens.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <span>
#include <sstream>
#include <utility>

#include "common/check.h"
#include "common/durable_file.h"

namespace starling::cloud {
namespace {

constexpr std::string_view kHeading = "starling-tokens 1";
constexpr std::string_view kPrefix = "st_";     // so that a token is known as one where it should not be
constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kFileBytesMax = 1 << 20;
constexpr unsigned kFileMode = 0600;

Status Wrong(const std::string& path, std::size_t line, const std::string& expected) {
  return {ErrorCode::kInvalidArgument, path + ":" + std::to_string(line) + ": " + expected};
}

std::string HexOf(const TokenDigest& digest) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : digest) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

bool ParseHex(std::string_view text, TokenDigest* digest) {
  if (text.size() != 2 * digest->size()) return false;
  for (std::size_t i = 0; i < digest->size(); ++i) {
    const char* const end = text.data() + 2 * i + 2;
    if (std::from_chars(end - 2, end, (*digest)[i], 16).ptr != end) return false;
  }
  return true;
}

std::optional<CloudTime> ParseUtc(const std::string& text) {
  std::tm parts{};
  const char* const end = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return CloudTime(seconds(::timegm(&parts)));
}

// Who changes the file at the same time waits.
Status Change(const std::string& path, const std::function<Status(std::vector<AccessToken>*)>& change) {
  const std::string lock_path = path + ".lock";
  const int lock = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode);
  if (lock < 0) return {ErrorCode::kIoError, lock_path + ": " + std::strerror(errno)};
  struct Closer {
    int number;
    ~Closer() { (void)::close(number); }
  } const closer{lock};
  while (::flock(lock, LOCK_EX) != 0) {
    if (errno != EINTR) return {ErrorCode::kIoError, lock_path + ": " + std::strerror(errno)};
  }
  std::vector<AccessToken> tokens;
  std::error_code failure;
  if (std::filesystem::exists(path, failure)) {
    Result<std::vector<AccessToken>> read = ReadAccessTokens(path);
    if (!read.ok()) return read.status();
    tokens = std::move(read).value();
  }
  if (Status status = change(&tokens); !status.ok()) return status;
  std::string text(kHeading);
  text += "\n# NAME ROLE SHA256 CREATED EXPIRES; made by `starling tokens`\n";
  for (const AccessToken& token : tokens) {
    text += token.name + " " + std::string(NameOf(token.role)) + " " + HexOf(token.digest) + " " +
            UtcText(token.created) + " " + (token.expires ? UtcText(*token.expires) : "-") + "\n";
  }
  return ReplaceFile(path, std::as_bytes(std::span(text)), kFileMode);
}

}  // namespace

std::string_view NameOf(AccessRole role) {
  switch (role) {
    case AccessRole::kViewer: return "viewer";
    case AccessRole::kOperator: return "operator";
    case AccessRole::kAdmin: return "admin";
    case AccessRole::kStranger: break;
  }
  return "none";
}

std::optional<AccessRole> ParseAccessRole(std::string_view text) {
  for (const AccessRole role : {AccessRole::kViewer, AccessRole::kOperator, AccessRole::kAdmin}) {
    if (text == NameOf(role)) return role;
  }
  return std::nullopt;
}

bool IsAccessName(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '@' || c == '-';
  });
}

TokenDigest DigestOfToken(std::string_view token) {
  TokenDigest digest;
  unsigned size = 0;
  STARLING_CHECK(EVP_Digest(token.data(), token.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1);
  return digest;
}

Result<std::vector<AccessToken>> ReadAccessTokens(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file.is_open() || file.bad()) {
    return Status(ErrorCode::kIoError, path + " cannot be read; `starling tokens create` makes one");
  }
  if (text.size() > kFileBytesMax) return Wrong(path, 1, "a file of tokens has at most 1 MiB");
  std::vector<AccessToken> tokens;
  std::istringstream lines(text);
  std::size_t number = 0;
  bool headed = false;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.empty() || line.front() == '#') continue;
    if (!headed) {
      if (line != kHeading) return Wrong(path, number, "expected \"" + std::string(kHeading) + "\"");
      headed = true;
      continue;
    }
    std::istringstream words(line);
    std::string name;
    std::string role;
    std::string digest;
    std::string created;
    std::string expires;
    std::string more;
    if (!(words >> name >> role >> digest >> created >> expires) || words >> more) {
      return Wrong(path, number, "expected NAME ROLE SHA256 CREATED EXPIRES");
    }
    AccessToken token;
    token.name = name;
    if (!IsAccessName(name)) return Wrong(path, number, "a name is 1 to 64 of [A-Za-z0-9._@-]");
    const std::optional<AccessRole> of = ParseAccessRole(role);
    if (!of) return Wrong(path, number, "expected viewer, operator or admin, found \"" + role + "\"");
    token.role = *of;
    if (!ParseHex(digest, &token.digest)) return Wrong(path, number, "expected a SHA-256 of 64 hexadecimal digits");
    const std::optional<CloudTime> at = ParseUtc(created);
    if (!at) return Wrong(path, number, "expected a time as 2026-11-23T08:15:00Z, found \"" + created + "\"");
    token.created = *at;
    if (expires != "-") {
      token.expires = ParseUtc(expires);
      if (!token.expires) return Wrong(path, number, "expected a time or -, found \"" + expires + "\"");
    }
    const bool taken = std::any_of(tokens.begin(), tokens.end(),
                                   [&](const AccessToken& other) { return other.name == token.name; });
    if (taken) return Wrong(path, number, "the name " + name + " is there twice");
    if (tokens.size() >= kAccessTokensMax) return Wrong(path, number, "more than 1,000 tokens");
    tokens.push_back(std::move(token));
  }
  if (!headed) return Wrong(path, number + 1, "expected \"" + std::string(kHeading) + "\"");
  return tokens;
}

Result<std::string> CreateAccessToken(const std::string& path, const std::string& name, AccessRole role,
                                      std::optional<CloudTime> expires, CloudTime now) {
  if (!IsAccessName(name)) {
    return Status(ErrorCode::kInvalidArgument, "'" + name + "' is no name: 1 to 64 of [A-Za-z0-9._@-]");
  }
  const Result<std::string> secret = RandomText(kSecretBytes);
  if (!secret.ok()) return secret.status();
  const std::string text = std::string(kPrefix) + secret.value();
  Status status = Change(path, [&](std::vector<AccessToken>* tokens) {
    for (const AccessToken& token : *tokens) {
      if (token.name == name) {
        return Status(ErrorCode::kInvalidArgument,
                      path + " has a token of " + name + "; take another name, or revoke it first");
      }
    }
    if (tokens->size() >= kAccessTokensMax) {
      return Status(ErrorCode::kInvalidArgument, path + " has 1,000 tokens; revoke some");
    }
    tokens->push_back({name, role, DigestOfToken(text), now, expires});
    return Status();
  });
  if (!status.ok()) return status;
  return text;
}

Status RevokeAccessToken(const std::string& path, const std::string& name) {
  if (Result<std::vector<AccessToken>> there = ReadAccessTokens(path); !there.ok()) return there.status();
  return Change(path, [&](std::vector<AccessToken>* tokens) {
    const auto gone = std::erase_if(*tokens, [&](const AccessToken& token) { return token.name == name; });
    if (gone > 0) return Status();
    return Status(ErrorCode::kInvalidArgument, path + " has no token of " + name + "; `starling tokens list` shows them");
  });
}

Result<std::string> RandomText(std::size_t bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::vector<unsigned char> random(bytes);
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) {
    return Status(ErrorCode::kIoError, "OpenSSL has no random numbers");
  }
  std::string text;
  unsigned held = 0;
  int bits = 0;
  for (const unsigned char byte : random) {
    held = held << 8 | byte;
    for (bits += 8; bits >= 6; bits -= 6) text += kDigits[held >> (bits - 6) & 63];
  }
  if (bits > 0) text += kDigits[held << (6 - bits) & 63];
  return text;
}

std::string UtcText(CloudTime time) {
  const auto whole = std::chrono::floor<seconds>(time.time_since_epoch());
  const auto unix_time = static_cast<std::time_t>(whole.count());
  std::tm utc{};
  ::gmtime_r(&unix_time, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text.data();
}

}  // namespace starling::cloud
