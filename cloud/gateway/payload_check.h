// Structure and meaning of payloads, as far as they can be judged on their own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <flatbuffers/flatbuffers.h>

#include "cloud/gateway/judgement.h"
#include "schemas/edge_to_cloud/uplink_generated.h"

namespace starling::cloud {

// FlatBuffers' own limits are a million tables, 64 deep; no frame of ours has more
// than one table and its vectors.
inline constexpr flatbuffers::uoffset_t kVerifyDepthMax = 8;
inline constexpr flatbuffers::uoffset_t kVerifyTablesMax = 256;

inline constexpr std::size_t kPathArcsMax = 8;
inline constexpr std::size_t kStatusesMax = 256;       // of one CommandReport
inline constexpr std::size_t kVersionBytesMax = 64;    // of Hello's agent_version
inline constexpr std::size_t kWindowsOfBatchMax = 256;
inline constexpr std::size_t kCapturesOfBatchMax = 16;
inline constexpr std::size_t kPlanDetailBytesMax = 512;  // of PlanReport's detail
// A vehicle's clock starts at its boot; 2^62 ns are 146 years.  Sums stay in 63 bits.
inline constexpr std::uint64_t kBootTimeMaxNs = std::uint64_t{1} << 62;

// The payload as a T, or null if its structure is not that of one.
template <typename T>
const T* ReadPayload(std::span<const std::byte> payload) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(payload.data());
  flatbuffers::Verifier verifier(bytes, payload.size(), kVerifyDepthMax, kVerifyTablesMax);
  return verifier.VerifyBuffer<T>(nullptr) ? flatbuffers::GetRoot<T>(bytes) : nullptr;
}

Judgement CheckHello(const wire::Hello& hello);
// The samples of its captures too; not its own, which who stores them reads anyway.
Judgement CheckHistory(const wire::History& history);
Judgement CheckReport(const wire::CommandReport& report);
Judgement CheckPlanReport(const wire::PlanReport& report);
Judgement CheckProbe(const wire::ClockProbe& probe);

}  // namespace starling::cloud
