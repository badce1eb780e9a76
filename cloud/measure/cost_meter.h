#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "common/status.h"
#include "common/time.h"

namespace starling::cloud {

// What an operator pays, in whatever currency: figures are in the same.  All zero: money
// is not reckoned.
struct CostPrices {
  double link_per_gb = 0;              // 10^9 bytes from and to vehicles, TLS included; >= 0
  double processor_per_core_hour = 0;  // >= 0
  double memory_per_gb_hour = 0;       // >= 0
  double storage_per_gb_month = 0;     // of 730 hours; >= 0

  // Errors: kInvalidArgument names the field.
  Status Validate() const;
};

enum class CostPart : std::uint8_t { kLink, kProcessor, kMemory, kStorage };
inline constexpr std::size_t kCostParts = 4;

// What this process had used at one moment.
struct CostUsage {
  std::uint64_t link_bytes = 0;        // since it began
  double processor_s = 0;              // since it began
  std::uint64_t memory_bytes = 0;      // now, and the next ones too
  std::uint64_t storage_bytes = 0;
  std::uint64_t vehicles = 0;
};

struct CostFigures {
  // Of one vehicle, as a mean over the last minute; 0 without vehicles.
  double link_bytes_per_s = 0;
  double processor_share = 0;          // of a core
  double memory_bytes = 0;
  double storage_bytes = 0;
  std::array<double, kCostParts> month{};  // money for a month like this minute
  std::array<double, kCostParts> spent{};  // money of all vehicles since the process began
};

// Divides what the process uses among its vehicles, and prices it.
//
// Threading: thread-compatible; has no clock.
class CostMeter {
 public:
  static constexpr seconds kWindow{60};

  // REQUIRES: prices.Validate().ok()
  explicit CostMeter(const CostPrices& prices) : prices_(prices) {}

  // `steady`: time that only counts.  Call every few seconds.
  void Look(nanoseconds steady, const CostUsage& usage);

  CostFigures figures() const;

 private:
  struct Moment {
    nanoseconds at{};
    CostUsage usage;
    // Sums over time, since the first look.
    double vehicle_s = 0;
    double memory_byte_s = 0;
    double storage_byte_s = 0;
  };

  std::array<double, kCostParts> Price(double link_bytes, double processor_s, double memory_byte_s,
                                       double storage_byte_s) const;

  const CostPrices prices_;
  std::deque<Moment> moments_;         // of the window, and the last one before it
};

}  // namespace starling::cloud
