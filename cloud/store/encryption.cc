#include "cloud/store/encryption.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>
#include <vector>

#include <rocksdb/db.h>

#include "cloud/store/encrypted_file_system.h"

namespace starling::cloud {
namespace {

bool IsNumbered(std::string_view name, std::string_view ending) {
  return name.size() > ending.size() && name.ends_with(ending) &&
         name.find_first_not_of("0123456789") == name.size() - ending.size();
}

// Small, and read whole in no time.
bool IsSmall(std::string_view name) {
  return name == "CURRENT" || name == "IDENTITY" || name.starts_with("MANIFEST-") || name.starts_with("OPTIONS-");
}

bool IsDraft(std::string_view name) {
  return name.ends_with(EncryptedFileSystem::kDraft) || name.ends_with(".dbtmp");
}

// What RocksDB keeps in a database's folder, but for LOG and LOCK, which are plain.
bool IsOurs(std::string_view name) {
  return IsSmall(name) || IsNumbered(name, ".sst") || IsNumbered(name, ".log") || IsDraft(name);
}

// All but the write-ahead log, whose file others have open.
bool CanBeReplaced(std::string_view name) {
  return !IsDraft(name) && (IsSmall(name) || IsNumbered(name, ".sst"));
}

// The first bytes; fewer if there are none, or if the file is gone.
std::vector<std::byte> ReadBegin(const std::filesystem::path& path) {
  std::vector<std::byte> begin(kSealedHeaderBytes);
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(begin.data()), static_cast<std::streamsize>(begin.size()));
  begin.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  return begin;
}

void Count(const std::filesystem::directory_entry& entry, KeyUse* use) {
  std::error_code gone;
  if (!entry.is_regular_file(gone) || !IsOurs(entry.path().filename().string())) return;
  const std::vector<std::byte> begin = ReadBegin(entry.path());
  switch (KindOf(begin)) {
    case FileKind::kEmpty: break;
    case FileKind::kPlain: ++use->files_plain; break;
    case FileKind::kSealed:
      const Result<SealedHeaderView> view = ReadSealedHeader(begin, entry.path().string());
      ++use->files[view.ok() ? view.value().key_id : "?"];
      break;
  }
}

Status ToStatus(const rocksdb::Status& status, const std::string& doing) {
  if (status.ok()) return {};
  return {status.IsCorruption() ? ErrorCode::kCorruption : ErrorCode::kIoError, doing + ": " + status.ToString()};
}

}  // namespace

EncryptedStore::EncryptedStore(const StoreEncryption& encryption, std::string purpose)
    : keys_(encryption.keys), refusals_(std::make_unique<Refusals>()),
      file_system_(std::make_shared<EncryptedFileSystem>(keys_, std::move(purpose), encryption.accept_plain,
                                                         refusals_.get())) {}

EncryptedStore::~EncryptedStore() = default;

Status EncryptedStore::refusal() const { return refusals_->first(); }

Status EncryptedStore::Verify(const std::string& directory) {
  std::error_code failure;
  std::vector<char> scratch(64 << 10);
  for (const auto& entry : std::filesystem::directory_iterator(directory, failure)) {
    const std::string name = entry.path().filename().string();
    if (!IsSmall(name) || IsDraft(name)) continue;
    std::unique_ptr<rocksdb::FSSequentialFile> file;
    rocksdb::IOStatus status = file_system_->NewSequentialFile(entry.path().string(), rocksdb::FileOptions(), &file,
                                                               nullptr);
    rocksdb::Slice part;
    do {
      if (status.ok()) status = file->Read(scratch.size(), rocksdb::IOOptions(), &part, scratch.data(), nullptr);
    } while (status.ok() && !part.empty());
    if (!refusal().ok()) return refusal();
    // Files come and go in a folder that another process has open, which is for who opens it to find.
    if (status.IsPathNotFound() || status.IsNotFound()) continue;
    if (!status.ok()) return ToStatus(status, "reading " + entry.path().string());
  }
  return {};  // Where there is no folder yet, there is nothing to verify.
}

Status EncryptedStore::Reencrypt(rocksdb::DB* db, const std::string& directory, const std::atomic<bool>* stop) {
  auto* const files = static_cast<EncryptedFileSystem*>(file_system_.get());
  std::vector<std::string> names;
  if (Status status = ToStatus(files->GetChildren(directory, rocksdb::IOOptions(), &names, nullptr), directory);
      !status.ok()) {
    return status;
  }
  const std::string current = keys_->current().id;
  for (const std::string& name : names) {
    const std::string path = directory + "/" + name;
    if (stop->load(std::memory_order_acquire)) return {};
    if (name.ends_with(EncryptedFileSystem::kDraft)) {  // Of a process that ended in the middle.
      std::error_code gone;
      std::filesystem::remove(path, gone);
    }
    if (!CanBeReplaced(name)) continue;
    // A file that is live now stays while this is held: none comes back that was deleted.
    if (Status held = ToStatus(db->DisableFileDeletions(), path); !held.ok()) return held;
    const std::vector<std::byte> begin = ReadBegin(path);
    const FileKind kind = KindOf(begin);
    bool due = kind == FileKind::kPlain;
    if (kind == FileKind::kSealed) {
      const Result<SealedHeaderView> view = ReadSealedHeader(begin, path);
      due = view.ok() && view.value().key_id != current;
    }
    const rocksdb::IOStatus status = due ? files->Rekey(path, stop) : rocksdb::IOStatus::OK();
    const rocksdb::Status released = db->EnableFileDeletions(/*force=*/false);
    if (Status failure = ToStatus(status, "encrypting " + path + " anew"); !failure.ok()) return failure;
    if (Status failure = ToStatus(released, path); !failure.ok()) return failure;
  }
  return {};
}

Result<KeyUse> ReadKeyUse(const std::string& directory) {
  KeyUse use;
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator(directory, failure)) Count(entry, &use);
  if (failure) return Status(ErrorCode::kIoError, "listing " + directory + ": " + failure.message());
  // What the state store has not taken in yet: most folders have none.
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(directory + "/incoming", none)) Count(entry, &use);
  return use;
}

Status CheckPlain(const std::string& directory) {
  const std::string current = directory + "/CURRENT";
  const std::vector<std::byte> begin = ReadBegin(current);
  if (KindOf(begin) != FileKind::kSealed) return {};
  const Result<SealedHeaderView> view = ReadSealedHeader(begin, current);
  if (!view.ok()) return view.status();
  return {ErrorCode::kInvalidArgument, directory + " is encrypted with key " + view.value().key_id +
                                           "; name the file that holds it with --key-file"};
}

}  // namespace starling::cloud
