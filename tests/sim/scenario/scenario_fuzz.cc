// Any bytes as a scenario: what is taken is valid, what is refused is refused at a line that is there.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/check.h"
#include "sim/scenario/scenario_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling::sim;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto read = ParseScenario(text, "fuzz");
  if (read.ok()) {
    STARLING_CHECK(read.value().Validate().ok());
    STARLING_CHECK(WithSeed(read.value(), 1).Validate().ok());
    return 0;
  }
  const std::string message(read.status().message());
  STARLING_CHECK(message.starts_with("fuzz:"));
  const unsigned long line = std::stoul(message.substr(5));
  STARLING_CHECK(line >= 1 && line <= 1 + static_cast<unsigned long>(std::count(text.begin(), text.end(), '\n')));
  return 0;
}
