#include "sim/chaos/fault_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>

namespace starling::sim {

Result<std::unique_ptr<FaultFile>> FaultFile::Create(const std::string& path) {
  const auto fail = [&] { return Status(ErrorCode::kIoError, path + ": " + std::strerror(errno)); };
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return fail();
  void* memory = MAP_FAILED;
  if (::ftruncate(fd, sizeof(FaultControl)) == 0) {
    memory = ::mmap(nullptr, sizeof(FaultControl), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  const Status failure = memory == MAP_FAILED ? fail() : Status();
  ::close(fd);
  if (!failure.ok()) return failure;
  return std::unique_ptr<FaultFile>(new FaultFile(new (memory) FaultControl()));
}

FaultFile::~FaultFile() { ::munmap(control_, sizeof(FaultControl)); }

void FaultFile::Heal() {
  control_->disk_full.store(0, std::memory_order_relaxed);
  control_->sync_fails.store(0, std::memory_order_relaxed);
  control_->sync_delay_us.store(0, std::memory_order_relaxed);
}

}  // namespace starling::sim
