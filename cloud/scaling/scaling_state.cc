#include "cloud/scaling/scaling_state.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>

#include "common/crc32c.h"
#include "common/durable_file.h"

namespace starling::cloud {
namespace {

constexpr std::string_view kMagic = "STSCAL01";
constexpr std::string_view kFamily = "STSCAL";
constexpr std::size_t kHeaderBytes = 12;  // magic, crc
constexpr std::size_t kNeedsMax = 64;

template <typename T>
void Put(T value, std::vector<std::byte>* bytes) {
  for (std::size_t i = 0; i < sizeof(T); ++i) bytes->push_back(static_cast<std::byte>(value >> (8 * i)));
}
void Put(double value, std::vector<std::byte>* bytes) { Put(std::bit_cast<std::uint64_t>(value), bytes); }
void Put(float value, std::vector<std::byte>* bytes) { Put(std::bit_cast<std::uint32_t>(value), bytes); }

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  template <typename T>
  T Next() {
    if (bytes_.size() < sizeof(T)) {
      ok_ = false;
      return {};
    }
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(value | static_cast<T>(bytes_[i]) << (8 * i));
    bytes_ = bytes_.subspan(sizeof(T));
    return value;
  }
  double Double() { return Finite(std::bit_cast<double>(Next<std::uint64_t>())); }
  float Float() { return static_cast<float>(Finite(std::bit_cast<float>(Next<std::uint32_t>()))); }
  void Require(bool fits) { ok_ = ok_ && fits; }
  bool ok() const { return ok_; }
  bool at_end() const { return bytes_.empty(); }

 private:
  double Finite(double value) {
    if (std::isfinite(value)) return value;
    ok_ = false;
    return 0;
  }

  std::span<const std::byte> bytes_;
  bool ok_ = true;
};

}  // namespace

// Has the fields of both, which nobody else needs.
class ScalingStateCodec {
 public:
  static void Write(const ScalingPlanner& planner, std::vector<std::byte>* bytes) {
    const LoadForecaster& of = planner.forecaster_;
    Put(static_cast<std::uint8_t>(of.last_ ? 1 : 0), bytes);
    Put(static_cast<std::uint64_t>(of.last_ ? ToNumber(*of.last_) : 0), bytes);
    for (const double value : {of.load_, of.base_, of.basis_, of.level_, of.trend_, of.open_sum_}) Put(value, bytes);
    Put(of.base_count_, bytes);
    Put(static_cast<std::uint32_t>(of.open_slot_), bytes);
    Put(of.open_minutes_, bytes);
    Put(planner.wanted_, bytes);
    Put(static_cast<std::uint32_t>(planner.needs_.size()), bytes);
    for (const auto& need : planner.needs_) {
      Put(static_cast<std::uint64_t>(ToNumber(need.minute)), bytes);
      Put(need.shards, bytes);
    }
    for (const auto& pending : of.pending_) {
      Put(static_cast<std::uint64_t>(pending.minute), bytes);
      for (const double value : {pending.mean, pending.low, pending.high}) Put(value, bytes);
    }
    for (const auto& slot : of.slots_) {
      Put(slot.load, bytes);
      Put(slot.visits, bytes);
    }
    Put(static_cast<std::uint32_t>(of.errors_next_), bytes);
    Put(static_cast<std::uint32_t>(of.errors_.size()), bytes);
    for (const float error : of.errors_) Put(error, bytes);
    for (const std::uint8_t within : of.within_) Put(within, bytes);
  }

  static bool Read(Reader* from, ScalingPlanner* planner) {
    LoadForecaster& to = planner->forecaster_;
    const auto known = from->Next<std::uint8_t>();
    const auto last = static_cast<std::int64_t>(from->Next<std::uint64_t>());
    // 31,000 years are as good as any bound.
    from->Require(known <= 1 && last >= -(std::int64_t{1} << 34) && last <= (std::int64_t{1} << 34));
    if (known == 1) to.last_ = Minute{last};
    for (double* value : {&to.load_, &to.base_, &to.basis_, &to.level_, &to.trend_, &to.open_sum_}) {
      *value = from->Double();
    }
    to.base_count_ = from->Next<std::uint32_t>();
    to.open_slot_ = from->Next<std::uint32_t>();
    to.open_minutes_ = from->Next<std::uint32_t>();
    from->Require(to.base_count_ <= 24 * 60 && (known == 0 || to.base_count_ > 0) &&
                  to.open_slot_ < LoadForecaster::kSlots && to.open_minutes_ <= LoadForecaster::kSlotMinutes);
    planner->wanted_ = from->Next<std::uint32_t>();
    const auto needs = from->Next<std::uint32_t>();
    from->Require(needs <= kNeedsMax);
    for (std::uint32_t i = 0; i < needs && from->ok(); ++i) {
      const auto minute = static_cast<std::int64_t>(from->Next<std::uint64_t>());
      planner->needs_.push_back({Minute{minute}, from->Next<std::uint32_t>()});
    }
    for (auto& pending : to.pending_) {
      pending.minute = static_cast<std::int64_t>(from->Next<std::uint64_t>());
      for (double* value : {&pending.mean, &pending.low, &pending.high}) *value = from->Double();
    }
    for (auto& slot : to.slots_) {
      slot.load = from->Float();
      slot.visits = from->Next<std::uint16_t>();
      from->Require(slot.load >= 0);
    }
    to.errors_next_ = from->Next<std::uint32_t>();
    const auto errors = from->Next<std::uint32_t>();
    from->Require(errors <= LoadForecaster::kErrorsMax && to.errors_next_ < LoadForecaster::kErrorsMax);
    for (std::uint32_t i = 0; i < errors && from->ok(); ++i) to.errors_.push_back(from->Float());
    for (std::uint32_t i = 0; i < errors && from->ok(); ++i) to.within_.push_back(from->Next<std::uint8_t>());
    to.sorted_ = to.errors_;
    std::sort(to.sorted_.begin(), to.sorted_.end());
    from->Require(from->at_end());
    return from->ok();
  }

  static void Forget(ScalingPlanner* planner) {
    LoadForecaster& of = planner->forecaster_;
    of.slots_ = {};
    of.last_.reset();
    for (double* value : {&of.load_, &of.base_, &of.basis_, &of.level_, &of.trend_, &of.open_sum_}) *value = 0;
    of.base_count_ = 0;
    of.open_slot_ = 0;
    of.open_minutes_ = 0;
    of.pending_ = {};
    of.errors_.clear();
    of.sorted_.clear();
    of.within_.clear();
    of.errors_next_ = 0;
    planner->needs_.clear();
    planner->wanted_ = 0;
  }
};

std::vector<std::byte> EncodeScalingState(const ScalingPlanner& planner) {
  std::vector<std::byte> body;
  ScalingStateCodec::Write(planner, &body);
  std::vector<std::byte> bytes;
  for (const char letter : kMagic) bytes.push_back(static_cast<std::byte>(letter));
  Put(Crc32c(body), &bytes);
  bytes.insert(bytes.end(), body.begin(), body.end());
  return bytes;
}

Status DecodeScalingState(std::span<const std::byte> bytes, ScalingPlanner* planner) {
  const Status corrupt(ErrorCode::kCorruption, "is damaged");
  if (bytes.size() < kHeaderBytes || bytes.size() > kScalingStateBytesMax) return corrupt;
  const std::string_view magic(reinterpret_cast<const char*>(bytes.data()), kMagic.size());
  if (magic != kMagic) {
    if (!magic.starts_with(kFamily)) return corrupt;
    return {ErrorCode::kInvalidArgument, "is of format " + std::string(magic.substr(kFamily.size())) +
                                             ", this program reads 01"};
  }
  Reader header(bytes.subspan(kMagic.size(), 4));
  const std::span<const std::byte> body = bytes.subspan(kHeaderBytes);
  if (Crc32c(body) != header.Next<std::uint32_t>()) return corrupt;
  Reader reader(body);
  if (ScalingStateCodec::Read(&reader, planner)) return {};
  ScalingStateCodec::Forget(planner);
  return corrupt;
}

std::string ScalingStateFile(const std::string& data) { return data + "/scaling.state"; }

Status ReadScalingState(const std::string& path, ScalingPlanner* planner) {
  std::error_code failure;
  if (!std::filesystem::exists(path, failure) && !failure) return {};
  std::ifstream file(path, std::ios::binary);
  std::vector<char> text(kScalingStateBytesMax + 1);
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad()) return {ErrorCode::kIoError, path + " cannot be read"};
  const auto count = static_cast<std::size_t>(file.gcount());
  const Status status = DecodeScalingState(std::as_bytes(std::span(text.data(), count)), planner);
  if (status.ok()) return {};
  return {status.code(), path + " " + std::string(status.message())};
}

Status WriteScalingState(const std::string& path, const ScalingPlanner& planner) {
  return ReplaceFile(path, EncodeScalingState(planner));
}

}  // namespace starling::cloud
