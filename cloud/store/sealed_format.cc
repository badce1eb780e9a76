#include "cloud/store/sealed_format.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>

#include "cloud/store/byte_order.h"
#include "common/check.h"
#include "common/crc32c.h"

namespace starling::cloud {
namespace {

constexpr std::size_t kSectorBytes = 512;
constexpr std::size_t kHoleTailBytes = 16;
constexpr std::size_t kHoleBytesMin = 4;
constexpr std::size_t kNonceBytes = 12;

using Nonce = std::array<std::uint8_t, kNonceBytes>;

// The header's; no file has so many chunks.
constexpr std::uint64_t kHeaderIndex = UINT64_MAX;

Nonce NonceOf(std::uint64_t index) {
  Nonce nonce{};
  for (std::size_t i = 0; i < 8; ++i) nonce[i] = static_cast<std::uint8_t>(index >> (8 * i));
  return nonce;
}

const unsigned char* ToUnsigned(const std::byte* bytes) { return reinterpret_cast<const unsigned char*>(bytes); }
unsigned char* ToUnsigned(std::byte* bytes) { return reinterpret_cast<unsigned char*>(bytes); }

// HKDF of RFC 5869 with SHA-256.
SecretKey DeriveKey(const SecretKey& master, std::span<const std::byte> salt, std::string_view purpose) {
  SecretKey derived;
  EVP_KDF* const kdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  STARLING_CHECK(kdf != nullptr);
  EVP_KDF_CTX* const context = EVP_KDF_CTX_new(kdf);
  EVP_KDF_free(kdf);
  STARLING_CHECK(context != nullptr);
  std::string info = "starling file 1 " + std::string(purpose);
  std::array<std::byte, kSealedSaltBytes> salt_copy;
  std::copy_n(salt.begin(), kSealedSaltBytes, salt_copy.begin());
  SecretKey input = master;
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, input.bytes.data(), input.bytes.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt_copy.data(), salt_copy.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.data(), info.size()), OSSL_PARAM_construct_end()};
  const int done = EVP_KDF_derive(context, derived.bytes.data(), derived.bytes.size(), parameters);
  EVP_KDF_CTX_free(context);
  STARLING_CHECK(done == 1);
  return derived;
}

std::uint32_t ChunkCrc(std::uint32_t length, std::uint64_t index) {
  std::array<std::byte, 12> covered;
  StoreLittleEndian(length, covered.data());
  StoreLittleEndian(index, covered.data() + 4);
  return Crc32c(covered);
}

bool AllZero(std::span<const std::byte> bytes) {
  return std::ranges::all_of(bytes, [](std::byte each) { return each == std::byte{0}; });
}

}  // namespace

FileKind KindOf(std::span<const std::byte> begin) {
  if (AllZero(begin)) return FileKind::kEmpty;
  const std::size_t compared = std::min(begin.size(), kSealedMagic.size());
  if (std::memcmp(begin.data(), kSealedMagic.data(), compared) != 0) return FileKind::kPlain;
  return begin.size() < kSealedHeaderBytes ? FileKind::kEmpty : FileKind::kSealed;
}

Result<SealedHeaderView> ReadSealedHeader(std::span<const std::byte> header, const std::string& path) {
  if (header[kSealedMagic.size()] != std::byte{kSealedVersion} ||
      header[kSealedLayoutOffset] > std::byte{static_cast<std::uint8_t>(SealedLayout::kBlocks)}) {
    return Status(ErrorCode::kInvalidArgument, path + " is encrypted in a form that this program does not know; use "
                                                      "the program that wrote it");
  }
  const char* id = reinterpret_cast<const char*>(header.data() + kSealedKeyIdOffset);
  return SealedHeaderView{static_cast<SealedLayout>(header[kSealedLayoutOffset]),
                          std::string(id, ::strnlen(id, NamedKey::kIdBytesMax))};
}

ChunkCipher ChunkCipher::MakeNew(const NamedKey& key, SealedLayout layout, std::string_view purpose,
                                 SealedHeader* header) {
  header->fill(std::byte{0});
  std::memcpy(header->data(), kSealedMagic.data(), kSealedMagic.size());
  (*header)[kSealedMagic.size()] = std::byte{kSealedVersion};
  (*header)[kSealedLayoutOffset] = static_cast<std::byte>(layout);
  std::memcpy(header->data() + kSealedKeyIdOffset, key.id.data(), key.id.size());
  std::memcpy(header->data() + kSealedKeyCheckOffset, key.check.data(), key.check.size());
  STARLING_CHECK(RAND_bytes(ToUnsigned(header->data() + kSealedSaltOffset), kSealedSaltBytes) == 1);
  const std::span<const std::byte> salt = std::span(*header).subspan(kSealedSaltOffset, kSealedSaltBytes);
  ChunkCipher cipher(DeriveKey(key.secret, salt, purpose));
  const auto tag = cipher.HeaderTag(std::span(*header).first(kSealedHeaderTagOffset));
  std::ranges::copy(tag, header->begin() + kSealedHeaderTagOffset);
  return cipher;
}

Result<ChunkCipher> ChunkCipher::MakeFor(std::span<const std::byte> header, const KeyRing& ring,
                                         std::string_view purpose, const std::string& path) {
  const Result<SealedHeaderView> view = ReadSealedHeader(header, path);
  if (!view.ok()) return view.status();
  const std::shared_ptr<const NamedKey> key = ring.Find(view.value().key_id);
  if (key == nullptr) {
    return Status(ErrorCode::kInvalidArgument, path + " is encrypted with key " + view.value().key_id +
                                                   ", which key file " + ring.path() + " does not hold; add its line");
  }
  if (std::memcmp(header.data() + kSealedKeyCheckOffset, key->check.data(), key->check.size()) != 0) {
    return Status(ErrorCode::kInvalidArgument, path + " is encrypted with another key " + key->id +
                                                   " than the one that key file " + ring.path() + " holds");
  }
  ChunkCipher cipher(DeriveKey(key->secret, header.subspan(kSealedSaltOffset, kSealedSaltBytes), purpose));
  const auto tag = cipher.HeaderTag(header.first(kSealedHeaderTagOffset));
  if (CRYPTO_memcmp(tag.data(), header.data() + kSealedHeaderTagOffset, tag.size()) != 0) {
    return Status(ErrorCode::kCorruption, path + " is not what was written: its header was altered, or it stands in "
                                                 "for another file");
  }
  return cipher;
}

std::array<std::byte, kSealedTagBytes> ChunkCipher::HeaderTag(std::span<const std::byte> header) {
  std::array<std::byte, kSealedTagBytes> tag;
  const Context context(EVP_CIPHER_CTX_new());
  const Nonce nonce = NonceOf(kHeaderIndex);
  int bytes = 0;
  STARLING_CHECK(context != nullptr);
  STARLING_CHECK(EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key_.bytes.data(), nonce.data()) == 1);
  STARLING_CHECK(EVP_EncryptUpdate(context.get(), nullptr, &bytes, ToUnsigned(header.data()),
                                   static_cast<int>(header.size())) == 1);
  unsigned char none[16];
  STARLING_CHECK(EVP_EncryptFinal_ex(context.get(), none, &bytes) == 1);
  STARLING_CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kSealedTagBytes, tag.data()) == 1);
  return tag;
}

void ChunkCipher::Seal(std::uint64_t index, std::span<const std::byte> plain, std::string* sealed) {
  if (seal_ == nullptr) {
    seal_.reset(EVP_CIPHER_CTX_new());
    STARLING_CHECK(seal_ != nullptr);
    STARLING_CHECK(EVP_EncryptInit_ex(seal_.get(), EVP_aes_256_gcm(), nullptr, key_.bytes.data(), nullptr) == 1);
  }
  const std::size_t at = sealed->size();
  sealed->resize(at + kChunkOverhead + plain.size());
  auto* const chunk = reinterpret_cast<std::byte*>(sealed->data() + at);
  const auto length = static_cast<std::uint32_t>(plain.size());
  StoreLittleEndian(length, chunk);
  StoreLittleEndian(ChunkCrc(length, index), chunk + 4);
  const Nonce nonce = NonceOf(index);
  std::byte* const text = chunk + kChunkHeaderBytes;
  int bytes = 0;
  STARLING_CHECK(EVP_EncryptInit_ex(seal_.get(), nullptr, nullptr, nullptr, nonce.data()) == 1);
  STARLING_CHECK(EVP_EncryptUpdate(seal_.get(), ToUnsigned(text), &bytes, ToUnsigned(plain.data()),
                                   static_cast<int>(plain.size())) == 1);
  unsigned char none[16];
  STARLING_CHECK(EVP_EncryptFinal_ex(seal_.get(), none, &bytes) == 1);
  STARLING_CHECK(EVP_CIPHER_CTX_ctrl(seal_.get(), EVP_CTRL_GCM_GET_TAG, kSealedTagBytes, text + plain.size()) == 1);
}

bool ChunkCipher::Open(std::uint64_t index, std::span<const std::byte> chunk, std::byte* plain) {
  if (open_ == nullptr) {
    open_.reset(EVP_CIPHER_CTX_new());
    STARLING_CHECK(open_ != nullptr);
    STARLING_CHECK(EVP_DecryptInit_ex(open_.get(), EVP_aes_256_gcm(), nullptr, key_.bytes.data(), nullptr) == 1);
  }
  const std::size_t length = chunk.size() - kChunkOverhead;
  const std::byte* const text = chunk.data() + kChunkHeaderBytes;
  const Nonce nonce = NonceOf(index);
  std::array<std::byte, kSealedTagBytes> tag;
  std::copy_n(text + length, kSealedTagBytes, tag.begin());
  int bytes = 0;
  STARLING_CHECK(EVP_DecryptInit_ex(open_.get(), nullptr, nullptr, nullptr, nonce.data()) == 1);
  STARLING_CHECK(EVP_DecryptUpdate(open_.get(), ToUnsigned(plain), &bytes, ToUnsigned(text),
                                   static_cast<int>(length)) == 1);
  STARLING_CHECK(EVP_CIPHER_CTX_ctrl(open_.get(), EVP_CTRL_GCM_SET_TAG, kSealedTagBytes, tag.data()) == 1);
  unsigned char none[16];
  return EVP_DecryptFinal_ex(open_.get(), none, &bytes) == 1;
}

std::optional<std::size_t> ChunkLength(std::span<const std::byte> header, std::uint64_t index) {
  const auto length = LoadLittleEndian<std::uint32_t>(header.data());
  if (LoadLittleEndian<std::uint32_t>(header.data() + 4) != ChunkCrc(length, index)) return std::nullopt;
  if (length == 0 || length > kStreamChunkMax) return std::nullopt;
  return length;
}

bool IsHole(std::span<const std::byte> chunk, std::uint64_t position) {
  for (std::size_t at = 0; at < chunk.size();) {
    const std::size_t sector_end = kSectorBytes - static_cast<std::size_t>((position + at) % kSectorBytes);
    const std::span<const std::byte> piece = chunk.subspan(at, std::min(sector_end, chunk.size() - at));
    // A few bytes of zeros are no evidence.
    if (piece.size() >= kHoleBytesMin && AllZero(piece.last(std::min(piece.size(), kHoleTailBytes)))) return true;
    at += piece.size();
  }
  return false;
}

std::string SealPurpose(std::string_view purpose, std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const bool keeps_its_name = name.ends_with(".log") || name.starts_with("MANIFEST-");
  return std::string(purpose) + " " + std::string(keeps_its_name ? name : "");
}

}  // namespace starling::cloud
