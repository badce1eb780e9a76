#include "cloud/store/encrypted_file_system.h"

#include <utility>

namespace starling::cloud {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

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
  return NewFileFor(path, path, options, result, debug);
}

IOStatus EncryptedFileSystem::NewFileFor(const std::string& name, const std::string& path, const FileOptions& options,
                                         std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext* debug) {
  std::unique_ptr<rocksdb::FSWritableFile> file;
  IOStatus status = target()->NewWritableFile(path, Buffered(options), &file, debug);
  if (!status.ok()) return status;
  return MakeSealedWritableFile(std::move(file), keys_->current(), LayoutOf(name), SealPurpose(purpose_, name),
                                result);
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
