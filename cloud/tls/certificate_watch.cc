#include "cloud/tls/certificate_watch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

namespace starling::cloud {
namespace {

constexpr std::chrono::hours kExpiryNotice{24 * 30};

long DaysUntil(CloudTime then, CloudTime now) {
  return static_cast<long>(std::chrono::floor<std::chrono::hours>(then - now).count() / 24);
}

}  // namespace

CertificateWatch::CertificateWatch(CertificateFolder folder, Say say)
    : folder_(std::move(folder)), say_(std::move(say)) {}

CertificateWatch::~CertificateWatch() { Stop(); }

Status CertificateWatch::Start(std::function<void()> on_change) {
  on_change_ = std::move(on_change);
  // Before it is read: what changes meanwhile is read again.
  taken_ = seen_ = Look();
  Result<std::shared_ptr<const ServerTls>> loaded = ServerTls::Load(folder_);
  if (!loaded.ok()) return loaded.status();
  WarnOfExpiry(*loaded.value());
  WarnOfOverdueList(*loaded.value());
  {
    MutexLock lock(mutex_);
    current_ = std::move(loaded).value();
  }
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_ < 0) return Status(ErrorCode::kExhausted, "no file left for watching the certificates");
  thread_ = std::thread([this] { Loop(); });
  return Status();
}

void CertificateWatch::Stop() {
  if (thread_.joinable()) {
    stop_.store(true, std::memory_order_release);
    (void)::eventfd_write(wake_, 1);
    thread_.join();
  }
  if (wake_ >= 0) ::close(wake_);
  wake_ = -1;
}

void CertificateWatch::Reload() {
  asked_.store(true, std::memory_order_release);
  if (wake_ >= 0) (void)::eventfd_write(wake_, 1);
}

std::shared_ptr<const ServerTls> CertificateWatch::current() const {
  MutexLock lock(mutex_);
  return current_;
}

CertificateFigures CertificateWatch::figures() const {
  CertificateFigures figures;
  std::shared_ptr<const ServerTls> tls;
  {
    MutexLock lock(mutex_);
    figures.reloads = reloads_;
    figures.reloads_refused = reloads_refused_;
    tls = current_;
  }
  if (tls == nullptr) return figures;
  figures.server_expires = tls->server_expires();
  figures.authority_expires = tls->authority_expires();
  figures.revoked = tls->revoked().entries();
  figures.crl_number = tls->revoked().number();
  figures.crl_next_update = tls->revoked().next_update();
  return figures;
}

CertificateWatch::FolderState CertificateWatch::Look() const {
  FolderState state{};
  std::size_t next = 0;
  for (const std::filesystem::path& file : {folder_.ca(), folder_.crl(), folder_.server(), folder_.server_key(),
                                            folder_.ticket_key(), folder_.previous_ticket_key()}) {
    struct stat found {};
    FileState& each = state[next++];
    if (::stat(file.c_str(), &found) != 0) continue;
    each = {found.st_mtim.tv_sec * 1'000'000'000 + found.st_mtim.tv_nsec, found.st_size, found.st_ino};
  }
  return state;
}

void CertificateWatch::Loop() {
  for (;;) {
    pollfd wake{wake_, POLLIN, 0};
    (void)::poll(&wake, 1, static_cast<int>(kInterval.count()));
    eventfd_t count = 0;
    (void)::eventfd_read(wake_, &count);
    if (stop_.load(std::memory_order_acquire)) return;
    const FolderState now = Look();
    // A certificate and its key are two files: between the two they do not fit.
    const bool settled = now == std::exchange(seen_, now);
    const bool asked = asked_.exchange(false, std::memory_order_acq_rel);
    if (asked || (settled && now != taken_)) {
      taken_ = now;
      TakeOver();
    }
    WarnOfOverdueList(*current());
  }
}

void CertificateWatch::TakeOver() {
  const ServerTls::Reloaded reloaded = ServerTls::Reload(folder_, current());
  for (const Status* status : {&reloaded.credentials, &reloaded.revocation}) {
    if (!status->ok()) say_(std::string(status->message()) + "; what was in force before stays in force");
  }
  const bool all = reloaded.credentials.ok() && reloaded.revocation.ok();
  const bool some = reloaded.credentials.ok() || reloaded.revocation.ok();
  {
    MutexLock lock(mutex_);
    current_ = reloaded.tls;
    if (some) ++reloads_;
    if (!all) ++reloads_refused_;
  }
  if (!some) return;
  const RevocationList& revoked = reloaded.tls->revoked();
  say_("certificates read again: server's is good for " +
       std::to_string(DaysUntil(reloaded.tls->server_expires(), CloudNow())) + " days, revocation list " +
       (revoked.empty() ? "none"
                        : std::to_string(revoked.number()) + " with " + std::to_string(revoked.entries()) + " entries"));
  overdue_said_ = false;
  WarnOfExpiry(*reloaded.tls);
  on_change_();
}

void CertificateWatch::WarnOfExpiry(const ServerTls& tls) {
  const CloudTime now = CloudNow();
  const auto warn = [&](CloudTime expires, const std::filesystem::path& file) {
    if (expires - now > kExpiryNotice) return;
    say_(file.string() + (expires <= now ? " has expired: vehicles refuse this server"
                                         : " expires in " + std::to_string(DaysUntil(expires, now)) + " days"));
  };
  warn(tls.server_expires(), folder_.server());
  warn(tls.authority_expires(), folder_.ca());
}

void CertificateWatch::WarnOfOverdueList(const ServerTls& tls) {
  const std::optional<CloudTime> next = tls.revoked().next_update();
  if (overdue_said_ || !next || *next > CloudNow()) return;
  overdue_said_ = true;
  say_(folder_.crl().string() + " is overdue for its next update and stays in force; renew it with: starling crl " +
       folder_.root.string() + " --renew");
}

}  // namespace starling::cloud
