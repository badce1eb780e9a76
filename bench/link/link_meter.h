// What an application's writes become on an IP link: TLS 1.3 records, TCP segments, acknowledgements.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/time.h"

namespace starling {

enum class Way : std::uint8_t { kUp, kDown };

constexpr Way Opposite(Way way) { return way == Way::kUp ? Way::kDown : Way::kUp; }

// What TLS adds, as measured on a real connection (MeasureTls).
struct TlsCosts {
  struct Flight {
    Way way{};
    std::size_t bytes = 0;
  };

  std::size_t record_bytes = 0;      // around each record of application data
  std::size_t record_bytes_max = 0;  // of application data in one record
  std::vector<Flight> handshake;     // a full one, both certificates and the ticket included
};

// A full handshake over memory with the contexts of vehicle and gateway and certificates as `starling
// init` makes them, and records of two sizes behind it.
TlsCosts MeasureTls();

// Both ways together.
struct LinkBytes {
  std::uint64_t payload = 0;    // what the application wrote
  std::uint64_t tls = 0;        // around its records
  std::uint64_t tcp_ip = 0;     // headers, of segments that only acknowledge too
  std::uint64_t handshakes = 0; // TCP's and TLS's, with their headers

  std::uint64_t total() const { return payload + tls + tcp_ip + handshakes; }
  LinkBytes& operator+=(const LinkBytes& other);
};

// One TCP connection over IPv4 without loss, as Linux keeps it: segments of up to 1,448 bytes with
// the timestamp option behind headers of 52 bytes; what arrives is acknowledged by the next segment
// that goes the other way, or alone after 40 ms, or at once for every second full segment.
//
// Source: RFC 9293, sections 3.1 and 3.8.6.3; RFC 7323, section 3.2; the 40 ms are TCP_DELACK_MIN of
// Linux, which RFC 9293 allows up to 500.
//
// Threading: thread-compatible.
class LinkMeter {
 public:
  static constexpr std::size_t kSegmentBytesMax = 1448;
  static constexpr std::size_t kHeaderBytes = 20 + 32;     // IPv4; TCP with timestamps
  static constexpr std::size_t kSynHeaderBytes = 20 + 40;  // and the options of a SYN
  static constexpr milliseconds kAckDelay{40};

  // `tls` must outlive the meter.
  explicit LinkMeter(const TlsCosts* tls) : tls_(tls) {}

  // Connects, and shakes hands.
  void Open(CloudTime at);

  // What the application hands to TLS at one time.  Times do not go back.
  void Write(Way way, std::size_t bytes, CloudTime at);

  // What was not acknowledged yet is.
  void Settle();

  const LinkBytes& bytes() const { return bytes_; }
  std::uint64_t segments(Way way) const { return segments_[static_cast<std::size_t>(way)]; }

 private:
  void Send(Way way, std::size_t bytes, CloudTime at, std::uint64_t* headers);
  void AcknowledgeLate(CloudTime now, std::uint64_t* headers);

  const TlsCosts* tls_;
  LinkBytes bytes_;
  std::array<std::uint64_t, 2> segments_{};
  // By the way that an acknowledgement would go: when it goes alone.
  std::array<std::optional<CloudTime>, 2> owed_;
};

}  // namespace starling
