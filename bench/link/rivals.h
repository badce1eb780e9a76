// Other ways to send the same samples.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"
#include "common/telemetry/sample.h"

namespace starling {

// What a message says besides its samples.
struct MessageContext {
  std::string vehicle;
  std::uint32_t number = 0;            // of the message, from 0
  std::uint64_t first_sequence = 1;    // of its first sample
};

struct Rival {
  std::string_view name;
  std::size_t samples_per_message = 0;
  double wanted = 0;                   // Starling's bytes are to be at most this share of its; 0: nothing is wanted

  // What the vehicle writes at one time for these samples, oldest first.
  std::vector<std::byte> (*encode)(const MessageContext& context, std::span<const Sample> samples);
  // The samples that are in it.
  // Errors: kCorruption if they cannot be read.
  Result<std::vector<Sample>> (*decode)(const MessageContext& context, std::span<const std::byte> written);
  // What is written before the first message, and answered to that and to each message.
  std::vector<std::byte> (*greeting)(const MessageContext& context);
  std::vector<std::byte> (*welcome)(const MessageContext& context);
  std::vector<std::byte> (*answer)(const MessageContext& context, std::span<const Sample> samples);
};

// JSON over MQTT 3.1.1 with QoS 1 one by one and by the second; protobuf with snappy over MQTT by the
// second and by ten seconds; uncompressed FlatBuffers of our own schema one by one and by the second.
// All have every quantity of the sample, as fine as Starling's link has it, the planned path too.
std::span<const Rival> Rivals();

// What a fix says, which has no path.
Sample SampleOfFix(const wire::Fix& fix);

// Whether `read` is `sent` within what the link resolves: 1 cm, 0.01 m/s, a hundredth of a degree and of
// a degree per second, 0.01 m/s², 1 ms, and the same intent.  If not, why.
//
// Errors: kCorruption
Status CheckSame(const Sample& sent, const Sample& read);

}  // namespace starling
