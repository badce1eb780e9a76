#include "bench/link/mqtt_packet.h"

#include "common/check.h"

namespace starling {
namespace {

constexpr std::byte kConnect{0x10};
constexpr std::byte kConnack{0x20};
constexpr std::byte kPublishQos1{0x32};
constexpr std::byte kPuback{0x40};
constexpr std::size_t kRemainingMax = (1 << 28) - 1;
constexpr int kRemainingBytesMax = 4;

void AppendHeader(std::byte type, std::size_t remaining, std::vector<std::byte>* stream) {
  STARLING_CHECK(remaining <= kRemainingMax);
  stream->push_back(type);
  do {
    const std::size_t rest = remaining >> 7;
    stream->push_back(static_cast<std::byte>((remaining & 0x7F) | (rest != 0 ? 0x80 : 0)));
    remaining = rest;
  } while (remaining != 0);
}

void AppendWord(std::size_t word, std::vector<std::byte>* stream) {
  stream->push_back(static_cast<std::byte>(word >> 8));
  stream->push_back(static_cast<std::byte>(word & 0xFF));
}

void AppendText(std::string_view text, std::vector<std::byte>* stream) {
  STARLING_CHECK(text.size() <= 0xFFFF);
  AppendWord(text.size(), stream);
  const auto bytes = std::as_bytes(std::span(text));
  stream->insert(stream->end(), bytes.begin(), bytes.end());
}

std::size_t WordAt(std::span<const std::byte> bytes, std::size_t at) {
  return std::to_integer<std::size_t>(bytes[at]) << 8 | std::to_integer<std::size_t>(bytes[at + 1]);
}

}  // namespace

void AppendMqttConnect(std::string_view client_id, std::vector<std::byte>* stream) {
  constexpr std::string_view kProtocol = "MQTT";
  constexpr std::byte kLevel{4};
  constexpr std::byte kCleanSession{2};
  AppendHeader(kConnect, 2 + kProtocol.size() + 1 + 1 + 2 + 2 + client_id.size(), stream);
  AppendText(kProtocol, stream);
  stream->push_back(kLevel);
  stream->push_back(kCleanSession);
  AppendWord(60, stream);
  AppendText(client_id, stream);
}

void AppendMqttConnack(std::vector<std::byte>* stream) {
  AppendHeader(kConnack, 2, stream);
  AppendWord(0, stream);
}

void AppendMqttPublish(std::string_view topic, std::uint16_t packet_id, std::span<const std::byte> message,
                       std::vector<std::byte>* stream) {
  AppendHeader(kPublishQos1, 2 + topic.size() + 2 + message.size(), stream);
  AppendText(topic, stream);
  AppendWord(packet_id, stream);
  stream->insert(stream->end(), message.begin(), message.end());
}

void AppendMqttPuback(std::uint16_t packet_id, std::vector<std::byte>* stream) {
  AppendHeader(kPuback, 2, stream);
  AppendWord(packet_id, stream);
}

std::optional<MqttPublish> ReadMqttPublish(std::span<const std::byte> bytes) {
  if (bytes.empty() || bytes[0] != kPublishQos1) return std::nullopt;
  std::size_t remaining = 0;
  std::size_t at = 1;
  for (int i = 0;; ++i, ++at) {
    if (at >= bytes.size() || i == kRemainingBytesMax) return std::nullopt;
    remaining |= (std::to_integer<std::size_t>(bytes[at]) & 0x7F) << (7 * i);
    if ((bytes[at] & std::byte{0x80}) == std::byte{0}) break;
  }
  const auto rest = bytes.subspan(at + 1);
  if (rest.size() != remaining || rest.size() < 2) return std::nullopt;
  const std::size_t topic_bytes = WordAt(rest, 0);
  if (rest.size() < 2 + topic_bytes + 2) return std::nullopt;
  MqttPublish publish;
  publish.topic = {reinterpret_cast<const char*>(rest.data()) + 2, topic_bytes};
  publish.packet_id = static_cast<std::uint16_t>(WordAt(rest, 2 + topic_bytes));
  publish.message = rest.subspan(2 + topic_bytes + 2);
  return publish;
}

}  // namespace starling
