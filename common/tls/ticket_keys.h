#pragma once

#include <openssl/ssl.h>

#include <array>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>

#include "common/status.h"

namespace starling {

// Bytes of a ticket key's file: name, MAC key and cipher key of RFC 5077's recommended
// ticket, in the order of SSL_CTX_set_tlsext_ticket_keys.
inline constexpr std::size_t kTicketKeyBytes = 80;

// What session tickets are encrypted with: the current key seals and opens, the one
// before it only opens.  A session that is resumed gets no new ticket by itself: the
// server sends one, which is of the current key (SSL_new_session_ticket).
//
// Threading: constant after Load.
class TicketKeys {
 public:
  ~TicketKeys();
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  // `previous` may be missing.
  // Errors: kIoError if a file cannot be read; kInvalidArgument if it does not have
  //         kTicketKeyBytes.  The message names the file.
  static Result<std::unique_ptr<TicketKeys>> Load(const std::filesystem::path& current,
                                                  const std::filesystem::path& previous);

  // From now on `context` seals and opens tickets with these, which it keeps.
  // Errors: kIoError if OpenSSL has no room.
  static Status Use(std::unique_ptr<TicketKeys> keys, SSL_CTX* context);

 private:
  using Key = std::array<unsigned char, kTicketKeyBytes>;

  TicketKeys() = default;
  static int OnTicket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                      int seals);

  Key current_{};
  std::optional<Key> previous_;
};

}  // namespace starling
