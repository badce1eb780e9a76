#include "common/telemetry/history_writer.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "common/check.h"

namespace starling {
namespace {

using Residuals = std::array<std::uint64_t, kHistorySamplesMax>;

std::size_t NibblesOf(std::uint64_t value) {
  const auto bits = static_cast<int>(std::bit_width(value | 1));  // Zero takes a bit too.
  return static_cast<std::size_t>((bits + kHistoryNibbleBits - 1) / kHistoryNibbleBits);
}

// Collects nibbles, low one of a byte first.
class NibbleSink {
 public:
  void Put(std::uint64_t value) {
    while (value >= kHistoryNibbleMore) {
      PutNibble((value & (kHistoryNibbleMore - 1)) | kHistoryNibbleMore);
      value >>= kHistoryNibbleBits;
    }
    PutNibble(value);
  }

  // The bytes so far, the last one filled up with a zero nibble.
  std::span<const std::byte> Finish() {
    while (bits_ > 0) {
      bytes_[size_++] = static_cast<std::byte>(word_ & 0xFF);
      word_ >>= 8;
      bits_ = std::max(bits_ - 8, 0);
    }
    return {bytes_.data(), size_};
  }

 private:
  void PutNibble(std::uint64_t nibble) {
    word_ |= nibble << bits_;
    bits_ += 4;
    if (bits_ == 32) {
      for (std::size_t i = 0; i < 4; ++i) {
        bytes_[size_ + i] = static_cast<std::byte>((word_ >> (8 * i)) & 0xFF);
      }
      size_ += 4;
      word_ = 0;
      bits_ = 0;
    }
  }

  std::uint64_t word_ = 0;
  int bits_ = 0;
  std::size_t size_ = 0;
  std::array<std::byte, kHistoryBytesMax> bytes_;  // Only the first size_ are set.
};

// What writing zeros as runs saves, in nibbles; negative if zeros stand alone.
std::int64_t SavedByRuns(std::span<const std::uint64_t> residuals) {
  std::int64_t saved = 0;
  std::size_t run = 0;
  const auto end_run = [&] {
    if (run > 0) {
      saved += static_cast<std::int64_t>(run) - 1 - static_cast<std::int64_t>(NibblesOf(run - 1));
    }
    run = 0;
  };
  for (const std::uint64_t residual : residuals) {
    if (residual == 0) {
      ++run;
    } else {
      end_run();
    }
  }
  end_run();
  return saved;
}

void WriteResiduals(std::span<const std::uint64_t> residuals, NibbleSink* sink) {
  if (SavedByRuns(residuals) <= 0) {
    sink->Put(kHistoryPlain);
    for (const std::uint64_t residual : residuals) sink->Put(residual);
    return;
  }
  sink->Put(kHistoryRuns);
  for (std::size_t i = 0; i < residuals.size();) {
    sink->Put(residuals[i]);
    if (residuals[i++] != 0) continue;
    const std::size_t more = i;
    while (i < residuals.size() && residuals[i] == 0) ++i;
    sink->Put(i - more);
  }
}

// A column against "the same as before".
template <typename Field>
void WriteSteady(std::span<const wire::Fix> fixes, Field field, NibbleSink* sink) {
  Residuals residuals;
  std::int64_t last = 0;
  for (std::size_t i = 0; i < fixes.size(); ++i) {
    const std::int64_t value = field(fixes[i]);
    residuals[i] = ZigZag(value - last);
    last = value;
  }
  WriteResiduals({residuals.data(), fixes.size()}, sink);
}

// A column against "going on as before".  `Wrap` is the residual's type, for
// values that wrap around.
template <typename Wrap, typename Field>
void WriteMoving(std::span<const wire::Fix> fixes, Field field, NibbleSink* sink) {
  Residuals residuals;
  std::int64_t last = field(fixes[0]);
  std::int64_t step = 0;
  residuals[0] = ZigZag(static_cast<Wrap>(last));
  for (std::size_t i = 1; i < fixes.size(); ++i) {
    const std::int64_t value = field(fixes[i]);
    residuals[i] = ZigZag(static_cast<Wrap>((value - last) - step));
    step = value - last;
    last = value;
  }
  WriteResiduals({residuals.data(), fixes.size()}, sink);
}

}  // namespace

void WriteHistoryColumns(std::span<const wire::Fix> fixes, std::vector<std::byte>* columns) {
  STARLING_CHECK(!fixes.empty() && fixes.size() <= kHistorySamplesMax);
  const bool whole_us = std::all_of(fixes.begin(), fixes.end(), [](const wire::Fix& fix) {
    return fix.boot_time_ns() % 1000 == 0;
  });

  NibbleSink sink;
  sink.Put(kHistoryVersion);
  sink.Put(whole_us ? kHistoryTimeInUs : kHistoryTimeInNs);
  if (whole_us) {
    WriteMoving<std::int64_t>(
        fixes, [](const wire::Fix& fix) { return static_cast<std::int64_t>(fix.boot_time_ns() / 1000); },
        &sink);
  } else {
    WriteMoving<std::int64_t>(
        fixes, [](const wire::Fix& fix) { return static_cast<std::int64_t>(fix.boot_time_ns()); }, &sink);
  }
  WriteMoving<std::int64_t>(fixes, [](const wire::Fix& fix) { return fix.lat_e7(); }, &sink);
  WriteMoving<std::int64_t>(fixes, [](const wire::Fix& fix) { return fix.lon_e7(); }, &sink);
  WriteMoving<std::int16_t>(fixes, [](const wire::Fix& fix) { return fix.heading(); }, &sink);
  WriteMoving<std::int64_t>(fixes, [](const wire::Fix& fix) { return fix.speed_cmps(); }, &sink);
  WriteSteady(fixes, [](const wire::Fix& fix) { return fix.accel_cmps2(); }, &sink);
  WriteSteady(fixes, [](const wire::Fix& fix) { return fix.yaw_rate_e4(); }, &sink);
  WriteSteady(fixes, [](const wire::Fix& fix) { return fix.accuracy_dm(); }, &sink);
  WriteSteady(fixes, [](const wire::Fix& fix) { return static_cast<int>(fix.intent()); }, &sink);
  const std::span<const std::byte> bytes = sink.Finish();
  columns->insert(columns->end(), bytes.begin(), bytes.end());
}

}  // namespace starling
