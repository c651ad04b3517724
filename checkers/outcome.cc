#include "checkers/outcome.hpp"

#include <array>
#include <cstdio>
#include <cstring>

namespace tandem::checkers {
namespace {

// "3 days", "1 hour": the largest unit that fits, rounded down.
std::string span_text(int64_t seconds) {
  struct Unit {
    int64_t seconds;
    const char* name;
  };
  static constexpr std::array<Unit, 4> kUnits{{{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}}};
  for (const Unit& unit : kUnits) {
    const int64_t count = seconds / unit.seconds;
    if (count == 0) continue;
    return std::to_string(count) + ' ' + unit.name + (count == 1 ? "" : "s");
  }
  return "a moment";
}

const char* doing(Stage stage) {
  switch (stage) {
    case Stage::kConnect:
      return "connecting";
    case Stage::kHandshake:
      return "in the TLS handshake";
    case Stage::kRequest:
      return "sending the request";
    case Stage::kHeader:
      return "waiting for the answer's header";
    case Stage::kBody:
      return "reading the answer's body";
    case Stage::kGreeting:
      return "waiting for the greeting";
    case Stage::kAnswer:
      return "waiting for the answer";
  }
  return "";
}

std::string with(const char* words, const std::string& text) {
  return text.empty() ? words : std::string(words) + ": " + text;
}

std::string passed(const Outcome& outcome, const Check& check) {
  if (!outcome.text.empty()) return outcome.text;
  if (check.kind == CheckKind::kTls) return "TLS handshake done";
  if (outcome.number == 0) return "connected";
  return "HTTP " + std::to_string(outcome.number) + (check.kind == CheckKind::kHttps ? " over TLS" : "");
}

}  // namespace

std::string words(const Warning& warning) {
  switch (warning.kind) {
    case Warning::Kind::kNone:
      break;
    case Warning::Kind::kExpires:
      return "its certificate expires in " + span_text(warning.seconds);
    case Warning::Kind::kIssuerExpires:
      return "a certificate that vouches for its own expires in " + span_text(warning.seconds);
    case Warning::Kind::kListOutOfDate:
      return "the revocation list is out of date since " + span_text(warning.seconds);
  }
  return {};
}

std::string words(const Outcome& outcome, const Check& check) {
  using Reason = Outcome::Reason;
  switch (outcome.reason) {
    case Reason::kPassed:
      return passed(outcome, check) +
             (outcome.warning.kind == Warning::Kind::kNone ? "" : "; " + words(outcome.warning));
    case Reason::kRefused:
      return "connection refused";
    case Reason::kUnreachable:
      return with("unreachable", outcome.text);
    case Reason::kReset:
      return std::string("connection reset while ") + doing(outcome.stage);
    case Reason::kClosed:
      return std::string("the server closed the connection while ") + doing(outcome.stage);
    case Reason::kTimedOut:
      return "timed out after " + text_of(check.timeout) + " while " + doing(outcome.stage);
    case Reason::kSystem:
      return with("system error", outcome.text);
    case Reason::kHttpStatus:
      return "HTTP " + std::to_string(outcome.number) + ", expected " + text_of(check.expect);
    case Reason::kHttpMalformed:
      return with("the answer is not HTTP", outcome.text);
    case Reason::kHttpHeaderTooLarge:
      return "the answer's header is too large";
    case Reason::kBodyMismatch:
      return "HTTP " + std::to_string(outcome.number) + ", but its body " + outcome.text;
    case Reason::kRefusedByWord:
      return with("the server says", outcome.text);
    case Reason::kMalformed:
      return with("the answer is not what this service says", outcome.text);
    case Reason::kNoAnswer:
      return with("no answer", outcome.text);
    case Reason::kExitCode:
      return with(("exit code " + std::to_string(outcome.number)).c_str(), outcome.text);
    case Reason::kScriptFailed:
      return with("the script", outcome.text);
    case Reason::kFileMissing:
      return with("the file cannot be read", outcome.text);
    case Reason::kTlsExpired:
      return "TLS: certificate expired " + span_text(outcome.number) + " ago";
    case Reason::kTlsNotYetValid:
      return "TLS: certificate is valid only in " + span_text(outcome.number);
    case Reason::kTlsSelfSigned:
      return "TLS: certificate is self-signed and not in the trust store";
    case Reason::kTlsUnknownIssuer:
      return with("TLS: certificate's issuer is not in the trust store", outcome.text);
    case Reason::kTlsWrongName:
      return with("TLS: certificate is for another name", outcome.text);
    case Reason::kTlsRevoked:
      return "TLS: certificate was revoked" + (outcome.number < 0 ? "" : ' ' + span_text(outcome.number) + " ago");
    case Reason::kTlsWeak:
      return with("TLS: certificate is too weak", outcome.text);
    case Reason::kTlsCertificate:
      return with("TLS: certificate refused", outcome.text);
    case Reason::kTlsProtocol:
      return with("TLS: no common protocol or cipher", outcome.text);
    case Reason::kTlsAlert:
      return with("TLS: the server refused the handshake", outcome.text);
    case Reason::kNotTls:
      return "TLS: the server does not speak TLS on this port";
    case Reason::kTlsTooMuch:
      return "TLS: the server sends without end";
    case Reason::kTrustStore:
      return with("TLS: trust store unusable", outcome.text);
    case Reason::kNoResources:
    case Reason::kNotRun:
      return with("not attempted", outcome.text);
    case Reason::kCancelled:
      return "not attempted: cancelled";
  }
  return {};
}

std::string printable(std::string_view text) {
  std::string clean(text.substr(0, kMaxText));
  for (char& c : clean)
    if (c < ' ' || c > '~') c = '?';
  return clean;
}

std::string text_of(Duration duration) {
  char text[32];
  const double milliseconds = std::chrono::duration<double, std::milli>(duration).count();
  if (milliseconds < 1000) {
    std::snprintf(text, sizeof text, "%.4gms", milliseconds);
  } else {
    std::snprintf(text, sizeof text, "%.4gs", milliseconds / 1000);
  }
  return text;
}

}  // namespace tandem::checkers
