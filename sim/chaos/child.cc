#include "sim/chaos/child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

namespace starling::sim {
namespace {

constexpr milliseconds kPoll{2};

std::vector<char*> Pointers(std::vector<std::string>* words) {
  std::vector<char*> pointers;
  for (std::string& word : *words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Result<Child> Child::Start(const Command& command) {
  std::vector<std::string> words = command.words;
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
  for (const auto& [name, value] : command.environment) environment.push_back(name + "=" + value);
  const std::vector<char*> arguments = Pointers(&words);
  const std::vector<char*> variables = Pointers(&environment);
  const pid_t pid = ::fork();
  if (pid < 0) return Status(ErrorCode::kIoError, std::string("fork: ") + std::strerror(errno));
  if (pid > 0) return Child(pid);
  // Only calls that are safe between fork and exec.
  if (!command.outlives_its_thread) ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // A link of the relay that a program has inherited would stay open when the relay cuts it.
  ::close_range(STDERR_FILENO + 1, ~0U, 0);
  const int file = ::open(command.output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  ::dup2(file, STDOUT_FILENO);
  ::dup2(file, STDERR_FILENO);
  ::execve(arguments[0], arguments.data(), variables.data());
  ::_exit(127);
}

Child::Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)), code_(other.code_) {}

Child& Child::operator=(Child&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(code_, other.code_);
  return *this;
}

Child::~Child() {
  if (pid_ < 0 || !Running()) return;
  Signal(SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

bool Child::Running() {
  if (code_) return false;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) == 0) return true;
  code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return false;
}

void Child::Signal(int number) {
  if (!code_) ::kill(pid_, number);
}

std::optional<int> Child::Wait(nanoseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (Running() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(kPoll);
  return code_;
}

}  // namespace starling::sim
