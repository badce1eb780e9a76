#include "cloud/dispatch/settings_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>
#include <vector>

#include "common/crc32c.h"
#include "common/durable_file.h"

namespace starling::cloud {
namespace {

constexpr std::string_view kMagic = "STLCMD01";
constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kFileBytesMax = 64 << 10;

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) (void)::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  const int number_;
};

Status SystemError(const std::string& what) { return {ErrorCode::kIoError, what + ": " + std::strerror(errno)}; }

void PutNumber(std::uint32_t number, std::string* text) {
  for (int shift = 0; shift < 32; shift += 8) *text += static_cast<char>(number >> shift);
}

std::uint32_t NumberAt(const std::string& text, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) number |= std::uint32_t{static_cast<unsigned char>(text[at + i])} << (8 * i);
  return number;
}

}  // namespace

std::string CommandSettingsFile(const std::string& data) { return data + "/commands.settings"; }

Result<std::optional<CommandSettings>> ReadCommandSettings(const std::string& path) {
  std::error_code failure;
  if (!std::filesystem::exists(path, failure) && !failure) return std::optional<CommandSettings>();
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file.is_open() || file.bad()) return Status(ErrorCode::kIoError, path + " cannot be read");
  const Status corrupt(ErrorCode::kCorruption,
                       path + " is damaged, and does not say any more which commands are stopped; write it anew with: "
                              "starling commands stop --data, or remove it to keep what the shards' states say");
  if (text.size() < kHeaderBytes || text.size() > kFileBytesMax || !text.starts_with(kMagic)) return corrupt;
  const std::string_view body = std::string_view(text).substr(kHeaderBytes);
  if (Crc32c(std::as_bytes(std::span(body))) != NumberAt(text, kMagic.size())) return corrupt;
  std::vector<std::uint64_t> aligned((body.size() + 7) / 8 + 1);
  std::memcpy(aligned.data(), body.data(), body.size());
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(aligned.data());
  flatbuffers::Verifier verifier(bytes, body.size(), 8, 64);
  if (!log::VerifyCommandSettingsBuffer(verifier)) return corrupt;
  Result<CommandSettings> settings = UnpackCommandSettings(*log::GetCommandSettings(bytes));
  if (!settings.ok()) return corrupt;
  return std::optional(std::move(settings).value());
}

Result<CommandSettings> ChangeCommandSettings(const std::string& path, const CommandSettingsChange& change) {
  const std::string lock_path = path + ".lock";
  const Descriptor lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (lock.number() < 0) return SystemError(lock_path);
  while (::flock(lock.number(), LOCK_EX) != 0) {
    if (errno != EINTR) return SystemError(lock_path);
  }
  const Result<std::optional<CommandSettings>> before = ReadCommandSettings(path);
  if (!before.ok() && before.status().code() != ErrorCode::kCorruption) return before.status();
  Result<CommandSettings> after = change(before);
  if (!after.ok()) return after.status();
  if (Status status = after.value().Validate(); !status.ok()) return status;
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(PackCommandSettings(after.value(), &builder));
  const std::string_view body(reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize());
  std::string text(kMagic);
  PutNumber(Crc32c(std::as_bytes(std::span(body))), &text);
  text += body;
  if (Status status = ReplaceFile(path, std::as_bytes(std::span(text))); !status.ok()) return status;
  return after;
}

}  // namespace starling::cloud
