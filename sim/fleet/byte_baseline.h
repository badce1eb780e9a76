#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace starling::sim {

// What one sample costs as JSON over MQTT over TLS: the rival that the link's
// bytes are compared with.
//
//   PUBLISH, QoS 1: fixed header 1 + remaining length 1..4 + topic length 2 + topic
//                   + packet identifier 2 + the JSON line without its line end
//   PUBACK: 4
//   TLS 1.3 record around each: header 5 + content type 1 + tag 16
//
// TCP and IP headers are left out on both sides.
// Source: MQTT 3.1.1 sections 2.2.3, 3.3 and 3.4; RFC 8446 section 5.2.
struct JsonMqttBytes {
  std::uint64_t up = 0;
  std::uint64_t down = 0;
};
inline constexpr std::uint64_t kTlsRecordOverheadBytes = 22;
JsonMqttBytes JsonOverMqtt(std::string_view vehicle, std::size_t json_bytes);

// Sums the baseline of some samples, picked one in `kOneIn`, and scales to all.
//
// Threading: thread-compatible.
class ByteBaseline {
 public:
  static constexpr std::uint64_t kOneIn = 1000;

  // Whether the `number`-th sample of the run is one of those that are looked at;
  // drawn by hash, the same in every run.
  static bool Picks(std::uint64_t number);

  void Record(std::string_view vehicle, std::string_view json_line);

  std::uint64_t looked_at() const { return looked_at_; }
  // Of `samples` samples at the mean of those looked at; 0 if there was none.
  JsonMqttBytes Scaled(std::uint64_t samples) const;
  double json_line_mean_bytes() const;

 private:
  std::uint64_t looked_at_ = 0;
  std::uint64_t json_bytes_ = 0;
  JsonMqttBytes sum_;
};

}  // namespace starling::sim
