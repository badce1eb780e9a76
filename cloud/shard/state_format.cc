#include "cloud/shard/state_format.h"

#include <algorithm>
#include <string_view>

namespace starling::cloud {
namespace {

constexpr std::uint32_t kSignBit = 0x80000000u;

template <typename T>
void Append(T value, std::vector<std::byte>* key) {
  for (std::size_t i = sizeof(T); i-- > 0;) key->push_back(static_cast<std::byte>(value >> (8 * i)));
}

template <typename T>
T Read(std::span<const std::byte> bytes) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(value << 8 | std::to_integer<T>(bytes[i]));
  return value;
}

void Append(const VehicleId& vehicle, std::vector<std::byte>* key) {
  const auto bytes = std::as_bytes(std::span(vehicle.view()));
  key->insert(key->end(), bytes.begin(), bytes.end());
}

}  // namespace

void WriteKey(EntryKind kind, std::vector<std::byte>* key) { key->push_back(static_cast<std::byte>(kind)); }

void WriteCellKey(CellIndex cell, std::vector<std::byte>* key) {
  WriteKey(EntryKind::kCell, key);
  Append(static_cast<std::uint32_t>(cell.x) ^ kSignBit, key);  // In the order of numbers.
  Append(static_cast<std::uint32_t>(cell.y) ^ kSignBit, key);
}

void WriteClosedKey(std::uint64_t number, std::vector<std::byte>* key) {
  WriteKey(EntryKind::kClosed, key);
  Append(number, key);
}

void WritePairKey(const VehicleId& a, const VehicleId& b, std::vector<std::byte>* key) {
  WriteKey(EntryKind::kPair, key);
  Append(a, key);
  key->push_back(std::byte{0});
  Append(b, key);
}

void WriteVehicleKey(const VehicleId& vehicle, std::vector<std::byte>* key) {
  WriteKey(EntryKind::kVehicle, key);
  Append(vehicle, key);
}

bool ReadCellKey(std::span<const std::byte> rest, CellIndex* cell) {
  if (rest.size() != 8) return false;
  *cell = {static_cast<std::int32_t>(Read<std::uint32_t>(rest.first(4)) ^ kSignBit),
           static_cast<std::int32_t>(Read<std::uint32_t>(rest.last(4)) ^ kSignBit)};
  return true;
}

bool ReadClosedKey(std::span<const std::byte> rest, std::uint64_t* number) {
  if (rest.size() != 8) return false;
  *number = Read<std::uint64_t>(rest);
  return true;
}

bool ReadPairKey(std::span<const std::byte> rest, VehicleId* a, VehicleId* b) {
  const auto zero = std::find(rest.begin(), rest.end(), std::byte{0});
  if (zero == rest.end()) return false;
  const auto length = static_cast<std::size_t>(zero - rest.begin());
  return ReadVehicleKey(rest.first(length), a) && ReadVehicleKey(rest.subspan(length + 1), b) && *a < *b;
}

bool ReadVehicleKey(std::span<const std::byte> rest, VehicleId* vehicle) {
  const auto name = VehicleId::Parse({reinterpret_cast<const char*>(rest.data()), rest.size()});
  if (name.ok()) *vehicle = name.value();
  return name.ok();
}

}  // namespace starling::cloud
