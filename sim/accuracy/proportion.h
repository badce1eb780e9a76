#pragma once

#include <cstdint>
#include <optional>

namespace starling::sim {

// So many of so many, and where the true share lies with 95 % confidence.
struct Proportion {
  std::uint64_t of = 0;
  std::uint64_t is = 0;

  std::optional<double> share() const {
    if (of == 0) return std::nullopt;
    return static_cast<double>(is) / static_cast<double>(of);
  }
};

struct ShareInterval {
  double low = 0;
  double high = 1;
};

// Wilson's score interval.  It takes each as drawn for itself; vehicles in one queue are not, so the truth is wider.
// Source: E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 22 (1927), 209-212.
ShareInterval WilsonInterval(const Proportion& proportion);

}  // namespace starling::sim
