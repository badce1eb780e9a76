#include "common/telemetry/history_reader.h"

#include <limits>
#include <string>

#include "common/telemetry/fix_codec.h"

namespace starling {
namespace {

class NibbleSource {
 public:
  explicit NibbleSource(std::span<const std::byte> bytes) : bytes_(bytes) {}

  // False: the bytes end in it, or it is longer than it has to be.
  bool Get(std::uint64_t* value) {
    std::uint64_t nibble = 0;
    if (!GetNibble(&nibble)) return false;
    *value = nibble & (kHistoryNibbleMore - 1);
    for (int shift = kHistoryNibbleBits; (nibble & kHistoryNibbleMore) != 0;
         shift += kHistoryNibbleBits) {
      if (!GetNibble(&nibble) || nibble == 0) return false;
      const std::uint64_t bits = nibble & (kHistoryNibbleMore - 1);
      if (shift > 63 || (bits << shift) >> shift != bits) return false;
      *value |= bits << shift;
    }
    return true;
  }

  // True when nothing is left but the zero nibble that fills up the last byte.
  bool AtEnd() {
    std::uint64_t nibble = 0;
    if ((next_ & 1) != 0 && (!GetNibble(&nibble) || nibble != 0)) return false;
    return next_ == 2 * bytes_.size();
  }

 private:
  bool GetNibble(std::uint64_t* nibble) {
    if (next_ >= 2 * bytes_.size()) return false;
    *nibble = (std::to_integer<std::uint64_t>(bytes_[next_ >> 1]) >> (4 * (next_ & 1))) & 0xF;
    ++next_;
    return true;
  }

  const std::span<const std::byte> bytes_;
  std::size_t next_ = 0;  // In nibbles.
};

enum class Course { kSteady, kMoving };

// Reads one column; `store(fix, value)` returns false for a value out of range.
template <Course course, typename Store>
bool ReadColumn(NibbleSource* source, std::vector<wire::Fix>* fixes, Store store) {
  std::uint64_t mode = 0;
  if (!source->Get(&mode) || mode > kHistoryRuns) return false;
  // Unsigned, so that hostile residuals wrap instead of overflowing.
  std::uint64_t value = 0;
  std::uint64_t step = 0;
  std::uint64_t zeros = 0;  // Of a run, still to come.
  for (std::size_t i = 0; i < fixes->size(); ++i) {
    std::uint64_t residual = 0;
    if (zeros > 0) {
      --zeros;
    } else {
      if (!source->Get(&residual)) return false;
      if (mode == kHistoryRuns && residual == 0) {
        if (!source->Get(&zeros) || zeros >= fixes->size() - i) return false;
      }
    }
    const auto change = static_cast<std::uint64_t>(UnZigZag(residual));
    if (course == Course::kMoving && i > 0) {
      step += change;
      value += step;
    } else {
      value += change;
    }
    if (!store((*fixes)[i], static_cast<std::int64_t>(value))) return false;
  }
  return true;
}

template <typename T>
bool Fits(std::int64_t value) {
  return value >= std::numeric_limits<T>::min() && value <= std::numeric_limits<T>::max();
}

bool ReadColumns(NibbleSource* source, std::vector<wire::Fix>* fixes) {
  std::uint64_t version = 0;
  std::uint64_t unit = 0;
  if (!source->Get(&version) || version != kHistoryVersion) return false;
  if (!source->Get(&unit) || unit > kHistoryTimeInUs) return false;
  const std::int64_t unit_ns = unit == kHistoryTimeInUs ? 1000 : 1;

  std::int64_t last = -1;
  const auto time = [&](wire::Fix& fix, std::int64_t value) {
    if (value <= last || value > std::numeric_limits<std::int64_t>::max() / unit_ns) return false;
    last = value;
    fix.mutate_boot_time_ns(static_cast<std::uint64_t>(value * unit_ns));
    return true;
  };
  const auto lat = [](wire::Fix& fix, std::int64_t value) {
    fix.mutate_lat_e7(static_cast<std::int32_t>(value));
    return Fits<std::int32_t>(value);
  };
  const auto lon = [](wire::Fix& fix, std::int64_t value) {
    fix.mutate_lon_e7(static_cast<std::int32_t>(value));
    return Fits<std::int32_t>(value);
  };
  const auto heading = [](wire::Fix& fix, std::int64_t value) {
    fix.mutate_heading(static_cast<std::uint16_t>(value & 0xFFFF));  // Wraps around.
    return true;
  };
  const auto speed = [](wire::Fix& fix, std::int64_t value) {
    fix.mutate_speed_cmps(static_cast<std::int16_t>(value));
    return Fits<std::int16_t>(value);
  };
  const auto accel = [](wire::Fix& fix, std::int64_t value) {
    fix.mutate_accel_cmps2(static_cast<std::int16_t>(value));
    return Fits<std::int16_t>(value);
  };
  const auto yaw_rate = [](wire::Fix& fix, std::int64_t value) {
    fix.mutate_yaw_rate_e4(static_cast<std::int16_t>(value));
    return Fits<std::int16_t>(value);
  };
  const auto accuracy = [](wire::Fix& fix, std::int64_t value) {
    fix.mutate_accuracy_dm(static_cast<std::uint8_t>(value));
    return Fits<std::uint8_t>(value);
  };
  const auto intent = [](wire::Fix& fix, std::int64_t value) {
    fix.mutate_intent(static_cast<wire::Intent>(value));
    return Fits<std::uint8_t>(value);
  };
  return ReadColumn<Course::kMoving>(source, fixes, time) &&
         ReadColumn<Course::kMoving>(source, fixes, lat) &&
         ReadColumn<Course::kMoving>(source, fixes, lon) &&
         ReadColumn<Course::kMoving>(source, fixes, heading) &&
         ReadColumn<Course::kMoving>(source, fixes, speed) &&
         ReadColumn<Course::kSteady>(source, fixes, accel) &&
         ReadColumn<Course::kSteady>(source, fixes, yaw_rate) &&
         ReadColumn<Course::kSteady>(source, fixes, accuracy) &&
         ReadColumn<Course::kSteady>(source, fixes, intent) && source->AtEnd();
}

}  // namespace

Status ReadHistoryColumns(std::span<const std::byte> columns, std::uint64_t first_sequence,
                          std::size_t count, std::vector<wire::Fix>* fixes) {
  constexpr std::uint64_t kSequenceMax = std::numeric_limits<std::uint32_t>::max();
  fixes->clear();
  if (count == 0 || count > kHistorySamplesMax) {
    return Status(ErrorCode::kInvalidArgument, "batch of " + std::to_string(count) + " samples, not 1 to " +
                                                   std::to_string(kHistorySamplesMax));
  }
  if (first_sequence == 0 || first_sequence > kSequenceMax - (count - 1)) {
    return Status(ErrorCode::kInvalidArgument,
                  "batch starts at sequence " + std::to_string(first_sequence));
  }
  fixes->resize(count);
  NibbleSource source(columns);
  if (!ReadColumns(&source, fixes)) {
    fixes->clear();
    return Status(ErrorCode::kCorruption, "history columns are not what a writer writes");
  }
  for (std::size_t i = 0; i < count; ++i) {
    wire::Fix& fix = (*fixes)[i];
    fix.mutate_sequence(static_cast<std::uint32_t>(first_sequence + i));
    if (const Status status = ValidateFix(fix); !status.ok()) {
      const std::string message = "sample " + std::to_string(i) + ": " + std::string(status.message());
      fixes->clear();
      return Status(ErrorCode::kCorruption, message);
    }
  }
  return Status();
}

}  // namespace starling
