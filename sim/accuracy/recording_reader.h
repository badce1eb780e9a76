#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "common/status.h"
#include "sim/accuracy/recording.h"
#include "sim/truth/truth_program.h"

namespace starling::sim {

struct RecordingOptions {
  std::string fcd;     // docs/formats/fcd.md; plain, .gz, .xz or .zst
  VehicleSizes sizes;  // of types; others are 5 m by 1.8 m
  enum class Coordinates : std::uint8_t {
    kGuess,  // degrees if vehicles' moves are a thousandth of what their speeds make
    kMetres,
    kDegrees,
  } coordinates = Coordinates::kGuess;
};

struct ReadRecording {
  Recording recording;
  bool degrees = false;
  Vec2 zero;  // of metres: what is the frame's zero
  // SUMO's angles are those of the network's plane.  Where that is not the frame's, vehicles would drive off sideways:
  // this is by how much they were turned, the median of what headings and moves say.
  double turned_rad = 0;
  std::uint64_t rows = 0;
  std::map<std::string, std::uint64_t> types_without_size;  // their rows
  std::map<std::string, std::uint64_t> skipped;             // FcdReader::skipped
};

inline constexpr std::uint64_t kRecordingRowsMax = 50'000'000;  // about 2 GB
inline constexpr double kRecordingStepMaxS = 1;
inline constexpr double kRecordingExtentMaxM = 100'000;

// Errors: those of FcdReader and PackedFile; kCorruption for a step of more than kRecordingStepMaxS, degrees that are
//         none, or an extent of more than kRecordingExtentMaxM; kExhausted beyond kRecordingRowsMax;
//         kInvalidArgument for a vehicle that no agent can be of (30 m by 5 m), and for less than two steps.
Result<ReadRecording> ReadRecordingFile(const RecordingOptions& options,
                                        const std::function<bool(std::uint64_t rows)>& progress);

}  // namespace starling::sim
