#include "cloud/backup/backup_request.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <string_view>

#include "cloud/backup/backup_manifest.h"
#include "common/durable_file.h"

namespace starling::cloud {
namespace {

constexpr std::string_view kRequest = "starling backup request 1";
constexpr std::string_view kAnswer = "starling backup answer 1";
constexpr std::size_t kBytesMax = 64 << 10;

std::optional<std::string> ReadProved(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file.is_open() || file.bad() || text.size() > kBytesMax) return std::nullopt;
  const Result<std::string_view> body = WithoutEndLine(text);
  if (!body.ok()) return std::nullopt;
  return std::string(body.value());
}

// The next line; nothing is left behind the last one.
std::string_view NextLine(std::string_view* text) {
  const std::size_t end = std::min(text->find('\n'), text->size());
  const std::string_view line = text->substr(0, end);
  text->remove_prefix(std::min(end + 1, text->size()));
  return line;
}

std::string OneLine(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return text;
}

}  // namespace

std::string BackupRequestFile(const std::string& data) { return data + "/backup.request"; }
std::string BackupAnswerFile(const std::string& data) { return data + "/backup.answer"; }

std::optional<BackupRequest> ReadBackupRequest(const std::string& data) {
  const std::optional<std::string> text = ReadProved(BackupRequestFile(data));
  if (!text) return std::nullopt;
  std::string_view rest = *text;
  if (NextLine(&rest) != kRequest) return std::nullopt;
  BackupRequest request;
  request.id = NextLine(&rest);
  const std::string_view rate = NextLine(&rest);
  const auto [end, failure] = std::from_chars(rate.data(), rate.data() + rate.size(), request.bytes_per_second);
  if (failure != std::errc() || end != rate.data() + rate.size()) return std::nullopt;
  request.to = NextLine(&rest);
  if (!rest.empty() || !request.to.starts_with('/')) return std::nullopt;
  return request;
}

std::optional<BackupAnswer> ReadBackupAnswer(const std::string& data) {
  const std::optional<std::string> text = ReadProved(BackupAnswerFile(data));
  if (!text) return std::nullopt;
  std::string_view rest = *text;
  if (NextLine(&rest) != kAnswer) return std::nullopt;
  BackupAnswer answer;
  answer.id = NextLine(&rest);
  answer.done = NextLine(&rest) == "done";
  answer.message = NextLine(&rest);
  return answer;
}

Status WriteBackupRequest(const std::string& data, const BackupRequest& request) {
  if (!request.to.starts_with('/') || request.to.find('\n') != std::string::npos) {
    return {ErrorCode::kInvalidArgument, request.to + " is not the absolute path of a folder"};
  }
  const std::string text = WithEndLine(std::string(kRequest) + "\n" + request.id + "\n" +
                                       std::to_string(request.bytes_per_second) + "\n" + request.to + "\n");
  return ReplaceFile(BackupRequestFile(data), std::as_bytes(std::span(text)), 0640);
}

Status WriteBackupAnswer(const std::string& data, const BackupAnswer& answer) {
  const std::string text = WithEndLine(std::string(kAnswer) + "\n" + answer.id + "\n" +
                                       (answer.done ? "done" : "failed") + "\n" + OneLine(answer.message) + "\n");
  return ReplaceFile(BackupAnswerFile(data), std::as_bytes(std::span(text)), 0640);
}

}  // namespace starling::cloud
