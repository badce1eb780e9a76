#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>

#include <rocksdb/file_system.h>

#include "cloud/store/key_ring.h"
#include "cloud/store/sealed_files.h"
#include "cloud/store/sealed_format.h"
#include "common/mutex.h"

namespace starling::cloud {

// RocksDB's files, encrypted and authenticated.  LOG and LOCK stay plain.
//
// Threading: thread-safe.
class EncryptedFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  // `refusals` must outlive it.
  EncryptedFileSystem(std::shared_ptr<KeyRing> keys, std::string purpose, bool accept_plain, Refusals* refusals);

  static const char* kClassName() { return "StarlingEncryptedFileSystem"; }
  const char* Name() const override { return kClassName(); }

  rocksdb::IOStatus NewSequentialFile(const std::string& path, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSSequentialFile>* result,
                                      rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewRandomAccessFile(const std::string& path, const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                                        rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus ReopenWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* result,
                                       rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus ReuseWritableFile(const std::string& path, const std::string& old_path,
                                      const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSWritableFile>* result,
                                      rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewRandomRWFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSRandomRWFile>* result,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus Truncate(const std::string& path, std::size_t bytes, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus GetFileSize(const std::string& path, const rocksdb::IOOptions& options, std::uint64_t* bytes,
                                rocksdb::IODebugContext* debug) override;

  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;

  // What a copy is called until it is whole.
  static constexpr const char* kDraft = ".rekey";

  // Puts a file that no one is writing, CURRENT, or the manifest that is being written
  // under the current key.  Ends early, with nothing changed, when `*stop` is set.  Its
  // name is either the old file's or the new one's at any time.
  rocksdb::IOStatus Rekey(const std::string& path, const std::atomic<bool>* stop);

 private:
  // As NewWritableFile, as if the file had the name `name`: one that is renamed to it.
  rocksdb::IOStatus NewFileFor(const std::string& name, const std::string& path, const rocksdb::FileOptions& options,
                               std::unique_ptr<rocksdb::FSWritableFile>* result, rocksdb::IODebugContext* debug);

  // `*fresh` is the new file, still open, if it has taken the name.
  rocksdb::IOStatus RekeyTo(const std::string& path, const std::atomic<bool>* stop,
                            std::unique_ptr<rocksdb::FSWritableFile>* fresh);

  // A file that is there.
  struct Found {
    FileKind kind{};
    std::uint64_t bytes = 0;  // as stored
    SealedHeader header{};
    std::unique_ptr<rocksdb::FSRandomAccessFile> file;
  };
  rocksdb::IOStatus Find(const std::string& path, const rocksdb::FileOptions& options, Found* found,
                         rocksdb::IODebugContext* debug);
  rocksdb::IOStatus CheckPlainAllowed(const std::string& path);

  const std::shared_ptr<KeyRing> keys_;
  const std::string purpose_;
  const bool accept_plain_;
  Refusals* const refusals_;

  // Held while CURRENT gets another content: RocksDB's, or the same under another key.
  Mutex current_mutex_;
  Mutex manifests_mutex_;
  std::map<std::string, RekeyableFile*> manifests_ STARLING_GUARDED_BY(manifests_mutex_);  // that are open, by path
};

}  // namespace starling::cloud
