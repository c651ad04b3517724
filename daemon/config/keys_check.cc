// Rows of the key table: checks, and what each kind of them has.
#include <array>

#include "daemon/config/keys.hpp"

namespace tandem::config {
namespace {

using enum Section;
using enum Type;

// clang-format off
// The keys of every check that can speak TLS.
constexpr Key ca_file(Section section) {
  return {.section = section, .name = "ca_file", .type = kFile, .otherwise = "the system's store", .also = "ca cafile",
          .meaning = "PEM certificates of the authorities that are believed."};
}
constexpr Key verify(Section section) {
  return {.section = section, .name = "verify", .type = kBoolean, .standard = "true",
          .meaning = "Whether the certificate must be good. `false` takes any."};
}
constexpr Key crl_file(Section section) {
  return {.section = section, .name = "crl_file", .type = kFile, .otherwise = "nobody is asked", .also = "crl",
          .meaning = "PEM revocation lists of the server certificates' issuers. One that is out of date still counts, with a warning."};
}
constexpr Key certificate(Section section) {
  return {.section = section, .name = "certificate", .type = kFile, .otherwise = "none", .also = "client_certificate crt cert",
          .meaning = "What the check shows to a server that asks who it is: PEM, its issuers after it."};
}
constexpr Key private_key(Section section) {
  return {.section = section, .name = "key", .type = kFile, .otherwise = "in the file of `certificate`", .also = "private_key",
          .meaning = "Its key. Checks run as user tandem, who must be able to read it: `chgrp tandem`, `chmod 640`."};
}
constexpr Key warn_before_expiry(Section section) {
  return {.section = section, .name = "warn_before_expiry", .type = kDuration, .standard = "168h", .low = 0,
          .high = ns(std::chrono::hours(24 * 366)), .step = ns(1s), .also = "expiry_warning",
          .meaning = "How long before its end a certificate is warned of (`CHECK_CERTIFICATE_WARNING`, `tandemctl why`); the "
                     "server stays up. `0s` is never."};
}
// clang-format on

}  // namespace

std::span<const Key> check_keys() {
  // clang-format off
  static const std::array kKeys = {
    Key{.section = kCheck, .name = "tcp", .type = kOptionalMap, .inside = kTcpCheck, .also = "TCP_CHECK connect",
        .meaning = "Connect, nothing else."},
    Key{.section = kCheck, .name = "http", .type = kOptionalMap, .inside = kHttpCheck, .also = "HTTP_GET",
        .meaning = "Ask by HTTP."},
    Key{.section = kCheck, .name = "https", .type = kOptionalMap, .inside = kHttpsCheck, .also = "SSL_GET ssl",
        .meaning = "Ask by HTTPS."},
    Key{.section = kCheck, .name = "tls", .type = kOptionalMap, .inside = kTlsCheck, .meaning = "The TLS handshake alone."},
    Key{.section = kCheck, .name = "smtp", .type = kOptionalMap, .inside = kSmtpCheck, .also = "SMTP_CHECK",
        .meaning = "Greet by SMTP."},
    Key{.section = kCheck, .name = "dns", .type = kMap, .inside = kDnsCheck, .also = "DNS_CHECK",
        .meaning = "Ask for a name."},
    Key{.section = kCheck, .name = "ping", .type = kOptionalMap, .inside = kPingCheck, .also = "PING_CHECK icmp",
        .meaning = "ICMP echo."},
    Key{.section = kCheck, .name = "udp", .type = kOptionalMap, .inside = kUdpCheck, .also = "UDP_CHECK",
        .meaning = "Send a datagram and wait for a reply."},
    Key{.section = kCheck, .name = "exec", .type = kMap, .inside = kExecCheck, .also = "MISC_CHECK misc script",
        .meaning = "Ask a program."},
    Key{.section = kCheck, .name = "file", .type = kMap, .inside = kFileCheck, .also = "FILE_CHECK",
        .meaning = "Ask a file."},
    Key{.section = kCheck, .name = "agent", .type = kMap, .inside = kAgentCheck, .also = "agent-check agent_check",
        .meaning = "Ask the server's agent."},
    Key{.section = kCheck, .name = "mysql", .type = kOptionalMap, .inside = kMysqlCheck, .also = "mysql-check mariadb",
        .meaning = "Log in to MySQL or MariaDB."},
    Key{.section = kCheck, .name = "pgsql", .type = kOptionalMap, .inside = kPgsqlCheck, .also = "pgsql-check postgres postgresql",
        .meaning = "Knock at PostgreSQL."},
    Key{.section = kCheck, .name = "redis", .type = kOptionalMap, .inside = kRedisCheck, .also = "redis-check valkey",
        .meaning = "Ping Redis."},
    Key{.section = kCheck, .name = "grpc", .type = kOptionalMap, .inside = kGrpcCheck, .also = "grpc_health",
        .meaning = "Ask by gRPC's health protocol."},
    Key{.section = kCheck, .name = "interval", .type = kDuration, .standard = "2s", .low = ns(50ms),
        .high = ns(3600s), .step = ns(1ms), .also = "delay_loop",
        .meaning = "From the start of one attempt to the start of the next."},
    Key{.section = kCheck, .name = "interval_while_changing", .type = kDuration, .otherwise = "the interval",
        .low = ns(50ms), .high = ns(3600s), .step = ns(1ms), .also = "fastinter delay_before_retry",
        .meaning = "The interval while the last results contradict the server's state: what is changing is known sooner."},
    Key{.section = kCheck, .name = "initial", .type = kChoice, .standard = "down", .choices = initial_choices(),
        .also = "alpha init_state", .meaning = "What a new server is before its first answer."},
    Key{.section = kCheck, .name = "timeout", .type = kDuration, .standard = "2s", .low = ns(10ms), .high = ns(600s),
        .step = ns(1ms), .also = "connect_timeout",
        .meaning = "For the whole attempt: connection, handshake, request and answer."},
    Key{.section = kCheck, .name = "rise", .type = kInteger, .standard = "2", .low = 1, .high = 1000,
        .meaning = "Successes in a row that bring a server up; a new server's first one does."},
    Key{.section = kCheck, .name = "fall", .type = kInteger, .standard = "3", .low = 1, .high = 1000,
        .also = "retry", .meaning = "Failures in a row that take a server down."},
    Key{.section = kCheck, .name = "weight_when_down", .type = kPercent, .otherwise = "the check counts", .low = 0, .high = 99,
        .meaning = "The check does not take the server down: while it fails, the server keeps this share of its weight."},
    Key{.section = kCheck, .name = "port", .type = kInteger, .otherwise = "the server's", .low = 1, .high = 65535,
        .also = "connect_port", .meaning = "Where the check connects to, if not where clients are sent."},
    Key{.section = kCheck, .name = "address", .type = kGateway, .otherwise = "the server's", .also = "connect_ip addr",
        .meaning = "Where the check connects to, if not where clients are sent."},
    Key{.section = kCheck, .name = "source", .type = kGateway, .otherwise = "as the routes say", .also = "bindto",
        .meaning = "The address that the check comes from."},
    Key{.section = kCheck, .name = "interface", .type = kInterface, .otherwise = "as the routes say", .also = "bind_if",
        .meaning = "The interface that the check leaves by."},
    Key{.section = kCheck, .name = "mark", .type = kInteger, .standard = "0", .low = 0, .high = 4294967295,
        .also = "fwmark", .meaning = "The mark of the check's packets, for policy rules; 0 is none."},

    Key{.section = kHttpCheck, .name = "path", .type = kUrlPath, .standard = "/", .also = "url uri",
        .meaning = "What is asked for."},
    Key{.section = kHttpCheck, .name = "host", .type = kHost, .otherwise = "the server's address",
        .also = "virtualhost hostname", .meaning = "The Host header."},
    Key{.section = kHttpCheck, .name = "expect", .type = kStatuses, .standard = "200-299",
        .also = "status status_code codes", .meaning = "The statuses of a server that is well."},

    Key{.section = kHttpCheck, .name = "method", .type = kText, .standard = "GET",
        .meaning = "GET, HEAD, OPTIONS or what else the server wants."},
    Key{.section = kHttpCheck, .name = "headers", .type = kTexts, .otherwise = "none", .low = 1, .high = 32,
        .also = "http_header", .meaning = "More header lines, each as `Name: value`."},
    Key{.section = kHttpCheck, .name = "body", .type = kText, .otherwise = "not looked at", .also = "string contains",
        .meaning = "The body must contain this; its first 1 MB is looked at."},
    Key{.section = kHttpCheck, .name = "body_regex", .type = kText, .otherwise = "not looked at", .also = "regex rstring",
        .meaning = "The body must match this Perl-compatible regular expression somewhere."},
    Key{.section = kHttpCheck, .name = "body_sha256", .type = kText, .otherwise = "not looked at", .also = "digest",
        .meaning = "The SHA-256 of the body, 64 hex digits."},

    Key{.section = kHttpsCheck, .name = "path", .type = kUrlPath, .standard = "/", .also = "url uri",
        .meaning = "What is asked for."},
    Key{.section = kHttpsCheck, .name = "host", .type = kHost, .otherwise = "the server's address",
        .also = "virtualhost hostname sni server_name",
        .meaning = "The Host header, the name asked for by SNI, and the name the certificate must be for."},
    Key{.section = kHttpsCheck, .name = "expect", .type = kStatuses, .standard = "200-299",
        .also = "status status_code codes", .meaning = "The statuses of a server that is well."},
    ca_file(kHttpsCheck), verify(kHttpsCheck), crl_file(kHttpsCheck), certificate(kHttpsCheck), private_key(kHttpsCheck), warn_before_expiry(kHttpsCheck),
    Key{.section = kHttpsCheck, .name = "method", .type = kText, .standard = "GET",
        .meaning = "GET, HEAD, OPTIONS or what else the server wants."},
    Key{.section = kHttpsCheck, .name = "headers", .type = kTexts, .otherwise = "none", .low = 1, .high = 32,
        .also = "http_header", .meaning = "More header lines, each as `Name: value`."},
    Key{.section = kHttpsCheck, .name = "body", .type = kText, .otherwise = "not looked at", .also = "string contains",
        .meaning = "The body must contain this; its first 1 MB is looked at."},
    Key{.section = kHttpsCheck, .name = "body_regex", .type = kText, .otherwise = "not looked at", .also = "regex rstring",
        .meaning = "The body must match this Perl-compatible regular expression somewhere."},
    Key{.section = kHttpsCheck, .name = "body_sha256", .type = kText, .otherwise = "not looked at", .also = "digest",
        .meaning = "The SHA-256 of the body, 64 hex digits."},

    Key{.section = kTlsCheck, .name = "host", .type = kHost, .otherwise = "the server's address", .also = "sni server_name",
        .meaning = "The name asked for by SNI, and the name the certificate must be for."},
    ca_file(kTlsCheck), verify(kTlsCheck), crl_file(kTlsCheck), certificate(kTlsCheck), private_key(kTlsCheck), warn_before_expiry(kTlsCheck),

    Key{.section = kSmtpCheck, .name = "name", .type = kHost, .standard = "tandem.invalid", .also = "helo_name",
        .meaning = "The name in EHLO."},
    Key{.section = kSmtpCheck, .name = "starttls", .type = kBoolean, .standard = "false",
        .meaning = "Whether TLS must begin after EHLO; `host`, `ca_file` and `verify` are for its certificate."},
    Key{.section = kSmtpCheck, .name = "host", .type = kHost, .otherwise = "the server's address", .also = "sni server_name",
        .meaning = "The name asked for by SNI, and the name the certificate must be for."},
    ca_file(kSmtpCheck), verify(kSmtpCheck), crl_file(kSmtpCheck), certificate(kSmtpCheck), private_key(kSmtpCheck), warn_before_expiry(kSmtpCheck),

    Key{.section = kDnsCheck, .name = "name", .type = kHost, .required = true, .meaning = "The name asked for."},
    Key{.section = kDnsCheck, .name = "type", .type = kChoice, .standard = "A", .choices = dns_choices(),
        .meaning = "The type of the record."},
    Key{.section = kDnsCheck, .name = "answer", .type = kText, .otherwise = "any",
        .meaning = "The data that one of the records must have, as a zone file has it."},

    Key{.section = kUdpCheck, .name = "payload", .type = kText, .otherwise = "an empty datagram", .also = "send",
        .meaning = "What is sent; in double quotes, YAML's escapes make any byte."},
    Key{.section = kUdpCheck, .name = "answer", .type = kText, .otherwise = "any reply", .also = "require_reply reply",
        .meaning = "What the reply must contain."},

    Key{.section = kExecCheck, .name = "command", .type = kCommand, .required = true, .also = "misc_path path",
        .meaning = "The program and its arguments. It must belong to root, or to `user`, and be writable by nobody else."},
    Key{.section = kExecCheck, .name = "user", .type = kName, .otherwise = "the checks' own, tandem",
        .meaning = "Whose rights it has, those of the user's groups included. The supervisor then runs it: at most 64 such "
                   "programs at once."},

    Key{.section = kFileCheck, .name = "path", .type = kFile, .required = true, .also = "file", .meaning = "The file."},

    Key{.section = kAgentCheck, .name = "send", .type = kText, .otherwise = "nothing", .also = "agent-send",
        .meaning = "What is said to the agent first."},

    Key{.section = kMysqlCheck, .name = "user", .type = kText, .otherwise = "none", .also = "username",
        .meaning = "Who logs in."},
    Key{.section = kMysqlCheck, .name = "password", .type = kText, .otherwise = "none", .meaning = "For mysql_native_password; the log-in proves it without showing it."},

    Key{.section = kPgsqlCheck, .name = "user", .type = kText, .otherwise = "none", .also = "username",
        .meaning = "Who logs in."},
    Key{.section = kPgsqlCheck, .name = "database", .type = kText, .otherwise = "the user's",
        .also = "dbname", .meaning = "Which one is asked for."},

    Key{.section = kRedisCheck, .name = "user", .type = kText, .otherwise = "none", .also = "username",
        .meaning = "Who logs in."},
    Key{.section = kRedisCheck, .name = "password", .type = kText, .otherwise = "none", .meaning = "Sent with AUTH, readable on the wire."},

    Key{.section = kGrpcCheck, .name = "service", .type = kText, .otherwise = "the server as a whole",
        .also = "service_name", .meaning = "The service asked about, as in `shop.v1.Cart`."},
    Key{.section = kGrpcCheck, .name = "tls", .type = kBoolean, .standard = "false", .also = "ssl",
        .meaning = "Whether it is asked over TLS, with `h2` by ALPN; `ca_file` and `verify` are for its certificate."},
    Key{.section = kGrpcCheck, .name = "host", .type = kHost, .otherwise = "the server's address",
        .also = "authority sni server_name",
        .meaning = "The authority of the call, and with TLS the name asked for by SNI and the one the certificate must be for."},
    ca_file(kGrpcCheck), verify(kGrpcCheck), crl_file(kGrpcCheck), certificate(kGrpcCheck), private_key(kGrpcCheck), warn_before_expiry(kGrpcCheck),
  };
  // clang-format on
  return kKeys;
}

}  // namespace tandem::config
