// What a planner knows, as bytes and as a file: docs/formats/scaling_state.md.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "cloud/scaling/scaling_planner.h"
#include "common/status.h"

namespace starling::cloud {

// At most this many bytes.
inline constexpr std::size_t kScalingStateBytesMax = 64 << 10;

std::vector<std::byte> EncodeScalingState(const ScalingPlanner& planner);

// Errors: kCorruption if it is not what was written; kInvalidArgument if it is of another format.  The planner
//         then knows nothing.
// REQUIRES: the planner has observed nothing.
Status DecodeScalingState(std::span<const std::byte> bytes, ScalingPlanner* planner);

// The file of an orchestrator's folder.
std::string ScalingStateFile(const std::string& data);

// Nothing if the file is not there.
// Errors: those of DecodeScalingState; kIoError; the message names the file.
Status ReadScalingState(const std::string& path, ScalingPlanner* planner);

// Errors: as ReplaceFile.
Status WriteScalingState(const std::string& path, const ScalingPlanner& planner);

}  // namespace starling::cloud
