#include "edge/plan/kept_plan.h"

#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "common/crc32c.h"
#include "common/durable_file.h"
#include "common/plan/plan.h"

namespace starling::edge {
namespace {

constexpr std::string_view kMagic = "STLPLN01";
constexpr std::size_t kHeaderBytes = 12;

}  // namespace

std::vector<std::byte> PackKeptPlan(std::span<const std::byte> plan) {
  const auto magic = std::as_bytes(std::span(kMagic));
  std::vector<std::byte> file(magic.begin(), magic.end());
  const std::uint32_t crc = Crc32c(plan);
  for (int shift = 0; shift < 32; shift += 8) file.push_back(static_cast<std::byte>(crc >> shift & 0xFF));
  file.insert(file.end(), plan.begin(), plan.end());
  return file;
}

Result<std::optional<std::vector<std::byte>>> ReadKeptPlan(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) {
    if (errno == ENOENT) return std::optional<std::vector<std::byte>>();
    return Status(ErrorCode::kIoError, path + ": " + std::generic_category().message(errno));
  }
  if (!S_ISREG(about.st_mode)) return Status(ErrorCode::kIoError, path + " is not a file");
  std::ifstream file(path, std::ios::binary);
  // One byte more than there may be, and it is too long.
  std::vector<char> text(kHeaderBytes + PlanLimits::kBytesMax + 1);
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad()) return Status(ErrorCode::kIoError, path + " cannot be read");
  const auto bytes = std::as_bytes(std::span(text)).first(static_cast<std::size_t>(file.gcount()));
  const Status damaged(ErrorCode::kCorruption, path + " is damaged: it is no plan that this agent has kept");
  if (bytes.size() <= kHeaderBytes || bytes.size() == text.size() ||
      !std::string_view(text.data(), text.size()).starts_with(kMagic)) {
    return damaged;
  }
  std::uint32_t crc = 0;
  for (std::size_t i = 0; i < 4; ++i) crc |= std::to_integer<std::uint32_t>(bytes[kMagic.size() + i]) << (8 * i);
  const auto plan = bytes.subspan(kHeaderBytes);
  if (Crc32c(plan) != crc) return damaged;
  return std::optional(std::vector<std::byte>(plan.begin(), plan.end()));
}

PlanSaver::~PlanSaver() {
  if (writing_.valid() && writing_.get().ok()) unwritten_.reset();
  if (!waiting_ && !unwritten_) return;
  Begin();
  writing_.wait();
}

void PlanSaver::Save(std::span<const std::byte> plan) {
  waiting_.emplace(PackKeptPlan(plan));
  if (!writing_.valid()) Begin();
}

void PlanSaver::Begin() {
  if (waiting_) unwritten_ = std::exchange(waiting_, std::nullopt);
  // Where no thread can be had, Poll does it.
  writing_ = std::async(std::launch::async | std::launch::deferred, [path = path_, content = *unwritten_] {
    return ReplaceFile(path, content, 0600);
  });
}

std::optional<Status> PlanSaver::Poll(BootTime now) {
  if (!writing_.valid()) {
    if (unwritten_ && now >= retry_) Begin();
    return std::nullopt;
  }
  if (writing_.wait_for(std::chrono::seconds(0)) == std::future_status::timeout) return std::nullopt;
  const Status written = writing_.get();
  if (written.ok()) unwritten_.reset();
  else retry_ = now + kRetry;
  if (waiting_) Begin();
  const std::string why = written.ok() ? std::string() : std::string(written.message());
  if (std::exchange(said_, why) == why && !written.ok()) return std::nullopt;
  return written;
}

}  // namespace starling::edge
