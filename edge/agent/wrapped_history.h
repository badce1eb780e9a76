// Where there is a plan, a batch has more than columns.  A spool knows columns alone, so it
// is given the whole wire::History instead, behind a mark of eight bytes that begins with
// 0: columns begin with their version, which is never that.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "common/plan/plan.h"
#include "edge/spool/spool.h"

namespace starling::edge {

// What a plan adds to a batch.
struct HistoryExtras {
  PlanHash plan{};
};

// `batch`, whose columns are plain, with `extras`, as a spool keeps it.
std::vector<std::byte> WrapHistory(const SpooledBatch& batch, const HistoryExtras& extras);

// The wire::History within what a spool keeps as columns; empty if those are plain.
std::span<const std::byte> WrappedHistory(std::span<const std::byte> columns);

}  // namespace starling::edge
