#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "common/ids.h"
#include "common/status.h"

namespace starling::cloud {

// What windows and captures a record of topic "history" has, a JSON line each, without the
// line's end; the plans that name them are in the folder `plans`.  Of `vehicle`, or of all.
//
// Errors: kCorruption if the record is not a batch.  A plan that is not in the folder is no
//         error: its windows and triggers have their numbers and no names.
Status DescribePlanResults(std::span<const std::byte> record, const std::filesystem::path& plans,
                           const std::optional<VehicleId>& vehicle, const std::function<void(const std::string&)>& line);

}  // namespace starling::cloud
