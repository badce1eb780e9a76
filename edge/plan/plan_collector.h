#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/plan/plan.h"
#include "common/time.h"
#include "schemas/edge_to_cloud/uplink_generated.h"

namespace starling::edge {

// A capture that is complete.
struct CapturedSamples {
  std::uint8_t trigger = 0;
  std::uint64_t fired_sequence = 0;
  bool cut = false;
  std::vector<wire::Fix> fixes;
};

struct CollectorCounters {
  std::uint64_t windows = 0;
  std::uint64_t fired = 0;             // triggers, captured or not
  std::uint64_t captures = 0;
  std::uint64_t not_captured = 0;      // fired while their trigger's last capture, or its cooldown, was under way
};

// Makes windows and captures of the samples that are taken under a plan.
//
// What a sample costs is bounded by PlanLimits, and it allocates nothing but where a capture
// begins or ends; memory is that of kCaptureSamplesMax samples, once and for each capture
// that is under way.
//
// Threading: thread-compatible.
class PlanCollector {
 public:
  // Of one capture; at 10 Hz that is 25 s, more than a plan can ask for.
  static constexpr std::size_t kCaptureSamplesMax = 256;

  // `plan` must outlive the collector.
  // REQUIRES: !FindFault(plan)
  explicit PlanCollector(const Plan* plan);

  // The vehicle was sent a command: true for the next sample.
  void OnCommand() { command_ = true; }

  // A sample as it was taken, raw.
  void OnSample(const wire::Fix& fix);

  // The plan, or the agent, ends: what is open is complete as it is.
  void Finish();

  // What is complete and was not taken yet.
  std::vector<wire::WindowValue>& windows() { return windows_; }
  std::vector<CapturedSamples>& captures() { return captures_; }
  const CollectorCounters& counters() const { return counters_; }

 private:
  struct OpenWindow {
    std::uint64_t begin_ns = 0;
    std::uint32_t count = 0;           // 0: not open
    double min = 0, max = 0, sum = 0, last = 0;
    std::uint64_t above_ns = 0;
  };
  struct Armed {                       // of one trigger
    bool fired = false;                // since its condition was false last
    std::optional<std::uint64_t> true_since_ns;
    std::optional<CapturedSamples> capture;
    std::uint64_t capture_until_ns = 0;
    std::uint64_t quiet_until_ns = 0;
  };

  void Window(std::size_t index, const wire::Fix& fix);
  void Close(std::size_t index, bool partial);
  bool IsTrue(const PlanTrigger& trigger, const wire::Fix& fix) const;
  void Trigger(std::size_t index, const wire::Fix& fix);
  void Begin(std::size_t index, const wire::Fix& fix);
  void Complete(std::size_t index, bool cut);

  const Plan& plan_;
  std::uint64_t last_ns_ = 0;
  bool first_ = true;
  bool command_ = false;
  std::uint32_t inside_ = 0;           // geofences, a bit each; at this sample
  std::uint32_t was_inside_ = 0;       // at the one before
  std::vector<OpenWindow> open_;
  std::vector<Armed> armed_;
  std::vector<wire::Fix> ring_;        // the last ones, for what was before
  std::size_t ring_next_ = 0;
  std::uint64_t seen_ = 0;
  std::vector<wire::WindowValue> windows_;
  std::vector<CapturedSamples> captures_;
  CollectorCounters counters_;
};

// Whether the point is in the polygon; on an edge, either.  Exact: integers alone.
bool IsInside(const PlanGeofence& geofence, std::int32_t lat_e7, std::int32_t lon_e7);

}  // namespace starling::edge
