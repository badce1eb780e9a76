// Packets of MQTT 3.1.1, as far as a vehicle that publishes needs them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace starling {

// Each appends one packet.
//
// Source: MQTT Version 3.1.1, OASIS Standard, sections 2.2.3 and 3.1 to 3.4.
// REQUIRES: topic and client_id are at most 65535 bytes, the packet under 2^28
void AppendMqttConnect(std::string_view client_id, std::vector<std::byte>* stream);  // clean session, keep alive 60 s
void AppendMqttConnack(std::vector<std::byte>* stream);
void AppendMqttPublish(std::string_view topic, std::uint16_t packet_id, std::span<const std::byte> message,
                       std::vector<std::byte>* stream);  // QoS 1
void AppendMqttPuback(std::uint16_t packet_id, std::vector<std::byte>* stream);

struct MqttPublish {
  std::string_view topic;
  std::uint16_t packet_id = 0;
  std::span<const std::byte> message;
};

// The one packet that `bytes` are; nullopt if they are not a PUBLISH of QoS 1.
std::optional<MqttPublish> ReadMqttPublish(std::span<const std::byte> bytes);

}  // namespace starling
