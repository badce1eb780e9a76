#include "bench/link/rivals.h"

#include <snappy.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <utility>

#include "bench/codec/raw_frame.h"
#include "bench/link/mqtt_packet.h"
#include "bench/link/vehicle_data.pb.h"
#include "cloud/gateway/payload_check.h"
#include "common/check.h"
#include "common/frame/frame_reader.h"
#include "common/geo/trigonometry.h"
#include "common/telemetry/fix_codec.h"
#include "edge/source/sample_json.h"
#include "schemas/cloud_to_edge/downlink_generated.h"
#include "schemas/edge_to_cloud/uplink_generated.h"

namespace starling {
namespace {

using Bytes = std::vector<std::byte>;

constexpr double kMetresPerDegree = 111'195;

Status Unreadable(const std::string& what) { return Status(ErrorCode::kCorruption, what); }

// ---- MQTT

std::string TopicOf(const MessageContext& context) { return "fleet/" + context.vehicle + "/telemetry"; }

std::uint16_t PacketIdOf(const MessageContext& context) {
  return static_cast<std::uint16_t>(1 + context.number % 0xFFFF);  // 0 is none.
}

Bytes Publish(const MessageContext& context, std::string_view message) {
  Bytes bytes;
  AppendMqttPublish(TopicOf(context), PacketIdOf(context), std::as_bytes(std::span(message)), &bytes);
  return bytes;
}

Result<std::string_view> MessageOf(const MessageContext& context, std::span<const std::byte> written) {
  const auto publish = ReadMqttPublish(written);
  if (!publish || publish->topic != TopicOf(context) || publish->packet_id != PacketIdOf(context)) {
    return Unreadable("not the PUBLISH that was meant");
  }
  return std::string_view(reinterpret_cast<const char*>(publish->message.data()), publish->message.size());
}

Bytes Connect(const MessageContext& context) {
  Bytes bytes;
  AppendMqttConnect(context.vehicle, &bytes);
  return bytes;
}

Bytes Connack(const MessageContext&) {
  Bytes bytes;
  AppendMqttConnack(&bytes);
  return bytes;
}

Bytes Puback(const MessageContext& context, std::span<const Sample>) {
  Bytes bytes;
  AppendMqttPuback(PacketIdOf(context), &bytes);
  return bytes;
}

// ---- JSON

Bytes EncodeJson(const MessageContext& context, std::span<const Sample> samples) {
  std::string text;
  for (const Sample& sample : samples) {
    if (!text.empty()) text += '\n';
    text += edge::ToJsonLine(sample);
  }
  return Publish(context, text);
}

Result<std::vector<Sample>> DecodeJson(const MessageContext& context, std::span<const std::byte> written) {
  Result<std::string_view> message = MessageOf(context, written);
  if (!message.ok()) return message.status();
  std::vector<Sample> samples;
  for (std::string_view rest = message.value(); !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    Result<Sample> sample = edge::ParseSampleLine(rest.substr(0, end), BootTime());
    if (!sample.ok()) return sample.status();
    samples.push_back(std::move(sample).value());
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return samples;
}

// ---- protobuf with snappy

enum Signal : std::uint32_t {
  kLatitude = 1, kLongitude, kHeading, kSpeed, kAcceleration, kYawRate, kAccuracy, kIntent,
  kArcs = 16,  // and two for each arc: length, curvature
};

// As fine as the link has it: equal values are equal bytes, which is what snappy lives on.
double Rounded(double value, double per_unit) { return std::floor(value * per_unit + 0.5) / per_unit; }

std::int64_t MillisecondsOf(BootTime time) {
  return std::chrono::duration_cast<milliseconds>(time.time_since_epoch()).count();
}

Bytes EncodeProtobuf(const MessageContext& context, std::span<const Sample> samples) {
  rival::VehicleData data;
  data.set_campaign_id("campaign-1");
  data.set_decoder_id("decoder-1");
  data.set_event_id(context.number);
  const std::int64_t event_ms = MillisecondsOf(samples.back().time);
  data.set_event_time_ms(static_cast<std::uint64_t>(event_ms));
  for (const Sample& sample : samples) {
    const std::int64_t relative_ms = MillisecondsOf(sample.time) - event_ms;
    const auto add = [&](std::uint32_t signal, double value) {
      rival::CapturedSignal& captured = *data.add_captured_signals();
      captured.set_relative_time_ms(relative_ms);
      captured.set_signal_id(signal);
      captured.set_double_value(value);
    };
    add(kLatitude, Rounded(sample.position.lat_deg, 1e7));
    add(kLongitude, Rounded(sample.position.lon_deg, 1e7));
    add(kHeading, Rounded(WrapAngle(sample.heading_rad) / kDegree, 100));
    add(kSpeed, Rounded(sample.speed_mps, 100));
    add(kAcceleration, Rounded(sample.accel_mps2, 100));
    add(kYawRate, Rounded(sample.yaw_rate_radps / kDegree, 100));
    add(kAccuracy, Rounded(sample.accuracy_m, 10));
    add(kIntent, static_cast<double>(sample.intent));
    std::uint32_t signal = kArcs;
    for (const PathArc& arc : sample.path.arcs()) {
      add(signal++, Rounded(arc.length_m, 100));
      add(signal++, Rounded(arc.curvature_per_m, 1e5));
    }
  }
  std::string packed;
  const std::string plain = data.SerializeAsString();
  snappy::Compress(plain.data(), plain.size(), &packed);
  return Publish(context, packed);
}

Result<std::vector<Sample>> DecodeProtobuf(const MessageContext& context, std::span<const std::byte> written) {
  Result<std::string_view> message = MessageOf(context, written);
  if (!message.ok()) return message.status();
  std::string plain;
  rival::VehicleData data;
  if (!snappy::Uncompress(message.value().data(), message.value().size(), &plain)) return Unreadable("not snappy's");
  if (!data.ParseFromString(plain)) return Unreadable("not a VehicleData");
  std::vector<Sample> samples;
  PathArc arc;
  for (const rival::CapturedSignal& captured : data.captured_signals()) {
    const double value = captured.double_value();
    if (captured.signal_id() == kLatitude) {
      const auto ms = static_cast<std::int64_t>(data.event_time_ms()) + captured.relative_time_ms();
      samples.emplace_back().time = BootTime(milliseconds(ms));
    }
    if (samples.empty()) return Unreadable("begins with another signal");
    Sample& sample = samples.back();
    switch (captured.signal_id()) {
      case kLatitude: sample.position.lat_deg = value; break;
      case kLongitude: sample.position.lon_deg = value; break;
      case kHeading: sample.heading_rad = value * kDegree; break;
      case kSpeed: sample.speed_mps = value; break;
      case kAcceleration: sample.accel_mps2 = value; break;
      case kYawRate: sample.yaw_rate_radps = value * kDegree; break;
      case kAccuracy: sample.accuracy_m = value; break;
      case kIntent: sample.intent = static_cast<wire::Intent>(value); break;
      default:
        if (captured.signal_id() % 2 == 0) {
          arc.length_m = value;
        } else {
          if (sample.path.size() == PlannedPath::kArcsMax) return Unreadable("more arcs than there can be");
          arc.curvature_per_m = value;
          sample.path.Append(arc);
        }
    }
  }
  return samples;
}

// ---- FlatBuffers

template <typename Table>
void AppendTable(FrameType type, flatbuffers::FlatBufferBuilder* builder, flatbuffers::Offset<Table> table,
                 Bytes* bytes) {
  builder->Finish(table);
  AppendRawFrame(type, std::as_bytes(std::span(builder->GetBufferPointer(), builder->GetSize())), bytes);
}

Bytes EncodeFlat(const MessageContext& context, std::span<const Sample> samples) {
  Bytes bytes;
  std::uint64_t sequence = context.first_sequence;
  for (const Sample& sample : samples) {
    flatbuffers::FlatBufferBuilder builder;
    const wire::Fix fix = ToWire(sample, static_cast<std::uint32_t>(sequence++));
    const WireArcs arcs = ToWire(sample.path);
    flatbuffers::Offset<flatbuffers::Vector<const wire::Arc*>> path;
    if (!arcs.empty()) path = builder.CreateVectorOfStructs(arcs.data(), arcs.size());
    AppendTable(FrameType::kLive, &builder, wire::CreateLive(builder, &fix, path), &bytes);
  }
  return bytes;
}

Result<std::vector<Sample>> DecodeFlat(const MessageContext&, std::span<const std::byte> written) {
  std::vector<Sample> samples;
  while (!written.empty()) {
    const auto frame = ParseFrame(written);
    if (!frame.ok()) return frame.status();
    if (!frame.value()) return Unreadable("half a frame");
    // Aligned for what reads it.
    std::vector<std::uint64_t> copy((frame.value()->payload.size() + 7) / 8);
    std::memcpy(copy.data(), frame.value()->payload.data(), frame.value()->payload.size());
    const auto* live =
        cloud::ReadPayload<wire::Live>(std::as_bytes(std::span(copy)).first(frame.value()->payload.size()));
    if (live == nullptr) return Unreadable("not a Live");
    samples.push_back(SampleOfFix(*live->fix()));
    samples.back().path = PathFromWire(live->path());
    written = written.subspan(frame.value()->bytes);
  }
  return samples;
}

Bytes Hello(const MessageContext& context) {
  Bytes bytes;
  flatbuffers::FlatBufferBuilder builder;
  AppendTable(FrameType::kHello, &builder, wire::CreateHelloDirect(builder, context.first_sequence, 1, "0.1.0", 460, 180),
              &bytes);
  return bytes;
}

Bytes Welcome(const MessageContext&) {
  Bytes bytes;
  flatbuffers::FlatBufferBuilder builder;
  AppendTable(FrameType::kWelcome, &builder, wire::CreateWelcome(builder, 1'700'000'000'000'000'000, 1, 1, 1, 1), &bytes);
  return bytes;
}

// As Starling says "durable".
Bytes HistoryAck(const MessageContext& context, std::span<const Sample> samples) {
  Bytes bytes;
  flatbuffers::FlatBufferBuilder builder;
  AppendTable(FrameType::kHistoryAck, &builder,
              wire::CreateHistoryAck(builder, 1, context.first_sequence, context.first_sequence + samples.size() - 1),
              &bytes);
  return bytes;
}

constexpr double kWantedOfJson = 1.0 / 15;
constexpr double kWantedOfProtobuf = 1.0 / 4;

constexpr Rival kRivals[] = {
    {"JSON over MQTT, each sample", 1, kWantedOfJson, EncodeJson, DecodeJson, Connect, Connack, Puback},
    {"JSON over MQTT, each second", 10, 0, EncodeJson, DecodeJson, Connect, Connack, Puback},
    {"protobuf + snappy, each second", 10, kWantedOfProtobuf, EncodeProtobuf, DecodeProtobuf, Connect, Connack, Puback},
    {"protobuf + snappy, each 10 s", 100, 0, EncodeProtobuf, DecodeProtobuf, Connect, Connack, Puback},
    {"FlatBuffers, each sample", 1, 0, EncodeFlat, DecodeFlat, Hello, Welcome, HistoryAck},
    {"FlatBuffers, each second", 10, 0, EncodeFlat, DecodeFlat, Hello, Welcome, HistoryAck},
};

}  // namespace

std::span<const Rival> Rivals() { return kRivals; }

Sample SampleOfFix(const wire::Fix& fix) {
  Sample sample;
  sample.time = BootTimeFromNs(fix.boot_time_ns());
  sample.position = PositionFromWire(fix);
  sample.heading_rad = HeadingFromWire(fix);
  sample.speed_mps = fix.speed_cmps() * 0.01;
  sample.accel_mps2 = fix.accel_cmps2() * 0.01;
  sample.yaw_rate_radps = fix.yaw_rate_e4() * 1e-4;
  sample.accuracy_m = fix.accuracy_dm() * 0.1;
  sample.intent = fix.intent();
  return sample;
}

Status CheckSame(const Sample& sent, const Sample& read) {
  const double north_m = (sent.position.lat_deg - read.position.lat_deg) * kMetresPerDegree;
  const double east_m = (sent.position.lon_deg - read.position.lon_deg) * kMetresPerDegree *
                        SinCos(sent.position.lat_deg * kDegree).cos;
  const auto wrong = [](const char* what, double off) {
    return Unreadable(std::string(what) + " differs by " + std::to_string(off));
  };
  if (const double off = std::sqrt(north_m * north_m + east_m * east_m); !(off <= 0.01)) return wrong("position (m)", off);
  const auto differs = [](double a, double b, double limit) { return !(std::abs(a - b) <= limit); };
  if (differs(sent.speed_mps, read.speed_mps, 0.01)) return wrong("speed (m/s)", sent.speed_mps - read.speed_mps);
  const double turn_deg = WrapAngle(sent.heading_rad - read.heading_rad) / kDegree;
  if (differs(turn_deg, 0, 0.01)) return wrong("heading (degrees)", turn_deg);
  if (differs(sent.accel_mps2, read.accel_mps2, 0.01)) return wrong("acceleration (m/s²)", sent.accel_mps2 - read.accel_mps2);
  const double yaw_dps = (sent.yaw_rate_radps - read.yaw_rate_radps) / kDegree;
  if (differs(yaw_dps, 0, 0.01)) return wrong("yaw rate (degrees/s)", yaw_dps);
  const double late_s = ToSeconds(sent.time - read.time);
  if (differs(late_s, 0, 0.001)) return wrong("time (s)", late_s);
  if (sent.intent != read.intent) return Unreadable("the intent differs");
  return Status();
}

}  // namespace starling
