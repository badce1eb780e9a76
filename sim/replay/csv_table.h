#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <istream>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"

namespace starling::sim {

// A table of numbers with named columns.
struct CsvTable {
  std::vector<std::string> columns;
  std::vector<std::vector<double>> values;   // [column][row]; NaN where the cell is empty
  std::uint64_t rows_refused = 0;
  std::vector<std::string> complaints;       // of the first refused rows, by line number

  std::size_t rows() const { return values.empty() ? 0 : values[0].size(); }
  // Index of the first of `names` that is a column; -1 if none is.
  int Find(std::initializer_list<std::string_view> names) const;
};

// Reads comma-separated numbers under a header of names, without quotes.  A row with
// another number of cells, or a cell that is no number, is refused and counted.
//
// Errors: kInvalidArgument if there is no header, a name is empty or there twice;
//         kIoError if the file cannot be read.
Result<CsvTable> ReadCsv(std::istream* stream);
Result<CsvTable> ReadCsv(const std::filesystem::path& path);

}  // namespace starling::sim
