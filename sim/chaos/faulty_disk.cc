// A library to be preloaded (LD_PRELOAD): makes the disk full, slow or broken under one
// folder, and steps the clock, as sim/chaos/fault_control.h says at that moment.  It
// stands between the program and the C library, so the program runs unchanged.
//
// Threading: every call may come from any thread.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "sim/chaos/fault_control.h"

namespace {

using starling::sim::FaultControl;

constexpr int kFilesMax = 1 << 16;

FaultControl* g_control = nullptr;  // Null until loaded, and if nobody controls us.
std::array<char, 4096> g_folder{};
std::size_t g_folder_length = 0;
// Whether a descriptor is a file of the folder; set by who opened it.
std::array<std::atomic<bool>, kFilesMax> g_suffers{};

template <typename Function>
Function* Next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

struct Real {
  decltype(&::write) write = Next<decltype(::write)>("write");
  decltype(&::pwrite) pwrite = Next<decltype(::pwrite)>("pwrite");
  decltype(&::writev) writev = Next<decltype(::writev)>("writev");
  decltype(&::fsync) fsync = Next<decltype(::fsync)>("fsync");
  decltype(&::fdatasync) fdatasync = Next<decltype(::fdatasync)>("fdatasync");
  decltype(&::sync_file_range) sync_file_range = Next<decltype(::sync_file_range)>("sync_file_range");
  decltype(&::ftruncate) ftruncate = Next<decltype(::ftruncate)>("ftruncate");
  decltype(&::fallocate) fallocate = Next<decltype(::fallocate)>("fallocate");
  decltype(&::close) close = Next<decltype(::close)>("close");
  decltype(&::statvfs) statvfs = Next<decltype(::statvfs)>("statvfs");
  decltype(&::clock_gettime) clock_gettime = Next<decltype(::clock_gettime)>("clock_gettime");
  int (*open)(const char*, int, ...) = Next<int(const char*, int, ...)>("open");
  int (*openat)(int, const char*, int, ...) = Next<int(int, const char*, int, ...)>("openat");
};

// Calls come before constructors have run: made at the first one.
const Real& real() {
  static const Real functions;
  return functions;
}

__attribute__((constructor)) void Load() {
  const char* const file = ::getenv(starling::sim::kFaultFileVariable);
  const char* const folder = ::getenv(starling::sim::kFaultFolderVariable);
  if (file == nullptr || folder == nullptr || std::strlen(folder) >= g_folder.size()) return;
  const int fd = real().open(file, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void* const memory = ::mmap(nullptr, sizeof(FaultControl), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  real().close(fd);
  if (memory == MAP_FAILED) return;
  auto* const control = static_cast<FaultControl*>(memory);
  if (control->magic.load(std::memory_order_relaxed) != starling::sim::kFaultMagic) return;
  std::strcpy(g_folder.data(), folder);
  g_folder_length = std::strlen(folder);
  g_control = control;
}

bool Suffers(int fd) {
  return g_control != nullptr && fd >= 0 && fd < kFilesMax &&
         g_suffers[static_cast<std::size_t>(fd)].load(std::memory_order_relaxed);
}

int Opened(int fd, const char* path) {
  if (fd < 0 || fd >= kFilesMax || g_control == nullptr) return fd;
  const bool inside = std::strncmp(path, g_folder.data(), g_folder_length) == 0;
  g_suffers[static_cast<std::size_t>(fd)].store(inside, std::memory_order_relaxed);
  return fd;
}

bool Creates(int flags) { return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE; }

bool DiskFull(int fd) {
  if (!Suffers(fd) || g_control->disk_full.load(std::memory_order_relaxed) == 0) return false;
  g_control->writes_failed.fetch_add(1, std::memory_order_relaxed);
  errno = ENOSPC;
  return true;
}

// True if the sync has to fail; waits if it has to be slow.
bool SyncFails(int fd) {
  if (!Suffers(fd)) return false;
  if (const std::uint32_t us = g_control->sync_delay_us.load(std::memory_order_relaxed); us > 0) {
    g_control->syncs_delayed.fetch_add(1, std::memory_order_relaxed);
    const timespec delay{us / 1'000'000, static_cast<long>(us % 1'000'000) * 1000};
    ::nanosleep(&delay, nullptr);
  }
  if (g_control->sync_fails.load(std::memory_order_relaxed) == 0) return false;
  g_control->syncs_failed.fetch_add(1, std::memory_order_relaxed);
  errno = EIO;
  return true;
}

// A full disk says that it is full.
int Told(const char* path, int outcome, struct statvfs* of) {
  if (outcome != 0 || g_control == nullptr || std::strncmp(path, g_folder.data(), g_folder_length) != 0) return outcome;
  if (g_control->disk_low.load(std::memory_order_relaxed) != 0) of->f_bfree = of->f_bavail = of->f_blocks / 50;
  if (g_control->disk_full.load(std::memory_order_relaxed) != 0) of->f_bfree = of->f_bavail = 0;
  return outcome;
}

void Step(timespec* time) {
  const std::int64_t step = g_control->clock_step_ns.load(std::memory_order_relaxed);
  if (step == 0) return;
  constexpr std::int64_t kSecond = 1'000'000'000;
  std::int64_t ns = time->tv_nsec + step % kSecond;
  std::int64_t s = time->tv_sec + step / kSecond;
  if (ns < 0) {
    ns += kSecond;
    --s;
  } else if (ns >= kSecond) {
    ns -= kSecond;
    ++s;
  }
  time->tv_sec = s;
  time->tv_nsec = ns;
}

}  // namespace

// The C library's names and its types; a file's mode comes only with a flag that creates.
extern "C" {

int open(const char* path, int flags, ...) {
  mode_t mode = 0;
  if (Creates(flags)) {
    std::va_list arguments;
    va_start(arguments, flags);
    mode = static_cast<mode_t>(va_arg(arguments, unsigned));
    va_end(arguments);
  }
  return Opened(real().open(path, flags, mode), path);
}

int open64(const char* path, int flags, ...) {
  mode_t mode = 0;
  if (Creates(flags)) {
    std::va_list arguments;
    va_start(arguments, flags);
    mode = static_cast<mode_t>(va_arg(arguments, unsigned));
    va_end(arguments);
  }
  return Opened(real().open(path, flags | O_LARGEFILE, mode), path);
}

int openat(int folder, const char* path, int flags, ...) {
  mode_t mode = 0;
  if (Creates(flags)) {
    std::va_list arguments;
    va_start(arguments, flags);
    mode = static_cast<mode_t>(va_arg(arguments, unsigned));
    va_end(arguments);
  }
  return Opened(real().openat(folder, path, flags, mode), path);
}

int close(int fd) {
  if (fd >= 0 && fd < kFilesMax) g_suffers[static_cast<std::size_t>(fd)].store(false, std::memory_order_relaxed);
  return real().close(fd);
}

ssize_t write(int fd, const void* bytes, size_t count) {
  return DiskFull(fd) ? -1 : real().write(fd, bytes, count);
}
ssize_t pwrite(int fd, const void* bytes, size_t count, off_t offset) {
  return DiskFull(fd) ? -1 : real().pwrite(fd, bytes, count, offset);
}
ssize_t pwrite64(int fd, const void* bytes, size_t count, off64_t offset) {
  return DiskFull(fd) ? -1 : real().pwrite(fd, bytes, count, offset);
}
ssize_t writev(int fd, const iovec* pieces, int count) {
  return DiskFull(fd) ? -1 : real().writev(fd, pieces, count);
}
int ftruncate(int fd, off_t length) { return DiskFull(fd) ? -1 : real().ftruncate(fd, length); }
int ftruncate64(int fd, off64_t length) { return DiskFull(fd) ? -1 : real().ftruncate(fd, length); }
int fallocate(int fd, int mode, off_t offset, off_t length) {
  return DiskFull(fd) ? -1 : real().fallocate(fd, mode, offset, length);
}
int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
  return DiskFull(fd) ? -1 : real().fallocate(fd, mode, offset, length);
}

int fsync(int fd) { return SyncFails(fd) ? -1 : real().fsync(fd); }
int fdatasync(int fd) { return SyncFails(fd) ? -1 : real().fdatasync(fd); }
int sync_file_range(int fd, off64_t offset, off64_t count, unsigned flags) {
  return SyncFails(fd) ? -1 : real().sync_file_range(fd, offset, count, flags);
}

int statvfs(const char* path, struct statvfs* of) noexcept { return Told(path, real().statvfs(path, of), of); }

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const int outcome = real().clock_gettime(clock, time);
  if (outcome == 0 && g_control != nullptr && clock == CLOCK_REALTIME) Step(time);
  return outcome;
}

int gettimeofday(timeval* time, void*) noexcept {
  timespec now{};
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}

}  // extern "C"
