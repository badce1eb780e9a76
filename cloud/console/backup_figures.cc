#include "cloud/console/backup_figures.h"

namespace starling::cloud {

void AppendFigures(const BackupFigures& backup, CloudTime now, std::vector<Figure>* figures) {
  const auto add = [&](std::string_view name, double value, std::string_view help, FigureKind kind) {
    figures->push_back({"backup", name, help, kind, value});
  };
  add("done", static_cast<double>(backup.done), "Backups made", FigureKind::kCounter);
  add("failed", static_cast<double>(backup.failed), "Backups asked for and not made", FigureKind::kCounter);
  if (backup.done == 0) return;
  add("age_s", ToSeconds(now - backup.cut), "Since the cut of the last one", FigureKind::kGauge);
  add("bytes", static_cast<double>(backup.bytes), "Bytes of the last one", FigureKind::kGauge);
  add("cut_ms", ToSeconds(backup.cut_took) * 1e3, "What its cut took: links to tables, a copy of the write-ahead log",
      FigureKind::kGauge);
  add("duration_ms", ToSeconds(backup.took) * 1e3, "What all of it took", FigureKind::kGauge);
}

void AppendFigures(const RestoredMark& mark, const HistoryTotals& totals, std::uint64_t missing_at_start,
                   std::vector<Figure>* figures) {
  const auto add = [&](std::string_view name, double value, std::string_view help) {
    figures->push_back({"restore", name, help, FigureKind::kGauge, value});
  };
  add("cut_s", ToSeconds(mark.cut.time_since_epoch()), "Unix time of the backup that this folder was put back from");
  add("restored_s", ToSeconds(mark.restored.time_since_epoch()), "Unix time at which it was put back");
  add("samples_missing", static_cast<double>(totals.samples_missing),
      "Samples between those held: lost with what came after the backup, dropped by vehicles, or on their way still");
  add("samples_missing_at_start", static_cast<double>(missing_at_start), "The same when this process began");
}

}  // namespace starling::cloud
