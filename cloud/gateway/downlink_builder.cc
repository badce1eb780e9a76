#include "cloud/gateway/downlink_builder.h"

#include "common/check.h"
#include "common/frame/frame_writer.h"

namespace starling::cloud {

template <typename Table>
std::span<const std::byte> DownlinkBuilder::Frame(FrameType type, flatbuffers::Offset<Table> table) {
  builder_.Finish(table);
  const auto payload = std::as_bytes(std::span(builder_.GetBufferPointer(), builder_.GetSize()));
  frame_.clear();
  STARLING_CHECK(AppendFrame(type, payload, codec_, &frame_).ok());  // Ours are short.
  builder_.Clear();
  return frame_;
}

std::span<const std::byte> DownlinkBuilder::Welcome(CloudTime now, RegionId region, Epoch epoch,
                                                    FrameOrigin origin, BootId acked_boot,
                                                    std::uint64_t acked_through, milliseconds reconnect_spread) {
  return Frame(FrameType::kWelcome,
               wire::CreateWelcome(builder_, ToNs(now), ToNumber(region), ToNumber(epoch), origin.lat_e7,
                                   origin.lon_e7, ToNumber(acked_boot), acked_through,
                                   static_cast<std::uint32_t>(reconnect_spread.count())));
}

std::span<const std::byte> DownlinkBuilder::ClockReply(std::uint64_t probe_boot_time_ns, CloudTime received,
                                                       CloudTime sent, milliseconds reconnect_spread) {
  return Frame(FrameType::kClockReply,
               wire::CreateClockReply(builder_, probe_boot_time_ns, ToNs(received), ToNs(sent),
                                      static_cast<std::uint32_t>(reconnect_spread.count())));
}

std::span<const std::byte> DownlinkBuilder::HistoryAck(BootId boot, std::uint64_t first,
                                                       std::uint64_t through, bool refused) {
  return Frame(FrameType::kHistoryAck,
               wire::CreateHistoryAck(builder_, ToNumber(boot), first, through, refused));
}

std::span<const std::byte> DownlinkBuilder::StatusAck(BootId boot, std::uint32_t through_report) {
  return Frame(FrameType::kStatusAck, wire::CreateStatusAck(builder_, ToNumber(boot), through_report));
}

std::span<const std::byte> DownlinkBuilder::Notice(wire::NoticeCode code, std::uint32_t retry_after_ms,
                                                   std::string_view detail) {
  const auto text = builder_.CreateString(detail.data(), detail.size());
  return Frame(FrameType::kNotice, wire::CreateNotice(builder_, code, retry_after_ms, text));
}

std::span<const std::byte> DownlinkBuilder::Plan(std::span<const std::byte> compiled) {
  frame_.clear();
  STARLING_CHECK(AppendFrame(FrameType::kPlan, compiled, codec_, &frame_).ok());
  return frame_;
}

std::span<const std::byte> DownlinkBuilder::Command(std::span<const std::byte> wire_command) {
  frame_.clear();
  if (!AppendFrame(FrameType::kCommand, wire_command, codec_, &frame_).ok()) frame_.clear();
  return frame_;
}

}  // namespace starling::cloud
