#include "sim/replay/csv_table.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <system_error>

namespace starling::sim {
namespace {

constexpr std::size_t kComplaintsMax = 10;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string_view Trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::vector<std::string_view> Cells(std::string_view line) {
  std::vector<std::string_view> cells;
  for (;;) {
    const std::size_t comma = line.find(',');
    cells.push_back(Trim(line.substr(0, comma)));
    if (comma == std::string_view::npos) return cells;
    line.remove_prefix(comma + 1);
  }
}

// What is wrong with the row; empty if nothing is.
std::string ParseRow(const std::vector<std::string_view>& cells,
                     const std::vector<std::string>& columns, std::vector<double>* row) {
  if (cells.size() != columns.size()) {
    return std::to_string(cells.size()) + " cells, the header has " + std::to_string(columns.size());
  }
  for (std::size_t i = 0; i < cells.size(); ++i) {
    double& value = (*row)[i];
    value = std::numeric_limits<double>::quiet_NaN();
    if (cells[i].empty()) continue;
    const char* const end = cells[i].data() + cells[i].size();
    const auto [stop, error] = std::from_chars(cells[i].data(), end, value);
    if (error != std::errc() || stop != end || !std::isfinite(value)) {
      return columns[i] + " is \"" + std::string(cells[i].substr(0, 32)) + "\", which is no number";
    }
  }
  return {};
}

}  // namespace

int CsvTable::Find(std::initializer_list<std::string_view> names) const {
  for (const std::string_view name : names) {
    const auto found = std::find(columns.begin(), columns.end(), name);
    if (found != columns.end()) return static_cast<int>(found - columns.begin());
  }
  return -1;
}

Result<CsvTable> ReadCsv(std::istream* stream) {
  CsvTable table;
  std::string line;
  if (!std::getline(*stream, line)) return Status(ErrorCode::kInvalidArgument, "there is no header");
  std::string_view header(line);
  if (header.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    header.remove_prefix(kByteOrderMark.size());
  }
  for (const std::string_view name : Cells(header)) {
    if (name.empty()) return Status(ErrorCode::kInvalidArgument, "a column has no name");
    if (table.Find({name}) >= 0) {
      return Status(ErrorCode::kInvalidArgument, "column " + std::string(name) + " is there twice");
    }
    table.columns.emplace_back(name);
  }
  table.values.resize(table.columns.size());
  std::vector<double> row(table.columns.size());
  for (std::uint64_t number = 2; std::getline(*stream, line); ++number) {
    if (Trim(line).empty()) continue;
    const std::string wrong = ParseRow(Cells(line), table.columns, &row);
    if (wrong.empty()) {
      for (std::size_t i = 0; i < row.size(); ++i) table.values[i].push_back(row[i]);
      continue;
    }
    ++table.rows_refused;
    if (table.complaints.size() < kComplaintsMax) {
      table.complaints.push_back("line " + std::to_string(number) + ": " + wrong);
    }
  }
  return table;
}

Result<CsvTable> ReadCsv(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) {
    return Status(ErrorCode::kIoError, "cannot read " + path.string() + ": " + std::strerror(errno));
  }
  Result<CsvTable> table = ReadCsv(&file);
  if (table.ok()) return table;
  return Status(table.status().code(), path.string() + ": " + std::string(table.status().message()));
}

}  // namespace starling::sim
