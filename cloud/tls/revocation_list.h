#pragma once

#include <openssl/x509.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "common/status.h"
#include "common/time.h"
#include "common/tls/tls_context.h"

namespace starling::cloud {

struct CrlDeleter {
  void operator()(X509_CRL* crl) const { X509_CRL_free(crl); }
};
using CrlPtr = std::unique_ptr<X509_CRL, CrlDeleter>;

// Certificate revocation lists as they stand in a file, PEM, one behind the other.
// Nothing is verified.
// Errors: kIoError if the file cannot be read; kInvalidArgument if it holds no list or
//         is damaged.  The message names the file.
Result<std::vector<CrlPtr>> LoadCrls(const std::filesystem::path& path);

// `crl` is a list of `authority`'s: issuer, signature and permission are right, and it
// has no critical extension, which we would not understand (RFC 5280, 5.2).
bool IsSignedBy(X509_CRL* crl, X509* authority);

// CRL number, 0 if it has none or one of more than 64 bits.
std::uint64_t NumberOf(X509_CRL* crl);

// A serial number in hexadecimal, as openssl prints it.
std::string SerialText(const ASN1_INTEGER* serial);

// Which certificates are revoked: the verified lists of one or more authorities.
//
// A list whose next update is overdue stays in force: what was revoked stays so, and
// a list that someone forgot to renew must not turn the fleet away.
//
// Threading: constant after Load.
class RevocationList {
 public:
  // Nothing is revoked.
  RevocationList() = default;

  // Reads the lists of `path`; each has to be signed by one of `authorities`.
  // Errors: as LoadCrls, and kInvalidArgument if one is another's or altered.
  static Result<RevocationList> Load(const std::filesystem::path& path, const std::vector<X509Ptr>& authorities);

  // May replace `former`: it has a list of each authority that has one there, unless
  // that is no longer one of `authorities`, and no number goes back.
  // Errors: kInvalidArgument, saying which of these fails.
  Status Follows(const RevocationList& former, const std::vector<X509Ptr>& authorities) const;

  // REQUIRES: the certificate was issued by an authority that is trusted.
  bool Revokes(X509* certificate) const;

  bool empty() const { return lists_->empty(); }
  std::size_t entries() const;
  std::uint64_t number() const;                      // the highest one; 0 if there is none
  std::optional<CloudTime> next_update() const;      // the earliest one

 private:
  struct List {
    X509Ptr authority;
    std::uint64_t number = 0;
    std::optional<CloudTime> next_update;
    std::unordered_set<std::string> serials;         // big-endian, without sign
  };

  std::shared_ptr<const std::vector<List>> lists_ = std::make_shared<std::vector<List>>();  // shared by copies
};

}  // namespace starling::cloud
