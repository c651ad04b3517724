// The dialogs with databases: MySQL and MariaDB (protocol 10), PostgreSQL (protocol 3.0).
#include <cstring>
#include <utility>

#include "checkers/dialog.hpp"

namespace tandem::checkers {
namespace {

using Reason = Outcome::Reason;

constexpr size_t kMostPacket = size_t{32} << 10;

uint8_t byte_at(std::string_view bytes, size_t at) {
  return static_cast<uint8_t>(bytes[at]);
}

// ---- MySQL: packets of a 3-byte little-endian length, a sequence number, and the body

struct Packet {
  std::string_view body;
  uint8_t sequence = 0;
  size_t taken = 0;
};

std::string packet(uint8_t sequence, std::string_view body) {
  std::string bytes;
  for (size_t shift = 0; shift < 24; shift += 8) bytes += static_cast<char>(body.size() >> shift & 0xff);
  return bytes + static_cast<char>(sequence) + std::string(body);
}

constexpr uint32_t kProtocol41 = 0x200, kSecureConnection = 0x8000, kPluginAuth = 0x80000, kLongPassword = 1;
constexpr std::string_view kNativePassword = "mysql_native_password";
constexpr int kAccessDenied = 1045, kAccessDeniedNoPassword = 1698;

class MysqlDialog final : public Dialog {
 public:
  MysqlDialog(const Check& check, Sha1 sha1) : check_(check), sha1_(std::move(sha1)) {}

  Step feed(std::string_view received, bool closed) override {
    if (received.size() < 4) return closed ? failed(Reason::kClosed, {}) : Step{};
    const size_t length = byte_at(received, 0) | size_t{byte_at(received, 1)} << 8 | size_t{byte_at(received, 2)} << 16;
    if (length > kMostPacket || length == 0) return failed(Reason::kMalformed, received.substr(0, 32));
    if (received.size() < 4 + length) return closed ? failed(Reason::kClosed, {}) : Step{};
    const Packet now{received.substr(4, length), byte_at(received, 3), 4 + length};
    const uint8_t first = byte_at(now.body, 0);
    if (first == 0xff) return refusal(now);
    switch (place_) {
      case Place::kGreeting:
        return greeting(now);
      case Place::kAuthentication:
        if (first == 0) {
          place_ = Place::kPing;
          return say(now.taken, packet(0, "\x0e"));  // COM_PING
        }
        // 0xfe: another method is asked for, with a scramble of its own; 0x01: more of a method that is not ours.
        if (first != 0xfe || std::exchange(switched_, true)) return strange_method();
        return answer_switch(now);
      case Place::kPing:
        if (first != 0) return failed(Reason::kMalformed, now.body);
        return passed(now.taken, version_, packet(0, "\x01"));  // COM_QUIT
    }
    return {};
  }

 private:
  enum class Place : uint8_t { kGreeting, kAuthentication, kPing };

  // 0xff, a little-endian code, '#' and 5 bytes of SQL state once the greeting is over, words.
  Step refusal(const Packet& now) const {
    if (now.body.size() < 3) return failed(Reason::kMalformed, now.body);
    const int code = byte_at(now.body, 1) | byte_at(now.body, 2) << 8;
    std::string_view words = now.body.substr(3);
    if (words.starts_with('#') && words.size() >= 6) words.remove_prefix(6);
    // Who has no account for the check wants to know whether the server answers: it does.
    if (check_.user.empty() && place_ == Place::kAuthentication &&
        (code == kAccessDenied || code == kAccessDeniedNoPassword))
      return passed(now.taken, version_);
    return failed(Reason::kRefusedByWord, std::to_string(code) + " " + std::string(words));
  }

  Step strange_method() const {
    if (check_.user.empty()) return passed(0, version_);
    return failed(Reason::kRefusedByWord, "it wants another way to log in than mysql_native_password");
  }

  // Protocol 10: version\0, thread id 4, scramble 8, 0, capabilities 2, charset 1, status 2, capabilities 2,
  // scramble length 1, reserved 10, scramble at least 13 with its end.
  Step greeting(const Packet& now) {
    const std::string_view body = now.body;
    if (byte_at(body, 0) != 10) return failed(Reason::kMalformed, body.substr(0, 64));
    const size_t end = body.find('\0', 1);
    if (end == std::string_view::npos || body.size() < end + 1 + 31 + 12)
      return failed(Reason::kMalformed, body.substr(0, 64));
    version_ = printable(body.substr(1, end - 1));
    const std::string_view rest = body.substr(end + 1);
    const std::string scramble = std::string(rest.substr(4, 8)) + std::string(rest.substr(31, 12));
    place_ = Place::kAuthentication;
    const uint32_t capabilities = kLongPassword | kProtocol41 | kSecureConnection | kPluginAuth;
    std::string login;
    for (size_t shift = 0; shift < 32; shift += 8) login += static_cast<char>(capabilities >> shift & 0xff);
    login += std::string("\0\0\0\1", 4);  // the largest packet: 16 MB
    login += '\x21';                      // utf8
    login += std::string(23, '\0');
    login += (check_.user.empty() ? "tandem-check" : check_.user) + '\0';
    const std::string proof = proof_of(scramble);
    login += static_cast<char>(proof.size());
    login += proof;
    login += std::string(kNativePassword) + '\0';
    return say(now.taken, packet(static_cast<uint8_t>(now.sequence + 1), login));
  }

  Step answer_switch(const Packet& now) const {
    const size_t end = now.body.find('\0', 1);
    if (end == std::string_view::npos || now.body.substr(1, end - 1) != kNativePassword) return strange_method();
    return say(now.taken,
               packet(static_cast<uint8_t>(now.sequence + 1), proof_of(std::string(now.body.substr(end + 1, 20)))));
  }

  // SHA1(password) XOR SHA1(scramble + SHA1(SHA1(password))); nothing for an empty password.
  std::string proof_of(const std::string& scramble) const {
    if (check_.password.empty() || !sha1_) return {};
    std::string once = sha1_(check_.password);
    const std::string mask = sha1_(scramble + sha1_(once));
    for (size_t i = 0; i < once.size() && i < mask.size(); ++i) once[i] = static_cast<char>(once[i] ^ mask[i]);
    return once;
  }

  const Check& check_;
  Sha1 sha1_;
  Place place_ = Place::kGreeting;
  bool switched_ = false;
  std::string version_;
};

// ---- PostgreSQL: a type, a 4-byte big-endian length that counts itself, and the body

std::string big_endian(uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xff);
  return bytes;
}

class PgsqlDialog final : public Dialog {
 public:
  explicit PgsqlDialog(const Check& check) : check_(check) {}

  std::string opening() override {
    const std::string user = check_.user.empty() ? "tandem-check" : check_.user;
    std::string body = big_endian(3 << 16);
    body += std::string("user") + '\0' + user + '\0';
    if (!check_.database.empty()) body += std::string("database") + '\0' + check_.database + '\0';
    body += '\0';
    return big_endian(static_cast<uint32_t>(body.size() + 4)) + body;
  }

  // The first message decides: a server that asks for a password, or lets us in, is well. One that is starting, stopping or
  // full says so as an error (SQLSTATE 57P03, 53300); one that does not know our user is well, unless the site named one.
  Step feed(std::string_view received, bool closed) override {
    if (received.size() < 5) return closed ? failed(Reason::kClosed, {}) : Step{};
    const uint32_t length = uint32_t{byte_at(received, 1)} << 24 | uint32_t{byte_at(received, 2)} << 16 |
                            uint32_t{byte_at(received, 3)} << 8 | byte_at(received, 4);
    const bool known = received[0] == 'R' || received[0] == 'E';
    if (!known || length < 8 || length > kMostPacket) return failed(Reason::kMalformed, received.substr(0, 64));
    if (received.size() < 1 + length) return closed ? failed(Reason::kClosed, {}) : Step{};
    const std::string goodbye = std::string("X") + big_endian(4);
    if (received[0] == 'R') return passed(1 + length, "ready for a log-in", goodbye);
    return refusal(received.substr(5, length - 4));
  }

 private:
  // Fields of a letter and a text each, the end is a letter of 0.
  Step refusal(std::string_view fields) const {
    std::string_view code, words;
    while (!fields.empty() && fields[0] != '\0') {
      const size_t end = fields.find('\0', 1);
      if (end == std::string_view::npos) return failed(Reason::kMalformed, fields);
      if (fields[0] == 'C') code = fields.substr(1, end - 1);
      if (fields[0] == 'M') words = fields.substr(1, end - 1);
      fields.remove_prefix(end + 1);
    }
    const bool about_the_account = code.starts_with("28") || code == "3D000";
    if (check_.user.empty() && about_the_account) return passed(0, "answers; it does not know the check's user");
    return failed(Reason::kRefusedByWord, std::string(words) + " (" + std::string(code) + ")");
  }

  const Check& check_;
};

}  // namespace

std::unique_ptr<Dialog> make_mysql_dialog(const Check& check, Sha1 sha1) {
  return std::make_unique<MysqlDialog>(check, std::move(sha1));
}
std::unique_ptr<Dialog> make_pgsql_dialog(const Check& check) {
  return std::make_unique<PgsqlDialog>(check);
}

}  // namespace tandem::checkers
