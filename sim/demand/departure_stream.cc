#include "sim/demand/departure_stream.h"

#include <algorithm>

namespace starling::sim {
namespace {

// After so many draws outside of its bounds a factor is put on the nearer one.
constexpr int kDrawsMax = 100;

// Independent sequences for neighbouring places: a generator's own numbers as seeds.
std::uint64_t SeedOf(std::uint64_t seed, std::uint64_t place) { return Random(seed ^ Random(place).Next()).Next(); }

// The sum of twelve uniform numbers: so nearly normal that no driver could tell, within six
// deviations, and the same bits everywhere, which the C library's logarithm does not promise.
double Normal(Random* random) {
  double sum = -6;
  for (int i = 0; i < 12; ++i) sum += random->Unit();
  return sum;
}

// With the mean 1, by comparisons alone.
// Source: J. von Neumann, Various Techniques Used in Connection with Random Digits, NBS
//         Applied Mathematics Series 12, 1951.
double Exponential(Random* random) {
  for (double whole = 0;; ++whole) {
    const double first = random->Unit();
    double least = first;
    for (bool odd = true;; odd = !odd) {
      const double next = random->Unit();
      if (next < least) {
        least = next;
        continue;
      }
      if (odd) return whole + first;
      break;
    }
  }
}

std::uint32_t Pick(const Choice& choice, const std::vector<Mix>& mixes, Random* random) {
  if (!choice.mixed) return choice.index;
  const Mix& mix = mixes[choice.index];
  const double at = random->Unit() * mix.up_to.back();
  const auto found = std::upper_bound(mix.up_to.begin(), mix.up_to.end() - 1, at);
  return mix.of[static_cast<std::size_t>(found - mix.up_to.begin())];
}

double DrawFactor(const SpeedFactor& factor, Random* random) {
  if (factor.deviation <= 0) return std::clamp(factor.mean, factor.low, factor.high);
  double drawn = factor.mean;
  for (int i = 0; i < kDrawsMax; ++i) {
    drawn = factor.mean + factor.deviation * Normal(random);
    if (drawn >= factor.low && drawn <= factor.high) return drawn;
  }
  return std::clamp(drawn, factor.low, factor.high);
}

}  // namespace

DepartureStream::DepartureStream(const Demand& demand, std::uint64_t seed) : demand_(demand), seed_(seed) {
  for (std::size_t i = 0; i < demand.flows.size(); ++i) {
    Coming coming;
    coming.flow = i;
    coming.gaps = Random(SeedOf(~seed, i));
    if (Advance(&coming)) coming_.push_back(coming);
  }
  std::make_heap(coming_.begin(), coming_.end(), &Later);
}

bool DepartureStream::Later(const Coming& a, const Coming& b) {
  return a.time_s != b.time_s ? a.time_s > b.time_s : a.flow > b.flow;
}

bool DepartureStream::Advance(Coming* coming) const {
  const Flow& flow = demand_.flows[coming->flow];
  if (coming->number >= flow.number) return false;
  const double begin_s = flow.first.time_s;
  switch (flow.gaps) {
    case Gaps::kEven:  // A product: a million gaps that are added up would drift.
      coming->time_s = begin_s + static_cast<double>(coming->number) * flow.gap_s;
      break;
    case Gaps::kExponential:
      coming->time_s = (coming->number == 0 ? begin_s : coming->time_s) + flow.gap_s * Exponential(&coming->gaps);
      break;
    case Gaps::kChance:
      for (bool hit = false; !hit;) {
        coming->time_s = begin_s + static_cast<double>(coming->second++);
        if (coming->time_s >= flow.end_s) return false;
        hit = coming->gaps.Chance(flow.probability);
      }
      break;
  }
  // A number within no time at all: together, as in SUMO.
  return coming->time_s < flow.end_s || (flow.gaps == Gaps::kEven && flow.gap_s <= 0);
}

Departing DepartureStream::Draw(const Departure& departure, std::uint64_t place, std::uint64_t number) const {
  Random random(SeedOf(SeedOf(seed_, place), number));
  Departing drawn;
  drawn.departure = &departure;
  drawn.time_s = departure.time_s;
  drawn.type = Pick(departure.type, demand_.type_mixes, &random);
  drawn.route = Pick(departure.route, demand_.route_mixes, &random);
  drawn.speed_factor = DrawFactor(demand_.types[drawn.type].speed_factor, &random);
  return drawn;
}

std::optional<Departing> DepartureStream::Next() {
  const bool single = next_ < demand_.departures.size();
  if (single && (coming_.empty() || demand_.departures[next_].time_s <= coming_.front().time_s)) {
    const std::size_t place = next_++;
    return Draw(demand_.departures[place], place, 0);
  }
  if (coming_.empty()) return std::nullopt;
  std::pop_heap(coming_.begin(), coming_.end(), &Later);
  Coming& coming = coming_.back();
  Departing drawn = Draw(demand_.flows[coming.flow].first, ~std::uint64_t{coming.flow}, coming.number);
  drawn.number = coming.number++;
  drawn.time_s = coming.time_s;
  if (Advance(&coming)) {
    std::push_heap(coming_.begin(), coming_.end(), &Later);
  } else {
    coming_.pop_back();
  }
  return drawn;
}

}  // namespace starling::sim
