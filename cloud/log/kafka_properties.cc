#include "cloud/log/kafka_properties.h"

#include <fstream>
#include <iterator>

namespace starling::cloud {
namespace {

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

}  // namespace

Result<std::map<std::string, std::string>> ParseKafkaProperties(std::string_view text) {
  std::map<std::string, std::string> properties;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::string_view line = Trimmed(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line.front() == '#') continue;
    const std::size_t equals = line.find('=');
    const std::string_view name = Trimmed(line.substr(0, equals));
    const std::string where = "line " + std::to_string(number);
    if (equals == std::string_view::npos || name.empty()) {
      return Status(ErrorCode::kInvalidArgument, where + " is not name=value");
    }
    if (!properties.emplace(name, Trimmed(line.substr(equals + 1))).second) {
      return Status(ErrorCode::kInvalidArgument, where + " gives " + std::string(name) + " a second time");
    }
  }
  return properties;
}

Result<std::map<std::string, std::string>> ReadKafkaProperties(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  if (!stream) return Status(ErrorCode::kIoError, file + " cannot be read");
  Result<std::map<std::string, std::string>> properties = ParseKafkaProperties(text);
  if (!properties.ok()) {
    return Status(properties.status().code(), file + ", " + std::string(properties.status().message()));
  }
  return properties;
}

}  // namespace starling::cloud
