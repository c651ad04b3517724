#include "daemon/config/draft_check.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "daemon/config/fields.hpp"

namespace tandem::config {
namespace {

constexpr std::array<std::string_view, 9> kDnsTypeWords{"A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"};

// What PCRE2 has against an expression; empty: nothing.
std::string complaint_about(const std::string& expression) {
  int error = 0;
  PCRE2_SIZE place = 0;
  pcre2_code* const code =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(), 0, &error, &place, nullptr);
  if (code != nullptr) {
    pcre2_code_free(code);
    return {};
  }
  std::array<PCRE2_UCHAR, 256> words{};
  pcre2_get_error_message(error, words.data(), words.size());
  return std::string(reinterpret_cast<const char*>(words.data())) + " at its character " + std::to_string(place + 1);
}

bool is_header_line(const std::string& line) {
  const size_t colon = line.find(':');
  const auto is_token = [](char c) { return c > ' ' && c < 0x7f && c != ':'; };
  return colon != std::string::npos && colon > 0 && std::ranges::all_of(line.substr(0, colon), is_token) &&
         std::ranges::none_of(line, [](char c) { return (c < ' ' && c != '\t') || c == 0x7f; });
}

class CheckReader {
 public:
  CheckReader(Findings& findings, const Check* inherited, Check& check, std::vector<NamedFile>& files)
      : findings_(findings), inherits_(inherited != nullptr), check_(check), files_(files) {}

  void read(const Entry& entry) {
    const Node& node = *entry.value;
    if (node.kind == Node::Kind::kScalar && node.text == "none") {
      check_.type = CheckType::kNone;
      return;
    }
    if (node.kind != Node::Kind::kMap) {
      const bool is_type = std::ranges::find(check_type_words(), node.text, &CheckTypeWord::word) !=
                           std::ranges::end(check_type_words());
      findings_.error(node.place, "check: " + mismatch(expectation(key(Section::kService, "check")), node) +
                                      (is_type ? "; write check: { " + node.text + ": {} }" : ""));
      return;
    }
    Fields fields(findings_, Section::kCheck, node, entry.key_place);
    pace(fields);
    way(fields);
    std::string found;
    int types = 0;
    for (const CheckTypeWord& each : check_type_words()) {
      const Entry* const type = fields.entry(each.word);
      if (type == nullptr) continue;
      ++types;
      found += (found.empty() ? "" : ", ") + std::string(each.word);
      check_.type = each.type;
      what(*type, *key(Section::kCheck, each.word).inside);
    }
    if (types > 1 || (types == 0 && !inherits_)) {
      std::string all;
      for (const CheckTypeWord& each : check_type_words()) all += (all.empty() ? "" : ", ") + std::string(each.word);
      findings_.error(entry.key_place, "check: expected exactly one of " + all + ", found " +
                                           (types == 0 ? std::string("none of them") : found));
    }
  }

 private:
  // A server's check changes what it writes and nothing else.
  bool counts(const Fields& fields, std::string_view name) const { return !inherits_ || fields.entry(name) != nullptr; }
  template <class Member, class Value>
  void take(const Fields& fields, std::string_view name, Member& member, std::optional<Value> value) const {
    if (value && counts(fields, name)) member = static_cast<Member>(std::move(*value));
  }

  void pace(Fields& fields) {
    take(fields, "interval", check_.interval, fields.time("interval"));
    take(fields, "interval_while_changing", check_.interval_while_changing, fields.time("interval_while_changing"));
    take(fields, "initial", check_.initially_up, fields.choice<uint8_t>("initial"));
    take(fields, "timeout", check_.timeout, fields.time("timeout"));
    take(fields, "rise", check_.rise, fields.integer("rise"));
    take(fields, "fall", check_.fall, fields.integer("fall"));
    if (auto share = fields.percent("weight_when_down")) check_.weight_when_down = share;
  }

  void way(Fields& fields) {
    take(fields, "port", check_.port, fields.integer("port"));
    take(fields, "address", check_.address, fields.gateway("address"));
    take(fields, "source", check_.source, fields.gateway("source"));
    take(fields, "interface", check_.interface, fields.text("interface"));
    take(fields, "mark", check_.mark, fields.integer("mark"));
    if (check_.address != IpAddress() && check_.source != IpAddress() && check_.address.family != check_.source.family)
      fields.error("source", "expected an address of the same family as `address`");
  }

  void what(const Entry& entry, Section section) {
    Fields fields(findings_, section, *entry.value, entry.key_place);
    switch (check_.type) {
      case CheckType::kHttp:
      case CheckType::kHttps:
        request(fields);
        break;
      case CheckType::kSmtp:
        given(check_.name, fields.text("name"));
        given(check_.starttls, fields.boolean("starttls"));
        break;
      case CheckType::kDns:
        given(check_.name, fields.text("name"));
        if (const auto type = fields.choice<uint8_t>("type")) check_.record = kDnsTypeWords.at(*type);
        given(check_.answer, fields.text("answer"));
        break;
      case CheckType::kUdp:
        given(check_.payload, fields.text("payload"));
        given(check_.answer, fields.text("answer"));
        break;
      case CheckType::kExec:
        given(check_.command, fields.text("command"));
        given(check_.account, fields.text("user"));
        if (!check_.command.empty())
          files_.push_back({"command", check_.command.substr(0, check_.command.find(' ')), fields.place_of("command"),
                            check_.account});
        if (fields.entry("user") != nullptr && !check_.account.empty())
          files_.push_back({"user", check_.account, fields.place_of("user")});
        break;
      case CheckType::kFile:
        given(check_.file, fields.text("path"));
        break;
      case CheckType::kAgent:
        given(check_.payload, fields.text("send"));
        break;
      case CheckType::kMysql:
      case CheckType::kRedis:
        given(check_.user, fields.text("user"));
        given(check_.password, fields.text("password"));
        break;
      case CheckType::kGrpc:
        given(check_.service, fields.text("service"));
        given(check_.tls, fields.boolean("tls"));
        break;
      case CheckType::kPgsql:
        given(check_.user, fields.text("user"));
        given(check_.database, fields.text("database"));
        break;
      default:
        break;
    }
    const bool speaks_tls = check_.type == CheckType::kHttps || check_.type == CheckType::kTls ||
                            check_.type == CheckType::kSmtp || check_.type == CheckType::kGrpc;
    if (speaks_tls) tls(fields);
  }

  template <class Member, class Value>
  static void given(Member& member, std::optional<Value> value) {
    if (value) member = static_cast<Member>(std::move(*value));
  }

  void request(Fields& fields) {
    given(check_.path, fields.text("path"));
    given(check_.host, fields.text("host"));
    given(check_.expect, fields.statuses("expect"));
    given(check_.method, fields.text("method"));
    if (!std::ranges::all_of(check_.method, [](char c) { return (c >= 'A' && c <= 'Z') || c == '-' || c == '_'; }))
      fields.error("method", "expected capital letters, as in GET");
    check_.headers.clear();
    for (const Entry* line : fields.listed("headers")) {
      const auto text = parse_text(key(Section::kHttpCheck, "headers"), *line->value);
      if (!text)
        findings_.error(line->value->place, "headers: " + text.error());
      else if (!is_header_line(*text))
        findings_.error(line->value->place, "headers: expected a header line such as \"X-Check: tandem\"");
      else
        check_.headers.push_back(*text);
    }
    given(check_.body, fields.text("body"));
    given(check_.body_regex, fields.text("body_regex"));
    given(check_.body_sha256, fields.text("body_sha256"));
    if (!check_.body.empty() + !check_.body_regex.empty() + !check_.body_sha256.empty() > 1)
      findings_.error(fields.place(), "expected at most one of body, body_regex and body_sha256");
    if (const std::string words = check_.body_regex.empty() ? "" : complaint_about(check_.body_regex); !words.empty())
      fields.error("body_regex", "it does not compile: " + words);
    for (char& c : check_.body_sha256)
      if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
    if (!check_.body_sha256.empty() &&
        (check_.body_sha256.size() != 64 || !std::ranges::all_of(check_.body_sha256, is_hex)))
      fields.error("body_sha256", "expected 64 hex digits");
  }

  void tls(Fields& fields) {
    if (check_.type != CheckType::kHttps) given(check_.host, fields.text("host"));
    given(check_.ca_file, fields.text("ca_file"));
    given(check_.verify, fields.boolean("verify"));
    given(check_.crl_file, fields.text("crl_file"));
    given(check_.certificate, fields.text("certificate"));
    given(check_.private_key, fields.text("key"));
    given(check_.warn_before_expiry, fields.time("warn_before_expiry"));
    if (!check_.private_key.empty() && check_.certificate.empty())
      fields.error("key", "expected `certificate`, which it is for");
    const std::pair<const char*, const std::string*> files[] = {{"ca_file", &check_.ca_file},
                                                                {"crl_file", &check_.crl_file},
                                                                {"certificate", &check_.certificate},
                                                                {"key", &check_.private_key}};
    for (const auto& [name, path] : files)
      if (!path->empty()) files_.push_back({name, *path, fields.place_of(name)});
    if (!check_.certificate.empty() && check_.private_key.empty())
      files_.push_back({"key", check_.certificate, fields.place_of("certificate")});
    const bool without_tls =
        (check_.type == CheckType::kGrpc && !check_.tls) || (check_.type == CheckType::kSmtp && !check_.starttls);
    for (const char* name : {"ca_file", "crl_file", "certificate", "verify", "warn_before_expiry"})
      if (without_tls && fields.entry(name) != nullptr)
        fields.warning(name, check_.type == CheckType::kGrpc ? "has no effect without tls: true"
                                                             : "has no effect without starttls: true");
    for (const char* name : {"ca_file", "crl_file", "warn_before_expiry"})
      if (!without_tls && !check_.verify && fields.entry(name) != nullptr)
        fields.warning(name, "has no effect with verify: false");
  }

  Findings& findings_;
  bool inherits_;
  Check& check_;
  std::vector<NamedFile>& files_;
};

}  // namespace

void read_check(Findings& findings, const Entry& entry, const Check* inherited, Check& check,
                std::vector<NamedFile>& files) {
  CheckReader(findings, inherited, check, files).read(entry);
}

}  // namespace tandem::config
