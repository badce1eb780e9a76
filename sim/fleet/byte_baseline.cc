#include "sim/fleet/byte_baseline.h"

#include <cmath>

#include "common/ids.h"

namespace starling::sim {
namespace {

constexpr std::uint64_t kPubackBytes = 4;

std::uint64_t RemainingLengthBytes(std::uint64_t length) {
  std::uint64_t bytes = 1;
  for (; length >= 128; length /= 128) ++bytes;
  return bytes;
}

std::uint64_t Scale(std::uint64_t sum, std::uint64_t of, std::uint64_t to) {
  return static_cast<std::uint64_t>(
      std::llround(static_cast<double>(sum) / static_cast<double>(of) * static_cast<double>(to)));
}

}  // namespace

JsonMqttBytes JsonOverMqtt(std::string_view vehicle, std::size_t json_bytes) {
  constexpr std::string_view kPrefix = "fleet/";
  constexpr std::string_view kSuffix = "/telemetry";
  const std::uint64_t topic = kPrefix.size() + vehicle.size() + kSuffix.size();
  const std::uint64_t remaining = 2 + topic + 2 + json_bytes;
  return {1 + RemainingLengthBytes(remaining) + remaining + kTlsRecordOverheadBytes,
          kPubackBytes + kTlsRecordOverheadBytes};
}

// Drawn by hash: a stride would meet the same vehicles again and again where the
// fleet's size divides it.
bool ByteBaseline::Picks(std::uint64_t number) { return MixHash(0, number) % kOneIn == 0; }

void ByteBaseline::Record(std::string_view vehicle, std::string_view json_line) {
  while (!json_line.empty() && json_line.back() == '\n') json_line.remove_suffix(1);
  const JsonMqttBytes bytes = JsonOverMqtt(vehicle, json_line.size());
  ++looked_at_;
  json_bytes_ += json_line.size();
  sum_.up += bytes.up;
  sum_.down += bytes.down;
}

JsonMqttBytes ByteBaseline::Scaled(std::uint64_t samples) const {
  if (looked_at_ == 0) return {};
  return {Scale(sum_.up, looked_at_, samples), Scale(sum_.down, looked_at_, samples)};
}

double ByteBaseline::json_line_mean_bytes() const {
  return looked_at_ == 0 ? 0
                         : static_cast<double>(json_bytes_) / static_cast<double>(looked_at_);
}

}  // namespace starling::sim
