#include "cloud/tls/revocation_list.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

namespace starling::cloud {
namespace {

struct BioDeleter {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using BioPtr = std::unique_ptr<BIO, BioDeleter>;

std::string SerialBytes(const ASN1_INTEGER* serial) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(serial)),
          static_cast<std::size_t>(ASN1_STRING_length(serial))};
}

std::optional<CloudTime> ToCloudTime(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return CloudTime(seconds(::timegm(&parts)));
}

X509* FindSigner(X509_CRL* crl, const std::vector<X509Ptr>& authorities) {
  for (const X509Ptr& authority : authorities) {
    if (IsSignedBy(crl, authority.get())) return authority.get();
  }
  return nullptr;
}

bool Holds(const std::vector<X509Ptr>& authorities, const X509* authority) {
  return std::ranges::any_of(authorities,
                             [&](const X509Ptr& each) { return X509_cmp(each.get(), authority) == 0; });
}

}  // namespace

Result<std::vector<CrlPtr>> LoadCrls(const std::filesystem::path& path) {
  ERR_clear_error();
  errno = 0;
  const BioPtr bio(BIO_new_file(path.c_str(), "r"));
  if (bio == nullptr) {
    const int error = errno;
    ERR_clear_error();
    return Status(ErrorCode::kIoError, "cannot read " + path.string() + ": " + std::strerror(error));
  }
  std::vector<CrlPtr> crls;
  for (;;) {
    CrlPtr crl(PEM_read_bio_X509_CRL(bio.get(), nullptr, nullptr, nullptr));
    if (crl == nullptr) break;
    crls.push_back(std::move(crl));
  }
  const bool whole = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!whole || crls.empty()) {
    return Status(ErrorCode::kInvalidArgument,
                  path.string() + (whole ? " holds no revocation list" : " is a damaged revocation list"));
  }
  return crls;
}

bool IsSignedBy(X509_CRL* crl, X509* authority) {
  const bool is_signed =
      X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(authority)) == 0 &&
      (X509_get_key_usage(authority) & KU_CRL_SIGN) != 0 &&
      X509_CRL_get_ext_by_critical(crl, 1, -1) < 0 && X509_CRL_verify(crl, X509_get0_pubkey(authority)) == 1;
  ERR_clear_error();
  return is_signed;
}

std::uint64_t NumberOf(X509_CRL* crl) {
  auto* const number =
      static_cast<ASN1_INTEGER*>(X509_CRL_get_ext_d2i(crl, NID_crl_number, nullptr, nullptr));
  std::uint64_t value = 0;
  if (number != nullptr && ASN1_INTEGER_get_uint64(&value, number) != 1) value = 0;
  ASN1_INTEGER_free(number);
  ERR_clear_error();
  return value;
}

std::string SerialText(const ASN1_INTEGER* serial) {
  std::string text;
  BIGNUM* const number = ASN1_INTEGER_to_BN(serial, nullptr);
  char* const digits = number == nullptr ? nullptr : BN_bn2hex(number);
  if (digits != nullptr) text = digits;
  OPENSSL_free(digits);
  BN_free(number);
  return text;
}

Result<RevocationList> RevocationList::Load(const std::filesystem::path& path,
                                            const std::vector<X509Ptr>& authorities) {
  const Result<std::vector<CrlPtr>> crls = LoadCrls(path);
  if (!crls.ok()) return crls.status();
  auto lists = std::make_shared<std::vector<List>>();
  for (const CrlPtr& crl : crls.value()) {
    X509* const signer = FindSigner(crl.get(), authorities);
    if (signer == nullptr) {
      return Status(ErrorCode::kInvalidArgument,
                    path.string() + " has a list that no authority of ca.pem has signed, or that was altered");
    }
    List list;
    X509_up_ref(signer);
    list.authority.reset(signer);
    list.number = NumberOf(crl.get());
    list.next_update = ToCloudTime(X509_CRL_get0_nextUpdate(crl.get()));
    STACK_OF(X509_REVOKED)* const entries = X509_CRL_get_REVOKED(crl.get());
    for (int i = 0; i < sk_X509_REVOKED_num(entries); ++i) {
      list.serials.insert(SerialBytes(X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(entries, i))));
    }
    lists->push_back(std::move(list));
  }
  RevocationList all;
  all.lists_ = std::move(lists);
  return all;
}

Status RevocationList::Follows(const RevocationList& former, const std::vector<X509Ptr>& authorities) const {
  for (const List& old : *former.lists_) {
    if (!Holds(authorities, old.authority.get())) continue;
    const auto found = std::ranges::find_if(
        *lists_, [&](const List& list) { return X509_cmp(list.authority.get(), old.authority.get()) == 0; });
    if (found == lists_->end()) {
      return Status(ErrorCode::kInvalidArgument, "an authority's list is missing from the new revocation list");
    }
    if (found->number < old.number) {
      return Status(ErrorCode::kInvalidArgument,
                    "the new revocation list has number " + std::to_string(found->number) +
                        ", which is before " + std::to_string(old.number) + ", the one in force");
    }
  }
  return Status();
}

bool RevocationList::Revokes(X509* certificate) const {
  if (lists_->empty()) return false;
  const std::string serial = SerialBytes(X509_get0_serialNumber(certificate));
  return std::ranges::any_of(*lists_, [&](const List& list) {
    return list.serials.contains(serial) &&
           X509_check_issued(list.authority.get(), certificate) == X509_V_OK;
  });
}

std::size_t RevocationList::entries() const {
  std::size_t sum = 0;
  for (const List& list : *lists_) sum += list.serials.size();
  return sum;
}

std::uint64_t RevocationList::number() const {
  std::uint64_t highest = 0;
  for (const List& list : *lists_) highest = std::max(highest, list.number);
  return highest;
}

std::optional<CloudTime> RevocationList::next_update() const {
  std::optional<CloudTime> earliest;
  for (const List& list : *lists_) {
    if (list.next_update && (!earliest || *list.next_update < *earliest)) earliest = list.next_update;
  }
  return earliest;
}

}  // namespace starling::cloud
