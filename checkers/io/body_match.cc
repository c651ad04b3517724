#include "checkers/io/body_match.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <openssl/sha.h>
#include <pcre2.h>

#include <array>
#include <map>
#include <memory>

namespace tandem::checkers {
namespace {

// A tenth of PCRE2's own limit: some 10 ms at the worst.
constexpr uint32_t kMatchLimit = 1'000'000;

struct FreeCode {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};

// Compiled once; a site has a handful, and a reload that edits them a handful more.
const pcre2_code* compiled(const std::string& expression) {
  static std::map<std::string, std::unique_ptr<pcre2_code, FreeCode>> known;
  const auto [at, is_new] = known.try_emplace(expression);
  if (is_new) {
    int error = 0;
    PCRE2_SIZE place = 0;
    at->second.reset(
        pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(), 0, &error, &place, nullptr));
  }
  return at->second.get();
}

std::string regex_mismatch(const std::string& expression, std::string_view body) {
  const pcre2_code* const code = compiled(expression);
  if (code == nullptr) return "cannot be judged: the expression does not compile";
  const std::unique_ptr<pcre2_match_data, FreeCode> data(pcre2_match_data_create_from_pattern(code, nullptr));
  const std::unique_ptr<pcre2_match_context, FreeCode> context(pcre2_match_context_create(nullptr));
  pcre2_set_match_limit(context.get(), kMatchLimit);
  const int result =
      pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(body.data()), body.size(), 0, 0, data.get(), context.get());
  if (result > 0) return {};
  if (result == PCRE2_ERROR_NOMATCH) return "does not match " + expression;
  return "cannot be judged: the expression takes too long on it";
}

std::string digest_of(std::string_view body) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(body.data()), body.size(), digest.data());
  std::string text;
  for (const unsigned char byte : digest) text += {kHex[byte >> 4], kHex[byte & 15]};
  return text;
}

}  // namespace

std::string mismatch_of(const BodyMatch& match, std::string_view body) {
  switch (match.kind) {
    case BodyMatch::Kind::kNone:
      return {};
    case BodyMatch::Kind::kContains:
      return body.find(match.text) != std::string_view::npos ? "" : "does not contain '" + match.text + "'";
    case BodyMatch::Kind::kRegex:
      return regex_mismatch(match.text, body);
    case BodyMatch::Kind::kSha256: {
      const std::string digest = digest_of(body);
      return digest == match.text ? "" : "has the SHA-256 " + digest;
    }
  }
  return {};
}

}  // namespace tandem::checkers
