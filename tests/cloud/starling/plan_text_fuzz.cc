// Any bytes as a plan's text: what is taken is within the limits, what is refused is refused
// at a place that is there.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "cloud/starling/plan_text.h"
#include "common/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  cloud::PlanMistake mistake;
  if (const auto compiled = cloud::ParsePlan(text, &mistake)) {
    STARLING_CHECK(!FindFault(compiled->plan).has_value());
    STARLING_CHECK(ReadCompiledPlan(compiled->bytes).ok());
    return 0;
  }
  STARLING_CHECK(!mistake.why.empty() && mistake.column >= 1);
  STARLING_CHECK(mistake.line >= 1 && mistake.line <= 1 + std::count(text.begin(), text.end(), '\n'));
  return 0;
}
