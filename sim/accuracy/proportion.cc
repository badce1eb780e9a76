#include "sim/accuracy/proportion.h"

#include <algorithm>
#include <cmath>

namespace starling::sim {

ShareInterval WilsonInterval(const Proportion& proportion) {
  if (proportion.of == 0) return {};
  constexpr double z = 1.959963984540054;  // the normal distribution's 97.5 %
  const auto n = static_cast<double>(proportion.of);
  const double p = *proportion.share();
  const double middle = (p + z * z / (2 * n)) / (1 + z * z / n);
  const double half = z / (1 + z * z / n) * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  return {std::max(middle - half, 0.0), std::min(middle + half, 1.0)};
}

}  // namespace starling::sim
