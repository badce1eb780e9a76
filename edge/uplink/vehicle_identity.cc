#include "edge/uplink/vehicle_identity.h"

#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <string_view>
#include <utility>

namespace starling::edge {
namespace {

// A hundred authorities; what is longer is no file of certificates.
constexpr std::int64_t kFileBytesMax = 256 << 10;

// A certificate is worth a remark when it is good for no longer.
constexpr std::chrono::hours kExpiryNotice{30 * 24};

struct StoreDeleter {
  void operator()(X509_STORE* store) const { X509_STORE_free(store); }
};
struct StoreContextDeleter {
  void operator()(X509_STORE_CTX* context) const { X509_STORE_CTX_free(context); }
};

struct StackDeleter {
  void operator()(STACK_OF(X509)* stack) const { sk_X509_pop_free(stack, X509_free); }
};
using StackPtr = std::unique_ptr<STACK_OF(X509), StackDeleter>;

std::time_t ToUnix(CloudTime time) {
  return static_cast<std::time_t>(std::chrono::duration_cast<seconds>(time.time_since_epoch()).count());
}

// Not by time_t, which has 32 bits on some vehicles.
CloudTime ToCloudTime(const ASN1_TIME* time) {
  std::tm utc{};
  if (ASN1_TIME_to_tm(time, &utc) != 1) return CloudTime();
  const std::chrono::year_month_day day{std::chrono::year(utc.tm_year + 1900),
                                        std::chrono::month(static_cast<unsigned>(utc.tm_mon + 1)),
                                        std::chrono::day(static_cast<unsigned>(utc.tm_mday))};
  // 2262 is as far as nanoseconds go; a certificate without an end says 9999.
  if (!day.ok() || day.year() >= std::chrono::year(2262)) return CloudTime::max();
  return CloudTime(std::chrono::sys_days(day).time_since_epoch() + std::chrono::hours(utc.tm_hour) +
                   std::chrono::minutes(utc.tm_min) + seconds(utc.tm_sec));
}

std::string TextOf(const ASN1_TIME* time) {
  std::tm utc{};
  char text[32] = "unknown";
  if (ASN1_TIME_to_tm(time, &utc) == 1) std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

bool SameCertificates(const std::vector<X509Ptr>& left, const std::vector<X509Ptr>& right) {
  return std::ranges::equal(left, right,
                            [](const X509Ptr& a, const X509Ptr& b) { return X509_cmp(a.get(), b.get()) == 0; });
}

// Before it is opened: a fifo would never end.
Status CheckFile(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) return Status();  // Who opens it says why.
  if (!S_ISREG(about.st_mode)) return Status(ErrorCode::kIoError, "cannot read " + path + ": it is not a file");
  if (about.st_size <= kFileBytesMax) return Status();
  return Status(ErrorCode::kInvalidArgument, path + " has " + std::to_string(about.st_size) +
                                                 " bytes, more than certificates or a key ever have");
}

}  // namespace

bool VehicleIdentity::SameAs(const VehicleIdentity& other) const {
  return SameCertificates(authorities, other.authorities) &&
         X509_cmp(credentials.certificate.get(), other.credentials.certificate.get()) == 0;
}

CloudTime ExpiryOf(X509* certificate) { return ToCloudTime(X509_get0_notAfter(certificate)); }

std::string ExpiryText(X509* certificate) { return TextOf(X509_get0_notAfter(certificate)); }

int VerifyChain(X509* certificate, const std::vector<X509Ptr>& authorities, std::optional<CloudTime> now) {
  const std::unique_ptr<X509_STORE, StoreDeleter> store(X509_STORE_new());
  const std::unique_ptr<X509_STORE_CTX, StoreContextDeleter> context(X509_STORE_CTX_new());
  if (store == nullptr || context == nullptr) return X509_V_ERR_OUT_OF_MEM;
  for (const X509Ptr& authority : authorities) X509_STORE_add_cert(store.get(), authority.get());
  if (X509_STORE_CTX_init(context.get(), store.get(), certificate, nullptr) != 1) return X509_V_ERR_OUT_OF_MEM;
  X509_VERIFY_PARAM* const parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_CLIENT);
  if (now) X509_VERIFY_PARAM_set_time(parameters, ToUnix(*now));
  else X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_NO_CHECK_TIME);
  return X509_verify_cert(context.get()) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context.get());
}

bool ShareAuthority(SSL_CTX* left, SSL_CTX* right) {
  const StackPtr believed(X509_STORE_get1_all_certs(SSL_CTX_get_cert_store(left)));
  const StackPtr others(X509_STORE_get1_all_certs(SSL_CTX_get_cert_store(right)));
  if (believed == nullptr || others == nullptr) return true;  // No memory: nothing is given back then.
  for (int i = 0; i < sk_X509_num(believed.get()); ++i) {
    for (int k = 0; k < sk_X509_num(others.get()); ++k) {
      if (X509_cmp(sk_X509_value(believed.get(), i), sk_X509_value(others.get(), k)) == 0) return true;
    }
  }
  return false;
}

Result<std::shared_ptr<const VehicleIdentity>> LoadIdentity(const IdentityFiles& files) {
  for (const std::string* file : {&files.ca, &files.certificate, &files.key}) {
    if (Status status = CheckFile(*file); !status.ok()) return status;
  }
  auto identity = std::make_shared<VehicleIdentity>();
  Result<std::vector<X509Ptr>> authorities = LoadCertificates(files.ca);
  if (!authorities.ok()) return authorities.status();
  // What is verified with is what is judged by, though the file may change meanwhile.
  Result<SslContextPtr> context = MakeClientContext(authorities.value());
  if (!context.ok()) return context.status();
  Result<Credentials> credentials = LoadCredentials(files.certificate, files.key);
  if (!credentials.ok()) return credentials.status();
  identity->context = std::move(context).value();
  identity->authorities = std::move(authorities).value();
  identity->credentials = std::move(credentials).value();
  identity->expires = ExpiryOf(identity->credentials.certificate.get());
  return std::shared_ptr<const VehicleIdentity>(std::move(identity));
}

std::optional<int> DaysToWarnOf(const VehicleIdentity& identity, CloudTime date) {
  if (date < kEarliestPlausibleDate) return std::nullopt;
  if (identity.expires <= date) return -1;
  const nanoseconds left = identity.expires - date;
  if (left > kExpiryNotice) return std::nullopt;
  return static_cast<int>(std::chrono::floor<std::chrono::hours>(left).count() / 24);
}

nanoseconds SpreadOf(const VehicleIdentity& in_use, CloudTime date, nanoseconds spread) {
  return in_use.expires > date ? spread : nanoseconds(0);
}

IdentityWatch::IdentityWatch(IdentityFiles files) : files_(std::move(files)) {}

IdentityWatch::State IdentityWatch::Stat() const {
  State state{};
  std::size_t next = 0;
  for (const std::string* file : {&files_.ca, &files_.certificate, &files_.key}) {
    struct stat found {};
    FileState& each = state[next++];
    if (::stat(file->c_str(), &found) != 0) continue;
    each = {std::int64_t{found.st_ctim.tv_sec} * 1'000'000'000 + found.st_ctim.tv_nsec,
            static_cast<std::int64_t>(found.st_size), static_cast<std::uint64_t>(found.st_ino)};
  }
  return state;
}

Status IdentityWatch::Start() {
  // Before they are read: what changes meanwhile is read again.
  read_ = seen_ = Stat();
  Result<std::shared_ptr<const VehicleIdentity>> loaded = LoadIdentity(files_);
  if (!loaded.ok()) return loaded.status();
  newest_ = std::move(loaded).value();
  return Status();
}

Status IdentityWatch::Judge(const VehicleIdentity& fresh, CloudTime date) const {
  const auto refuse = [this](const std::string& why) {
    return Status(ErrorCode::kInvalidArgument, files_.certificate + " " + why);
  };
  X509* const certificate = fresh.credentials.certificate.get();
  X509* const former = newest_->credentials.certificate.get();
  const CloudTime begin = ToCloudTime(X509_get0_notBefore(certificate));
  // A clock that has not learnt the date judges none: everything else is judged as on the
  // certificate's first day.
  const bool dated = date >= kEarliestPlausibleDate;
  const CloudTime at = dated ? date : begin + seconds(1);
  if (at <= begin) return refuse("is valid from " + TextOf(X509_get0_notBefore(certificate)) + " on");
  if (at >= fresh.expires) return refuse("has expired: " + ExpiryText(certificate));
  const Result<VehicleId> vehicle = VehicleOf(certificate, at);
  if (!vehicle.ok()) return refuse("is none for a vehicle: " + std::string(vehicle.status().message()));
  const Result<VehicleId> before = VehicleOf(former, ToCloudTime(X509_get0_notBefore(former)) + seconds(1));
  if (before.ok() && before.value() != vehicle.value()) {
    return refuse("is of " + vehicle.value().ToString() + ", and this agent is " + before.value().ToString() +
                  "'s: what it keeps would be sent under another name");
  }
  if (const int why = VerifyChain(certificate, fresh.authorities, dated ? std::optional(at) : std::nullopt);
      why != X509_V_OK) {
    return refuse("is not of an authority in " + files_.ca + ": " + X509_verify_cert_error_string(why));
  }
  return Status();
}

IdentityWatch::News IdentityWatch::Look(BootTime now, CloudTime date) {
  if (!asked_ && now < next_look_) return {};
  next_look_ = now + kInterval;
  const State state = Stat();
  const bool settled = state == std::exchange(seen_, state);
  const bool changed = state != read_;
  const bool due = retry_ && now >= *retry_;
  const bool asked = std::exchange(asked_, false);
  if (!asked && !(settled && (changed || due))) return {};
  read_ = state;
  if (changed || asked) said_.clear();
  Result<std::shared_ptr<const VehicleIdentity>> loaded = LoadIdentity(files_);
  Status judged = loaded.ok() ? Status() : loaded.status();
  const bool same = loaded.ok() && loaded.value()->SameAs(*newest_);
  if (loaded.ok() && !same) judged = Judge(*loaded.value(), date);
  if (!judged.ok()) {
    retry_ = now + kRetry;
    News news;
    if (said_ != judged.message()) news.refused = said_ = std::string(judged.message());
    return news;
  }
  retry_.reset();
  said_.clear();
  if (same) return {};
  newest_ = std::move(loaded).value();
  return {newest_, ""};
}

}  // namespace starling::edge
