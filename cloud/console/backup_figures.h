#pragma once

#include <optional>
#include <vector>

#include "cloud/backup/backup_keeper.h"
#include "cloud/backup/restored_mark.h"
#include "cloud/console/figures.h"

namespace starling::cloud {

void AppendFigures(const BackupFigures& backup, CloudTime now, std::vector<Figure>* figures);
// `missing_at_start`: what was missing when this process began.
void AppendFigures(const RestoredMark& mark, const HistoryTotals& totals, std::uint64_t missing_at_start,
                   std::vector<Figure>* figures);

}  // namespace starling::cloud
