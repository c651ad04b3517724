#include "checkers/io/tls_verdict.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>
#include <string_view>

namespace tandem::checkers {
namespace {

using Reason = Outcome::Reason;

int refusal_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

// Seconds from now to `time`; negative when it has passed.
int64_t seconds_until(const ASN1_TIME* time) {
  int days = 0, seconds = 0;
  if (ASN1_TIME_diff(&days, &seconds, nullptr, time) != 1) return 0;
  return int64_t{days} * 86400 + seconds;
}

std::string name_text(const X509_NAME* name) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), BIO_free);
  X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_ONELINE & ~XN_FLAG_SPC_EQ);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return printable(std::string_view(data, static_cast<size_t>(size)));
}

// The first few names a certificate is for.
std::string names_of(X509* certificate) {
  const auto free_names = [](GENERAL_NAMES* names) { GENERAL_NAMES_free(names); };
  const std::unique_ptr<GENERAL_NAMES, decltype(free_names)> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)), free_names);
  const int count = names ? sk_GENERAL_NAME_num(names.get()) : 0;
  std::string text;
  for (int i = 0; i < count && text.size() < kMaxText; ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    std::string one;
    if (name->type == GEN_DNS) {
      one.assign(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                 static_cast<size_t>(ASN1_STRING_length(name->d.dNSName)));
    } else if (name->type == GEN_IPADD && ASN1_STRING_length(name->d.iPAddress) == 4) {
      const uint8_t* b = ASN1_STRING_get0_data(name->d.iPAddress);
      one = Ipv4Address{uint32_t{b[0]} << 24 | uint32_t{b[1]} << 16 | uint32_t{b[2]} << 8 | b[3]}.text();
    } else if (name->type == GEN_IPADD && ASN1_STRING_length(name->d.iPAddress) == 16) {
      Ipv6Address address;
      std::copy_n(ASN1_STRING_get0_data(name->d.iPAddress), 16, address.bytes.begin());
      one = address.text();
    } else {
      continue;
    }
    text += (text.empty() ? "" : ", ") + one;
  }
  if (!text.empty()) return printable(text);
  return name_text(X509_get_subject_name(certificate)) + " (and it has no subjectAltName)";
}

}  // namespace

void attach_refusal(ssl_st* ssl, Refusal* refusal) {
  SSL_set_ex_data(ssl, refusal_index(), refusal);
}

int remember_question(ssl_st* ssl, x509_st**, evp_pkey_st**) {
  auto* refusal = static_cast<Refusal*>(SSL_get_ex_data(ssl, refusal_index()));
  if (refusal != nullptr) refusal->wants_certificate = true;
  return 0;
}

Warning warning_of(const ssl_st* ssl, const Refusal& refusal, Duration warn_before) {
  Warning warning;
  int64_t nearest = warn_before / 1s;
  const STACK_OF(X509)* const chain = SSL_get0_verified_chain(ssl);
  const int length = chain == nullptr || nearest == 0 ? 0 : sk_X509_num(chain);
  for (int i = 0; i < length; ++i) {
    const int64_t seconds = seconds_until(X509_get0_notAfter(sk_X509_value(chain, i)));
    if (seconds >= nearest) continue;
    nearest = seconds;
    warning = {.kind = i == 0 ? Warning::Kind::kExpires : Warning::Kind::kIssuerExpires, .seconds = seconds};
  }
  if (warning.kind == Warning::Kind::kNone && refusal.list_out_of_date)
    warning = {.kind = Warning::Kind::kListOutOfDate, .seconds = *refusal.list_out_of_date};
  return warning;
}

int remember_refusal(int good, x509_store_ctx_st* verification) {
  if (good != 0) return 1;
  auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* refusal = static_cast<Refusal*>(SSL_get_ex_data(ssl, refusal_index()));
  if (refusal == nullptr || refusal->happened) return 0;
  X509* certificate = X509_STORE_CTX_get_current_cert(verification);
  X509_CRL* const list = X509_STORE_CTX_get0_current_crl(verification);
  const int error = X509_STORE_CTX_get_error(verification);
  // A file that nobody renewed must not take every server down at once: what the list revokes stays revoked.
  if (error == X509_V_ERR_CRL_HAS_EXPIRED && list != nullptr) {
    refusal->list_out_of_date = -seconds_until(X509_CRL_get0_nextUpdate(list));
    X509_STORE_CTX_set_error(verification, X509_V_OK);
    return 1;
  }
  refusal->happened = true;
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      refusal->reason = Reason::kTlsExpired;
      refusal->number = certificate != nullptr ? -seconds_until(X509_get0_notAfter(certificate)) : 0;
      break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
      refusal->reason = Reason::kTlsNotYetValid;
      refusal->number = certificate != nullptr ? seconds_until(X509_get0_notBefore(certificate)) : 0;
      break;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      refusal->reason = Reason::kTlsSelfSigned;
      break;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      refusal->reason = Reason::kTlsUnknownIssuer;
      if (certificate != nullptr) refusal->text = name_text(X509_get_issuer_name(certificate));
      break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      refusal->reason = Reason::kTlsWrongName;
      if (certificate != nullptr) refusal->text = names_of(certificate);
      break;
    case X509_V_ERR_CERT_REVOKED: {
      refusal->reason = Reason::kTlsRevoked;
      refusal->number = -1;
      X509_REVOKED* entry = nullptr;
      if (list != nullptr && certificate != nullptr && X509_CRL_get0_by_cert(list, &entry, certificate) > 0)
        refusal->number = -seconds_until(X509_REVOKED_get0_revocationDate(entry));
      break;
    }
    case X509_V_ERR_UNABLE_TO_GET_CRL:
      refusal->reason = Reason::kTlsCertificate;
      refusal->text = "crl_file has no list of its issuer";
      if (certificate != nullptr) refusal->text += ", " + name_text(X509_get_issuer_name(certificate));
      break;
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK:
      refusal->reason = Reason::kTlsWeak;
      refusal->text = X509_verify_cert_error_string(error);
      break;
    default:
      refusal->reason = Reason::kTlsCertificate;
      refusal->text = X509_verify_cert_error_string(error);
  }
  return 0;
}

bool is_alert(unsigned long error) {
  const int reason = ERR_GET_REASON(error);
  return reason >= SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256;
}

TlsFailure classify_tls_error(unsigned long error) {
  const char* words = ERR_reason_error_string(error);
  const std::string text = words != nullptr ? words : "";
  switch (ERR_GET_REASON(error)) {
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
      return {Reason::kClosed, {}};
    case SSL_R_EXCESSIVE_MESSAGE_SIZE:
      return {Reason::kTlsTooMuch, text};
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_RECORD_LENGTH_MISMATCH:
    case SSL_R_BAD_RECORD_TYPE:
      return {Reason::kNotTls, text};
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_WRONG_CIPHER_RETURNED:
    case SSL_R_UNKNOWN_CIPHER_RETURNED:
    case SSL_R_DH_KEY_TOO_SMALL:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_WRONG_SIGNATURE_TYPE:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
    case SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY:
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
      return {Reason::kTlsProtocol, text};
    case SSL_R_EE_KEY_TOO_SMALL:
    case SSL_R_CA_KEY_TOO_SMALL:
    case SSL_R_CA_MD_TOO_WEAK:
      return {Reason::kTlsWeak, text};
    default:
      break;
  }
  if (is_alert(error)) return {Reason::kTlsAlert, text};
  return {Reason::kTlsProtocol, text};
}

}  // namespace tandem::checkers
