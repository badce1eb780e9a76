#include "cloud/store/info_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstddef>
#include <cstdio>
#include <ctime>

namespace starling::cloud {
namespace {

class InfoLog final : public rocksdb::Logger {
 public:
  explicit InfoLog(const std::string& path)
      : Logger(rocksdb::InfoLogLevel::WARN_LEVEL),
        file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644)) {}
  ~InfoLog() override {
    if (file_ >= 0) ::close(file_);
  }

  using Logger::Logv;
  void Logv(const char* format, std::va_list arguments) override {
    if (file_ < 0) return;
    std::array<char, 4096> line;
    const std::time_t now = std::time(nullptr);
    struct tm utc {};
    ::gmtime_r(&now, &utc);
    std::size_t length = std::strftime(line.data(), line.size(), "%Y/%m/%d-%H:%M:%S ", &utc);
    const int wanted = std::vsnprintf(line.data() + length, line.size() - length, format, arguments);
    if (wanted < 0) return;
    length = std::min(length + static_cast<std::size_t>(wanted), line.size() - 2);
    if (length == 0 || line[length - 1] != '\n') line[length++] = '\n';
    // One call for a line: threads do not mix.  What the disk does not take is left out.
    (void)!::write(file_, line.data(), length);
  }

 private:
  const int file_;
};

}  // namespace

std::shared_ptr<rocksdb::Logger> MakeInfoLog(const std::string& directory) {
  const std::string path = directory + "/LOG";
  (void)std::rename(path.c_str(), (path + ".old").c_str());
  return std::make_shared<InfoLog>(path);
}

}  // namespace starling::cloud
