#include "edge/source/can/can_decoder.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <system_error>
#include <utility>

#include "common/geo/trigonometry.h"

namespace starling::edge {
namespace {

// In the order of their values.
constexpr std::array<std::string_view, kQuantities> kNames = {"speed", "heading", "yaw_rate", "steering", "accel"};

// From what a factor on the command line gives to Fusion's unit.
constexpr double UnitOfFactor(Quantity quantity) {
  return quantity == Quantity::kSpeed || quantity == Quantity::kAccel ? 1 : kDegree;
}

struct Unit {
  Quantity quantity;
  std::string_view name;                 // in lower case
  double scale;
};
constexpr std::array kUnits = {
    Unit{Quantity::kSpeed, "m/s", 1},
    Unit{Quantity::kSpeed, "km/h", 1 / 3.6},
    Unit{Quantity::kSpeed, "kmh", 1 / 3.6},
    Unit{Quantity::kSpeed, "kph", 1 / 3.6},
    Unit{Quantity::kSpeed, "mph", 0.44704},
    Unit{Quantity::kSpeed, "mi/h", 0.44704},
    Unit{Quantity::kSpeed, "kn", 1852.0 / 3600},
    Unit{Quantity::kHeading, "deg", kDegree},
    Unit{Quantity::kHeading, "degree", kDegree},
    Unit{Quantity::kHeading, "degrees", kDegree},
    Unit{Quantity::kHeading, "\xC2\xB0", kDegree},  // the degree sign, in UTF-8 and in Latin 1
    Unit{Quantity::kHeading, "\xB0", kDegree},
    Unit{Quantity::kHeading, "rad", 1},
    Unit{Quantity::kYawRate, "deg/s", kDegree},
    Unit{Quantity::kYawRate, "deg/sec", kDegree},
    Unit{Quantity::kYawRate, "degree/s", kDegree},
    Unit{Quantity::kYawRate, "degrees/s", kDegree},
    Unit{Quantity::kYawRate, "\xC2\xB0/s", kDegree},
    Unit{Quantity::kYawRate, "\xB0/s", kDegree},
    Unit{Quantity::kYawRate, "rad/s", 1},
    Unit{Quantity::kAccel, "m/s2", 1},
    Unit{Quantity::kAccel, "m/s^2", 1},
    Unit{Quantity::kAccel, "m/s/s", 1},
    Unit{Quantity::kAccel, "m/s\xC2\xB2", 1},
    Unit{Quantity::kAccel, "m/s\xB2", 1},
    Unit{Quantity::kAccel, "g", 9.80665}};

Status Refuse(const std::string& why) { return Status(ErrorCode::kInvalidArgument, why); }

std::string Lower(std::string text) {
  for (char& character : text) {
    if (character >= 'A' && character <= 'Z') character = static_cast<char>(character - 'A' + 'a');
  }
  return text;
}

Result<double> ScaleOf(const CanMapping& mapping, const DbcSignal& signal, const std::string& where) {
  if (mapping.factor) return *mapping.factor * UnitOfFactor(mapping.quantity);
  if (mapping.quantity == Quantity::kSteering) {
    return Refuse(where + "what is steered by is the angle of the road wheels: give *FACTOR, 1 by the steering ratio");
  }
  const std::string unit = Lower(signal.unit);
  std::string known;
  for (const Unit& candidate : kUnits) {
    if (candidate.quantity != mapping.quantity) continue;
    if (candidate.name == unit) return candidate.scale;
    // Those with signs that not every terminal shows are left out.
    if (std::all_of(candidate.name.begin(), candidate.name.end(), [](unsigned char c) { return c < 0x80; })) {
      known += ' ';
      known += candidate.name;
    }
  }
  return Refuse(where + "unit \"" + signal.unit + "\" is not known for " +
                std::string(QuantityName(mapping.quantity)) + " (known:" + known + "): give *FACTOR");
}

template <typename Named>
Result<const Named*> FindOne(const std::vector<Named>& all, const std::string& name, const std::string& what,
                             std::string_view file) {
  const Named* found = nullptr;
  for (const Named& one : all) {
    if (one.name != name) continue;
    if (found != nullptr) {
      return Refuse(std::string(file) + ":" + std::to_string(one.line) + ": " + what + name +
                    " is there twice, first in line " + std::to_string(found->line));
    }
    found = &one;
  }
  if (found == nullptr) return Refuse(std::string(file) + " has no " + what + name);
  return found;
}

Status CheckFits(const DbcSignal& signal, const DbcMessage& message, std::string_view file) {
  const unsigned needed = BytesNeeded(signal.field);
  if (needed <= message.bytes && needed <= 64) return Status();
  return Refuse(std::string(file) + ":" + std::to_string(signal.line) + ": " + signal.name + " ends in byte " +
                std::to_string(needed) + " of a message of " + std::to_string(message.bytes));
}

}  // namespace

std::string_view QuantityName(Quantity quantity) { return kNames[static_cast<std::size_t>(quantity)]; }

Result<CanMapping> ParseCanMapping(std::string_view text) {
  const auto refuse = [text](const std::string& why) {
    return Refuse(std::string(text) + " is not QUANTITY=MESSAGE.SIGNAL[*FACTOR]: " + why);
  };
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return refuse("'=' is missing");
  const auto name = std::find(kNames.begin(), kNames.end(), text.substr(0, equals));
  if (name == kNames.end()) return refuse("quantities are speed, heading, yaw_rate, steering and accel");
  CanMapping mapping;
  mapping.quantity = static_cast<Quantity>(name - kNames.begin());
  std::string_view rest = text.substr(equals + 1);
  if (const std::size_t star = rest.find('*'); star != std::string_view::npos) {
    std::string_view digits = rest.substr(star + 1);
    double factor = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), factor);
    if (error != std::errc() || end != digits.data() + digits.size() || !std::isfinite(factor) || factor == 0) {
      return refuse("the factor is no number other than 0");
    }
    mapping.factor = factor;
    rest = rest.substr(0, star);
  }
  const std::size_t point = rest.find('.');
  if (point == std::string_view::npos || point == 0 || point + 1 == rest.size()) {
    return refuse("expected a message, '.' and a signal");
  }
  mapping.message = rest.substr(0, point);
  mapping.signal = rest.substr(point + 1);
  return mapping;
}

Result<CanDecoder> CanDecoder::Make(const Dbc& dbc, std::string_view file, const std::vector<CanMapping>& mappings) {
  CanDecoder decoder;
  for (const CanMapping& mapping : mappings) {
    const auto message = FindOne(dbc.messages, mapping.message, "message ", file);
    if (!message.ok()) return message.status();
    const auto signal = FindOne(message.value()->signals, mapping.signal, "signal " + mapping.message + ".", file);
    if (!signal.ok()) return signal.status();
    const std::string where = std::string(file) + ":" + std::to_string(signal.value()->line) + ": " +
                              mapping.message + "." + mapping.signal + ": ";
    for (const Entry& other : decoder.entries_) {
      if (other.quantity == mapping.quantity) {
        return Refuse(std::string(QuantityName(mapping.quantity)) + " is mapped twice");
      }
    }
    if (Status status = CheckFits(*signal.value(), *message.value(), file); !status.ok()) return status;
    for (const DbcMessage& other : dbc.messages) {
      if (&other != message.value() && other.id == message.value()->id && other.extended == message.value()->extended) {
        return Refuse(std::string(file) + ":" + std::to_string(other.line) + ": message " + other.name +
                      " has the number of " + mapping.message);
      }
    }
    const Result<double> scale = ScaleOf(mapping, *signal.value(), where);
    if (!scale.ok()) return scale.status();
    Entry entry{mapping.quantity, message.value()->id, message.value()->extended, *signal.value(), {}, scale.value()};
    if (entry.signal.multiplexing == Multiplexing::kSwitched) {
      if (message.value()->nested_multiplexing) {
        return Refuse(where + "its message has switches that are switched, which is not supported");
      }
      for (const DbcSignal& other : message.value()->signals) {
        if (other.multiplexing != Multiplexing::kSwitch) continue;
        if (entry.switched_by) return Refuse(where + "its message has two switches");
        if (Status status = CheckFits(other, *message.value(), file); !status.ok()) return status;
        entry.switched_by = other;
      }
      if (!entry.switched_by) return Refuse(where + "its message has no switch (M)");
    }
    decoder.entries_.push_back(std::move(entry));
  }
  return decoder;
}

double PhysicalValue(const DbcSignal& signal, std::span<const std::uint8_t> data) {
  const std::uint64_t bits = ExtractBits(data, signal.field);
  double raw = 0;
  switch (signal.type) {
    case RawType::kUnsigned: raw = static_cast<double>(bits); break;
    case RawType::kSigned: raw = static_cast<double>(SignExtended(bits, signal.field.length)); break;
    case RawType::kFloat: raw = std::bit_cast<float>(static_cast<std::uint32_t>(bits)); break;
    case RawType::kDouble: raw = std::bit_cast<double>(bits); break;
  }
  return raw * signal.factor + signal.offset;
}

void CanDecoder::OnFrame(const CanFrame& frame, const OnValue& on_value) {
  ++counters_.frames;
  bool used = false;
  for (const Entry& entry : entries_) {
    if (entry.id != frame.id || entry.extended != frame.extended) continue;
    used = true;
    const std::span<const std::uint8_t> data = frame.bytes();
    if (data.size() < BytesNeeded(entry.signal.field) ||
        (entry.switched_by && data.size() < BytesNeeded(entry.switched_by->field))) {
      ++counters_.frames_short;
      continue;
    }
    if (entry.switched_by && ExtractBits(data, entry.switched_by->field) != entry.signal.switch_value) continue;
    const double value = PhysicalValue(entry.signal, data);
    const DbcSignal& signal = entry.signal;
    if (!std::isfinite(value) || (signal.min < signal.max && (value < signal.min || value > signal.max))) {
      ++counters_.values_out_of_range;
      continue;
    }
    ++counters_.values;
    on_value(entry.quantity, value * entry.scale);
  }
  if (used) ++counters_.frames_used;
}

std::vector<CanDecoder::Id> CanDecoder::ids() const {
  std::vector<Id> ids;
  for (const Entry& entry : entries_) ids.push_back({entry.id, entry.extended});
  return ids;
}

}  // namespace starling::edge
