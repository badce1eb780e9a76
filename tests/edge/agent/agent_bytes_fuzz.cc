// Any bytes from the cloud.  The first byte of the input says how the rest
// reaches the agent: 0 as it is, else each portion as the payload of a frame
// whose checksums are right, for a mutation would not get past those.
//
// Whatever comes: no crash, no action outside the envelope, a balanced ledger.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/check.h"
#include "common/frame/frame_writer.h"
#include "edge/agent/agent.h"
#include "edge/spool/memory_spool.h"

namespace starling::edge {
namespace {

constexpr BootId kBoot{0xB007};

void Exercise(Agent* agent, BootTime now) {
  std::vector<std::byte> sent;
  while (agent->NextFrame(now, &sent)) {
  }
  const AgentConfig config;
  while (const auto action = agent->TakeAction(now)) {
    STARLING_CHECK(action->expires > now && action->expires - now <= config.lease_max);
    STARLING_CHECK(action->decel_mps2 <= config.decel_max_mps2);
  }
  const DesiredState desired = agent->desired(now);
  STARLING_CHECK(desired.decel_mps2 <= config.decel_max_mps2);
  agent->OnTimer(now);
  const AgentLedger ledger = agent->ledger();
  STARLING_CHECK(ledger.sampled == ledger.delivered + ledger.dropped_spool_full + ledger.dropped_refused +
                                       ledger.dropped_io + ledger.in_flight);
}

void Run(std::span<const std::uint8_t> input) {
  static PayloadCodec codec;
  Agent agent(AgentConfig(), kBoot, std::make_unique<MemorySpool>(MemorySpoolConfig()), &codec);
  BootTime now{};
  const auto take_sample = [&] {
    now += milliseconds(100);
    Sample sample;
    sample.time = now;
    sample.position = {52.5, 13.4};
    sample.speed_mps = 5;
    STARLING_CHECK(agent.OnSample(sample, now).ok());
  };
  for (int i = 0; i < 120; ++i) take_sample();
  agent.OnConnected(now);
  Exercise(&agent, now);
  if (input.empty()) return;
  const bool framed = input[0] != 0;
  input = input.subspan(1);
  if (!framed) {
    if (!agent.OnBytes(std::as_bytes(input), now).ok()) agent.OnDisconnected(now);
    Exercise(&agent, now);
    return;
  }
  while (input.size() > 2) {  // type, size, payload
    const auto type = static_cast<FrameType>(input[0]);
    const std::size_t size = std::min<std::size_t>(input[1], input.size() - 2);
    std::vector<std::byte> frame;
    STARLING_CHECK(AppendFrame(type, std::as_bytes(input.subspan(2, size)), &codec, &frame).ok());
    STARLING_CHECK(agent.OnBytes(frame, now).ok());
    input = input.subspan(2 + size);
    take_sample();
    Exercise(&agent, now);
  }
}

}  // namespace
}  // namespace starling::edge

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  starling::edge::Run({data, size});
  return 0;
}
