#include "cloud/backup/restored_mark.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "cloud/backup/backup_manifest.h"

namespace starling::cloud {

std::string RestoredMarkFile(const std::string& data) { return data + "/restored.mark"; }

std::string EncodeRestoredMark(const RestoredMark& mark) {
  return WithEndLine("starling restored 1\ncut " + std::to_string(ToNs(mark.cut)) + " " + TimeText(mark.cut) +
                     "\nrestored " + std::to_string(ToNs(mark.restored)) + " " + TimeText(mark.restored) +
                     "\nepoch_base " + std::to_string(mark.epoch_base) + "\n");
}

Result<std::optional<RestoredMark>> ReadRestoredMark(const std::string& path) {
  std::error_code failure;
  if (!std::filesystem::exists(path, failure) && !failure) return std::optional<RestoredMark>();
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file.is_open() || file.bad()) return Status(ErrorCode::kIoError, path + " cannot be read");
  const Status damaged(ErrorCode::kCorruption,
                       path + " is damaged: put the folder back from its backup once more with `starling restore`");
  const Result<std::string_view> body = WithoutEndLine(text);
  if (!body.ok()) return damaged;
  long long cut = 0;
  long long restored = 0;
  unsigned long long base = 0;
  // The digest has proved that the text is ours.
  if (std::sscanf(std::string(body.value()).c_str(), "starling restored 1\ncut %lld %*s\nrestored %lld %*s\nepoch_base %llu",
                  &cut, &restored, &base) != 3) {
    return damaged;
  }
  return std::optional(RestoredMark{CloudTimeFromNs(cut), CloudTimeFromNs(restored), base});
}

}  // namespace starling::cloud
