#include "cloud/streets/text_file.h"

#include <zlib.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

namespace starling::cloud {
namespace {

constexpr std::size_t kPieceBytes = 64 << 10;
constexpr int kWindowBitsGzip = 15 + 16;  // The largest window, and gzip's header.

// Text as it comes out of a file's pieces.
class Unpacker {
 public:
  Unpacker(const std::string& path, std::size_t bytes_max) : path_(path), bytes_max_(bytes_max) {}
  ~Unpacker() { if (open_) (void)::inflateEnd(&stream_); }
  Unpacker(const Unpacker&) = delete;
  Unpacker& operator=(const Unpacker&) = delete;

  Status TakePlain(const std::byte* bytes, std::size_t size) {
    if (size > bytes_max_ - text_.size()) {
      return {ErrorCode::kExhausted, path_ + ": more than " + std::to_string(bytes_max_) + " bytes of text"};
    }
    text_.append(reinterpret_cast<const char*>(bytes), size);
    return {};
  }

  Status TakeGzip(std::byte* bytes, std::size_t size) {
    stream_.next_in = reinterpret_cast<Bytef*>(bytes);
    stream_.avail_in = static_cast<uInt>(size);
    while (stream_.avail_in > 0 || stream_.avail_out == 0) {
      if (!open_) {  // The first member, or one more.
        if (::inflateInit2(&stream_, kWindowBitsGzip) != Z_OK) return {ErrorCode::kIoError, path_ + ": no memory"};
        open_ = true;
      }
      stream_.next_out = reinterpret_cast<Bytef*>(piece_.data());
      stream_.avail_out = static_cast<uInt>(piece_.size());
      const int code = ::inflate(&stream_, Z_NO_FLUSH);
      if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
        return {ErrorCode::kIoError,
                path_ + ": damaged gzip: " + (stream_.msg != nullptr ? stream_.msg : "no reason given")};
      }
      if (Status status = TakePlain(piece_.data(), piece_.size() - stream_.avail_out); !status.ok()) return status;
      if (code != Z_STREAM_END) continue;
      (void)::inflateEnd(&stream_);
      open_ = false;
      stream_.avail_out = 1;  // Nothing waits inside.
    }
    return {};
  }

  bool AtEnd() const { return !open_; }
  std::string TakeText() { return std::move(text_); }

 private:
  const std::string& path_;
  const std::size_t bytes_max_;
  std::vector<std::byte> piece_ = std::vector<std::byte>(kPieceBytes);
  bool open_ = false;
  z_stream stream_{};
  std::string text_;
};

}  // namespace

// zlib's own gzread takes a file that was cut where its buffer was just full for a whole one.
Result<std::string> ReadTextFile(const std::string& path, std::size_t bytes_max) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (file == nullptr) return Status(ErrorCode::kIoError, path + ": " + std::strerror(errno));
  Unpacker unpacker(path, bytes_max);
  std::vector<std::byte> piece(kPieceBytes);
  bool gzip = false;
  for (bool first = true;; first = false) {
    const std::size_t got = std::fread(piece.data(), 1, piece.size(), file.get());
    if (std::ferror(file.get()) != 0) return Status(ErrorCode::kIoError, path + ": " + std::strerror(errno));
    if (got == 0) break;
    if (first) gzip = got >= 2 && piece[0] == std::byte{0x1f} && piece[1] == std::byte{0x8b};
    const Status status = gzip ? unpacker.TakeGzip(piece.data(), got) : unpacker.TakePlain(piece.data(), got);
    if (!status.ok()) return status;
  }
  if (!unpacker.AtEnd()) return Status(ErrorCode::kIoError, path + ": ends within its gzip stream");
  return unpacker.TakeText();
}

}  // namespace starling::cloud
