#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "sim/city/city.h"

namespace starling::sim {

// Some of a city's tracks.  Most have nobody on them at a time: a walk over those that have reads a bit for
// each of the others.
class TrackSet {
 public:
  explicit TrackSet(std::size_t tracks = 0) : words_((tracks + kBits - 1) / kBits, 0) {}

  void Insert(TrackIndex track) { words_[track / kBits] |= std::uint64_t{1} << track % kBits; }
  void Erase(TrackIndex track) { words_[track / kBits] &= ~(std::uint64_t{1} << track % kBits); }

  // Calls visit(track) for those in [begin, end), in their order.  The set must not change meanwhile.
  template <typename Visit>
  void ForEach(TrackIndex begin, TrackIndex end, Visit visit) const {
    for (TrackIndex first = begin - begin % kBits; first < end; first += kBits) {
      std::uint64_t word = words_[first / kBits];
      if (first < begin) word &= ~std::uint64_t{0} << (begin - first);
      if (end - first < kBits) word &= (std::uint64_t{1} << (end - first)) - 1;
      for (; word != 0; word &= word - 1) visit(first + static_cast<TrackIndex>(std::countr_zero(word)));
    }
  }

 private:
  static constexpr TrackIndex kBits = 64;

  std::vector<std::uint64_t> words_;
};

}  // namespace starling::sim
