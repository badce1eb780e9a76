#include "bench/link/link_meter.h"

#include <openssl/bio.h>
#include <stdlib.h>

#include <filesystem>
#include <string>
#include <utility>

#include "cloud/fleet_ca/fleet_ca.h"
#include "cloud/tls/server_tls.h"
#include "common/check.h"
#include "common/tls/tls_context.h"

namespace starling {
namespace {

// Bytes that one end has put into its side of the pair since it was asked last.
std::size_t Written(BIO* end, std::uint64_t* before) {
  const std::uint64_t now = BIO_number_written(end);
  return static_cast<std::size_t>(now - std::exchange(*before, now));
}

}  // namespace

TlsCosts MeasureTls() {
  std::string folder = (std::filesystem::temp_directory_path() / "starling-link-XXXXXX").string();
  STARLING_CHECK(::mkdtemp(folder.data()) != nullptr);
  const CertificateFolder certificates{folder};
  cloud::FleetConfig fleet;
  fleet.vehicles = 1;
  STARLING_CHECK(cloud::InitFleet(certificates, fleet, CloudNow(), [](std::size_t, std::size_t) {}).ok());
  const auto server_tls = cloud::ServerTls::Load(certificates).value();
  const SslContextPtr client_tls = MakeClientContext(certificates.ca()).value();
  const VehicleId vehicle = cloud::NumberedVehicle("veh-", 1).value();
  const Credentials credentials =
      LoadCredentials(certificates.vehicle(vehicle), certificates.vehicle_key(vehicle)).value();
  const SslPtr client = MakeClientConnection(client_tls.get(), credentials, "starling-cloud", nullptr).value();
  const SslPtr server(SSL_new(server_tls->context()));
  SSL_set_accept_state(server.get());
  BIO* client_end = nullptr;
  BIO* server_end = nullptr;
  STARLING_CHECK(BIO_new_bio_pair(&client_end, 64 << 10, &server_end, 64 << 10) == 1);
  SSL_set_bio(client.get(), client_end, client_end);
  SSL_set_bio(server.get(), server_end, server_end);

  TlsCosts costs;
  std::uint64_t up = 0;
  std::uint64_t down = 0;
  while (SSL_is_init_finished(client.get()) == 0 || SSL_is_init_finished(server.get()) == 0) {
    (void)SSL_do_handshake(client.get());
    if (const std::size_t bytes = Written(client_end, &up)) costs.handshake.push_back({Way::kUp, bytes});
    (void)SSL_do_handshake(server.get());
    if (const std::size_t bytes = Written(server_end, &down)) costs.handshake.push_back({Way::kDown, bytes});
    STARLING_CHECK(costs.handshake.size() < 16);
  }
  char byte = 0;
  (void)SSL_read(client.get(), &byte, 1);  // The ticket.
  const auto record = [&](std::size_t bytes) {
    const std::string text(bytes, 'x');
    // One record each time.
    for (std::size_t written = 0; written < bytes;) {
      const int part = SSL_write(client.get(), text.data() + written, static_cast<int>(bytes - written));
      STARLING_CHECK(part > 0);
      written += static_cast<std::size_t>(part);
    }
    return Written(client_end, &up);
  };
  constexpr std::size_t kMost = SSL3_RT_MAX_PLAIN_LENGTH;
  costs.record_bytes = record(100) - 100;
  costs.record_bytes_max = kMost;
  STARLING_CHECK(record(kMost) == kMost + costs.record_bytes && record(kMost + 1) == kMost + 1 + 2 * costs.record_bytes);
  SSL_set_shutdown(client.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  std::filesystem::remove_all(folder);
  return costs;
}

LinkBytes& LinkBytes::operator+=(const LinkBytes& other) {
  payload += other.payload;
  tls += other.tls;
  tcp_ip += other.tcp_ip;
  handshakes += other.handshakes;
  return *this;
}

void LinkMeter::Open(CloudTime at) {
  // SYN, SYN and ACK, ACK.
  bytes_.handshakes += 2 * kSynHeaderBytes + kHeaderBytes;
  segments_[0] += 2;
  segments_[1] += 1;
  std::uint64_t headers = 0;
  for (const TlsCosts::Flight& flight : tls_->handshake) {
    bytes_.handshakes += flight.bytes;
    Send(flight.way, flight.bytes, at, &headers);
  }
  bytes_.handshakes += headers;
}

void LinkMeter::Write(Way way, std::size_t bytes, CloudTime at) {
  if (bytes == 0) return;
  const std::size_t records = (bytes + tls_->record_bytes_max - 1) / tls_->record_bytes_max;
  bytes_.payload += bytes;
  bytes_.tls += records * tls_->record_bytes;
  Send(way, bytes + records * tls_->record_bytes, at, &bytes_.tcp_ip);
}

void LinkMeter::Send(Way way, std::size_t bytes, CloudTime at, std::uint64_t* headers) {
  AcknowledgeLate(at, headers);
  const std::size_t segments = (bytes + kSegmentBytesMax - 1) / kSegmentBytesMax;
  *headers += segments * kHeaderBytes;
  segments_[static_cast<std::size_t>(way)] += segments;
  owed_[static_cast<std::size_t>(way)].reset();
  const auto back = static_cast<std::size_t>(Opposite(way));
  const std::size_t full = bytes / kSegmentBytesMax;
  *headers += full / 2 * kHeaderBytes;
  segments_[back] += full / 2;
  if (segments > full / 2 * 2 && !owed_[back]) owed_[back] = at + kAckDelay;
}

void LinkMeter::AcknowledgeLate(CloudTime now, std::uint64_t* headers) {
  for (std::size_t way = 0; way < owed_.size(); ++way) {
    if (!owed_[way] || *owed_[way] >= now) continue;
    owed_[way].reset();
    *headers += kHeaderBytes;
    ++segments_[way];
  }
}

void LinkMeter::Settle() { AcknowledgeLate(CloudTime::max(), &bytes_.tcp_ip); }

}  // namespace starling
