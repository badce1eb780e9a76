// Encryption at rest of a RocksDB database: docs/formats/encryption.md.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "cloud/store/key_ring.h"
#include "common/status.h"

namespace rocksdb {
class DB;
class FileSystem;
}  // namespace rocksdb

namespace starling::cloud {

class Refusals;

// What a database is opened with; without keys its files are plain.
struct StoreEncryption {
  std::shared_ptr<KeyRing> keys;

  // Reads files that are not encrypted, too: for a database that was written without a
  // key, until all of it is rewritten.  Who can write to the folder could then put
  // forged files there, so it is off otherwise.
  bool accept_plain = false;
};

// The file system of a database under encryption, and what it refused.
class EncryptedStore {
 public:
  // `purpose` names the database, so that files of one do not pass for another's.
  // REQUIRES: encryption.keys != nullptr
  EncryptedStore(const StoreEncryption& encryption, std::string purpose);
  ~EncryptedStore();

  const std::shared_ptr<rocksdb::FileSystem>& file_system() const { return file_system_; }

  // Why the first file was refused; ok while there was none.  kCorruption: altered or
  // damaged.  kInvalidArgument: its key is missing or another one, or it is plain.
  Status refusal() const;

  // Reads the small files, of which RocksDB itself may not read all: CURRENT, IDENTITY,
  // the manifest, and the options.
  // Errors: those of refusal(); kIoError.
  Status Verify(const std::string& directory);

  // Rewrites the files of `directory` that are plain or under another key than the
  // current one, while `db` works on it; ends early when `*stop` is set.  Its write-ahead
  // log is not touched, and has to be flushed before.
  // Errors: kIoError; each file is as it was, or rewritten.
  Status Reencrypt(rocksdb::DB* db, const std::string& directory, const std::atomic<bool>* stop);

 private:
  const std::shared_ptr<KeyRing> keys_;
  const std::unique_ptr<Refusals> refusals_;
  std::shared_ptr<rocksdb::FileSystem> file_system_;
};

// How many files of a folder are under which key; it takes no key to know.
struct KeyUse {
  std::map<std::string, std::uint64_t> files;  // by key id
  std::uint64_t files_plain = 0;
};

// Of the files of a database but LOG and LOCK; an empty one is not counted.
// Errors: kIoError.
Result<KeyUse> ReadKeyUse(const std::string& directory);

// Errors: kInvalidArgument, naming the key, if the database in `directory` is encrypted:
//         for who has no key.
Status CheckPlain(const std::string& directory);

}  // namespace starling::cloud
