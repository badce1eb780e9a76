#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include "common/tls/tls_context.h"

namespace starling::cloud {

// What the client's process and the benchmark tell each other: one byte at a time
// over a pair of sockets, so that neither's waiting costs CPU.
struct ClientLoad {
  std::uint16_t port = 0;
  std::size_t connections = 0;
  std::size_t frames_per_connection = 0;  // in each round
  std::size_t frames_per_second = 0;      // of all connections together, evenly spread
};

// Many vehicles in a process of their own, so that their CPU is not the server's.
// Every connection says Hello and reports its clock, then sends real Live frames.
class FrameClient {
 public:
  // Forks: call before the process has threads.
  FrameClient(const CertificateFolder& certificates, std::size_t vehicles);
  ~FrameClient();

  // Connects all; returns when every handshake is done and everything said.
  bool Connect(const ClientLoad& load);
  // Sends one round; returns when all of it was written.
  bool Send();
  // Bytes that all connections have sent.
  std::uint64_t bytes_sent() const { return bytes_sent_; }

 private:
  bool Ask(const ClientLoad* load);

  pid_t process_ = -1;
  int link_ = -1;
  std::uint64_t bytes_sent_ = 0;
};

}  // namespace starling::cloud
