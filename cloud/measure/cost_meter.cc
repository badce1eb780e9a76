#include "cloud/measure/cost_meter.h"

#include <string>

namespace starling::cloud {
namespace {

constexpr double kGigabyte = 1e9;
constexpr double kHour = 3600;
constexpr double kMonth = 730 * kHour;

}  // namespace

Status CostPrices::Validate() const {
  const auto wrong = [](double price) { return !(price >= 0 && price <= 1e9); };
  const auto refuse = [](const char* field) {
    return Status(ErrorCode::kInvalidArgument, "cost." + std::string(field) + " is outside [0, 1e9]");
  };
  if (wrong(link_per_gb)) return refuse("link_per_gb");
  if (wrong(processor_per_core_hour)) return refuse("processor_per_core_hour");
  if (wrong(memory_per_gb_hour)) return refuse("memory_per_gb_hour");
  if (wrong(storage_per_gb_month)) return refuse("storage_per_gb_month");
  return {};
}

void CostMeter::Look(nanoseconds steady, const CostUsage& usage) {
  Moment now{steady, usage};
  if (!moments_.empty()) {
    const Moment& last = moments_.back();
    const double span_s = ToSeconds(steady - last.at);
    now.vehicle_s = last.vehicle_s + span_s * static_cast<double>(usage.vehicles);
    now.memory_byte_s = last.memory_byte_s + span_s * static_cast<double>(usage.memory_bytes);
    now.storage_byte_s = last.storage_byte_s + span_s * static_cast<double>(usage.storage_bytes);
  }
  moments_.push_back(now);
  while (moments_.size() > 2 && moments_[1].at <= steady - kWindow) moments_.pop_front();
}

std::array<double, kCostParts> CostMeter::Price(double link_bytes, double processor_s, double memory_byte_s,
                                                double storage_byte_s) const {
  return {link_bytes / kGigabyte * prices_.link_per_gb, processor_s / kHour * prices_.processor_per_core_hour,
          memory_byte_s / kGigabyte / kHour * prices_.memory_per_gb_hour,
          storage_byte_s / kGigabyte / kMonth * prices_.storage_per_gb_month};
}

CostFigures CostMeter::figures() const {
  CostFigures figures;
  if (moments_.empty()) return figures;
  const Moment& last = moments_.back();
  figures.spent = Price(static_cast<double>(last.usage.link_bytes), last.usage.processor_s, last.memory_byte_s,
                        last.storage_byte_s);
  const Moment& first = moments_.front();
  const double vehicle_s = last.vehicle_s - first.vehicle_s;
  if (vehicle_s <= 0) return figures;
  const double link = static_cast<double>(last.usage.link_bytes - first.usage.link_bytes);
  const double processor = last.usage.processor_s - first.usage.processor_s;
  const double memory = last.memory_byte_s - first.memory_byte_s;
  const double storage = last.storage_byte_s - first.storage_byte_s;
  figures.link_bytes_per_s = link / vehicle_s;
  figures.processor_share = processor / vehicle_s;
  figures.memory_bytes = memory / vehicle_s;
  figures.storage_bytes = storage / vehicle_s;
  figures.month = Price(link, processor, memory, storage);
  for (double& money : figures.month) money *= kMonth / vehicle_s;
  return figures;
}

}  // namespace starling::cloud
