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

constexpr std::size_t kCopyBytes = 256 << 10;
constexpr const char* kDraft = ".rekey";

bool HoldsNothingOfOurs(const std::string& name) { return name.starts_with("LOG") || name == "LOCK"; }

// Those that are written once and never written again under their name.
bool CanBeReplaced(const std::string& name) {
  return name.ends_with(".sst") || name == "IDENTITY" || (name.starts_with("OPTIONS-") && !name.ends_with(".dbtmp"));
}

// The first bytes; fewer if there are none, or if the file is gone.
std::vector<std::byte> ReadBegin(const std::filesystem::path& path) {
  std::vector<std::byte> begin(kSealedHeaderBytes);
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(begin.data()), static_cast<std::streamsize>(begin.size()));
  begin.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  return begin;
}

Status ToStatus(const rocksdb::Status& status, const std::string& doing) {
  if (status.ok()) return {};
  return {status.IsCorruption() ? ErrorCode::kCorruption : ErrorCode::kIoError, doing + ": " + status.ToString()};
}

// `read` to its end into `write`, synced.  False in *whole if it was told to stop.
rocksdb::IOStatus Copy(rocksdb::FSSequentialFile* read, rocksdb::FSWritableFile* write, const std::atomic<bool>* stop,
                       bool* whole) {
  *whole = false;
  std::vector<char> scratch(kCopyBytes);
  for (;;) {
    if (stop->load(std::memory_order_acquire)) return rocksdb::IOStatus::OK();
    rocksdb::Slice part;
    rocksdb::IOStatus status = read->Read(scratch.size(), rocksdb::IOOptions(), &part, scratch.data(), nullptr);
    if (!status.ok()) return status;
    if (part.empty()) break;
    status = write->Append(part, rocksdb::IOOptions(), nullptr);
    if (!status.ok()) return status;
  }
  rocksdb::IOStatus status = write->Sync(rocksdb::IOOptions(), nullptr);
  if (status.ok()) status = write->Close(rocksdb::IOOptions(), nullptr);
  *whole = status.ok();
  return status;
}

}  // namespace

EncryptedStore::EncryptedStore(const StoreEncryption& encryption, std::string purpose)
    : keys_(encryption.keys), refusals_(std::make_unique<Refusals>()),
      file_system_(std::make_shared<EncryptedFileSystem>(keys_, std::move(purpose), encryption.accept_plain,
                                                         refusals_.get())) {}

EncryptedStore::~EncryptedStore() = default;

Status EncryptedStore::refusal() const { return refusals_->first(); }

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
    if (name.ends_with(kDraft)) {  // Of a process that ended in the middle.
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
    rocksdb::IOStatus status;
    if (due) {
      const std::string draft = path + kDraft;
      std::unique_ptr<rocksdb::FSSequentialFile> read;
      std::unique_ptr<rocksdb::FSWritableFile> write;
      bool whole = false;
      status = files->NewSequentialFile(path, rocksdb::FileOptions(), &read, nullptr);
      if (status.ok()) status = files->NewFileFor(path, draft, rocksdb::FileOptions(), &write, nullptr);
      if (status.ok()) status = Copy(read.get(), write.get(), stop, &whole);
      write.reset();
      std::unique_ptr<rocksdb::FSDirectory> folder;
      if (whole) status = files->RenameFile(draft, path, rocksdb::IOOptions(), nullptr);
      if (whole && status.ok()) status = files->NewDirectory(directory, rocksdb::IOOptions(), &folder, nullptr);
      if (whole && status.ok()) status = folder->Fsync(rocksdb::IOOptions(), nullptr);
      std::error_code gone;
      std::filesystem::remove(draft, gone);
    }
    const rocksdb::Status released = db->EnableFileDeletions(/*force=*/false);
    if (Status failure = ToStatus(status, "encrypting " + path + " anew"); !failure.ok()) return failure;
    if (Status failure = ToStatus(released, path); !failure.ok()) return failure;
  }
  return {};
}

Result<KeyUse> ReadKeyUse(const std::string& directory) {
  KeyUse use;
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator(directory, failure)) {
    std::error_code gone;
    if (!entry.is_regular_file(gone) || HoldsNothingOfOurs(entry.path().filename().string())) continue;
    const std::vector<std::byte> begin = ReadBegin(entry.path());
    const std::uintmax_t bytes = entry.file_size(gone);
    if (gone) continue;
    switch (KindOf(begin)) {
      case FileKind::kEmpty: break;
      case FileKind::kPlain: ++use.files_plain; break;
      case FileKind::kSealed:
        if (bytes == kSealedHeaderBytes) break;
        const Result<SealedHeaderView> view = ReadSealedHeader(begin, entry.path().string());
        ++use.files[view.ok() ? view.value().key_id : "?"];
        break;
    }
  }
  if (failure) return Status(ErrorCode::kIoError, "listing " + directory + ": " + failure.message());
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
