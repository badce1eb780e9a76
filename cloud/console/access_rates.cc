#include "cloud/console/access_rates.h"

#include <algorithm>

#include <boost/asio/ip/address.hpp>

namespace starling::cloud {

namespace {

// Looking through all of them for each new name would be what an attacker wants.
constexpr std::chrono::seconds kSweepPause{1};

}  // namespace

double AccessRates::LevelOf(const Bucket& bucket, Clock::time_point now) const {
  const std::chrono::duration<double> since = now - bucket.at;
  return std::min(burst_, bucket.level + since.count() * per_second_);
}

std::chrono::duration<double> AccessRates::Take(const std::string& name, Clock::time_point now) {
  auto found = buckets_.find(name);
  if (found == buckets_.end()) {
    if (buckets_.size() >= kNamesMax && (!swept_ || now - *swept_ >= kSweepPause)) {
      swept_ = now;
      std::erase_if(buckets_, [&](const auto& each) { return LevelOf(each.second, now) >= burst_; });
    }
    const bool room = buckets_.size() < kNamesMax;
    found = buckets_.try_emplace(room ? name : std::string(), Bucket{burst_, now}).first;
  }
  Bucket& bucket = found->second;
  bucket.level = LevelOf(bucket, now);
  bucket.at = now;
  if (bucket.level < 1) return std::chrono::duration<double>((1 - bucket.level) / per_second_);
  bucket.level -= 1;
  return {};
}

std::string AddressKey(const std::string& address) {
  boost::system::error_code failure;
  const auto parsed = boost::asio::ip::make_address(address, failure);
  if (failure || parsed.is_v4()) return address;
  const auto six = parsed.to_v6();
  if (six.is_v4_mapped()) return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, six).to_string();
  const auto bytes = six.to_bytes();
  return std::string(reinterpret_cast<const char*>(bytes.data()), 8);
}

}  // namespace starling::cloud
