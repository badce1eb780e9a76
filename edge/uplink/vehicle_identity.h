#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/ids.h"
#include "common/status.h"
#include "common/time.h"
#include "common/tls/tls_context.h"

namespace starling::edge {

// Where a vehicle's identity stands, as PEM.
struct IdentityFiles {
  std::string ca;
  std::string certificate;
  std::string key;
};

// Whom a vehicle believes and what it shows; never changed once it is made.
struct VehicleIdentity {
  SslContextPtr context;
  std::vector<X509Ptr> authorities;    // those of the context
  Credentials credentials;
  CloudTime expires;                   // the certificate

  // The same certificates, whatever the files' dates are.
  bool SameAs(const VehicleIdentity& other) const;
};

// Errors: kIoError if a file cannot be read, or is none; kInvalidArgument if it is too long or
//         not PEM of the right kind, or certificate and key do not belong together.  The
//         message names the file.
Result<std::shared_ptr<const VehicleIdentity>> LoadIdentity(const IdentityFiles& files);

// Why a chain from `certificate` to one of `authorities` does not hold at `now`, as a vehicle's;
// X509_V_OK if it does.  Without `now` no dates are judged.
int VerifyChain(X509* certificate, const std::vector<X509Ptr>& authorities, std::optional<CloudTime> now);

// Whether there is an authority that both contexts believe.
bool ShareAuthority(SSL_CTX* left, SSL_CTX* right);

// A certificate's last second, as "2029-01-31T12:00:00Z"; and as a time.
std::string ExpiryText(X509* certificate);
CloudTime ExpiryOf(X509* certificate);

// Whole days for which `identity` is good still, if that is worth a remark at `date`, 30 or fewer; -1: it
// has expired.  Nothing on a clock that has not learnt the date.
std::optional<int> DaysToWarnOf(const VehicleIdentity& identity, CloudTime date);

// Over how long to spread the change of identity from `in_use`: over `spread`, but at once from one that
// has expired, which is good for no connection.
nanoseconds SpreadOf(const VehicleIdentity& in_use, CloudTime date, nanoseconds spread);

// So often there is a remark.
inline constexpr std::chrono::hours kExpiryInterval{1};
// So often a certificate that gateways refuse is shown once more: their list of authorities may
// have been what was behind.
inline constexpr std::chrono::hours kRefusedAgain{1};

// Notices that the files of an identity have changed, and judges what they hold now.
//
// Looks at them every kInterval; what has changed is read once it has stayed the same for one
// more interval, because certificate and key are two files.  What is refused is said once, and
// read again every kRetry: a certificate may become valid, a right be given.
//
// Threading: thread-compatible.
class IdentityWatch {
 public:
  static constexpr milliseconds kInterval{2'000};
  static constexpr milliseconds kRetry{60'000};

  struct News {
    std::shared_ptr<const VehicleIdentity> renewed;  // null: nothing new to use
    std::string refused;                             // why what is there is not used; empty: nothing to say
  };

  explicit IdentityWatch(IdentityFiles files);

  // What the process begins with, whatever its dates: the gateway judges them.
  // Errors: as LoadIdentity.
  Status Start();

  // Null before Start.
  const std::shared_ptr<const VehicleIdentity>& newest() const { return newest_; }

  // Has the next Look read the files whatever their dates.
  void Reload() { asked_ = true; }

  // Call it often.  `date` is this machine's clock; one that says less than 2024 judges no
  // dates.  Refused is what LoadIdentity refuses, what is another vehicle's, of no authority
  // in the ca file, or outside its validity.
  News Look(BootTime now, CloudTime date);

 private:
  struct FileState {
    std::int64_t changed_ns = 0;
    std::int64_t bytes = -1;
    std::uint64_t inode = 0;

    friend bool operator==(const FileState&, const FileState&) = default;
  };
  using State = std::array<FileState, 3>;

  State Stat() const;
  Status Judge(const VehicleIdentity& fresh, CloudTime date) const;

  const IdentityFiles files_;
  std::shared_ptr<const VehicleIdentity> newest_;
  State read_{};                       // when they were read last
  State seen_{};                       // when they were looked at last
  bool asked_ = false;
  BootTime next_look_;
  std::optional<BootTime> retry_;      // what was read was refused
  std::string said_;                   // of it
};

}  // namespace starling::edge
