#include "cloud/supervisor/supervisor.h"

#include "cloud/supervisor/listening.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <string>
#include <thread>

#include <gtest/gtest.h>

namespace starling::cloud {
namespace {

// What the processes of a test tell each other.
struct Shared {
  std::atomic<int> lives{0};
  std::atomic<int> worker{0};
  std::atomic<bool> told_to_end{false};
};

Shared* shared_memory = nullptr;  // for a signal handler

// Takes the signals that work begins with blocked.
void AwaitSignals() {
  sigset_t none;
  sigemptyset(&none);
  for (;;) ::sigsuspend(&none);
}

class SupervisorTest : public testing::Test {
 protected:
  SupervisorTest() {
    void* memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    shared_ = shared_memory = new (memory) Shared;
  }
  ~SupervisorTest() override { ::munmap(shared_, sizeof(Shared)); }

  // The supervisor in a process of its own.
  static pid_t Supervise(const std::function<int()>& work) {
    const pid_t process = ::fork();
    if (process == 0) ::_exit(KeepRunning(work, [](const std::string&) {}));
    return process;
  }

  static int ExitCode(pid_t process) {
    int status = 0;
    EXPECT_EQ(::waitpid(process, &status, 0), process);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  static bool Await(const std::function<bool()>& what) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!what()) {
      if (std::chrono::steady_clock::now() > limit) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
  }

  Shared* shared_;
};

TEST_F(SupervisorTest, WorkThatEndsByItselfIsNotStartedAgain) {
  const pid_t process = Supervise([this] { return ++shared_->lives, 7; });
  EXPECT_EQ(ExitCode(process), 7);
  EXPECT_EQ(shared_->lives, 1);
}

TEST_F(SupervisorTest, WorkThatWasKilledOrHasCrashedIsStartedAgain) {
  const pid_t process = Supervise([this] {
    const int life = ++shared_->lives;
    if (life == 1) ::raise(SIGKILL);
    if (life == 2) {
      ::signal(SIGSEGV, SIG_DFL);  // A sanitizer would make it an end in order.
      ::raise(SIGSEGV);
    }
    return 3;
  });
  EXPECT_EQ(ExitCode(process), 3);
  EXPECT_EQ(shared_->lives, 3);
}

// As one does whose ten thousand sockets are still being closed: here it is another
// process that holds on to what it had open.
TEST_F(SupervisorTest, TheNextOneBeginsBeforeAllThatTheFormerHadOpenIsClosed) {
  const pid_t process = Supervise([this] {
    if (++shared_->lives == 2) return 4;
    const pid_t other = ::fork();
    if (other == 0) AwaitSignals();
    shared_->worker = other;
    return ::raise(SIGKILL);
  });
  EXPECT_TRUE(Await([this] { return shared_->lives == 2; }));
  EXPECT_EQ(::kill(shared_->worker, 0), 0) << "nothing is left open any more";
  ::kill(shared_->worker, SIGKILL);
  EXPECT_EQ(ExitCode(process), 4);
}

TEST_F(SupervisorTest, AFileIsWaitedForUntilItsLockIsGone) {
  const std::string path = testing::TempDir() + "supervisor_test_" + std::to_string(::getpid());
  AwaitUnlocked(path, seconds(60));  // There is none.
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_GE(file, 0);
  AwaitUnlocked(path, seconds(60));  // Nobody has one on it.
  const pid_t holder = ::fork();
  if (holder == 0) {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    if (::fcntl(file, F_SETLK, &lock) != 0) ::_exit(1);
    shared_->worker = ::getpid();
    while (shared_->lives == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ::_exit(0);
  }
  ASSERT_TRUE(Await([this] { return shared_->worker != 0; }));
  AwaitUnlocked(path, milliseconds(20));  // It is still held.
  EXPECT_EQ(::waitpid(holder, nullptr, WNOHANG), 0);
  std::thread waiting([&] { AwaitUnlocked(path, seconds(60)); });
  shared_->lives = 1;
  waiting.join();
  EXPECT_EQ(ExitCode(holder), 0);
  ::close(file);
  ::unlink(path.c_str());
}

// Without the right to hurry nobody does.
TEST(Haste, ThreadsThatBeganInHasteEndItUnlessTheyChoseForThemselves) {
  const int before = ::getpriority(PRIO_PROCESS, 0);
  std::atomic<int> plain_in_haste{0};
  std::atomic<pid_t> plain{0};
  std::atomic<pid_t> own{0};
  std::atomic<bool> end{false};
  std::thread threads[2];
  int in_haste = 0;
  {
    const Haste haste;
    in_haste = ::getpriority(PRIO_PROCESS, 0);
    threads[0] = std::thread([&] {
      plain_in_haste = ::getpriority(PRIO_PROCESS, 0);
      plain = ::gettid();
      while (!end) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    });
    threads[1] = std::thread([&] {
      (void)::setpriority(PRIO_PROCESS, 0, 15);
      own = ::gettid();
      while (!end) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    });
    while (plain == 0 || own == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_TRUE(in_haste == before || in_haste == std::max(before - 10, -20)) << in_haste;
  EXPECT_EQ(plain_in_haste, in_haste);
  EXPECT_EQ(::getpriority(PRIO_PROCESS, 0), before);
  EXPECT_EQ(::getpriority(PRIO_PROCESS, static_cast<id_t>(plain.load())), before);
  EXPECT_EQ(::getpriority(PRIO_PROCESS, static_cast<id_t>(own.load())), 15);
  end = true;
  for (std::thread& thread : threads) thread.join();
}

TEST_F(SupervisorTest, ASignalIsPassedOnAndEndsBoth) {
  const pid_t process = Supervise([this] {
    shared_->worker = ::getpid();
    AwaitSignals();
    return 0;
  });
  ASSERT_TRUE(Await([this] { return shared_->worker != 0; }));
  ::kill(process, SIGTERM);
  EXPECT_EQ(ExitCode(process), 128 + SIGTERM);
  EXPECT_NE(::kill(shared_->worker, 0), 0);
}

TEST_F(SupervisorTest, IfItIsKilledTheWorkIsEndedInOrder) {
  const pid_t process = Supervise([this] {
    ::signal(SIGTERM, [](int) {
      shared_memory->told_to_end = true;
      ::_exit(0);
    });
    shared_->worker = ::getpid();
    AwaitSignals();
    return 0;
  });
  ASSERT_TRUE(Await([this] { return shared_->worker != 0; }));
  ::kill(process, SIGKILL);
  EXPECT_EQ(ExitCode(process), -1);
  // Whoever inherits the orphan may be slow to reap it: a zombie has ended.
  const std::string state_file = "/proc/" + std::to_string(shared_->worker) + "/stat";
  EXPECT_TRUE(Await([&] {
    char text[512] = "";
    const int file = ::open(state_file.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return true;
    (void)!::read(file, text, sizeof text - 1);
    ::close(file);
    const std::string line(text);
    return line.find(") Z") != std::string::npos;
  }));
  EXPECT_TRUE(shared_->told_to_end);
}

TEST_F(SupervisorTest, AConnectionThatComesWhileNobodyWorksWaitsForTheNext) {
  const Result<int> listening = ListenOn("127.0.0.1", 0);
  ASSERT_TRUE(listening.ok());
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ASSERT_EQ(::getsockname(listening.value(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  EXPECT_EQ(ListenOn("127.0.0.1", ntohs(address.sin_port)).status().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(ListenOn("nowhere", 1).status().code(), ErrorCode::kInvalidArgument);

  const int client = ::socket(AF_INET, SOCK_STREAM, 0);
  ASSERT_EQ(::connect(client, reinterpret_cast<const sockaddr*>(&address), size), 0);
  const pid_t process = Supervise([&] {
    if (++shared_->lives == 1) ::raise(SIGKILL);
    // The socket does not block, and the connection is there already.
    const int accepted = ::accept(listening.value(), nullptr, nullptr);
    return ::write(accepted, "x", 1) == 1 ? 0 : 1;
  });
  EXPECT_EQ(ExitCode(process), 0);
  const timeval patience{20, 0};
  ::setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  char byte = 0;
  EXPECT_EQ(::read(client, &byte, 1), 1);
  ::close(client);
  ::close(listening.value());
}

}  // namespace
}  // namespace starling::cloud
