#pragma once

#include <flatbuffers/flatbuffers.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "common/frame/frame_format.h"
#include "common/frame/payload_codec.h"
#include "common/geo/local_frame.h"
#include "common/ids.h"
#include "common/time.h"
#include "schemas/cloud_to_edge/downlink_generated.h"

namespace starling::cloud {

// Makes the frames that go to vehicles.  What a method returns lives until the next
// call.
//
// Threading: thread-compatible; one for each thread.
class DownlinkBuilder {
 public:
  // `codec` must outlive the builder.
  explicit DownlinkBuilder(PayloadCodec* codec) : codec_(codec) {}

  std::span<const std::byte> Welcome(CloudTime now, RegionId region, Epoch epoch, FrameOrigin origin,
                                     BootId acked_boot, std::uint64_t acked_through, milliseconds reconnect_spread);
  std::span<const std::byte> ClockReply(std::uint64_t probe_boot_time_ns, CloudTime received, CloudTime sent,
                                        milliseconds reconnect_spread);
  std::span<const std::byte> HistoryAck(BootId boot, std::uint64_t first, std::uint64_t through, bool refused);
  std::span<const std::byte> StatusAck(BootId boot, std::uint32_t through_report);
  std::span<const std::byte> Notice(wire::NoticeCode code, std::uint32_t retry_after_ms, std::string_view detail);

  // A compiled plan: no longer than a frame.
  std::span<const std::byte> Plan(std::span<const std::byte> compiled);

  // A finished wire::Command.  Empty if it is too long for a frame.
  std::span<const std::byte> Command(std::span<const std::byte> wire_command);

 private:
  template <typename Table>
  std::span<const std::byte> Frame(FrameType type, flatbuffers::Offset<Table> table);

  PayloadCodec* const codec_;
  flatbuffers::FlatBufferBuilder builder_;
  std::vector<std::byte> frame_;
};

}  // namespace starling::cloud
