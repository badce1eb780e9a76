// Any bytes as the columns of a batch: what the reader takes is valid, and
// written again it reads the same.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/check.h"
#include "common/telemetry/fix_codec.h"
#include "common/telemetry/history_reader.h"
#include "common/telemetry/history_writer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  if (size < 2) return 0;
  const std::size_t count = (data[0] | (std::size_t{data[1]} << 8)) & 0x3FF;
  std::vector<wire::Fix> fixes;
  if (!ReadHistoryColumns(std::as_bytes(std::span(data + 2, size - 2)), 1, count, &fixes).ok()) {
    STARLING_CHECK(fixes.empty());
    return 0;
  }
  STARLING_CHECK(fixes.size() == count);
  for (std::size_t i = 0; i < count; ++i) {
    STARLING_CHECK(ValidateFix(fixes[i]).ok());
    STARLING_CHECK(i == 0 || fixes[i].boot_time_ns() > fixes[i - 1].boot_time_ns());
  }
  std::vector<std::byte> columns;
  WriteHistoryColumns(fixes, &columns);
  std::vector<wire::Fix> again;
  STARLING_CHECK(ReadHistoryColumns(columns, 1, count, &again).ok());
  for (std::size_t i = 0; i < count; ++i) {
    STARLING_CHECK(again[i].boot_time_ns() == fixes[i].boot_time_ns());
    STARLING_CHECK(again[i].lat_e7() == fixes[i].lat_e7() && again[i].lon_e7() == fixes[i].lon_e7());
    STARLING_CHECK(again[i].heading() == fixes[i].heading());
    STARLING_CHECK(again[i].speed_cmps() == fixes[i].speed_cmps());
  }
  return 0;
}
