// Any bytes as a compiled plan: what is taken is within the limits, is known by its bytes,
// and means the same when it is compiled anew.
#include <cstddef>
#include <cstdint>
#include <span>

#include "common/check.h"
#include "common/plan/plan_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  const auto bytes = std::as_bytes(std::span(data, size));
  const Result<CompiledPlan> read = ReadCompiledPlan(bytes);
  if (!read.ok()) {
    STARLING_CHECK(!read.status().message().empty());
    return 0;
  }
  STARLING_CHECK(!FindFault(read.value().plan).has_value());
  STARLING_CHECK(read.value().hash == HashOf(bytes));
  const Result<CompiledPlan> again = CompilePlan(read.value().plan);
  STARLING_CHECK(again.ok() && again.value().plan == read.value().plan);
  return 0;
}
