// Tokens that let people and programs in, as a file: docs/formats/access.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"
#include "common/time.h"

namespace starling::cloud {

// What someone may do; each may what those before it may.
enum class AccessRole : std::uint8_t { kStranger, kViewer, kOperator, kAdmin };

std::string_view NameOf(AccessRole role);
// kStranger has no name: none.
std::optional<AccessRole> ParseAccessRole(std::string_view text);

// As whom someone is known: 1 to 64 of [A-Za-z0-9._@-].
bool IsAccessName(std::string_view name);

using TokenDigest = std::array<unsigned char, 32>;

// SHA-256 of a token's text.  A token has 256 bits of chance, so that nothing slower is needed.
TokenDigest DigestOfToken(std::string_view token);

// A token as it is kept: who has its text cannot be told from that.
struct AccessToken {
  std::string name;
  AccessRole role = AccessRole::kStranger;
  TokenDigest digest{};
  CloudTime created;
  std::optional<CloudTime> expires;

  bool Holds(CloudTime now) const { return !expires || now < *expires; }
};

inline constexpr std::size_t kAccessTokensMax = 1'000;

// Errors: kIoError; kInvalidArgument, naming file and line and what was expected there.
Result<std::vector<AccessToken>> ReadAccessTokens(const std::string& path);

// Makes a token, adds it to the file, which is made if it is missing, and returns its text: it
// is nowhere else.
//
// Errors: those of ReadAccessTokens; kInvalidArgument if the name is taken or is none, or the
//         file is full; kIoError if it cannot be written.
Result<std::string> CreateAccessToken(const std::string& path, const std::string& name, AccessRole role,
                                      std::optional<CloudTime> expires, CloudTime now);

// Errors: those of ReadAccessTokens; kInvalidArgument if there is no such name; kIoError.
Status RevokeAccessToken(const std::string& path, const std::string& name);

// `bytes` bytes of chance, as base64url without padding.
// Errors: kIoError if OpenSSL has none.
Result<std::string> RandomText(std::size_t bytes);

// "2026-11-23T08:15:00Z".
std::string UtcText(CloudTime time);

}  // namespace starling::cloud
