#include "edge/doctor/cloud_check.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <random>
#include <span>
#include <system_error>
#include <utility>

#include "common/frame/frame_reader.h"
#include "common/frame/payload_codec.h"
#include "edge/agent/agent.h"
#include "edge/spool/memory_spool.h"
#include "schemas/cloud_to_edge/downlink_generated.h"

namespace starling::edge {
namespace {

// Certificates are judged by this clock, and the age of what is in the spool.
constexpr seconds kClockErrorMax{60};
// What is worth a remark: an honest clock is this near to the cloud's over any link.
constexpr seconds kClockErrorNoted{2};

std::string Reason(int error) { return std::generic_category().message(error); }

// 0, ETIMEDOUT, or what poll said.
int Await(int socket, short events, milliseconds patience) {
  pollfd waiting{socket, events, 0};
  const int count = ::poll(&waiting, 1, static_cast<int>(patience.count()));
  if (count > 0) return 0;
  return count == 0 ? ETIMEDOUT : errno;
}

// 0, or why there is no connection.
int ConnectTo(int socket, const sockaddr* address, socklen_t bytes, milliseconds patience) {
  if (::connect(socket, address, bytes) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  if (const int error = Await(socket, POLLOUT, patience); error != 0) return error;
  int error = 0;
  socklen_t length = sizeof(error);
  ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length);
  return error;
}

// "DNS:starling-cloud, IP Address:127.0.0.1"
std::string NamesOf(X509* certificate) {
  std::string names;
  auto* const list = static_cast<GENERAL_NAMES*>(
      certificate == nullptr ? nullptr : X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(list); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(list, i);
    std::array<char, 64> text{};
    if (name->type == GEN_DNS) {
      names.append(names.empty() ? "" : ", ");
      names.append(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                   static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
    } else if (name->type == GEN_IPADD) {
      const int bytes = ASN1_STRING_length(name->d.iPAddress);
      const int family = bytes == 4 ? AF_INET : AF_INET6;
      if (bytes != 4 && bytes != 16) continue;
      sockaddr_storage address{};
      void* const target = family == AF_INET
                               ? static_cast<void*>(&reinterpret_cast<sockaddr_in*>(&address)->sin_addr)
                               : static_cast<void*>(&reinterpret_cast<sockaddr_in6*>(&address)->sin6_addr);
      std::memcpy(target, ASN1_STRING_get0_data(name->d.iPAddress), static_cast<std::size_t>(bytes));
      address.ss_family = static_cast<sa_family_t>(family);
      const socklen_t length = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
      if (::getnameinfo(reinterpret_cast<const sockaddr*>(&address), length, text.data(), text.size(), nullptr, 0,
                        NI_NUMERICHOST) == 0) {
        names.append(names.empty() ? "" : ", ").append(text.data());
      }
    }
  }
  GENERAL_NAMES_free(list);
  return names.empty() ? "no name" : names;
}

std::string Span(nanoseconds span) {
  std::array<char, 48> text{};
  const double s = std::abs(ToSeconds(span));
  if (s < 120) std::snprintf(text.data(), text.size(), "%.3f s", s);
  else std::snprintf(text.data(), text.size(), "%.1f hours", s / 3600);
  return text.data();
}

}  // namespace

CloudCheck::CloudCheck(const DoctorConfig& config, Endpoint cloud, WallClock clock)
    : config_(config), cloud_(std::move(cloud)), clock_(std::move(clock)) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to the socket without asking for an error instead.
}

CloudCheck::~CloudCheck() {
  if (ssl_ != nullptr && SSL_is_init_finished(ssl_.get()) == 1) (void)SSL_shutdown(ssl_.get());
  if (socket_ >= 0) ::close(socket_);
}

Finding CloudCheck::Resolve() {
  const std::string& host = cloud_.host;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(cloud_.port);
  const bool numeric = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found) == 0;
  if (!numeric) {
    hints.ai_flags = 0;
    if (const int error = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found); error != 0) {
      const std::string why = error == EAI_SYSTEM ? Reason(errno) : ::gai_strerror(error);
      return Failed("dns", host + " has no address: " + why,
                    error == EAI_AGAIN ? "no name server answers: is the link up? see /etc/resolv.conf"
                                       : "is the name right? connect; and who serves it: /etc/resolv.conf");
    }
  }
  std::string texts;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    Address address;
    std::memcpy(&address.storage, each->ai_addr, each->ai_addrlen);
    address.bytes = each->ai_addrlen;
    std::array<char, NI_MAXHOST> text{};
    (void)::getnameinfo(each->ai_addr, each->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST);
    address.text = text.data();
    texts += (texts.empty() ? "" : ", ") + address.text;
    addresses_.push_back(address);
  }
  ::freeaddrinfo(found);
  return Fine("dns", numeric ? host + " is an address" : host + " is " + texts);
}

Finding CloudCheck::Connect() {
  std::string failures;
  int error = 0;
  for (const Address& address : addresses_) {
    const int socket = ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    error = socket < 0 ? errno
                       : ConnectTo(socket, reinterpret_cast<const sockaddr*>(&address.storage), address.bytes,
                                   config_.patience);
    const std::string at = address.text + " port " + std::to_string(cloud_.port);
    if (error == 0) {
      socket_ = socket;
      return Fine("tcp", "connected to " + at);
    }
    if (socket >= 0) ::close(socket);
    failures += (failures.empty() ? "" : "; ") + at + ": " + Reason(error);
  }
  switch (error) {
    case ECONNREFUSED:
      return Failed("tcp", failures, "nobody listens there: is the port right (connect), and does the gateway run?");
    case ENETUNREACH:
    case EHOSTUNREACH:
      return Failed("tcp", failures, "there is no way there: is the modem up? ip route");
    default:
      return Failed("tcp", failures, "a firewall may be in the way, or the machine is off");
  }
}

int CloudCheck::OnVerify(int valid, X509_STORE_CTX* context) {
  const auto* const ssl =
      static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* const self = static_cast<CloudCheck*>(SSL_get_ex_data(ssl, 0));
  if (X509_STORE_CTX_get_error_depth(context) == 0) {
    self->gateway_names_ = NamesOf(X509_STORE_CTX_get_current_cert(context));
  }
  return valid;
}

Finding CloudCheck::FailedHandshake(const std::string& reason) const {
  const long verified = ssl_ == nullptr ? X509_V_OK : SSL_get_verify_result(ssl_.get());
  const std::string why = X509_verify_cert_error_string(verified);
  switch (verified) {
    case X509_V_OK: break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return Failed("tls", "the gateway's certificate is for " + gateway_names_ + ", not for " + config_.server_name,
                    "name one of these: server-name; or give the gateway a certificate with that name");
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return Failed("tls", "the gateway's certificate: " + why,
                    "renew the gateway's certificate; if it is not that, this machine's clock is ahead: date");
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return Failed("tls", "the gateway's certificate: " + why, "this machine's clock is behind: date");
    default:
      return Failed("tls", "the gateway's certificate: " + why,
                    "it is of another authority than " + config_.ca + ": take the ca.pem of this cloud's fleet");
  }
  return Failed("tls", "TLS failed: " + reason,
                "does a gateway of Starling listen at that port? connect");
}

Finding CloudCheck::Handshake(bool as_vehicle) {
  Result<SslContextPtr> context = MakeClientContext(config_.ca);
  if (!context.ok()) return FailedHandshake(std::string(context.status().message()));
  context_ = std::move(context).value();
  const Result<Credentials> credentials = LoadCredentials(config_.certificate, config_.key);
  if (!credentials.ok()) return FailedHandshake(std::string(credentials.status().message()));
  Result<SslPtr> made = MakeClientConnection(context_.get(), credentials.value(), config_.server_name, nullptr);
  if (!made.ok()) return FailedHandshake(std::string(made.status().message()));
  ssl_ = std::move(made).value();
  // A certificate that is refused is not kept by OpenSSL, and its names are what helps.
  SSL_set_ex_data(ssl_.get(), 0, this);
  SSL_set_verify(ssl_.get(), SSL_VERIFY_PEER, &CloudCheck::OnVerify);
  if (!as_vehicle) SSL_certs_clear(ssl_.get());
  if (SSL_set_fd(ssl_.get(), socket_) != 1) return FailedHandshake(LastTlsError());

  for (;;) {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    if (result == 1) break;
    const int system_error = errno;
    const int error = SSL_get_error(ssl_.get(), result);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
      const int waited = Await(socket_, error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, config_.patience);
      if (waited == 0) continue;
      return FailedHandshake("no answer within " + std::to_string(config_.patience.count()) + " ms");
    }
    if (error == SSL_ERROR_SSL) return FailedHandshake(LastTlsError());
    return FailedHandshake(system_error == 0 || error == SSL_ERROR_ZERO_RETURN ? "the other side closed the connection"
                                                                               : Reason(system_error));
  }
  if (!as_vehicle) {
    return Fine("tls", "the gateway's certificate is for " + config_.server_name +
                           "; the agent runs, so that ours was not shown");
  }
  return Greet();
}

Finding CloudCheck::Greet() {
  PayloadCodec codec;
  // A boot of its own: no agent runs, and the next one has another one as well.
  std::random_device device;
  const BootId boot{(static_cast<std::uint64_t>(device()) << 32 | device()) | 1};
  Agent agent(AgentConfig(), boot, std::make_unique<MemorySpool>(MemorySpoolConfig()), &codec);
  timespec boot_time{};
  ::clock_gettime(CLOCK_BOOTTIME, &boot_time);
  const BootTime now(seconds(boot_time.tv_sec) + nanoseconds(boot_time.tv_nsec));
  agent.OnConnected(now);
  std::vector<std::byte> greeting;
  const CloudTime sent = clock_();
  if (!agent.NextFrame(now, &greeting) ||
      SSL_write(ssl_.get(), greeting.data(), static_cast<int>(greeting.size())) <= 0) {
    return Failed("tls", "the gateway took the connection, and no greeting: " + LastTlsError(),
                  "what the gateway's log says of this vehicle");
  }

  std::vector<std::byte> stream;
  std::string notice;
  const auto end = std::chrono::steady_clock::now() + config_.patience;
  const auto refused = [this, &notice](const std::string& why) {
    const std::string said = notice.empty() ? "" : "; it says: " + notice;
    return Failed("tls", "the cloud takes no connection with " + config_.certificate + ": " + why + said,
                  "was it revoked, or is the gateway's ca.pem another one? the gateway's log says which");
  };
  for (;;) {
    std::array<std::byte, 4096> bytes{};
    ERR_clear_error();
    const int count = SSL_read(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
    if (count <= 0) {
      const int system_error = errno;
      const int error = SSL_get_error(ssl_.get(), count);
      if (error == SSL_ERROR_SSL) return refused(LastTlsError());
      if (error != SSL_ERROR_WANT_READ) {
        return refused(error == SSL_ERROR_SYSCALL && system_error != 0 ? Reason(system_error)
                                                                       : "it closed the connection");
      }
      const auto left = std::chrono::duration_cast<milliseconds>(end - std::chrono::steady_clock::now());
      if (left.count() <= 0 || Await(socket_, POLLIN, left) != 0) {
        return Failed("tls", "TLS stands, but no welcome came within " + std::to_string(config_.patience.count()) +
                                 " ms" + (notice.empty() ? "" : "; it says: " + notice),
                      "is the orchestrator behind the gateway ready? GET /readyz");
      }
      continue;
    }
    stream.insert(stream.end(), bytes.begin(), bytes.begin() + count);
    for (;;) {
      const auto frame = ParseFrame(stream);
      if (!frame.ok()) return refused(std::string(frame.status().message()));
      if (!frame.value()) break;
      const auto payload = codec.Decode(*frame.value());
      if (!payload.ok()) return refused(std::string(payload.status().message()));
      const auto* const data = reinterpret_cast<const std::uint8_t*>(payload.value().data());
      flatbuffers::Verifier verifier(data, payload.value().size());
      if (frame.value()->type == FrameType::kNotice && verifier.VerifyBuffer<wire::Notice>(nullptr)) {
        const auto* const detail = flatbuffers::GetRoot<wire::Notice>(data)->detail();
        if (detail != nullptr) notice = detail->str();
      }
      if (frame.value()->type == FrameType::kWelcome && verifier.VerifyBuffer<wire::Welcome>(nullptr)) {
        // It was written between the two.
        const nanoseconds middle = sent.time_since_epoch() + (clock_() - sent) / 2;
        clock_ahead_ = middle - nanoseconds(flatbuffers::GetRoot<wire::Welcome>(data)->cloud_time_ns());
        return Fine("tls", std::string(SSL_get_version(ssl_.get())) + ", the gateway is " + config_.server_name +
                               " and welcomes this vehicle");
      }
      stream.erase(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(frame.value()->bytes));
    }
  }
}

Finding CloudCheck::Clock() const {
  const nanoseconds ahead = clock_ahead_.value_or(nanoseconds(0));
  const std::string detail =
      "this clock is " + Span(ahead) + (ahead.count() < 0 ? " behind" : " ahead of") + " the cloud's";
  const char* const remedy = "set it: timedatectl set-ntp true, or chrony with the receiver's time";
  const nanoseconds off = ahead.count() < 0 ? -ahead : ahead;
  if (off > kClockErrorMax) return Failed("clock", detail, remedy);
  if (off > kClockErrorNoted) return Warning("clock", detail, remedy);
  return Fine("clock", detail);
}

}  // namespace starling::edge
