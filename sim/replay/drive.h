// A recorded drive as the samples that its vehicle would have taken; the full
// description is docs/formats/drive_csv.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "common/status.h"
#include "common/telemetry/sample.h"
#include "sim/replay/csv_table.h"

namespace starling::sim {

struct DriveGap {
  double from_s = 0;                   // since the first row
  double to_s = 0;
};

struct Drive {
  // At 10 Hz, with none inside of a gap; time since the first row, as boot time.
  std::vector<Sample> samples;
  std::vector<DriveGap> gaps;
  std::vector<std::string> used;       // columns and what they became
  std::vector<std::string> ignored;    // columns
  std::uint64_t rows = 0;              // of the table with the positions
  std::uint64_t rows_refused = 0;      // of all tables
  std::vector<std::string> complaints; // of the first refused rows
};

// From a CSV file, or from a folder with gnss_*.csv and, if there are any,
// can_speed_*.csv and imu_*.csv.
//
// Errors: kInvalidArgument, naming what is missing, if there are no times or
//         positions in it, or fewer than two rows; kIoError if it cannot be read.
Result<Drive> LoadDrive(const std::filesystem::path& path);

// From tables: `speed` and `inertial` may have no columns.
Result<Drive> MakeDrive(const CsvTable& positions, const CsvTable& speed, const CsvTable& inertial);

}  // namespace starling::sim
