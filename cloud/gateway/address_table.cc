#include "cloud/gateway/address_table.h"

#include <algorithm>

namespace starling::cloud {
namespace {

// A bucket that was left alone for this long is full again.
constexpr nanoseconds kRefilled = seconds(1);

}  // namespace

AddressTable::Source AddressTable::SourceOf(const boost::asio::ip::address& address) {
  using boost::asio::ip::address_v6;
  Source source{};
  if (address.is_v4()) {
    const auto bytes = boost::asio::ip::make_address_v6(boost::asio::ip::v4_mapped, address.to_v4()).to_bytes();
    std::ranges::copy(bytes, source.begin());
    return source;
  }
  const address_v6 v6 = address.to_v6();
  const address_v6::bytes_type bytes = v6.to_bytes();
  // An IPv4 peer of a socket that takes both is an IPv4 source.
  std::copy_n(bytes.begin(), v6.is_v4_mapped() ? 16 : 8, source.begin());
  return source;
}

AddressTable::Place AddressTable::Enter(const Source& source, CloudTime now) {
  MutexLock lock(mutex_);
  ForgetIdle(now);
  Entry& entry = entries_.try_emplace(source, Entry{0, RateLimit(rate_, std::max(rate_, 1.0)), now}).first->second;
  entry.last = now;
  if (entry.open >= connections_max_ || !entry.rate.Take(now)) return {};
  ++entry.open;
  return {this, source};
}

void AddressTable::Leave(const Source& source) {
  MutexLock lock(mutex_);
  const auto found = entries_.find(source);
  if (found != entries_.end()) --found->second.open;
}

void AddressTable::ForgetIdle(CloudTime now) {
  if (now - swept_ < kRefilled && now >= swept_) return;
  swept_ = now;
  std::erase_if(entries_, [now](const auto& each) {
    return each.second.open == 0 && (now - each.second.last >= kRefilled || now < each.second.last);
  });
}

std::size_t AddressTable::sources() const {
  MutexLock lock(mutex_);
  return entries_.size();
}

}  // namespace starling::cloud
