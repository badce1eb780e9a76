#include "cloud/store/encrypted_file_system.h"

#include <chrono>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace starling::cloud {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

constexpr std::size_t kCopyBytes = 256 << 10;

// A large copy goes at 50 MiB a second at most: the disk is the log's.
constexpr std::size_t kPaceBytes = 1 << 20;
constexpr std::chrono::milliseconds kPace{20};

std::string_view NameOf(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool IsManifest(std::string_view path) { return NameOf(path).starts_with("MANIFEST-"); }

// `read` to its end into `write`, synced.  False in *whole if it was told to stop.
IOStatus Copy(rocksdb::FSSequentialFile* read, rocksdb::FSWritableFile* write, const std::atomic<bool>* stop,
              bool* whole) {
  *whole = false;
  std::vector<char> scratch(kCopyBytes);
  std::size_t since_pause = 0;
  std::uint64_t written = 0;
  for (;;) {
    if (stop->load(std::memory_order_acquire)) return IOStatus::OK();
    rocksdb::Slice part;
    IOStatus status = read->Read(scratch.size(), IOOptions(), &part, scratch.data(), nullptr);
    if (!status.ok()) return status;
    if (part.empty()) break;
    status = write->Append(part, IOOptions(), nullptr);
    if (!status.ok()) return status;
    since_pause += part.size();
    written += part.size();
    if (since_pause < kPaceBytes) continue;
    since_pause = 0;
    status = write->RangeSync(0, written, IOOptions(), nullptr);
    if (!status.ok()) return status;
    std::this_thread::sleep_for(kPace);
  }
  IOStatus status = write->Sync(IOOptions(), nullptr);
  *whole = status.ok();
  return status;
}

SealedLayout LayoutOf(std::string_view path) {
  return path.ends_with(".sst") ? SealedLayout::kBlocks : SealedLayout::kStream;
}

// Neither mapped nor direct: what is in the file is not what is read.
FileOptions Buffered(FileOptions options) {
  options.use_mmap_reads = false;
  options.use_mmap_writes = false;
  options.use_direct_reads = false;
  options.use_direct_writes = false;
  return options;
}

class EmptyFile final : public rocksdb::FSSequentialFile {
 public:
  IOStatus Read(std::size_t, const IOOptions&, rocksdb::Slice* result, char* scratch, IODebugContext*) override {
    *result = rocksdb::Slice(scratch, 0);
    return IOStatus::OK();
  }
  IOStatus Skip(std::uint64_t) override { return IOStatus::OK(); }
};

}  // namespace

EncryptedFileSystem::EncryptedFileSystem(std::shared_ptr<KeyRing> keys, std::string purpose, bool accept_plain,
                                         Refusals* refusals)
    : FileSystemWrapper(rocksdb::FileSystem::Default()), keys_(std::move(keys)), purpose_(std::move(purpose)),
      accept_plain_(accept_plain), refusals_(refusals) {}

IOStatus EncryptedFileSystem::Find(const std::string& path, const FileOptions& options, Found* found,
                                   IODebugContext* debug) {
  IOStatus status = target()->NewRandomAccessFile(path, Buffered(options), &found->file, debug);
  if (!status.ok()) return status;
  status = target()->GetFileSize(path, IOOptions(), &found->bytes, debug);
  if (!status.ok()) return status;
  char scratch[kSealedHeaderBytes];
  rocksdb::Slice begin;
  status = found->file->Read(0, sizeof scratch, IOOptions(), &begin, scratch, debug);
  if (!status.ok()) return status;
  const auto bytes = std::as_bytes(std::span(begin.data(), begin.size()));
  found->kind = KindOf(bytes);
  std::copy(bytes.begin(), bytes.end(), found->header.begin());
  // Nothing follows: it takes no key to read that.
  if (found->kind == FileKind::kSealed && found->bytes == kSealedHeaderBytes) found->kind = FileKind::kEmpty;
  return status;
}

IOStatus EncryptedFileSystem::CheckPlainAllowed(const std::string& path) {
  if (accept_plain_) return IOStatus::OK();
  return refusals_->Report({ErrorCode::kInvalidArgument,
                            path + " is not encrypted; if the folder was written without a key, start once with "
                                   "--accept-plain-files, and it is encrypted meanwhile"});
}

IOStatus EncryptedFileSystem::NewSequentialFile(const std::string& path, const FileOptions& options,
                                                std::unique_ptr<rocksdb::FSSequentialFile>* result,
                                                IODebugContext* debug) {
  Found found;
  IOStatus status = Find(path, options, &found, debug);
  if (!status.ok()) return status;
  if (found.kind == FileKind::kEmpty) {
    *result = std::make_unique<EmptyFile>();
    return IOStatus::OK();
  }
  if (found.kind == FileKind::kPlain) {
    status = CheckPlainAllowed(path);
    return status.ok() ? target()->NewSequentialFile(path, options, result, debug) : status;
  }
  Result<ChunkCipher> cipher = ChunkCipher::MakeFor(found.header, *keys_, SealPurpose(purpose_, path), path);
  if (!cipher.ok()) return refusals_->Report(cipher.status());
  std::unique_ptr<rocksdb::FSSequentialFile> file;
  status = target()->NewSequentialFile(path, Buffered(options), &file, debug);
  if (status.ok()) status = file->Skip(kSealedHeaderBytes);
  if (!status.ok()) return status;
  *result = MakeSealedSequentialFile(std::move(file), std::move(cipher).value(), path, refusals_);
  return IOStatus::OK();
}

IOStatus EncryptedFileSystem::NewRandomAccessFile(const std::string& path, const FileOptions& options,
                                                  std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                                                  IODebugContext* debug) {
  Found found;
  IOStatus status = Find(path, options, &found, debug);
  if (!status.ok()) return status;
  if (found.kind == FileKind::kPlain) {
    status = CheckPlainAllowed(path);
    if (status.ok()) *result = std::move(found.file);
    return status;
  }
  // RocksDB finds that it is too short.
  if (found.kind == FileKind::kEmpty) {
    *result = std::move(found.file);
    return IOStatus::OK();
  }
  const Result<SealedHeaderView> view = ReadSealedHeader(found.header, path);
  if (!view.ok()) return refusals_->Report(view.status());
  Result<ChunkCipher> cipher = ChunkCipher::MakeFor(found.header, *keys_, SealPurpose(purpose_, path), path);
  if (!cipher.ok()) return refusals_->Report(cipher.status());
  return MakeSealedRandomAccessFile(std::move(found.file), found.bytes, std::move(cipher).value(),
                                    view.value().layout, path, refusals_, result);
}

IOStatus EncryptedFileSystem::NewWritableFile(const std::string& path, const FileOptions& options,
                                              std::unique_ptr<rocksdb::FSWritableFile>* result,
                                              IODebugContext* debug) {
  if (!IsManifest(path)) return NewFileFor(path, path, options, result, debug);
  std::unique_ptr<rocksdb::FSWritableFile> file;
  IOStatus status = NewFileFor(path, path, options, &file, debug);
  if (!status.ok()) return status;
  const auto gone = [this, path] {
    MutexLock lock(manifests_mutex_);
    manifests_.erase(path);
  };
  auto manifest = std::make_unique<RekeyableFile>(std::move(file), gone);
  {
    MutexLock lock(manifests_mutex_);
    manifests_[path] = manifest.get();
  }
  *result = std::move(manifest);
  return status;
}

IOStatus EncryptedFileSystem::RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                                         IODebugContext* debug) {
  if (NameOf(to) != "CURRENT") return target()->RenameFile(from, to, options, debug);
  MutexLock lock(current_mutex_);
  return target()->RenameFile(from, to, options, debug);
}

IOStatus EncryptedFileSystem::Rekey(const std::string& path, const std::atomic<bool>* stop) {
  std::unique_ptr<rocksdb::FSWritableFile> fresh;
  if (IsManifest(path)) {
    // Held all along: who closes the manifest waits.
    MutexLock lock(manifests_mutex_);
    const auto found = manifests_.find(path);
    if (found == manifests_.end()) return IOStatus::OK();  // Of before the start; RocksDB removes it.
    return found->second->Replace([&](auto* into) { return RekeyTo(path, stop, into); });
  }
  if (NameOf(path) == "CURRENT") {
    MutexLock lock(current_mutex_);
    return RekeyTo(path, stop, &fresh);
  }
  return RekeyTo(path, stop, &fresh);
}

IOStatus EncryptedFileSystem::RekeyTo(const std::string& path, const std::atomic<bool>* stop,
                                      std::unique_ptr<rocksdb::FSWritableFile>* fresh) {
  const std::string draft = path + kDraft;
  std::unique_ptr<rocksdb::FSSequentialFile> read;
  std::unique_ptr<rocksdb::FSWritableFile> write;
  bool whole = false;
  IOStatus status = NewSequentialFile(path, FileOptions(), &read, nullptr);
  if (status.ok()) status = NewFileFor(path, draft, FileOptions(), &write, nullptr);
  if (status.ok()) status = Copy(read.get(), write.get(), stop, &whole);
  if (whole) status = target()->RenameFile(draft, path, IOOptions(), nullptr);
  if (!whole || !status.ok()) {
    std::error_code gone;
    std::filesystem::remove(draft, gone);
    return status;
  }
  *fresh = std::move(write);
  std::unique_ptr<rocksdb::FSDirectory> folder;
  const std::string directory = path.substr(0, path.rfind('/'));
  status = target()->NewDirectory(directory, IOOptions(), &folder, nullptr);
  return status.ok() ? folder->Fsync(IOOptions(), nullptr) : status;
}

IOStatus EncryptedFileSystem::NewFileFor(const std::string& name, const std::string& path, const FileOptions& options,
                                         std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext* debug) {
  std::unique_ptr<rocksdb::FSWritableFile> file;
  IOStatus status = target()->NewWritableFile(path, Buffered(options), &file, debug);
  if (!status.ok()) return status;
  *result = MakeSealedWritableFile(std::move(file), keys_, LayoutOf(name), SealPurpose(purpose_, name));
  return status;
}

IOStatus EncryptedFileSystem::ReopenWritableFile(const std::string& path, const FileOptions& options,
                                                 std::unique_ptr<rocksdb::FSWritableFile>* result,
                                                 IODebugContext* debug) {
  IOStatus exists = target()->FileExists(path, IOOptions(), debug);
  if (!exists.ok()) return NewWritableFile(path, options, result, debug);
  std::unique_ptr<rocksdb::FSWritableFile> file;
  IOStatus status = target()->ReopenWritableFile(path, Buffered(options), &file, debug);
  if (status.ok()) *result = MakeClosedFile(std::move(file));
  return status;
}

IOStatus EncryptedFileSystem::ReuseWritableFile(const std::string&, const std::string&, const FileOptions&,
                                                std::unique_ptr<rocksdb::FSWritableFile>*, IODebugContext*) {
  return IOStatus::NotSupported("an encrypted file is not written over");
}

IOStatus EncryptedFileSystem::NewRandomRWFile(const std::string&, const FileOptions&,
                                              std::unique_ptr<rocksdb::FSRandomRWFile>*, IODebugContext*) {
  return IOStatus::NotSupported("an encrypted file is not written over");
}

IOStatus EncryptedFileSystem::Truncate(const std::string&, std::size_t, const IOOptions&, IODebugContext*) {
  return IOStatus::NotSupported("an encrypted file is not shortened");
}

IOStatus EncryptedFileSystem::GetFileSize(const std::string& path, const IOOptions&, std::uint64_t* bytes,
                                          IODebugContext* debug) {
  Found found;
  IOStatus status = Find(path, FileOptions(), &found, debug);
  if (!status.ok()) return status;
  *bytes = found.kind == FileKind::kEmpty ? 0 : found.bytes;
  if (found.kind != FileKind::kSealed) return IOStatus::OK();
  const Result<SealedHeaderView> view = ReadSealedHeader(found.header, path);
  if (!view.ok()) return refusals_->Report(view.status());
  return PlainBytesOf(*found.file, found.bytes, view.value().layout, bytes);
}

}  // namespace starling::cloud
