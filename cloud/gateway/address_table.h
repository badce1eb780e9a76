#pragma once

#include <array>
#include <boost/asio/ip/address.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "cloud/gateway/dead_letters.h"
#include "common/mutex.h"
#include "common/time.h"

namespace starling::cloud {

// How many connections come from where: a cap on those that are open, and a rate for new
// ones.  An IPv6 source is its /64, which one subscriber has whole.
//
// Holds an entry for each source with an open connection, and for those that were there
// within the last second or so.
//
// Threading: thread-safe.
class AddressTable {
 public:
  using Source = std::array<std::uint8_t, 16>;
  static Source SourceOf(const boost::asio::ip::address& address);

  AddressTable(std::size_t connections_max, double connections_per_second)
      : connections_max_(connections_max), rate_(connections_per_second) {}

  // Gives the place back when it dies.
  class Place {
   public:
    Place() = default;
    Place(AddressTable* table, const Source& source) : table_(table), source_(source) {}
    Place(Place&& other) noexcept : table_(std::exchange(other.table_, nullptr)), source_(other.source_) {}
    Place& operator=(Place&& other) noexcept {
      std::swap(table_, other.table_);
      std::swap(source_, other.source_);
      return *this;
    }
    ~Place() {
      if (table_ != nullptr) table_->Leave(source_);
    }
    explicit operator bool() const { return table_ != nullptr; }

   private:
    AddressTable* table_ = nullptr;
    Source source_{};
  };

  // An empty place if the source has too many open, or too many within a second.  The
  // table must outlive the place.
  Place Enter(const Source& source, CloudTime now);

  std::size_t sources() const;

 private:
  struct Entry {
    std::size_t open = 0;
    RateLimit rate;
    CloudTime last;
  };

  void Leave(const Source& source);
  void ForgetIdle(CloudTime now) STARLING_REQUIRES(mutex_);

  const std::size_t connections_max_;
  const double rate_;

  mutable Mutex mutex_;
  std::map<Source, Entry> entries_ STARLING_GUARDED_BY(mutex_);
  CloudTime swept_ STARLING_GUARDED_BY(mutex_);
};

}  // namespace starling::cloud
