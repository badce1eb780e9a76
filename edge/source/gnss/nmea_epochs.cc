#include "edge/source/gnss/nmea_epochs.h"

#include <utility>

namespace starling::edge {

Status NmeaEpochs::OnLine(std::string_view line, BootTime now) {
  OnTime(now);
  ++counters_.sentences;
  const Result<NmeaSentence> parsed = ParseNmea(line);
  if (!parsed.ok()) {
    ++(parsed.status().code() == ErrorCode::kCorruption ? counters_.refused_checksum
                                                        : counters_.refused_malformed);
    return parsed.status();
  }
  const NmeaSentence& sentence = parsed.value();
  if (sentence.type == NmeaType::kOther) {
    ++counters_.unused;
    return Status();
  }
  if (sentence.type == NmeaType::kVtg) {
    if (open_) {
      Merge(sentence);
      heard_ = now;
    } else {
      early_ = sentence;
    }
    return Status();
  }
  // A receiver that has just been switched on does not know the time, nor where it is.
  if (open_ && sentence.time_of_day != time_of_day_) Close();
  if (!open_) {
    constexpr nanoseconds kHalfADay = seconds(12 * 3600);
    if (time_of_day_ && sentence.time_of_day && *sentence.time_of_day + kHalfADay < *time_of_day_) {
      // A line that plays tricks for years ends in a step of the receiver's clock.
      constexpr nanoseconds kDaysMax = seconds(10'000LL * 24 * 3600);
      midnight_ = midnight_ < kDaysMax ? midnight_ + seconds(24 * 3600) : nanoseconds(0);
    }
    if (sentence.time_of_day) time_of_day_ = sentence.time_of_day;
    open_ = true;
    invalid_ = has_position_ = false;
    vtg_speed_mps_ = vtg_course_rad_ = std::nullopt;
    fix_ = GnssFix{};
    fix_.arrival = now;
    if (sentence.time_of_day) fix_.epoch = midnight_ + *sentence.time_of_day;
    if (const auto early = std::exchange(early_, std::nullopt)) Merge(*early);
  }
  heard_ = now;
  Merge(sentence);
  return Status();
}

void NmeaEpochs::Merge(const NmeaSentence& sentence) {
  if (!sentence.valid) invalid_ = true;
  if (sentence.position) {
    fix_.position = *sentence.position;
    has_position_ = true;
  }
  if (sentence.type == NmeaType::kVtg) {
    vtg_speed_mps_ = sentence.speed_mps;
    vtg_course_rad_ = sentence.course_rad;
  }
  if (sentence.type == NmeaType::kRmc) {
    fix_.speed_mps = sentence.speed_mps;
    fix_.course_rad = sentence.course_rad;
  }
  if (sentence.hdop) fix_.accuracy_m = *sentence.hdop * kRangeErrorM;
}

void NmeaEpochs::Close() {
  open_ = false;
  ++counters_.epochs;
  if (invalid_ || !has_position_) {
    ++counters_.epochs_without_fix;
    return;
  }
  ++counters_.fixes;
  if (!fix_.speed_mps) fix_.speed_mps = vtg_speed_mps_;
  if (!fix_.course_rad) fix_.course_rad = vtg_course_rad_;
  ready_ = fix_;
}

void NmeaEpochs::OnTime(BootTime now) {
  if (open_ && now >= heard_ + kQuiet) Close();
}

std::optional<BootTime> NmeaEpochs::deadline() const {
  return open_ ? std::optional(heard_ + kQuiet) : std::nullopt;
}

std::optional<GnssFix> NmeaEpochs::TakeFix() { return std::exchange(ready_, std::nullopt); }

void NmeaEpochs::Reset() {
  open_ = false;
  early_.reset();
}

}  // namespace starling::edge
