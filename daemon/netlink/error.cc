#include "daemon/netlink/error.hpp"

#include <cerrno>
#include <system_error>
#include <utility>

namespace tandem::netlink {
namespace {

ErrorKind kind_of(int number) {
  switch (number) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
    case ESRCH:
    case EADDRNOTAVAIL:
      return ErrorKind::kNotFound;
    case EPERM:
    case EACCES:
      return ErrorKind::kPermission;
    case ENETUNREACH:
    case EHOSTUNREACH:
      return ErrorKind::kUnreachable;
    case EAGAIN:
    case ETIMEDOUT:
      return ErrorKind::kNoAnswer;
    case EBADMSG:
      return ErrorKind::kMalformed;
    default:
      return ErrorKind::kOther;
  }
}

}  // namespace

Error Error::from_errno(int number, const char* doing, std::string kernel_reason) {
  return {kind_of(number), number, doing, std::move(kernel_reason)};
}

std::string Error::text() const {
  std::string words = doing;
  words += ": ";
  words += std::generic_category().message(number);
  if (!kernel_reason.empty()) words += " (kernel: " + kernel_reason + ')';
  return words;
}

}  // namespace tandem::netlink
