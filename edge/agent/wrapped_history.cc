#include "edge/agent/wrapped_history.h"

#include <cstring>

#include "schemas/edge_to_cloud/uplink_generated.h"

namespace starling::edge {
namespace {

constexpr char kMark[] = "\0SLHIST";
constexpr std::size_t kMarkBytes = sizeof(kMark);
static_assert(kMarkBytes == 8);

}  // namespace

std::vector<std::byte> WrapHistory(const SpooledBatch& batch, const HistoryExtras& extras) {
  flatbuffers::FlatBufferBuilder builder(batch.columns.size() + 128);
  const auto columns = builder.CreateVector(reinterpret_cast<const std::uint8_t*>(batch.columns.data()),
                                            batch.columns.size());
  flatbuffers::Offset<flatbuffers::Vector<const wire::WindowValue*>> windows;
  if (!extras.windows.empty()) windows = builder.CreateVectorOfStructs(extras.windows.data(), extras.windows.size());
  std::vector<flatbuffers::Offset<wire::Capture>> captures;
  for (const EncodedCapture& each : extras.captures) {
    const auto samples = builder.CreateVector(reinterpret_cast<const std::uint8_t*>(each.columns.data()),
                                              each.columns.size());
    captures.push_back(wire::CreateCapture(builder, each.trigger, each.fired_sequence, each.first_sequence, each.count,
                                           samples, each.cut));
  }
  const auto all = captures.empty() ? 0 : builder.CreateVector(captures);
  const bool another = extras.results_plan != extras.plan && !(extras.windows.empty() && extras.captures.empty());
  builder.Finish(wire::CreateHistory(builder, ToNumber(batch.boot), batch.first_sequence, batch.count, columns,
                                     ToNumber(extras.plan), windows, all, another ? ToNumber(extras.results_plan) : 0));
  const auto payload = std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
  std::vector<std::byte> wrapped(kMarkBytes + payload.size());
  std::memcpy(wrapped.data(), kMark, kMarkBytes);
  std::memcpy(wrapped.data() + kMarkBytes, payload.data(), payload.size());
  return wrapped;
}

std::span<const std::byte> WrappedHistory(std::span<const std::byte> columns) {
  if (columns.size() <= kMarkBytes) return {};
  if (std::memcmp(columns.data(), kMark, kMarkBytes) != 0) return {};
  return columns.subspan(kMarkBytes);
}

}  // namespace starling::edge
