#include "checkers/io/dns_answer.hpp"

#include <arpa/nameser.h>
#include <resolv.h>

#include <algorithm>
#include <array>
#include <string>

namespace tandem::checkers {
namespace {

using Reason = Outcome::Reason;

struct RecordType {
  std::string_view word;
  int number;
};
constexpr RecordType kRecordTypes[] = {{"A", ns_t_a},     {"AAAA", ns_t_aaaa}, {"CNAME", ns_t_cname},
                                       {"MX", ns_t_mx},   {"NS", ns_t_ns},     {"PTR", ns_t_ptr},
                                       {"SOA", ns_t_soa}, {"SRV", ns_t_srv},   {"TXT", ns_t_txt}};

}  // namespace

int dns_record_type(std::string_view word) {
  for (const RecordType& each : kRecordTypes)
    if (each.word == word) return each.number;
  return ns_t_a;
}

namespace {

// RFC 1035, 4.1.1; more are rare enough for their number.
std::string response_code(int code) {
  static constexpr const char* kWords[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"};
  return code >= 0 && code < 6 ? kWords[code] : "response code " + std::to_string(code);
}

std::string domain_name(const ns_msg& message, const u_char* at) {
  std::array<char, NS_MAXDNAME> name;
  const int size = dn_expand(ns_msg_base(message), ns_msg_end(message), at, name.data(), name.size());
  if (size < 0) return "?";
  return name[0] == '\0' ? "." : name.data();
}

// The data of one record as a zone file would have it. What does not fit its type is '?'.
std::string record_text(const ns_msg& message, const ns_rr& record) {
  const u_char* const data = ns_rr_rdata(record);
  const size_t size = ns_rr_rdlen(record);
  const auto number = [&](size_t at) { return std::to_string(data[at] << 8 | data[at + 1]); };
  switch (ns_rr_type(record)) {
    case ns_t_a:
      if (size != 4) return "?";
      return Ipv4Address{uint32_t{data[0]} << 24 | uint32_t{data[1]} << 16 | uint32_t{data[2]} << 8 | data[3]}.text();
    case ns_t_aaaa: {
      if (size != 16) return "?";
      Ipv6Address address;
      std::copy_n(data, 16, address.bytes.begin());
      return address.text();
    }
    case ns_t_mx:
      return size < 3 ? "?" : number(0) + " " + domain_name(message, data + 2);
    case ns_t_srv:
      return size < 7 ? "?" : number(0) + " " + number(2) + " " + number(4) + " " + domain_name(message, data + 6);
    case ns_t_txt: {
      std::string text;
      for (size_t at = 0; at < size && at + 1 + data[at] <= size; at += 1 + size_t{data[at]})
        text.append(reinterpret_cast<const char*>(data) + at + 1, data[at]);
      return text;
    }
    default:
      return size == 0 ? "?" : domain_name(message, data);
  }
}

std::string without_dot(std::string text) {
  if (text.size() > 1 && text.ends_with('.')) text.pop_back();
  return text;
}

Outcome ended(Reason reason, std::string_view text, int64_t number = 0) {
  return {.reason = reason, .stage = Stage::kAnswer, .number = number, .text = printable(text)};
}

}  // namespace

Outcome judge_dns(const Check& check, std::span<const char> answer) {
  ns_msg message;
  if (ns_initparse(reinterpret_cast<const u_char*>(answer.data()), static_cast<int>(answer.size()), &message) != 0)
    return ended(Reason::kMalformed, "no DNS message");
  if (ns_msg_getflag(message, ns_f_qr) == 0) return ended(Reason::kMalformed, "a question instead of an answer");
  const int code = static_cast<int>(ns_msg_getflag(message, ns_f_rcode));
  if (code != ns_r_noerror) return ended(Reason::kRefusedByWord, response_code(code), code);
  const int wanted = dns_record_type(check.record);
  std::string seen;
  for (int i = 0; i < ns_msg_count(message, ns_s_an); ++i) {
    ns_rr record;
    if (ns_parserr(&message, ns_s_an, i, &record) != 0) return ended(Reason::kMalformed, "a broken record");
    if (static_cast<int>(ns_rr_type(record)) != wanted) continue;
    const std::string text = record_text(message, record);
    if (check.answer.empty() || without_dot(text) == without_dot(check.answer))
      return ended(Reason::kPassed, check.record + " " + text);
    seen += (seen.empty() ? "" : ", ") + text;
  }
  if (seen.empty()) return ended(Reason::kNoAnswer, "there is no " + check.record + " of " + check.name);
  return ended(Reason::kNoAnswer, "expected " + check.answer + ", found " + seen);
}

}  // namespace tandem::checkers
