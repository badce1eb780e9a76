#include "edge/source/gnss/gpsd_session.h"

#include <algorithm>
#include <cmath>

#include "common/geo/trigonometry.h"
#include "edge/source/gnss/gpsd_report.h"

namespace starling::edge {
namespace {

// Of the protocol that is spoken since gpsd 3; a later one may mean other things by
// the same words.
constexpr double kProtocol = 3;
constexpr double kStatusSimulated = 8;

}  // namespace

Result<GpsdSession::Event> GpsdSession::OnLine(std::string_view line, BootTime now) {
  ++counters_.reports;
  const Result<GpsdReport> parsed = ParseGpsdReport(line);
  if (!parsed.ok()) {
    ++counters_.refused;
    return parsed.status();
  }
  const GpsdReport& report = parsed.value();
  Event event;
  switch (report.type) {
    case GpsdClass::kTpv: return OnTpv(report, now);
    case GpsdClass::kVersion:
      if (report.protocol && *report.protocol != kProtocol) {
        event.trouble = "gpsd " + std::string(report.release) + " speaks protocol " +
                        std::to_string(std::llround(std::clamp(*report.protocol, -1e9, 1e9))) + ", expected 3";
      }
      return event;
    case GpsdClass::kDevices:
      if (report.devices == 0.0) event.trouble = "gpsd has no receiver";
      return event;
    case GpsdClass::kDevice:
      if (report.lost) {
        ++counters_.devices_lost;
        if (report.device == device_) last_fix_.reset();
        event.trouble = "gpsd has lost " + std::string(report.device);
      }
      return event;
    case GpsdClass::kError:
      ++counters_.errors;
      event.trouble = "gpsd says: " + std::string(report.message);
      return event;
    default: ++counters_.unused; return event;
  }
}

GpsdSession::Event GpsdSession::OnTpv(const GpsdReport& report, BootTime now) {
  ++counters_.tpv;
  if (report.mode.value_or(0) < 2 || report.status == kStatusSimulated || !report.lat_deg || !report.lon_deg) {
    ++counters_.tpv_without_fix;
    return {};
  }
  if (last_fix_ && report.device != device_) {
    if (now < *last_fix_ + kFollowed) {
      ++counters_.tpv_other_device;
      return {};
    }
    last_fix_.reset();
  }
  if (!last_fix_) device_ = report.device;
  last_fix_ = now;
  ++counters_.fixes;
  GnssFix fix;
  fix.position = {*report.lat_deg, *report.lon_deg};
  fix.speed_mps = report.speed_mps;
  if (report.track_deg) fix.course_rad = *report.track_deg * kDegree;
  if (report.eph_m) {
    fix.accuracy_m = report.eph_m;
  } else if (report.epx_m && report.epy_m) {
    fix.accuracy_m = std::sqrt(*report.epx_m * *report.epx_m + *report.epy_m * *report.epy_m);
  }
  fix.epoch = report.time;
  fix.arrival = now;
  return {fix, {}};
}

}  // namespace starling::edge
