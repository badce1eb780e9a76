// What a frame costs, in bytes and in time, for each type that carries telemetry or
// commands.  The payloads are made from simulated driving (200 vehicles, seed 1).
//
//   Encode/TYPE/0    raw: FlatBuffer in a frame, never compressed
//   Encode/TYPE/1    as sent: with the trained dictionary
//   Decode/TYPE/0,1  parse, checksums, decompress, verify
//   EncodeJson, DecodeJson   one sample as the agent's own JSON line: the baseline
//
// bytes_per_frame counts the frame's header; bytes_per_sample divides a history batch
// by its samples.  Both are without TLS: what a whole drive puts on the link, and what its
// rivals would, is bench/link.
//
// Before anything is timed, what was encoded is decoded and compared.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "bench/codec/raw_frame.h"
#include "cloud/gateway/payload_check.h"
#include "common/check.h"
#include "common/frame/frame_reader.h"
#include "common/frame/frame_writer.h"
#include "common/frame/payload_codec.h"
#include "common/telemetry/fix_codec.h"
#include "common/telemetry/history_writer.h"
#include "edge/source/sample_json.h"
#include "sim/fleet/schedule.h"
#include "sim/traffic/traffic.h"

namespace starling {
namespace {

using Payload = std::vector<std::byte>;

constexpr std::size_t kVehicles = 200;
constexpr std::size_t kBatch = 100;

std::vector<std::vector<Sample>> DriveSamples() {
  sim::CityConfig city_config;
  city_config.side_m = 1000;
  const sim::City city = sim::City::Generate(city_config);
  sim::TrafficConfig config;
  config.vehicles = kVehicles;
  config.warm_up_s = 30;
  sim::Traffic traffic(city, config);
  const LocalFrame frame(FrameOrigin{481'351'000, 115'820'000});
  const sim::Schedule schedule(kVehicles);
  std::vector<std::vector<Sample>> samples(kVehicles);
  for (std::size_t round = 0; round < kBatch; ++round) {
    for (sim::VehicleIndex v = 0; v < kVehicles; ++v) {
      const sim::SimTime now = sim::SimTime(schedule.InstantOf(v, round));
      traffic.AdvanceTo(now);
      const sim::VehicleTruth truth = traffic.Truth(v, now);
      Sample sample;
      sample.time = BootTime(std::chrono::hours(30) + now.time_since_epoch());
      sample.position = frame.ToGeo(truth.position);
      sample.heading_rad = truth.heading_rad + frame.Convergence(sample.position);
      sample.speed_mps = truth.speed_mps;
      sample.accel_mps2 = truth.accel_mps2;
      sample.yaw_rate_radps = truth.yaw_rate_radps;
      sample.accuracy_m = 0.2;
      sample.intent = wire::Intent::WithPassenger;
      sample.path = truth.path;
      samples[v].push_back(sample);
    }
  }
  return samples;
}

const std::vector<std::vector<Sample>>& Samples() {
  static const std::vector<std::vector<Sample>> samples = DriveSamples();
  return samples;
}

Payload Finish(flatbuffers::FlatBufferBuilder* builder) {
  const auto bytes = std::as_bytes(std::span(builder->GetBufferPointer(), builder->GetSize()));
  return Payload(bytes.begin(), bytes.end());
}

std::vector<Payload> LivePayloads() {
  std::vector<Payload> payloads;
  for (const std::vector<Sample>& vehicle : Samples()) {
    for (std::size_t i = 0; i < vehicle.size(); i += 10) {
      flatbuffers::FlatBufferBuilder builder;
      const wire::Fix fix = ToWire(vehicle[i], static_cast<std::uint32_t>(i + 1));
      const WireArcs arcs = ToWire(vehicle[i].path);
      flatbuffers::Offset<flatbuffers::Vector<const wire::Arc*>> path;
      if (!arcs.empty()) path = builder.CreateVectorOfStructs(arcs.data(), arcs.size());
      builder.Finish(wire::CreateLive(builder, &fix, path));
      payloads.push_back(Finish(&builder));
    }
  }
  return payloads;
}

std::vector<Payload> HistoryPayloads() {
  std::vector<Payload> payloads;
  for (const std::vector<Sample>& vehicle : Samples()) {
    std::vector<wire::Fix> fixes;
    for (std::size_t i = 0; i < vehicle.size(); ++i) {
      fixes.push_back(ToWire(vehicle[i], static_cast<std::uint32_t>(i + 1)));
    }
    std::vector<std::byte> columns;
    WriteHistoryColumns(fixes, &columns);
    flatbuffers::FlatBufferBuilder builder;
    const auto bytes = builder.CreateVector(reinterpret_cast<const std::uint8_t*>(columns.data()), columns.size());
    builder.Finish(wire::CreateHistory(builder, 0x1234567890abcdefu, 1,
                                       static_cast<std::uint16_t>(fixes.size()), bytes));
    payloads.push_back(Finish(&builder));
  }
  return payloads;
}

std::vector<Payload> CommandPayloads() {
  std::vector<Payload> payloads;
  for (std::uint64_t i = 0; i < kVehicles; ++i) {
    flatbuffers::FlatBufferBuilder builder;
    const auto cause = builder.CreateString("veh-00042");
    builder.Finish(wire::CreateCommand(
        builder, MixHash(1, i), wire::CommandKind::Avoidance, 0, 17, i + 1, MixHash(2, i), 0,
        MixHash(3, i), 100'000'000'000'000 + i * 1'000'003, 550, 250, 0, 0, cause, MixHash(4, i),
        i + 1, 1'700'000'000'000'000'000 + static_cast<std::int64_t>(i) * 1'000'003,
        1'700'000'000'000'300'000 + static_cast<std::int64_t>(i) * 1'000'003));
    payloads.push_back(Finish(&builder));
  }
  return payloads;
}

struct Type {
  const char* name;
  FrameType type;
  std::size_t samples;   // in each frame
  std::vector<Payload> (*make)();
  bool (*verify)(std::span<const std::byte> payload);
};

template <typename T>
bool Verify(std::span<const std::byte> payload) {
  return cloud::ReadPayload<T>(payload) != nullptr;
}

constexpr Type kTypes[] = {
    {"Live", FrameType::kLive, 1, LivePayloads, Verify<wire::Live>},
    {"History", FrameType::kHistory, kBatch, HistoryPayloads, Verify<wire::History>},
    {"Command", FrameType::kCommand, 0, CommandPayloads, Verify<wire::Command>},
};

void Append(const Type& type, const Payload& payload, bool compress, PayloadCodec* codec,
            std::vector<std::byte>* stream) {
  if (compress) {
    STARLING_CHECK(AppendFrame(type.type, payload, codec, stream).ok());
  } else {
    AppendRawFrame(type.type, payload, stream);
  }
}

// Frames one after the other; checked to give back what went in.
std::vector<std::vector<std::byte>> CheckedFrames(const Type& type, bool compress,
                                                  const std::vector<Payload>& payloads) {
  PayloadCodec codec;
  std::vector<std::vector<std::byte>> frames;
  for (const Payload& payload : payloads) {
    std::vector<std::byte>& frame = frames.emplace_back();
    Append(type, payload, compress, &codec, &frame);
    const auto view = ParseFrame(frame);
    STARLING_CHECK(view.ok() && view.value() && view.value()->type == type.type);
    const auto decoded = codec.Decode(*view.value());
    STARLING_CHECK(decoded.ok() && std::ranges::equal(decoded.value(), payload) &&
                   type.verify(decoded.value()));
  }
  return frames;
}

void Count(benchmark::State& state, const Type& type, std::size_t bytes, std::size_t frames) {
  const double mean = static_cast<double>(bytes) / static_cast<double>(frames);
  state.counters["bytes_per_frame"] = mean;
  if (type.samples > 0) state.counters["bytes_per_sample"] = mean / static_cast<double>(type.samples);
  state.SetItemsProcessed(state.iterations());
}

void Encode(benchmark::State& state, const Type& type) {
  const bool compress = state.range(0) == 1;
  const std::vector<Payload> payloads = type.make();
  std::size_t bytes = 0;
  for (const auto& frame : CheckedFrames(type, compress, payloads)) bytes += frame.size();
  PayloadCodec codec;
  std::vector<std::byte> stream;
  std::size_t next = 0;
  for (auto _ : state) {
    stream.clear();
    Append(type, payloads[next], compress, &codec, &stream);
    benchmark::DoNotOptimize(stream.data());
    next = next + 1 == payloads.size() ? 0 : next + 1;
  }
  Count(state, type, bytes, payloads.size());
}

void Decode(benchmark::State& state, const Type& type) {
  const std::vector<Payload> payloads = type.make();
  const auto frames = CheckedFrames(type, state.range(0) == 1, payloads);
  std::size_t bytes = 0;
  for (const auto& frame : frames) bytes += frame.size();
  PayloadCodec codec;
  std::size_t next = 0;
  for (auto _ : state) {
    const auto view = ParseFrame(frames[next]);
    const auto payload = codec.Decode(*view.value());
    bool valid = type.verify(payload.value());
    benchmark::DoNotOptimize(valid);
    next = next + 1 == frames.size() ? 0 : next + 1;
  }
  Count(state, type, bytes, frames.size());
}

std::vector<std::string> CheckedLines() {
  std::vector<std::string> lines;
  for (const std::vector<Sample>& vehicle : Samples()) {
    for (std::size_t i = 0; i < vehicle.size(); i += 10) {
      lines.push_back(edge::ToJsonLine(vehicle[i]));
      const auto parsed = edge::ParseSampleLine(lines.back(), vehicle[i].time);
      // Both are quantised; the line must give the very same fix.
      STARLING_CHECK(parsed.ok());
      const wire::Fix a = ToWire(parsed.value(), 1);
      const wire::Fix b = ToWire(vehicle[i], 1);
      STARLING_CHECK(std::abs(a.lat_e7() - b.lat_e7()) <= 1 && std::abs(a.lon_e7() - b.lon_e7()) <= 1);
    }
  }
  return lines;
}

void CountLines(benchmark::State& state, const std::vector<std::string>& lines) {
  std::size_t bytes = 0;
  for (const std::string& line : lines) bytes += line.size();
  state.counters["bytes_per_sample"] = static_cast<double>(bytes) / static_cast<double>(lines.size());
  state.SetItemsProcessed(state.iterations());
}

void EncodeJson(benchmark::State& state) {
  const std::vector<std::string> lines = CheckedLines();
  std::size_t next = 0;
  for (auto _ : state) {
    std::string line = edge::ToJsonLine(Samples()[next][0]);
    benchmark::DoNotOptimize(line.data());
    next = next + 1 == kVehicles ? 0 : next + 1;
  }
  CountLines(state, lines);
}

void DecodeJson(benchmark::State& state) {
  const std::vector<std::string> lines = CheckedLines();
  std::size_t next = 0;
  for (auto _ : state) {
    auto sample = edge::ParseSampleLine(lines[next], BootTime(std::chrono::hours(30)));
    benchmark::DoNotOptimize(sample);
    next = next + 1 == lines.size() ? 0 : next + 1;
  }
  CountLines(state, lines);
}

void RegisterAll() {
  for (const Type& type : kTypes) {
    benchmark::RegisterBenchmark((std::string("Encode/") + type.name).c_str(),
                                 [&type](benchmark::State& state) { Encode(state, type); })
        ->Arg(0)
        ->Arg(1);
    benchmark::RegisterBenchmark((std::string("Decode/") + type.name).c_str(),
                                 [&type](benchmark::State& state) { Decode(state, type); })
        ->Arg(0)
        ->Arg(1);
  }
  benchmark::RegisterBenchmark("EncodeJson", EncodeJson);
  benchmark::RegisterBenchmark("DecodeJson", DecodeJson);
}

[[maybe_unused]] const bool registered = (RegisterAll(), true);

}  // namespace
}  // namespace starling

BENCHMARK_MAIN();
