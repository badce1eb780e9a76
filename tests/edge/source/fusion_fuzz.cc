// Any measurements in any order: a sample is valid, later than the one before, on its
// instant and never of a fix that is too old; each instant is a sample or has a reason.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

#include "common/check.h"
#include "common/telemetry/fix_codec.h"
#include "edge/source/fusion.h"

namespace {

class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size) : data_(data), left_(size) {}
  bool done() const { return left_ == 0; }
  std::uint8_t Byte() { return left_ == 0 ? std::uint8_t{0} : (--left_, *data_++); }
  // Often a sensible one, sometimes anything.
  double Number(double scale) {
    const std::uint8_t kind = Byte();
    if (kind >= 16) return (static_cast<double>(Byte()) - 128) / 128 * scale;
    double value = 0;
    std::uint8_t raw[sizeof(value)];
    for (auto& byte : raw) byte = Byte();
    std::memcpy(&value, raw, sizeof(value));
    return value;
  }

 private:
  const std::uint8_t* data_;
  std::size_t left_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  Bytes bytes(data, size);
  edge::Fusion fusion({});
  BootTime now = BootTimeFromNs(1'000'000'000);
  std::optional<BootTime> last;
  std::optional<BootTime> last_arrival;
  std::uint64_t instants = 0;
  while (!bytes.done()) {
    const std::uint8_t what = bytes.Byte();
    now += milliseconds(bytes.Byte() * (what >= 250 ? 100 : 1));
    if (what % 3 == 0) {
      edge::GnssFix fix;
      fix.position = {48 + bytes.Number(0.001), 11 + bytes.Number(0.001)};
      if ((what & 4) != 0) fix.speed_mps = bytes.Number(30);
      if ((what & 8) != 0) fix.course_rad = bytes.Number(6);
      if ((what & 16) != 0) fix.accuracy_m = bytes.Number(10);
      if ((what & 32) != 0) fix.epoch = now.time_since_epoch() + milliseconds(bytes.Byte() * (what >= 200 ? 1000 : 1));
      fix.arrival = now;
      fusion.OnFix(fix);
      last_arrival = now;
    } else if (what % 3 == 1) {
      fusion.OnBus(static_cast<edge::Quantity>(bytes.Byte() % edge::kQuantities), bytes.Number(30), now);
    } else if (const BootTime instant = fusion.next_sample(now); instant <= now) {
      ++instants;
      const auto sample = fusion.TakeSample(now);
      if (!sample) continue;
      STARLING_CHECK(fusion.silence() == edge::Silence::kNone && ValidateSample(*sample).ok());
      STARLING_CHECK(sample->time == instant && (!last || *last < instant));
      STARLING_CHECK(last_arrival && instant <= *last_arrival + edge::FusionConfig{}.reckon_max);
      last = sample->time;
    }
  }
  const edge::FusionCounters& counters = fusion.counters();
  STARLING_CHECK(instants == counters.samples + counters.silent_no_fix + counters.silent_stale_fix +
                                 counters.silent_no_speed + counters.silent_no_heading + counters.silent_invalid);
  return 0;
}
