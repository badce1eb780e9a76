#include "tests/edge/spool/simulated_disk.h"

#include <algorithm>

namespace starling::edge {
namespace {

// What kBack loses of each file.
constexpr std::size_t kFrontBytes = 50;

Status Gone() { return Status(ErrorCode::kIoError, "the power is gone"); }
Status ReadOnly() { return Status(ErrorCode::kIoError, "read-only file system"); }

}  // namespace

class SimulatedDisk::OpenFile final : public SpoolFile {
 public:
  OpenFile(SimulatedDisk* disk, std::shared_ptr<File> file) : disk_(disk), file_(std::move(file)) {}

  Status Append(std::span<const std::byte> bytes) override {
    for (const std::byte byte : bytes) {
      if (!disk_->Step()) return Gone();
      if (disk_->read_only) return ReadOnly();
      if (disk_->full) return Status(ErrorCode::kExhausted, "no space left on device");
      file_->live.push_back(byte);
    }
    return Status();
  }

  Status Sync() override {
    if (!disk_->Step()) return Gone();
    ++disk_->syncs_;
    if (disk_->sync_fails) {
      // The kernel calls its pages clean, and has not written them.
      file_->durable.resize(file_->live.size());
      return Status(ErrorCode::kIoError, "input/output error");
    }
    file_->durable = file_->live;
    return Status();
  }

 private:
  SimulatedDisk* const disk_;
  const std::shared_ptr<File> file_;
};

class SimulatedDisk::MountedFiles final : public SpoolFiles {
 public:
  explicit MountedFiles(SimulatedDisk* disk) : disk_(disk) {}

  Result<std::vector<Entry>> List() override {
    if (!disk_->Step()) return Gone();
    std::vector<Entry> entries;
    for (const auto& [name, file] : disk_->names_) entries.push_back({name, file->live.size()});
    return entries;
  }

  Result<std::size_t> Read(const std::string& name, std::uint64_t offset, std::span<std::byte> target) override {
    if (!disk_->Step()) return Gone();
    const auto found = disk_->names_.find(name);
    if (found == disk_->names_.end()) return Status(ErrorCode::kIoError, "no such file");
    if (disk_->read_fails) return Status(ErrorCode::kIoError, "input/output error");
    const std::vector<std::byte>& live = found->second->live;
    if (offset >= live.size()) return std::size_t{0};
    const std::size_t count = std::min<std::size_t>(target.size(), live.size() - offset);
    std::copy_n(live.begin() + static_cast<std::ptrdiff_t>(offset), count, target.begin());
    return count;
  }

  Result<std::unique_ptr<SpoolFile>> Create(const std::string& name) override {
    if (!disk_->Step()) return Gone();
    if (disk_->read_only) return ReadOnly();
    if (disk_->names_.contains(name)) return Status(ErrorCode::kIoError, "file exists");
    auto file = std::make_shared<File>();
    disk_->names_[name] = file;
    return std::unique_ptr<SpoolFile>(std::make_unique<OpenFile>(disk_, std::move(file)));
  }

  Status Unlink(const std::string& name) override {
    if (!disk_->Step()) return Gone();
    if (disk_->read_only) return ReadOnly();
    if (disk_->unlink_fails) return Status(ErrorCode::kIoError, "input/output error");
    disk_->names_.erase(name);
    return Status();
  }

  Status SyncDirectory() override {
    if (!disk_->Step()) return Gone();
    disk_->durable_names_ = disk_->names_;
    return Status();
  }

 private:
  SimulatedDisk* const disk_;
};

std::unique_ptr<SpoolFiles> SimulatedDisk::Mount() { return std::make_unique<MountedFiles>(this); }

bool SimulatedDisk::Step() {
  if (cut_ || (steps_left_ && *steps_left_ == 0)) {
    cut_ = true;
    return false;
  }
  if (steps_left_) --*steps_left_;
  ++steps_;
  return true;
}

void SimulatedDisk::Restore(Survives survives, std::mt19937_64* random) {
  const auto happens = [&] {
    return survives == Survives::kEverything || survives == Survives::kBack ||
           (survives == Survives::kAnything && (*random)() % 2 == 0);
  };
  // Names: each creation and deletion that was not synced happened, or did not.
  std::map<std::string, std::shared_ptr<File>> names = durable_names_;
  for (const auto& [name, file] : names_) {
    if (!durable_names_.contains(name) && happens()) names[name] = file;
  }
  for (const auto& [name, file] : durable_names_) {
    if (!names_.contains(name) && happens()) names.erase(name);
  }
  // Contents: any part of what was not synced; what is missing in the middle is zeros, or
  // anything that lay there before.
  for (const auto& [name, file] : names) {
    std::vector<std::byte> stored = file->durable;
    std::size_t size = survives == Survives::kNothing ? stored.size() : file->live.size();
    if (survives == Survives::kAnything && (*random)() % 2 == 0) {
      size = stored.size() + (*random)() % (size - stored.size() + 1);
    }
    for (std::size_t at = stored.size(); at < size;) {
      std::size_t piece = size - at;
      std::uint64_t fate = 0;
      if (survives == Survives::kAnything) {
        piece = 1 + (*random)() % 100;
        fate = (*random)() % 4;
      } else if (survives == Survives::kBack && at == file->durable.size()) {
        piece = kFrontBytes;
        fate = 2;
      }
      for (std::size_t end = std::min(size, at + piece); at < end; ++at) {
        stored.push_back(fate <= 1 ? file->live[at] : fate == 2 ? std::byte{0} : static_cast<std::byte>((*random)()));
      }
    }
    file->live = file->durable = std::move(stored);
  }
  names_ = durable_names_ = std::move(names);
  steps_left_.reset();
  cut_ = false;
}

void SimulatedDisk::Put(const std::string& name, std::vector<std::byte> bytes) {
  auto file = std::make_shared<File>();
  file->live = file->durable = std::move(bytes);
  names_[name] = durable_names_[name] = std::move(file);
}

void SimulatedDisk::FlipBit(const std::string& name, std::size_t bit) {
  File& file = *names_.at(name);
  const std::byte mask{static_cast<unsigned char>(1u << (bit % 8))};
  file.live.at(bit / 8) ^= mask;
  file.durable.at(bit / 8) ^= mask;
}

std::vector<std::string> SimulatedDisk::names() const {
  std::vector<std::string> names;
  for (const auto& [name, file] : names_) names.push_back(name);
  return names;
}

std::uint64_t SimulatedDisk::bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& [name, file] : names_) bytes += file->live.size();
  return bytes;
}

}  // namespace starling::edge
