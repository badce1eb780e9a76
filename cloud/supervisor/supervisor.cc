#include "cloud/supervisor/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "common/check.h"
#include "common/time.h"

namespace starling::cloud {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kBacklog = 4096;
// With what it takes to open a large log.
constexpr nanoseconds kShortLife = seconds(10);
constexpr nanoseconds kPauseMin = milliseconds(100);
constexpr nanoseconds kPauseMax = seconds(5);

int ExitCodeOf(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

// The process with the work.  The pipe's other end is its alone: it says there that it
// ends by itself, and says nothing if it does not.
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
    STARLING_CHECK(signals_ >= 0);
  }
  ~Keeper() {
    ::close(signals_);
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
      const int code = work_();
      const char by_itself = 1;
      (void)!::write(ends[1], &by_itself, 1);
      std::exit(code);
    }
    ::close(ends[1]);
    worker_ = {child, ends[0], Clock::now()};
    return Status();
  }

  // Until the worker says that it ends by itself, true, or cannot say anything any more.
  bool AwaitEnd() {
    for (;;) {
      pollfd waiting[2] = {{worker_.pipe, POLLIN, 0}, {signals_, POLLIN, 0}};
      if (::poll(waiting, 2, -1) < 0) continue;
      if (waiting[1].revents != 0) TakeSignals();
      if (waiting[0].revents == 0) continue;
      char byte = 0;
      return ::read(worker_.pipe, &byte, 1) == 1;
    }
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
  Worker worker_;
  std::vector<pid_t> former_;  // killed, and perhaps not gone yet
  nanoseconds pause_{};
  bool ending_ = false;
};

}  // namespace

Result<int> ListenOn(const std::string& host, std::uint16_t port) {
  using boost::asio::ip::tcp;
  const std::string where = host + ":" + std::to_string(port);
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(host, error);
  if (error) return Status(ErrorCode::kInvalidArgument, "\"" + host + "\" is not an address to listen on");
  const tcp::endpoint endpoint(address, port);
  boost::asio::io_context context;
  tcp::acceptor acceptor(context);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(kBacklog, error);
  if (error == boost::asio::error::address_in_use) {
    return Status(ErrorCode::kUnavailable, where + " is taken by another process; choose another port");
  }
  if (error) return Status(ErrorCode::kIoError, "cannot listen on " + where + ": " + error.message());
  const int descriptor = acceptor.release(error);
  if (error) return Status(ErrorCode::kIoError, "cannot listen on " + where + ": " + error.message());
  return descriptor;
}

int KeepRunning(const std::function<int()>& work, const std::function<void(const std::string&)>& say) {
  return Keeper(work, say).Run();
}

}  // namespace starling::cloud
