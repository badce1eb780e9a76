#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>

#include "common/status.h"

namespace starling {

// Strong types: none converts to another or to a number by itself.
enum class BootId : std::uint64_t {};        // Random at each boot of a vehicle; 0 is none.
enum class RegionId : std::uint32_t {};      // A tile of the map: one partition, one shard.
enum class Epoch : std::uint64_t {};         // Fences off a region's former owners.
enum class CommandId : std::uint64_t {};     // From what caused the command.
enum class EpisodeId : std::uint64_t {};     // One conflict or one approach to a congested cell.

template <typename Id>
constexpr auto ToNumber(Id id) {
  return static_cast<std::underlying_type_t<Id>>(id);
}

// A vehicle's name, as its certificate gives it: 1 to 24 characters of
// [A-Za-z0-9._-], the first one alphanumeric.  24 bytes, no heap.
class VehicleId {
 public:
  static constexpr std::size_t kLengthMax = 24;

  VehicleId() = default;  // The empty name: no vehicle.

  // Errors: kInvalidArgument if `name` is not a vehicle's name.
  static Result<VehicleId> Parse(std::string_view name);

  std::string_view view() const {
    return {characters_.data(), ::strnlen(characters_.data(), kLengthMax)};
  }
  std::string ToString() const { return std::string(view()); }
  bool empty() const { return characters_[0] == '\0'; }

  // A mix of all 24 bytes, the same on every machine.  Not cryptographic: a name
  // with a given hash can be computed, so a table has to compare the names too.
  std::uint64_t Hash() const;

  friend auto operator<=>(const VehicleId&, const VehicleId&) = default;

 private:
  std::array<char, kLengthMax> characters_{};  // Zero-padded.
};

// A well-mixed combination of two 64-bit values (the finaliser of
// SplitMix64); deterministic, not cryptographic.
constexpr std::uint64_t MixHash(std::uint64_t seed, std::uint64_t value) {
  std::uint64_t mixed = seed ^ (value + 0x9E3779B97F4A7C15u + (seed << 6) + (seed >> 2));
  mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
  mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
  return mixed ^ (mixed >> 31);
}

}  // namespace starling

template <>
struct std::hash<starling::VehicleId> {
  std::size_t operator()(const starling::VehicleId& id) const noexcept {
    return static_cast<std::size_t>(id.Hash());
  }
};
