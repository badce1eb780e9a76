#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "common/telemetry/history_format.h"
#include "common/telemetry/sample.h"

namespace starling {

// Appends the columns of a batch to `*columns`.  Nothing is lost: the reader gives
// back the same fixes.  The planned path is not history, and sequences are not
// written: they are consecutive, and the batch's first one is kept beside it.
//
// REQUIRES: 1 to kHistorySamplesMax fixes that ValidateFix accepts, their
// sequences consecutive, their times rising and below 2^63 ns
void WriteHistoryColumns(std::span<const wire::Fix> fixes, std::vector<std::byte>* columns);

}  // namespace starling
