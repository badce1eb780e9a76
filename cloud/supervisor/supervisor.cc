#include "cloud/supervisor/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "common/check.h"
#include "common/time.h"

namespace starling::cloud {
namespace {

using Clock = std::chrono::steady_clock;

// With what it takes to open a large log.
constexpr nanoseconds kShortLife = seconds(10);
constexpr int kHaste = 10;  // steps of nice
constexpr nanoseconds kPauseMin = milliseconds(100);
constexpr nanoseconds kPauseMax = seconds(5);

int ExitCodeOf(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

// What the process with the work says on its pipe.
constexpr char kHoldsLock = 'l';
constexpr char kEndsByItself = 'e';

struct flock WholeFile(short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

// The process with the work.  The pipe's other end is its alone.  The pipe is closed when
// all of its sockets are; the lock that it holds goes at the beginning of its end.
struct Worker {
  pid_t process = 0;                      // 0: none
  int pipe = -1;
  Clock::time_point started;
};

class Keeper {
 public:
  Keeper(const std::function<int()>& work, const std::function<void(const std::string&)>& say)
      : work_(work), say_(say) {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&signals, number);
    STARLING_CHECK(::sigprocmask(SIG_BLOCK, &signals, &former_mask_) == 0);
    // A shell's background job inherits an ignored SIGINT, which would never arrive.
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) ::signal(number, SIG_DFL);
    ::signal(SIGPIPE, SIG_IGN);  // A reader of standard error that is gone ends nobody.
    signals_ = ::signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    lock_ = ::memfd_create("supervised", MFD_CLOEXEC);
    unlocked_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    STARLING_CHECK(signals_ >= 0 && lock_ >= 0 && unlocked_ >= 0);
  }
  ~Keeper() {
    for (const int descriptor : {signals_, lock_, unlocked_}) ::close(descriptor);
    (void)::sigprocmask(SIG_SETMASK, &former_mask_, nullptr);
  }

  int Run() {
    for (;;) {
      const Status started = Start();
      if (!started.ok()) {
        say_(std::string(started.message()));
        if (former_.empty() && pause_ == nanoseconds(0)) return 1;  // It never worked.
        Pause(std::clamp(2 * pause_, kPauseMin, kPauseMax));
      } else {
        const bool by_itself = AwaitEnd();
        ::close(worker_.pipe);
        if (by_itself || ending_) return Reap();
        ForgetLock();
        say_("process " + std::to_string(worker_.process) + " was killed or has crashed; starting another one");
        former_.push_back(std::exchange(worker_.process, 0));
        ReapFormer();
        Pause(Clock::now() - worker_.started >= kShortLife ? nanoseconds(0)
                                                           : std::clamp(2 * pause_, kPauseMin, kPauseMax));
      }
      if (ending_) return 128 + SIGTERM;
    }
  }

 private:
  Status Start() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return {ErrorCode::kIoError, std::string("pipe: ") + std::strerror(errno)};
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child < 0) {
      ::close(ends[0]);
      ::close(ends[1]);
      return {ErrorCode::kExhausted, std::string("fork: ") + std::strerror(errno)};
    }
    if (child == 0) {
      ::close(ends[0]);
      ::close(signals_);
      // Ctrl-C is for this process's parent, which passes it on once.
      (void)::setpgid(0, 0);
      (void)::prctl(PR_SET_PDEATHSIG, SIGTERM);
      if (::getppid() != parent) ::_exit(128 + SIGTERM);
      struct flock lock = WholeFile(F_WRLCK);
      if (::fcntl(lock_, F_SETLK, &lock) == 0) (void)!::write(ends[1], &kHoldsLock, 1);
      const int code = work_();
      (void)!::write(ends[1], &kEndsByItself, 1);
      std::exit(code);
    }
    ::close(ends[1]);
    worker_ = {child, ends[0], Clock::now()};
    return Status();
  }

  // Until the worker says that it ends by itself, true, or cannot say anything any more.
  bool AwaitEnd() {
    for (;;) {
      pollfd waiting[3] = {{worker_.pipe, POLLIN, 0}, {signals_, POLLIN, 0}, {unlocked_, POLLIN, 0}};
      if (::poll(waiting, 3, -1) < 0) continue;
      if (waiting[1].revents != 0) TakeSignals();
      if (waiting[0].revents != 0) {
        char said = 0;
        if (::read(worker_.pipe, &said, 1) != 1) return false;
        if (said == kEndsByItself) return true;
        AwaitLock();
      } else if (waiting[2].revents != 0) {
        return false;
      }
    }
  }

  // A lock can be waited for, but not polled.
  void AwaitLock() {
    waiter_ = std::thread([this] {
      struct flock lock = WholeFile(F_WRLCK);
      while (::fcntl(lock_, F_SETLKW, &lock) != 0 && errno == EINTR) {
      }
      const std::uint64_t one = 1;
      (void)!::write(unlocked_, &one, sizeof one);
    });
  }

  // REQUIRES: the process that held it is ending
  void ForgetLock() {
    if (!waiter_.joinable()) return;
    waiter_.join();
    struct flock lock = WholeFile(F_UNLCK);
    (void)::fcntl(lock_, F_SETLK, &lock);
    std::uint64_t count = 0;
    (void)!::read(unlocked_, &count, sizeof count);
  }

  void TakeSignals() {
    signalfd_siginfo info{};
    while (::read(signals_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
      const int number = static_cast<int>(info.ssi_signo);
      if (number == SIGCHLD) {
        ReapFormer();
        continue;
      }
      ending_ = ending_ || number != SIGHUP;
      if (worker_.process > 0) ::kill(worker_.process, number);
    }
  }

  // Those that are gone; the present one is waited for by its number.
  void ReapFormer() {
    std::erase_if(former_, [](pid_t process) { return ::waitpid(process, nullptr, WNOHANG) == process; });
  }

  // It may take its time, and signals are for it until it is gone.
  int Reap() {
    int status = 0;
    for (pollfd waiting{signals_, POLLIN, 0}; ::waitpid(worker_.process, &status, WNOHANG) == 0;) {
      (void)::poll(&waiting, 1, 100);
      TakeSignals();
    }
    ForgetLock();
    return ExitCodeOf(status);
  }

  void Pause(nanoseconds pause) {
    pause_ = pause;
    const Clock::time_point until = Clock::now() + pause_;
    while (!ending_ && Clock::now() < until) {
      std::this_thread::sleep_for(std::min<nanoseconds>(until - Clock::now(), milliseconds(20)));
      TakeSignals();
    }
  }

  const std::function<int()>& work_;
  const std::function<void(const std::string&)>& say_;
  sigset_t former_mask_{};
  int signals_ = -1;                      // a signalfd
  int lock_ = -1;                         // a file in memory; the worker has a record lock on it
  int unlocked_ = -1;                     // an eventfd: the waiter has the lock
  std::thread waiter_;                    // while a worker has it; none when there is a fork
  Worker worker_;
  std::vector<pid_t> former_;  // killed, and perhaps not gone yet
  nanoseconds pause_{};
  bool ending_ = false;
};

}  // namespace

Haste::Haste() {
  former_ = present_ = ::getpriority(PRIO_PROCESS, 0);
  if (::setpriority(PRIO_PROCESS, 0, former_ - kHaste) == 0) present_ = ::getpriority(PRIO_PROCESS, 0);
}

Haste::~Haste() {
  if (present_ == former_) return;
  std::error_code failure;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task", failure)) {
    const auto number = static_cast<id_t>(std::strtoul(thread.path().filename().c_str(), nullptr, 10));
    if (::getpriority(PRIO_PROCESS, number) == present_) (void)::setpriority(PRIO_PROCESS, number, former_);
  }
}

void AwaitUnlocked(const std::string& path, milliseconds patience) {
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  const Clock::time_point until = Clock::now() + patience;
  for (;;) {
    struct flock lock = WholeFile(F_WRLCK);
    if (::fcntl(file, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK || Clock::now() >= until) break;
    std::this_thread::sleep_for(milliseconds(1));
  }
  ::close(file);
}

int KeepRunning(const std::function<int()>& work, const std::function<void(const std::string&)>& say) {
  return Keeper(work, say).Run();
}

}  // namespace starling::cloud
