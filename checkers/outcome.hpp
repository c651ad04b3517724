// How one attempt ended, and the words for it.
//
// Reasons are a closed list, so that counters, tests and people can tell them apart; the sentence
// is made only when somebody reads it. What a server sent is never trusted: it goes through
// printable() before it may become part of a sentence.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "checkers/settings.hpp"
#include "daemon/base/time.hpp"

namespace tandem::checkers {

// Where an attempt was when it ended.
enum class Stage : uint8_t { kConnect, kHandshake, kRequest, kHeader, kBody, kGreeting, kAnswer };

// What a check may say about a server's weight: a number, or a percentage of the configured one.
struct Weight {
  uint32_t value = 0;
  bool percent = false;
  bool operator==(const Weight&) const = default;
  uint32_t of(uint32_t configured) const {
    // A share of something is never nothing unless nothing was said.
    if (!percent) return value;
    return value == 0 || configured == 0
               ? 0
               : std::max<uint32_t>(1, static_cast<uint32_t>(uint64_t{configured} * value / 100));
  }
};

// What is not well although the attempt passed: the server stays up, and people are told.
struct Warning {
  enum class Kind : uint8_t {
    kNone,
    kExpires,        // the server's certificate, in so many seconds
    kIssuerExpires,  // one of those that vouch for it
    kListOutOfDate,  // a revocation list, since so many seconds
  };
  Kind kind = Kind::kNone;
  int64_t seconds = 0;
  bool operator==(const Warning&) const = default;
};

// "its certificate expires in 3 days"; empty: nothing.
std::string words(const Warning& warning);

struct Outcome {
  enum class Reason : uint8_t {
    kPassed,
    // the way to the server
    kRefused,
    kUnreachable,
    kReset,
    kClosed,  // before it had said what was waited for
    kTimedOut,
    kSystem,  // another error of the operating system; number: errno
    // the server's answer
    kHttpStatus,  // number: the status
    kHttpMalformed,
    kHttpHeaderTooLarge,
    kBodyMismatch,   // text: what it should have been
    kRefusedByWord,  // the service says that it is not well; text: its words
    kMalformed,      // an answer that is not this protocol's; text
    kNoAnswer,       // dns: no record, or none as expected; text
    kExitCode,       // exec; number, text: the end of what it said
    kScriptFailed,   // exec: killed, out of time, not started; text
    kFileMissing,    // text: why it cannot be read
    // TLS
    kTlsExpired,      // number: seconds since
    kTlsNotYetValid,  // number: seconds until
    kTlsSelfSigned,
    kTlsUnknownIssuer,  // text: the issuer
    kTlsWrongName,      // text: the names it is for
    kTlsRevoked,        // number: seconds since; -1: nobody knows
    kTlsWeak,           // key too short, digest too weak
    kTlsCertificate,    // anything else the verification found; text
    kTlsProtocol,       // no common version, cipher or parameter; text
    kTlsAlert,          // the server refused us; text
    kNotTls,            // an answer that is no TLS, such as plain HTTP
    kTlsTooMuch,        // more bytes than any handshake needs
    kTrustStore,        // our own ca_file; text
    // nothing was learned about the server
    kNoResources,  // no descriptor, port or memory of ours for it; text
    kCancelled,
    kNotRun,  // a program that another was to run; text: why not
  };

  Reason reason = Reason::kPassed;
  Stage stage = Stage::kConnect;
  int64_t number = 0;            // as said at the reason; of kPassed: the HTTP status, 0 for tcp
  std::string text;              // printable, at most kMaxText bytes
  std::optional<Weight> weight;  // the server's own word about how much it can take
  Warning warning;               // of kPassed
  Duration took = Duration::zero();

  bool ok() const { return reason == Reason::kPassed; }
  // The attempt could not be made, for a cause of ours: no verdict.
  bool says_nothing() const { return reason >= Reason::kNoResources; }
};

// "connection refused", "HTTP 503, expected 200-299", "TLS: certificate expired 3 days ago",
// "timed out after 2s while waiting for the answer's header"
std::string words(const Outcome& outcome, const Check& check);

inline constexpr size_t kMaxText = 160;
// `text` with everything but printable ASCII replaced by '?', cut at kMaxText.
std::string printable(std::string_view text);

// "2s", "250ms", "1.5s"
std::string text_of(Duration duration);

}  // namespace tandem::checkers
