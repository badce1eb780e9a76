// RocksDB's three kinds of file, over encrypted ones.
#pragma once

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

// A new file.  Each append is on its way to the operating system on return if the
// layout is kStream; whole blocks, and the rest with Sync and Close, if it is kBlocks.
rocksdb::IOStatus MakeSealedWritableFile(std::unique_ptr<rocksdb::FSWritableFile> file, const NamedKey& key,
                                         SealedLayout layout, std::string_view purpose,
                                         std::unique_ptr<rocksdb::FSWritableFile>* result);

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
