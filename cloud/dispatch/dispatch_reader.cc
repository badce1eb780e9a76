#include "cloud/dispatch/dispatch_reader.h"

#include <flatbuffers/flatbuffers.h>

#include <optional>

#include "schemas/log/dispatch_generated.h"

namespace starling::cloud {
namespace {

// Anyone who may write the topic can write nonsense.
constexpr flatbuffers::uoffset_t kDepthMax = 8;
constexpr flatbuffers::uoffset_t kTablesMax = 64;

template <typename T>
const T* Verified(const std::uint8_t* bytes, std::size_t size) {
  flatbuffers::Verifier verifier(bytes, size, kDepthMax, kTablesMax);
  return verifier.VerifyBuffer<T>(nullptr) ? flatbuffers::GetRoot<T>(bytes) : nullptr;
}

std::optional<ShardOutputs::Command> CommandOf(const LogRecord& record) {
  const auto* dispatch =
      Verified<log::Dispatch>(reinterpret_cast<const std::uint8_t*>(record.value.data()), record.value.size());
  if (dispatch == nullptr) return std::nullopt;
  const auto vehicle = VehicleId::Parse(dispatch->vehicle()->string_view());
  const auto* bytes = reinterpret_cast<const std::byte*>(dispatch->wire_command()->data());
  // Copied before it is verified: there it is aligned.
  ShardOutputs::Command command{{}, {bytes, bytes + dispatch->wire_command()->size()}};
  const auto* wire_command = Verified<wire::Command>(
      reinterpret_cast<const std::uint8_t*>(command.wire_command.data()), command.wire_command.size());
  if (!vehicle.ok() || wire_command == nullptr || wire_command->region() != dispatch->region() ||
      wire_command->epoch() != dispatch->epoch()) {
    return std::nullopt;
  }
  command.vehicle = vehicle.value();
  return command;
}

}  // namespace

void DispatchReader::OnRecords(std::span<const LogRecord> records) {
  commands_.clear();
  for (const LogRecord& record : records) {
    if (auto command = CommandOf(record)) {
      commands_.push_back(std::move(*command));
    } else {
      refused_.fetch_add(1, std::memory_order_relaxed);
    }
  }
  if (commands_.empty()) return;
  received_.fetch_add(commands_.size(), std::memory_order_relaxed);
  gateway_->Deliver(commands_);
}

}  // namespace starling::cloud
