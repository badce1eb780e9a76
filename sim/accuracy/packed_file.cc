#include "sim/accuracy/packed_file.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <utility>

extern char** environ;

namespace starling::sim {
namespace {

struct Packing {
  std::string_view magic;
  const char* program;
};
constexpr std::array<Packing, 2> kPackings = {Packing{std::string_view("\xfd"
                                                                       "7zXZ\0",
                                                                       6),
                                                      "xz"},
                                              {"\x28\xb5\x2f\xfd", "zstd"}};

}  // namespace

Result<std::unique_ptr<PackedFile>> PackedFile::Open(const std::string& path) {
  std::unique_ptr<PackedFile> file(new PackedFile(path));
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> opened(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (opened == nullptr) return Status(ErrorCode::kIoError, path + ": " + std::strerror(errno));
  std::array<char, 6> begin{};
  const std::size_t got = std::fread(begin.data(), 1, begin.size(), opened.get());
  if (std::ferror(opened.get()) != 0) return Status(ErrorCode::kIoError, path + ": " + std::strerror(errno));
  for (const Packing& packing : kPackings) {
    if (!std::string_view(begin.data(), got).starts_with(packing.magic)) continue;
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return Status(ErrorCode::kIoError, path + ": " + std::strerror(errno));
    file->pipe_ = ends[0];
    file->program_ = packing.program;
    ::posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, path.c_str(), O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    std::string program = packing.program;
    std::string options = "-dc";
    char* const arguments[] = {program.data(), options.data(), nullptr};
    const int code = ::posix_spawnp(&file->child_, packing.program, &actions, nullptr, arguments, environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    if (code != 0) {
      file->child_ = -1;
      return Status(ErrorCode::kIoError, path + ": is compressed, and " + packing.program + " cannot be started: " +
                                             std::strerror(code) + "; install it, or unpack the file");
    }
    file->readable_ = "/dev/fd/" + std::to_string(file->pipe_);
  }
  return file;
}

PackedFile::~PackedFile() {
  if (pipe_ >= 0) ::close(pipe_);
  if (child_ > 0) (void)::waitpid(child_, nullptr, 0);
}

Status PackedFile::Named(const Status& status) const {
  if (status.ok() || readable_ == path_ || !status.message().starts_with(readable_)) return status;
  return {status.code(), path_ + std::string(status.message().substr(readable_.size()))};
}

Status PackedFile::Finish() {
  if (child_ <= 0) return {};
  int state = 0;
  const pid_t ended = ::waitpid(std::exchange(child_, -1), &state, 0);
  if (ended > 0 && WIFEXITED(state) && WEXITSTATUS(state) == 0) return {};
  return {ErrorCode::kIoError, path_ + ": cut or damaged: " + program_ + " cannot unpack it to its end"};
}

}  // namespace starling::sim
