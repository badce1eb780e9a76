#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/status.h"
#include "common/tls/tls_context.h"
#include "edge/doctor/doctor.h"

namespace starling::edge {

// The way to the cloud, one step after the other, each of which rests on the one before.
// Blocks, for config.patience at most in each answer that it waits for; a name's addresses
// take as long as the system's resolver does.
class CloudCheck {
 public:
  // To one of the addresses of `config`, which must outlive the check.
  CloudCheck(const DoctorConfig& config, Endpoint cloud, WallClock clock);
  ~CloudCheck();
  CloudCheck(const CloudCheck&) = delete;
  CloudCheck& operator=(const CloudCheck&) = delete;

  Finding Resolve();
  // REQUIRES: Resolve has found addresses
  Finding Connect();
  // Verifies the gateway's certificate and name.  `as_vehicle`: also shows the vehicle's own,
  // greets, and waits for the Welcome, because only that says that the cloud takes it.
  // REQUIRES: Connect has connected
  Finding Handshake(bool as_vehicle);
  // REQUIRES: Handshake(true) was welcomed
  Finding Clock() const;

 private:
  struct Address {
    sockaddr_storage storage{};
    socklen_t bytes = 0;
    std::string text;
  };

  // OpenSSL's, for each certificate of the gateway's chain.
  static int OnVerify(int valid, X509_STORE_CTX* context);
  Finding FailedHandshake(const std::string& reason) const;
  Finding Greet();

  const DoctorConfig& config_;
  const Endpoint cloud_;
  const WallClock clock_;
  std::vector<Address> addresses_;
  int socket_ = -1;
  SslContextPtr context_;
  SslPtr ssl_;
  std::string gateway_names_;                // that its certificate carries
  std::optional<nanoseconds> clock_ahead_;   // this clock less the cloud's, once it has told its time
};

}  // namespace starling::edge
