#include "cloud/fleet_ca/pem_files.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <string>

#include "common/tls/tls_context.h"

namespace starling::cloud {
namespace {

struct BioDeleter {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using BioPtr = std::unique_ptr<BIO, BioDeleter>;

Status SystemFailure(const std::string& what) {
  return Status(ErrorCode::kIoError, what + ": " + std::strerror(errno));
}

// `write` fills a memory BIO with PEM.
Status WritePem(const std::filesystem::path& path, Secrecy secrecy,
                const std::function<int(BIO*)>& write) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || write(bio.get()) != 1) {
    return Status(ErrorCode::kIoError, "cannot encode " + path.string() + ": " + LastTlsError());
  }
  char* text = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &text);
  return WriteFile(path, {text, static_cast<std::size_t>(length)}, secrecy);
}

}  // namespace

Status WriteFile(const std::filesystem::path& path, std::span<const char> content, Secrecy secrecy) {
  const std::string unfinished = path.string() + ".part";
  const mode_t mode = secrecy == Secrecy::kSecret ? 0600 : 0644;
  const int file = ::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (file < 0) return SystemFailure("cannot write " + path.string());
  // The mode that open() gives holds for new files only, and a killed run may have left one.
  bool written = ::fchmod(file, mode) == 0;
  while (written && !content.empty()) {
    const ssize_t count = ::write(file, content.data(), content.size());
    written = count > 0;
    if (written) content = content.subspan(static_cast<std::size_t>(count));
  }
  const Status failure = written ? Status() : SystemFailure("cannot write " + path.string());
  ::close(file);
  if (!failure.ok()) {
    ::unlink(unfinished.c_str());
    return failure;
  }
  if (::rename(unfinished.c_str(), path.c_str()) != 0) return SystemFailure("cannot write " + path.string());
  return Status();
}

Status WriteCertificate(const std::filesystem::path& path, X509* certificate) {
  return WritePem(path, Secrecy::kPublic,
                  [certificate](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
}

Status WriteKey(const std::filesystem::path& path, EVP_PKEY* key) {
  return WritePem(path, Secrecy::kSecret, [key](BIO* bio) {
    return PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
}

Status WriteRequest(const std::filesystem::path& path, X509_REQ* request) {
  return WritePem(path, Secrecy::kPublic,
                  [request](BIO* bio) { return PEM_write_bio_X509_REQ(bio, request); });
}

Status WriteCrls(const std::filesystem::path& path, const std::vector<X509_CRL*>& crls) {
  return WritePem(path, Secrecy::kPublic, [&crls](BIO* bio) {
    for (X509_CRL* crl : crls) {
      if (PEM_write_bio_X509_CRL(bio, crl) != 1) return 0;
    }
    return 1;
  });
}

Result<RequestPtr> LoadRequest(const std::filesystem::path& path) {
  ERR_clear_error();
  errno = 0;
  const BioPtr bio(BIO_new_file(path.c_str(), "r"));
  if (bio == nullptr) {
    const Status failure = SystemFailure("cannot read " + path.string());
    ERR_clear_error();
    return failure;
  }
  RequestPtr request(PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr));
  if (request == nullptr) {
    ERR_clear_error();
    return Status(ErrorCode::kInvalidArgument, path.string() + " holds no certificate request");
  }
  return request;
}

}  // namespace starling::cloud
