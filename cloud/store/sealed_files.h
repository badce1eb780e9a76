// RocksDB's three kinds of file, over encrypted ones.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <rocksdb/file_system.h>

#include "cloud/store/sealed_format.h"
#include "common/mutex.h"
#include "common/status.h"

namespace starling::cloud {

// Why a file could not be opened or read, in our words: RocksDB hands on that there was
// a failure, and not always which.
//
// Threading: thread-safe.
class Refusals {
 public:
  // Keeps the first, and returns it as what makes RocksDB stop.
  rocksdb::IOStatus Report(const Status& status);
  // ok while there was none.
  Status first() const;

 private:
  mutable Mutex mutex_;
  Status first_ STARLING_GUARDED_BY(mutex_);
};

// A new file, under the key that is the first one when something is written.  Each append
// is on its way to the operating system on return if the layout is kStream; whole blocks,
// and the rest with Sync and Close, if it is kBlocks.
std::unique_ptr<rocksdb::FSWritableFile> MakeSealedWritableFile(std::unique_ptr<rocksdb::FSWritableFile> file,
                                                                std::shared_ptr<const KeyRing> keys,
                                                                SealedLayout layout, std::string purpose);

// A file that RocksDB writes on for as long as it likes, and that can be put under
// another key meanwhile.
//
// Threading: thread-safe.
class RekeyableFile final : public rocksdb::FSWritableFile {
 public:
  // `gone` is called first thing when it is destroyed.
  RekeyableFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::function<void()> gone);
  ~RekeyableFile() override;

  // Holds up writes while `replace` copies the file; they go on in `*fresh` if it has set
  // that.  If it fails although it has, which of the two a power cut leaves is not known,
  // and every later write fails.
  rocksdb::IOStatus Replace(
      const std::function<rocksdb::IOStatus(std::unique_ptr<rocksdb::FSWritableFile>* fresh)>& replace);

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo&, rocksdb::IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  rocksdb::IOStatus Truncate(std::uint64_t size, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus Close(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus Flush(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override;
  std::uint64_t GetFileSize(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override;
  void PrepareWrite(std::size_t, std::size_t, const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {}

 private:
  const std::function<void()> gone_;
  Mutex mutex_;
  std::unique_ptr<rocksdb::FSWritableFile> file_ STARLING_GUARDED_BY(mutex_);
  rocksdb::IOStatus failure_ STARLING_GUARDED_BY(mutex_);
};

// A file that is there, to be synced and not to be written.
std::unique_ptr<rocksdb::FSWritableFile> MakeClosedFile(std::unique_ptr<rocksdb::FSWritableFile> file);

// `file` stands behind its header.
std::unique_ptr<rocksdb::FSSequentialFile> MakeSealedSequentialFile(std::unique_ptr<rocksdb::FSSequentialFile> file,
                                                                    ChunkCipher cipher, std::string path,
                                                                    Refusals* refusals);

// `bytes` is the file's length as stored.
rocksdb::IOStatus MakeSealedRandomAccessFile(std::unique_ptr<rocksdb::FSRandomAccessFile> file, std::uint64_t bytes,
                                             ChunkCipher cipher, SealedLayout layout, std::string path,
                                             Refusals* refusals,
                                             std::unique_ptr<rocksdb::FSRandomAccessFile>* result);

// Length of the plaintext of a file of `bytes`; reads its chunks' headers if it must.
rocksdb::IOStatus PlainBytesOf(const rocksdb::FSRandomAccessFile& file, std::uint64_t bytes, SealedLayout layout,
                               std::uint64_t* plain_bytes);

}  // namespace starling::cloud
