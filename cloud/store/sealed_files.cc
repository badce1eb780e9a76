#include "cloud/store/sealed_files.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

namespace starling::cloud {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

constexpr std::size_t kReadBytes = 128 << 10;

// A chunk whose header is damaged is looked at this far for a hole.
constexpr std::size_t kHoleLookBytes = 1 << 10;

std::span<const std::byte> ToBytes(const char* bytes, std::size_t size) {
  return std::as_bytes(std::span(bytes, size));
}

Status Altered(const std::string& path) {
  return {ErrorCode::kCorruption, path + " is not what was written: it was altered or damaged"};
}

class SealedWritableFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  SealedWritableFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::shared_ptr<const KeyRing> keys,
                     SealedLayout layout, std::string purpose)
      : FSWritableFileOwnerWrapper(std::move(file)), keys_(std::move(keys)), layout_(layout),
        purpose_(std::move(purpose)) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    if (data.empty()) return IOStatus::OK();
    plain_ += data.size();
    sealed_.clear();
    if (!cipher_) Begin();
    if (layout_ == SealedLayout::kStream) {
      for (std::size_t at = 0; at < data.size(); at += kStreamChunkMax) {
        Seal(data.data() + at, std::min(kStreamChunkMax, data.size() - at));
      }
      return Store(options, debug);
    }
    if (ended_) return IOStatus::NotSupported("a table was written on after it was synced");
    Slice rest = data;
    while (block_.size() + rest.size() >= kBlockChunk) {
      const std::size_t taken = kBlockChunk - block_.size();
      block_.append(rest.data(), taken);
      rest.remove_prefix(taken);
      Seal(block_.data(), block_.size());
      block_.clear();
    }
    block_.append(rest.data(), rest.size());
    return Store(options, debug);
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo&,
                  IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus PositionedAppend(const Slice&, std::uint64_t, const IOOptions&, IODebugContext*) override {
    return IOStatus::NotSupported("an encrypted file is written from start to end");
  }
  IOStatus PositionedAppend(const Slice&, std::uint64_t, const IOOptions&, const rocksdb::DataVerificationInfo&,
                            IODebugContext*) override {
    return IOStatus::NotSupported("an encrypted file is written from start to end");
  }
  IOStatus Truncate(std::uint64_t size, const IOOptions&, IODebugContext*) override {
    return size == plain_ ? IOStatus::OK() : IOStatus::NotSupported("an encrypted file is not shortened");
  }
  IOStatus Flush(const IOOptions& options, IODebugContext* debug) override { return target()->Flush(options, debug); }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    IOStatus status = End(options, debug);
    return status.ok() ? target()->Sync(options, debug) : status;
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    IOStatus status = End(options, debug);
    return status.ok() ? target()->Fsync(options, debug) : status;
  }
  bool IsSyncThreadSafe() const override { return layout_ == SealedLayout::kStream && target()->IsSyncThreadSafe(); }
  IOStatus Close(const IOOptions& options, IODebugContext* debug) override {
    IOStatus status = End(options, debug);
    IOStatus closed = target()->Close(options, debug);
    return status.ok() ? closed : status;
  }
  bool use_direct_io() const override { return false; }
  std::uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return plain_; }
  IOStatus InvalidateCache(std::size_t, std::size_t) override { return IOStatus::OK(); }
  IOStatus RangeSync(std::uint64_t, std::uint64_t, const IOOptions& options, IODebugContext* debug) override {
    return target()->RangeSync(0, stored_, options, debug);
  }
  void PrepareWrite(std::size_t, std::size_t bytes, const IOOptions& options, IODebugContext* debug) override {
    target()->PrepareWrite(static_cast<std::size_t>(stored_), bytes + kChunkOverhead, options, debug);
  }
  std::size_t GetUniqueId(char*, std::size_t) const override { return 0; }

 private:
  // Only now: a write-ahead log can wait for its first record for as long as a key lives.
  void Begin() {
    SealedHeader header;
    cipher_.emplace(ChunkCipher::MakeNew(keys_->current(), layout_, purpose_, &header));
    sealed_.append(reinterpret_cast<const char*>(header.data()), header.size());
  }

  void Seal(const char* plain, std::size_t bytes) { cipher_->Seal(index_++, ToBytes(plain, bytes), &sealed_); }

  // After a failure a part of what is sealed may be in the file: RocksDB does not write
  // such a file on, and neither index nor nonce comes again.
  IOStatus Store(const IOOptions& options, IODebugContext* debug) {
    if (sealed_.empty()) return IOStatus::OK();
    stored_ += sealed_.size();
    return target()->Append(sealed_, options, debug);
  }

  IOStatus End(const IOOptions& options, IODebugContext* debug) {
    if (layout_ == SealedLayout::kStream || block_.empty()) return IOStatus::OK();
    ended_ = true;  // The block is not full, so no other one may follow.
    sealed_.clear();
    Seal(block_.data(), block_.size());
    block_.clear();
    return Store(options, debug);
  }

  const std::shared_ptr<const KeyRing> keys_;
  const SealedLayout layout_;
  const std::string purpose_;
  std::optional<ChunkCipher> cipher_;  // none: nothing was written
  std::uint64_t index_ = 0;
  std::uint64_t plain_ = 0;
  std::uint64_t stored_ = 0;
  std::string block_;   // kBlocks: what does not fill a chunk yet
  std::string sealed_;
  bool ended_ = false;
};

class ClosedFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  using FSWritableFileOwnerWrapper::FSWritableFileOwnerWrapper;

  IOStatus Append(const Slice&, const IOOptions&, IODebugContext*) override { return Refuse(); }
  IOStatus Append(const Slice&, const IOOptions&, const rocksdb::DataVerificationInfo&, IODebugContext*) override {
    return Refuse();
  }
  IOStatus Truncate(std::uint64_t, const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }

 private:
  static IOStatus Refuse() { return IOStatus::NotSupported("an encrypted file is written once, by one writer"); }
};

class SealedSequentialFile final : public rocksdb::FSSequentialFile {
 public:
  SealedSequentialFile(std::unique_ptr<rocksdb::FSSequentialFile> file, ChunkCipher cipher, std::string path,
                       Refusals* refusals)
      : file_(std::move(file)), cipher_(std::move(cipher)), path_(std::move(path)), refusals_(refusals),
        position_(kSealedHeaderBytes) {}

  IOStatus Read(std::size_t bytes, const IOOptions& options, Slice* result, char* scratch,
                IODebugContext* debug) override {
    std::size_t read = 0;
    while (read < bytes) {
      if (plain_at_ == plain_.size()) {
        IOStatus status = NextChunk(options, debug);
        if (!status.ok()) return status;
        if (plain_.empty()) break;
      }
      const std::size_t taken = std::min(bytes - read, plain_.size() - plain_at_);
      std::memcpy(scratch + read, plain_.data() + plain_at_, taken);
      plain_at_ += taken;
      read += taken;
    }
    *result = Slice(scratch, read);
    return IOStatus::OK();
  }
  IOStatus Skip(std::uint64_t bytes) override {
    std::vector<char> scratch(64 << 10);
    while (bytes > 0) {
      Slice read;
      const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, scratch.size()));
      IOStatus status = Read(wanted, IOOptions(), &read, scratch.data(), nullptr);
      if (!status.ok()) return status;
      if (read.empty()) break;
      bytes -= read.size();
    }
    return IOStatus::OK();
  }

 private:
  // `plain_` is empty afterwards at the end: of the file, or before what a power cut has
  // left of a chunk.
  IOStatus NextChunk(const IOOptions& options, IODebugContext* debug) {
    plain_.clear();
    plain_at_ = 0;
    if (ended_) return IOStatus::OK();
    IOStatus status = Fill(kChunkHeaderBytes, options, debug);
    if (!status.ok()) return status;
    if (Left() < kChunkHeaderBytes) return End();
    const auto length = ChunkLength(ToBytes(raw_.data() + raw_at_, kChunkHeaderBytes), index_);
    status = Fill(length ? *length + kChunkOverhead : kHoleLookBytes, options, debug);
    if (!status.ok()) return status;
    const std::size_t whole = length ? *length + kChunkOverhead : std::min(Left(), kHoleLookBytes);
    if (Left() < whole) return End();
    const auto chunk = ToBytes(raw_.data() + raw_at_, whole);
    if (length) plain_.resize(*length);
    if (!length || !cipher_.Open(index_, chunk, reinterpret_cast<std::byte*>(plain_.data()))) {
      plain_.clear();
      if (IsHole(chunk, position_)) return End();
      // Not as a corruption, which RocksDB takes for the end of a write-ahead log.
      return refusals_->Report(Altered(path_));
    }
    ++index_;
    raw_at_ += whole;
    position_ += whole;
    return IOStatus::OK();
  }

  IOStatus End() {
    ended_ = true;
    return IOStatus::OK();
  }

  std::size_t Left() const { return raw_.size() - raw_at_; }

  IOStatus Fill(std::size_t bytes, const IOOptions& options, IODebugContext* debug) {
    if (Left() >= bytes) return IOStatus::OK();
    raw_.erase(0, raw_at_);
    raw_at_ = 0;
    while (raw_.size() < bytes) {
      const std::size_t at = raw_.size();
      raw_.resize(at + kReadBytes);
      Slice read;
      IOStatus status = file_->Read(kReadBytes, options, &read, raw_.data() + at, debug);
      if (!status.ok()) return status;
      if (!read.empty() && read.data() != raw_.data() + at) std::memcpy(raw_.data() + at, read.data(), read.size());
      raw_.resize(at + read.size());
      if (read.empty()) break;
    }
    return IOStatus::OK();
  }

  const std::unique_ptr<rocksdb::FSSequentialFile> file_;
  ChunkCipher cipher_;
  const std::string path_;
  Refusals* const refusals_;
  std::string raw_;
  std::size_t raw_at_ = 0;
  std::string plain_;
  std::size_t plain_at_ = 0;
  std::uint64_t index_ = 0;
  std::uint64_t position_;  // of the next chunk in the file
  bool ended_ = false;
};

// Where a chunk is.
struct Place {
  std::uint64_t stored = 0;
  std::uint64_t plain = 0;
};

// The places of all chunks, and the end.
IOStatus ReadPlaces(const rocksdb::FSRandomAccessFile& file, std::uint64_t bytes, std::vector<Place>* places) {
  Place place{kSealedHeaderBytes, 0};
  for (std::uint64_t index = 0;; ++index) {
    places->push_back(place);
    if (place.stored + kChunkOverhead > bytes) return IOStatus::OK();
    char scratch[kChunkHeaderBytes];
    Slice header;
    IOStatus status = file.Read(place.stored, kChunkHeaderBytes, IOOptions(), &header, scratch, nullptr);
    if (!status.ok()) return status;
    if (header.size() < kChunkHeaderBytes) return IOStatus::OK();
    const auto length = ChunkLength(ToBytes(header.data(), header.size()), index);
    if (!length || place.stored + *length + kChunkOverhead > bytes) return IOStatus::OK();
    place = {place.stored + *length + kChunkOverhead, place.plain + *length};
  }
}

std::uint64_t PlainBytesOfBlocks(std::uint64_t bytes) {
  const std::uint64_t body = bytes < kSealedHeaderBytes ? 0 : bytes - kSealedHeaderBytes;
  const std::uint64_t rest = body % kSealedBlockBytes;
  return body / kSealedBlockBytes * kBlockChunk + (rest > kChunkOverhead ? rest - kChunkOverhead : 0);
}

class SealedRandomAccessFile final : public rocksdb::FSRandomAccessFile {
 public:
  SealedRandomAccessFile(std::unique_ptr<rocksdb::FSRandomAccessFile> file, ChunkCipher cipher,
                         std::vector<Place> places, std::uint64_t plain_bytes, std::string path, Refusals* refusals)
      : file_(std::move(file)), cipher_(std::move(cipher)), places_(std::move(places)), plain_bytes_(plain_bytes),
        path_(std::move(path)), refusals_(refusals) {}

  IOStatus Read(std::uint64_t offset, std::size_t bytes, const IOOptions& options, Slice* result, char* scratch,
                IODebugContext* debug) const override {
    *result = Slice(scratch, 0);
    if (offset >= plain_bytes_) return IOStatus::OK();
    bytes = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, plain_bytes_ - offset));
    if (bytes == 0) return IOStatus::OK();
    std::uint64_t index = IndexOf(offset);
    const Place begin = PlaceOf(index);
    const Place end = PlaceOf(IndexOf(offset + bytes - 1) + 1);
    std::string raw(static_cast<std::size_t>(end.stored - begin.stored), '\0');
    Slice read;
    IOStatus status = file_->Read(begin.stored, raw.size(), options, &read, raw.data(), debug);
    if (!status.ok()) return status;
    ChunkCipher cipher = cipher_.Clone();
    std::vector<std::byte> plain;
    std::size_t raw_at = 0;
    std::uint64_t chunk_begin = begin.plain;
    for (; raw_at < raw.size(); ++index) {
      const Place next = PlaceOf(index + 1);
      const auto length = static_cast<std::size_t>(next.plain - chunk_begin);
      if (read.size() < raw_at + length + kChunkOverhead) return Refuse();
      const auto chunk = ToBytes(read.data() + raw_at, length + kChunkOverhead);
      plain.resize(length);
      if (ChunkLength(chunk, index) != length || !cipher.Open(index, chunk, plain.data())) return Refuse();
      const std::uint64_t from = std::max(offset, chunk_begin);
      const std::uint64_t to = std::min(offset + bytes, next.plain);
      std::memcpy(scratch + (from - offset), plain.data() + (from - chunk_begin), static_cast<std::size_t>(to - from));
      raw_at += chunk.size();
      chunk_begin = next.plain;
    }
    *result = Slice(scratch, bytes);
    return IOStatus::OK();
  }
  bool use_direct_io() const override { return false; }
  std::size_t GetUniqueId(char* id, std::size_t bytes_max) const override { return file_->GetUniqueId(id, bytes_max); }
  void Hint(AccessPattern pattern) override { file_->Hint(pattern); }

 private:
  IOStatus Refuse() const {
    (void)refusals_->Report(Altered(path_));
    return IOStatus::Corruption(path_, "is not what was written: it was altered or damaged");
  }

  // REQUIRES: offset < plain_bytes_
  std::uint64_t IndexOf(std::uint64_t offset) const {
    if (places_.empty()) return offset / kBlockChunk;
    const auto after = std::ranges::upper_bound(places_, offset, {}, &Place::plain);
    return static_cast<std::uint64_t>(after - places_.begin()) - 1;
  }
  Place PlaceOf(std::uint64_t index) const {
    if (!places_.empty()) return places_[static_cast<std::size_t>(index)];
    const std::uint64_t plain = std::min(index * kBlockChunk, plain_bytes_);
    const std::uint64_t rest = plain % kBlockChunk;
    return {kSealedHeaderBytes + plain / kBlockChunk * kSealedBlockBytes + (rest == 0 ? 0 : rest + kChunkOverhead),
            plain};
  }

  const std::unique_ptr<rocksdb::FSRandomAccessFile> file_;
  const ChunkCipher cipher_;
  const std::vector<Place> places_;  // kStream; empty: kBlocks
  const std::uint64_t plain_bytes_;
  const std::string path_;
  Refusals* const refusals_;
};

}  // namespace

IOStatus Refusals::Report(const Status& status) {
  MutexLock lock(mutex_);
  if (first_.ok()) first_ = status;
  return IOStatus::IOError(std::string(status.message()));
}

Status Refusals::first() const {
  MutexLock lock(mutex_);
  return first_;
}

RekeyableFile::RekeyableFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::function<void()> gone)
    : gone_(std::move(gone)), file_(std::move(file)) {}

RekeyableFile::~RekeyableFile() {
  gone_();
  failure_.PermitUncheckedError();
}

IOStatus RekeyableFile::Replace(
    const std::function<IOStatus(std::unique_ptr<rocksdb::FSWritableFile>* fresh)>& replace) {
  MutexLock lock(mutex_);
  std::unique_ptr<rocksdb::FSWritableFile> fresh;
  IOStatus status = replace(&fresh);
  if (fresh == nullptr) return status;
  file_->Close(IOOptions(), nullptr).PermitUncheckedError();  // All of it is in the new one.
  file_ = std::move(fresh);
  failure_ = status;
  return status;
}

IOStatus RekeyableFile::Append(const Slice& data, const IOOptions& options, IODebugContext* debug) {
  MutexLock lock(mutex_);
  return failure_.ok() ? file_->Append(data, options, debug) : failure_;
}

IOStatus RekeyableFile::Truncate(std::uint64_t size, const IOOptions& options, IODebugContext* debug) {
  MutexLock lock(mutex_);
  return file_->Truncate(size, options, debug);
}

IOStatus RekeyableFile::Close(const IOOptions& options, IODebugContext* debug) {
  MutexLock lock(mutex_);
  return file_->Close(options, debug);
}

IOStatus RekeyableFile::Flush(const IOOptions& options, IODebugContext* debug) {
  MutexLock lock(mutex_);
  return failure_.ok() ? file_->Flush(options, debug) : failure_;
}

IOStatus RekeyableFile::Sync(const IOOptions& options, IODebugContext* debug) {
  MutexLock lock(mutex_);
  return failure_.ok() ? file_->Sync(options, debug) : failure_;
}

IOStatus RekeyableFile::Fsync(const IOOptions& options, IODebugContext* debug) {
  MutexLock lock(mutex_);
  return failure_.ok() ? file_->Fsync(options, debug) : failure_;
}

std::uint64_t RekeyableFile::GetFileSize(const IOOptions& options, IODebugContext* debug) {
  MutexLock lock(mutex_);
  return file_->GetFileSize(options, debug);
}

std::unique_ptr<rocksdb::FSWritableFile> MakeSealedWritableFile(std::unique_ptr<rocksdb::FSWritableFile> file,
                                                                std::shared_ptr<const KeyRing> keys,
                                                                SealedLayout layout, std::string purpose) {
  return std::make_unique<SealedWritableFile>(std::move(file), std::move(keys), layout, std::move(purpose));
}

std::unique_ptr<rocksdb::FSWritableFile> MakeClosedFile(std::unique_ptr<rocksdb::FSWritableFile> file) {
  return std::make_unique<ClosedFile>(std::move(file));
}

std::unique_ptr<rocksdb::FSSequentialFile> MakeSealedSequentialFile(std::unique_ptr<rocksdb::FSSequentialFile> file,
                                                                    ChunkCipher cipher, std::string path,
                                                                    Refusals* refusals) {
  return std::make_unique<SealedSequentialFile>(std::move(file), std::move(cipher), std::move(path), refusals);
}

IOStatus MakeSealedRandomAccessFile(std::unique_ptr<rocksdb::FSRandomAccessFile> file, std::uint64_t bytes,
                                    ChunkCipher cipher, SealedLayout layout, std::string path, Refusals* refusals,
                                    std::unique_ptr<rocksdb::FSRandomAccessFile>* result) {
  std::vector<Place> places;
  std::uint64_t plain_bytes = PlainBytesOfBlocks(bytes);
  if (layout == SealedLayout::kStream) {
    IOStatus status = ReadPlaces(*file, bytes, &places);
    if (!status.ok()) return status;
    plain_bytes = places.back().plain;
  }
  *result = std::make_unique<SealedRandomAccessFile>(std::move(file), std::move(cipher), std::move(places),
                                                     plain_bytes, std::move(path), refusals);
  return IOStatus::OK();
}

IOStatus PlainBytesOf(const rocksdb::FSRandomAccessFile& file, std::uint64_t bytes, SealedLayout layout,
                      std::uint64_t* plain_bytes) {
  *plain_bytes = PlainBytesOfBlocks(bytes);
  if (layout == SealedLayout::kBlocks) return IOStatus::OK();
  std::vector<Place> places;
  IOStatus status = ReadPlaces(file, bytes, &places);
  if (status.ok()) *plain_bytes = places.back().plain;
  return status;
}

}  // namespace starling::cloud
