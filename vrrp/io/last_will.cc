#include "vrrp/io/last_will.hpp"

#include <fcntl.h>
#include <net/if.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <system_error>

#include "daemon/loop/fd.hpp"
#include "vrrp/io/advert_socket.hpp"

namespace tandem::vrrp {
namespace {

// The longest message: 8 octets and 255 IPv6 addresses.
constexpr size_t kLongestMessage = 8 + 255 * 16;
// All VRIDs of a handful of interfaces, each with a long list: more was not written by us.
constexpr size_t kLongestFile = 16 << 20;

std::string hex(const std::vector<std::byte>& bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::byte each : bytes) {
    const auto value = std::to_integer<uint8_t>(each);
    text += kDigits[value >> 4];
    text += kDigits[value & 0xf];
  }
  return text;
}

std::optional<std::vector<std::byte>> unhex(std::string_view text) {
  if (text.empty() || text.size() % 2 != 0 || text.size() / 2 > kLongestMessage) return std::nullopt;
  const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
  std::vector<std::byte> bytes;
  for (size_t i = 0; i < text.size(); i += 2) {
    const int high = digit(text[i]), low = digit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<std::byte>(high << 4 | low));
  }
  return bytes;
}

std::string problem(const std::filesystem::path& file, const char* doing) {
  return std::string(doing) + " " + file.string() + ": " + std::generic_category().message(errno);
}

std::string send(const Bequest& bequest) {
  const unsigned index = if_nametoindex(bequest.interface.c_str());
  if (index == 0) return bequest.interface + " is gone";
  auto socket = AdvertSocket::open(static_cast<int>(index), bequest.interface, bequest.source.family);
  if (!socket) return socket.error();
  const int error = socket->send_message(bequest.message, bequest.source, bequest.destination);
  return error == 0 ? "" : "sending on " + bequest.interface + ": " + std::generic_category().message(error);
}

}  // namespace

std::string to_text(const std::vector<Bequest>& will) {
  std::string text;
  for (const Bequest& each : will)
    text += each.interface + ' ' + each.source.text() + ' ' + each.destination.text() + ' ' + hex(each.message) + '\n';
  return text;
}

std::vector<Bequest> read_will(std::string_view text) {
  std::vector<Bequest> will;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string interface, from, to, digits, rest;
    if (!(words >> interface >> from >> to >> digits) || words >> rest || interface.size() >= IFNAMSIZ) continue;
    const auto source = IpAddress::parse(from), destination = IpAddress::parse(to);
    auto message = unhex(digits);
    if (!source || !destination || !message) continue;
    will.push_back({interface, *source, *destination, std::move(*message)});
  }
  return will;
}

Result<void, std::string> write_will(const std::filesystem::path& file, std::string_view text) {
  std::error_code error;
  if (text.empty()) {
    std::filesystem::remove(file, error);
    return {};
  }
  std::filesystem::path fresh = file;
  fresh += ".new";
  const loop::UniqueFd fd(open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return Failure<std::string>(problem(fresh, "opening"));
  while (!text.empty()) {
    const ssize_t written = write(fd.get(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return Failure<std::string>(problem(fresh, "writing"));
    text.remove_prefix(static_cast<size_t>(written));
  }
  if (rename(fresh.c_str(), file.c_str()) != 0) return Failure<std::string>(problem(file, "replacing"));
  return {};
}

Result<size_t, std::string> execute_will(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return size_t{0};
  std::string text;
  for (char c = 0; text.size() < kLongestFile && in.get(c);) text += c;
  in.close();
  size_t sent = 0;
  std::string wrong;
  for (const Bequest& each : read_will(text)) {
    const std::string why = send(each);
    sent += why.empty() ? 1 : 0;
    if (!why.empty()) wrong = why;
  }
  std::error_code ignored;
  std::filesystem::remove(file, ignored);
  if (!wrong.empty()) return Failure<std::string>(wrong);
  return sent;
}

}  // namespace tandem::vrrp
