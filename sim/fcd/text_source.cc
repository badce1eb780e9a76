#include "sim/fcd/text_source.h"

#include <zlib.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

namespace starling::sim {
namespace {

constexpr std::size_t kPieceBytes = 64 << 10;
constexpr int kWindowBitsGzip = 15 + 16;  // The largest window, and gzip's header.

}  // namespace

// zlib's own gzread takes a file that was cut where its buffer was just full for a whole one.
struct TextSource::State {
  ~State() { if (inflating) (void)::inflateEnd(&stream); }

  std::string path;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{nullptr, &std::fclose};
  std::vector<unsigned char> packed = std::vector<unsigned char>(kPieceBytes);
  bool begun = false;
  bool gzip = false;
  bool inflating = false;
  bool ended = false;
  z_stream stream{};

  Status Refill() {
    const std::size_t got = std::fread(packed.data(), 1, packed.size(), file.get());
    if (std::ferror(file.get()) != 0) return {ErrorCode::kIoError, path + ": " + std::strerror(errno)};
    if (!std::exchange(begun, true)) gzip = got >= 2 && packed[0] == 0x1f && packed[1] == 0x8b;
    ended = got == 0;
    stream.next_in = packed.data();
    stream.avail_in = static_cast<uInt>(got);
    return {};
  }
};

TextSource::TextSource(std::unique_ptr<State> state) : state_(std::move(state)) {}
TextSource::~TextSource() = default;

Result<std::unique_ptr<TextSource>> TextSource::Open(const std::string& path) {
  auto state = std::make_unique<State>();
  state->path = path;
  state->file.reset(std::fopen(path.c_str(), "rb"));
  if (state->file == nullptr) return Status(ErrorCode::kIoError, path + ": " + std::strerror(errno));
  return std::unique_ptr<TextSource>(new TextSource(std::move(state)));
}

Result<std::size_t> TextSource::Read(std::span<char> piece) {
  State& state = *state_;
  for (;;) {
    if (state.stream.avail_in == 0 && !state.ended) {
      if (Status status = state.Refill(); !status.ok()) return status;
    }
    if (!state.gzip) {
      const std::size_t size = std::min<std::size_t>(state.stream.avail_in, piece.size());
      std::memcpy(piece.data(), state.stream.next_in, size);
      state.stream.next_in += size;
      state.stream.avail_in -= static_cast<uInt>(size);
      return size;
    }
    if (!state.inflating) {
      if (state.stream.avail_in == 0) return std::size_t{0};
      if (::inflateInit2(&state.stream, kWindowBitsGzip) != Z_OK) {
        return Status(ErrorCode::kIoError, state.path + ": no memory");
      }
      state.inflating = true;
    }
    state.stream.next_out = reinterpret_cast<unsigned char*>(piece.data());
    state.stream.avail_out = static_cast<uInt>(piece.size());
    const int code = ::inflate(&state.stream, Z_NO_FLUSH);
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
      return Status(ErrorCode::kIoError, state.path + ": damaged gzip: " +
                                             (state.stream.msg != nullptr ? state.stream.msg : "no reason given"));
    }
    if (code == Z_STREAM_END) {
      (void)::inflateEnd(&state.stream);
      state.inflating = false;
    }
    if (const std::size_t got = piece.size() - state.stream.avail_out; got > 0) return got;
    if (state.ended && state.inflating) {
      return Status(ErrorCode::kIoError, state.path + ": ends within its gzip stream");
    }
  }
}

}  // namespace starling::sim
