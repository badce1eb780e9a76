#include "common/ids.h"

namespace starling {
namespace {

constexpr bool IsAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace

Result<VehicleId> VehicleId::Parse(std::string_view name) {
  bool valid = !name.empty() && name.size() <= kLengthMax && IsAlphanumeric(name.front());
  for (const char c : name) valid = valid && (IsAlphanumeric(c) || c == '.' || c == '_' || c == '-');
  if (!valid) {
    return Status(ErrorCode::kInvalidArgument,
                  "a vehicle's name has 1 to 24 characters of [A-Za-z0-9._-] and starts with a "
                  "letter or digit; got " + std::to_string(name.size()) + " characters");
  }
  VehicleId id;
  std::memcpy(id.characters_.data(), name.data(), name.size());
  return id;
}

std::uint64_t VehicleId::Hash() const {
  std::uint64_t hash = 0;
  for (std::size_t i = 0; i < kLengthMax; i += sizeof(std::uint64_t)) {
    std::uint64_t word;
    std::memcpy(&word, characters_.data() + i, sizeof(word));
    hash = MixHash(hash, word);
  }
  return hash;
}

}  // namespace starling
