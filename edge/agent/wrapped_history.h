// Where there is a plan, a batch has more than columns.  A spool knows columns alone, so it
// is given the whole wire::History instead, behind a mark of eight bytes that begins with
// 0: columns begin with their version, which is never that.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "common/plan/plan.h"
#include "edge/spool/spool.h"
#include "schemas/edge_to_cloud/uplink_generated.h"

namespace starling::edge {

// A capture with its samples as columns.
struct EncodedCapture {
  std::uint8_t trigger = 0;
  bool cut = false;
  std::uint16_t count = 0;
  std::uint64_t fired_sequence = 0;
  std::uint64_t first_sequence = 0;
  std::vector<std::byte> columns;
};

// What a plan adds to a batch.
struct HistoryExtras {
  PlanHash plan{};                       // of the samples
  PlanHash results_plan{};               // of what follows
  std::span<const wire::WindowValue> windows;
  std::span<const EncodedCapture> captures;
};

// `batch`, whose columns are plain, with `extras`, as a spool keeps it.
std::vector<std::byte> WrapHistory(const SpooledBatch& batch, const HistoryExtras& extras);

// The wire::History within what a spool keeps as columns; empty if those are plain.
std::span<const std::byte> WrappedHistory(std::span<const std::byte> columns);

}  // namespace starling::edge
