// Keys and certificates as files: whole or not there at all.
#pragma once

#include <openssl/x509.h>

#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "common/status.h"

namespace starling::cloud {

struct RequestDeleter {
  void operator()(X509_REQ* request) const { X509_REQ_free(request); }
};
using RequestPtr = std::unique_ptr<X509_REQ, RequestDeleter>;

enum class Secrecy : bool { kPublic, kSecret };  // 0644 or 0600

// Writes the file beside its place and renames it, so that a killed program
// leaves no half of one.
//
// Errors: kIoError, naming the file and the reason.
Status WriteFile(const std::filesystem::path& path, std::span<const char> content, Secrecy secrecy);

// PEM; keys are secret.  Errors: as WriteFile.
Status WriteCertificate(const std::filesystem::path& path, X509* certificate);
Status WriteKey(const std::filesystem::path& path, EVP_PKEY* key);
Status WriteRequest(const std::filesystem::path& path, X509_REQ* request);
Status WriteCrls(const std::filesystem::path& path, const std::vector<X509_CRL*>& crls);

// Errors: kIoError if the file cannot be read; kInvalidArgument if it holds no
//         certificate request.
Result<RequestPtr> LoadRequest(const std::filesystem::path& path);

}  // namespace starling::cloud
