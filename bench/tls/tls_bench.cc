// What a vehicle's coming back costs: one handshake of each kind over memory, client and
// server on one thread, and what each of them takes of it.
//
// For the CPU time of handshakes.  Not for latency: there is no network.

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <openssl/bio.h>

#include "cloud/fleet_ca/fleet_ca.h"
#include "cloud/tls/server_tls.h"
#include "common/check.h"
#include "common/time.h"

namespace starling::cloud {
namespace {

CertificateFolder MakeCertificates() {
  std::string name = (std::filesystem::temp_directory_path() / "starling-tls-bench-XXXXXX").string();
  STARLING_CHECK(::mkdtemp(name.data()) != nullptr);
  CertificateFolder folder{name};
  FleetConfig config;
  config.vehicles = 1;
  STARLING_CHECK(InitFleet(folder, config, CloudNow(), [](std::size_t, std::size_t) {}).ok());
  return folder;
}

nanoseconds Now() {
  return std::chrono::duration_cast<nanoseconds>(std::chrono::steady_clock::now().time_since_epoch());
}

// Adds the time of its life.
class Stopwatch {
 public:
  explicit Stopwatch(nanoseconds* sum) : sum_(sum), start_(Now()) {}
  ~Stopwatch() { *sum_ += Now() - start_; }

 private:
  nanoseconds* const sum_;
  const nanoseconds start_;
};

class Handshakes {
 public:
  Handshakes()
      : certificates_(MakeCertificates()), server_(ServerTls::Load(certificates_).value()),
        client_(MakeClientContext(certificates_.ca()).value()) {
    const VehicleId vehicle = NumberedVehicle("veh-", 1).value();
    credentials_ = LoadCredentials(certificates_.vehicle(vehicle), certificates_.vehicle_key(vehicle)).value();
  }
  ~Handshakes() { std::filesystem::remove_all(certificates_.root); }

  // One handshake, up to the ticket; false if it failed or was of another kind.
  bool Run(bool resume) {
    SslPtr client;
    SslPtr server;
    {
      const Stopwatch watch(&client_time_);
      client = MakeClientConnection(client_.get(), credentials_, "starling-cloud", resume ? session_.get() : nullptr).value();
    }
    {
      const Stopwatch watch(&server_time_);
      server.reset(SSL_new(server_->context()));
      SSL_set_accept_state(server.get());
    }
    BIO* client_end = nullptr;
    BIO* server_end = nullptr;
    STARLING_CHECK(BIO_new_bio_pair(&client_end, 64 << 10, &server_end, 64 << 10) == 1);
    SSL_set_bio(client.get(), client_end, client_end);
    SSL_set_bio(server.get(), server_end, server_end);
    Step(client.get(), &client_time_);
    Step(server.get(), &server_time_);
    Step(client.get(), &client_time_);
    Step(server.get(), &server_time_);
    {
      const Stopwatch watch(&server_time_);
      if (!server_->Identify(server.get(), CloudNow()).ok() || server_->Revokes(server.get())) return false;
    }
    {
      const Stopwatch watch(&client_time_);
      char byte = 0;
      (void)SSL_read(client.get(), &byte, 1);  // the ticket
      session_.reset(SSL_get1_session(client.get()));
    }
    const bool resumed = SSL_session_reused(client.get()) == 1;
    // OpenSSL spoils the session of a connection that is freed without a shutdown.
    SSL_set_shutdown(client.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    Free(&client, &client_time_);
    Free(&server, &server_time_);
    return resumed == resume && SSL_SESSION_is_resumable(session_.get()) == 1;
  }

  nanoseconds client_time() const { return client_time_; }
  nanoseconds server_time() const { return server_time_; }

 private:
  static void Step(SSL* ssl, nanoseconds* time) {
    const Stopwatch watch(time);
    (void)SSL_do_handshake(ssl);
  }

  static void Free(SslPtr* ssl, nanoseconds* time) {
    const Stopwatch watch(time);
    ssl->reset();
  }

  const CertificateFolder certificates_;
  const std::shared_ptr<const ServerTls> server_;
  const SslContextPtr client_;
  Credentials credentials_;
  SslSessionPtr session_;
  nanoseconds client_time_{};
  nanoseconds server_time_{};
};

void HandshakeCase(benchmark::State& state, bool resume) {
  Handshakes handshakes;
  if (!handshakes.Run(false)) return state.SkipWithError("the first handshake failed");
  const nanoseconds client_before = handshakes.client_time();
  const nanoseconds server_before = handshakes.server_time();
  for (auto _ : state) {
    if (!handshakes.Run(resume)) return state.SkipWithError("a handshake failed, or was of the other kind");
  }
  const auto us = [&](nanoseconds time) { return ToSeconds(time) * 1e6 / static_cast<double>(state.iterations()); };
  state.counters["vehicle_us"] = us(handshakes.client_time() - client_before);
  state.counters["gateway_us"] = us(handshakes.server_time() - server_before);
}

BENCHMARK_CAPTURE(HandshakeCase, full, false)->Name("Handshake/full")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(HandshakeCase, resumed, true)->Name("Handshake/resumed")->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace starling::cloud

BENCHMARK_MAIN();
