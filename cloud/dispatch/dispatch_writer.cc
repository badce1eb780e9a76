#include "cloud/dispatch/dispatch_writer.h"

#include <flatbuffers/flatbuffers.h>

#include <algorithm>

#include "schemas/log/dispatch_generated.h"

namespace starling::cloud {
namespace {

std::span<const std::byte> AsBytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

}  // namespace

void DispatchWriter::Deliver(std::span<ShardOutputs::Command> commands) {
  flatbuffers::FlatBufferBuilder builder(512);
  for (const ShardOutputs::Command& command : commands) {
    builder.Clear();
    // The shard made it: there is nothing to verify.
    const auto* wire_command = flatbuffers::GetRoot<wire::Command>(command.wire_command.data());
    const auto vehicle = builder.CreateString(command.vehicle.view());
    // Where the nested buffer is aligned as on its own, who reads it need not copy it.
    builder.ForceVectorAlignment(command.wire_command.size(), 1, 8);
    const auto bytes = builder.CreateVector(reinterpret_cast<const std::uint8_t*>(command.wire_command.data()),
                                            command.wire_command.size());
    builder.Finish(log::CreateDispatch(builder, wire_command->region(), wire_command->epoch(), vehicle, bytes));
    const auto ticket = log_->Append(Topic::kDispatch, Partition{wire_command->region()},
                                     AsBytes(command.vehicle.view()),
                                     {reinterpret_cast<const std::byte*>(builder.GetBufferPointer()),
                                      builder.GetSize()});
    (ticket.ok() ? dispatched_ : shed_).fetch_add(1, std::memory_order_relaxed);
  }
}

void LocalFirstSink::Deliver(std::span<ShardOutputs::Command> commands) {
  const auto far = std::stable_partition(commands.begin(), commands.end(), [this](const ShardOutputs::Command& each) {
    return connected_(each.vehicle);
  });
  const auto near_count = static_cast<std::size_t>(far - commands.begin());
  if (near_count > 0) local_->Deliver(commands.first(near_count));
  if (near_count < commands.size()) remote_->Deliver(commands.subspan(near_count));
}

}  // namespace starling::cloud
