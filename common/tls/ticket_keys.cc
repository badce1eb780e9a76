#include "common/tls/ticket_keys.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>
#include <utility>

#include "common/tls/tls_context.h"

namespace starling {
namespace {

constexpr std::size_t kNameBytes = 16;
constexpr std::size_t kMacKeyBytes = 32;
constexpr std::size_t kCipherKeyBytes = 32;
static_assert(kNameBytes + kMacKeyBytes + kCipherKeyBytes == kTicketKeyBytes);

// What the callback tells OpenSSL.
constexpr int kFailed = -1;
constexpr int kNotOurs = 0;       // A full handshake, and a new ticket.
constexpr int kUse = 1;

// Where a context keeps its keys; frees them with it.
int ContextIndex() {
  static const int index = SSL_CTX_get_ex_new_index(
      0, nullptr, nullptr, nullptr,
      [](void*, void* keys, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<TicketKeys*>(keys); });
  return index;
}

Status ReadKey(const std::filesystem::path& path, std::array<unsigned char, kTicketKeyBytes>* key) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return Status(ErrorCode::kIoError, "cannot read " + path.string() + ": " + std::strerror(errno));
  }
  // One byte more than there should be, to notice a file that is too long.
  std::array<char, kTicketKeyBytes + 1> bytes{};
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  const bool right = file.gcount() == static_cast<std::streamsize>(kTicketKeyBytes);
  if (right) std::memcpy(key->data(), bytes.data(), kTicketKeyBytes);
  OPENSSL_cleanse(bytes.data(), bytes.size());
  if (right) return Status();
  return Status(ErrorCode::kInvalidArgument, path.string() + " is not a ticket key: it must have " +
                                                 std::to_string(kTicketKeyBytes) + " bytes");
}

bool SetMacKey(EVP_MAC_CTX* mac, const unsigned char* key) {
  char digest[] = "SHA256";
  // OpenSSL takes a pointer to non-const, and only reads.
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, const_cast<unsigned char*>(key), kMacKeyBytes),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

}  // namespace

TicketKeys::~TicketKeys() {
  OPENSSL_cleanse(current_.data(), current_.size());
  if (previous_) OPENSSL_cleanse(previous_->data(), previous_->size());
}

Result<std::unique_ptr<TicketKeys>> TicketKeys::Load(const std::filesystem::path& current,
                                                     const std::filesystem::path& previous) {
  std::unique_ptr<TicketKeys> keys(new TicketKeys);
  if (Status status = ReadKey(current, &keys->current_); !status.ok()) return status;
  std::error_code ignored;
  if (std::filesystem::exists(previous, ignored)) {
    if (Status status = ReadKey(previous, &keys->previous_.emplace()); !status.ok()) return status;
  }
  return keys;
}

Status TicketKeys::Use(std::unique_ptr<TicketKeys> keys, SSL_CTX* context) {
  if (SSL_CTX_set_ex_data(context, ContextIndex(), keys.get()) != 1 ||
      SSL_CTX_set_tlsext_ticket_key_evp_cb(context, &TicketKeys::OnTicket) != 1) {
    return Status(ErrorCode::kIoError, "cannot use the ticket keys: " + LastTlsError());
  }
  (void)keys.release();  // The context's.
  return Status();
}

int TicketKeys::OnTicket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                         int seals) {
  const auto* keys = static_cast<const TicketKeys*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ContextIndex()));
  if (keys == nullptr) return kFailed;
  const EVP_CIPHER* const algorithm = EVP_aes_256_cbc();
  if (seals != 0) {
    std::memcpy(name, keys->current_.data(), kNameBytes);
    const unsigned char* const key = keys->current_.data() + kNameBytes;
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(algorithm)) != 1 || !SetMacKey(mac, key) ||
        EVP_EncryptInit_ex(cipher, algorithm, nullptr, key + kMacKeyBytes, iv) != 1) {
      return kFailed;
    }
    return kUse;
  }
  const Key* found = nullptr;
  if (std::memcmp(name, keys->current_.data(), kNameBytes) == 0) {
    found = &keys->current_;
  } else if (keys->previous_ && std::memcmp(name, keys->previous_->data(), kNameBytes) == 0) {
    found = &*keys->previous_;
  }
  if (found == nullptr) return kNotOurs;
  const unsigned char* const key = found->data() + kNameBytes;
  if (!SetMacKey(mac, key) || EVP_DecryptInit_ex(cipher, algorithm, nullptr, key + kMacKeyBytes, iv) != 1) {
    return kFailed;
  }
  // A TLS 1.3 client should use a ticket once: whoever resumes a session sends another
  // one when there is time for it.
  return kUse;
}

}  // namespace starling
