#pragma once

#include <cstdint>
#include <memory>

#include "common/tls/tls_context.h"

namespace starling::cloud {

// The rival: an Asio TLS server that reads and throws away, and does nothing else.
//
// Threading: its methods from any thread.
class BareLoop {
 public:
  explicit BareLoop(const CertificateFolder& certificates);
  ~BareLoop();

  std::uint16_t port() const;
  std::uint64_t bytes() const;  // read so far

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace starling::cloud
