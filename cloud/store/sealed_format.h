// The bytes of an encrypted file, shared by what writes and what reads them.  The full
// description is docs/formats/encryption.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <openssl/evp.h>

#include "cloud/store/key_ring.h"
#include "common/status.h"

namespace starling::cloud {

inline constexpr std::string_view kSealedMagic = "STARSEAL";
inline constexpr std::uint8_t kSealedVersion = 1;

// How plaintext is cut into chunks.
enum class SealedLayout : std::uint8_t {
  kStream = 0,  // one chunk or more for each append
  kBlocks = 1,  // all but the last chunk are full: a position can be computed
};

inline constexpr std::size_t kSealedSaltBytes = 32;
inline constexpr std::size_t kSealedTagBytes = 16;

// Header: magic | version | layout | zero, 2 bytes | key id, zero-padded | key check |
// salt | tag over all of it.
inline constexpr std::size_t kSealedLayoutOffset = 9;
inline constexpr std::size_t kSealedKeyIdOffset = 12;
inline constexpr std::size_t kSealedKeyCheckOffset = kSealedKeyIdOffset + NamedKey::kIdBytesMax;
inline constexpr std::size_t kSealedSaltOffset = kSealedKeyCheckOffset + NamedKey::kCheckBytes;
inline constexpr std::size_t kSealedHeaderTagOffset = kSealedSaltOffset + kSealedSaltBytes;
inline constexpr std::size_t kSealedHeaderBytes = kSealedHeaderTagOffset + kSealedTagBytes;

// Chunk: length, 4 bytes | crc32c of length and index | ciphertext | tag.
inline constexpr std::size_t kChunkHeaderBytes = 8;
inline constexpr std::size_t kChunkOverhead = kChunkHeaderBytes + kSealedTagBytes;
inline constexpr std::size_t kStreamChunkMax = 64 << 10;
inline constexpr std::size_t kBlockChunk = 16 << 10;
inline constexpr std::size_t kSealedBlockBytes = kBlockChunk + kChunkOverhead;

using SealedHeader = std::array<std::byte, kSealedHeaderBytes>;

// What the header of an encrypted file says in clear.
struct SealedHeaderView {
  SealedLayout layout{};
  std::string key_id;
};

// What a file begins with.
enum class FileKind : std::uint8_t {
  kEmpty,   // nothing, or a header that was not wholly written
  kSealed,
  kPlain,
};
// `begin` is the file's first kSealedHeaderBytes, or all of it if there are fewer.
FileKind KindOf(std::span<const std::byte> begin);

// REQUIRES: KindOf(header) == kSealed.  Errors: kInvalidArgument for another version.
Result<SealedHeaderView> ReadSealedHeader(std::span<const std::byte> header, const std::string& path);

// Seals or opens the chunks of one file with AES-256-GCM under the file's own key,
// HKDF-SHA256 of a named key with the file's salt: the number of a chunk is its nonce, and
// no number is used twice, because a file is written once, from start to end.
//
// Threading: thread-compatible.
class ChunkCipher {
 public:
  // For a new file, with a new salt; `*header` gets what the file begins with.
  static ChunkCipher MakeNew(const NamedKey& key, SealedLayout layout, std::string_view purpose,
                             SealedHeader* header);

  // For a file that begins with `header`.
  // Errors: kInvalidArgument if `ring` does not have its key, or another one of that name;
  //         kCorruption if the header was altered.
  static Result<ChunkCipher> MakeFor(std::span<const std::byte> header, const KeyRing& ring,
                                     std::string_view purpose, const std::string& path);

  // Of the same file, for another thread.
  ChunkCipher Clone() const { return ChunkCipher(key_); }

  // Appends the chunk to `*sealed`.
  void Seal(std::uint64_t index, std::span<const std::byte> plain, std::string* sealed);

  // `chunk` is whole, with its header; false if it was altered.
  bool Open(std::uint64_t index, std::span<const std::byte> chunk, std::byte* plain);

 private:
  struct FreeContext {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
  };
  using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

  explicit ChunkCipher(const SecretKey& key) : key_(key) {}
  std::array<std::byte, kSealedTagBytes> HeaderTag(std::span<const std::byte> header);

  SecretKey key_;
  Context seal_;
  Context open_;
};

// Length of the chunk that begins with these kChunkHeaderBytes; nullopt if they are not
// what was written.
std::optional<std::size_t> ChunkLength(std::span<const std::byte> header, std::uint64_t index);

// After a power cut the unsynced end of a file can have holes of zeros.  True if a chunk
// that cannot be opened lost a part of itself that way: whole sectors of the file, or the
// rest of one, are zero.  `position` is that of the chunk in the file.
bool IsHole(std::span<const std::byte> chunk, std::uint64_t position);

// What the key of a file depends on besides the salt: `purpose` names the database.  A
// file that is never renamed is bound to its name, so one cannot stand in for another.
std::string SealPurpose(std::string_view purpose, std::string_view path);

}  // namespace starling::cloud
