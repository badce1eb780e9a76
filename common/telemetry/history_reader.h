#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/status.h"
#include "common/telemetry/history_format.h"
#include "common/telemetry/sample.h"

namespace starling {

// Reads the columns of a batch of `count` samples, the first of which has the
// sequence `first_sequence`, into `*fixes`, which it replaces.  Every fix that it
// gives passes ValidateFix, and their times rise.
//
// Errors: kInvalidArgument if `count` is not within 1 and kHistorySamplesMax, or a
//         sequence would not be within 1 and 2^32 - 1.  kCorruption if the bytes are
//         not what a writer writes: cut short, followed by more, a value outside its
//         range, times that do not rise.  `*fixes` is then empty.
Status ReadHistoryColumns(std::span<const std::byte> columns, std::uint64_t first_sequence,
                          std::size_t count, std::vector<wire::Fix>* fixes);

}  // namespace starling
