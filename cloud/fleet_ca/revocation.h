// What `starling revoke`, `crl` and `tickets` do, for programs and tests.
#pragma once

#include <openssl/x509.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/ids.h"
#include "common/status.h"
#include "common/time.h"
#include "common/tls/tls_context.h"

namespace starling::cloud {

// The revocation list of a folder's own authority.
struct RevocationSummary {
  std::uint64_t number = 0;              // 0: there is none
  std::optional<CloudTime> this_update;
  std::optional<CloudTime> next_update;
  struct Entry {
    std::string serial;                  // hexadecimal
    std::optional<CloudTime> revoked;
  };
  std::vector<Entry> entries;
  std::size_t added = 0;                 // by this call
};

inline constexpr int kCrlDays = 30;      // until its next update
inline constexpr std::size_t kSerialDigitsMax = 40;  // 20 bytes, RFC 5280, 4.1.2.2

// Reads ca.crl.  Errors: kInvalidArgument if it is another authority's, or altered.
Result<RevocationSummary> ReadRevocations(const CertificateFolder& folder);

// Adds every certificate that the vehicles ever had, and those with these serial
// numbers (hexadecimal, colons allowed), to ca.crl, which gets the next number and is
// due for its next update `days` after `now`.  With nothing to add it renews the list,
// or makes an empty one.  Lists of other authorities in the file stay as they are.
//
// Errors: as Authority::Load and ReadRevocations; kInvalidArgument if the folder knows
//         no certificate of a vehicle, or a serial is none; nothing is then written.
//         kIoError if it cannot be written.
Result<RevocationSummary> Revoke(const CertificateFolder& folder, const std::vector<VehicleId>& vehicles,
                                 const std::vector<std::string>& serials, int days, CloudTime now);

// Notes that another certificate takes the place of `certificate`, so that revoking the
// vehicle later revokes this one as well.  Call before it is overwritten.
// Errors: kIoError if it cannot be written.
Status RememberReplaced(const CertificateFolder& folder, const VehicleId& vehicle, X509* certificate);

// Makes a new ticket.key; the one that is there becomes ticket.previous.key.
// Errors: kIoError.
Status RotateTicketKey(const CertificateFolder& folder);

}  // namespace starling::cloud
