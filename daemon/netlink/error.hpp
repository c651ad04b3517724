// What can go wrong when the kernel is asked something.
#pragma once

#include <cstdint>
#include <string>

#include "daemon/base/result.hpp"

namespace tandem::netlink {

enum class ErrorKind : uint8_t {
  kNotFound,     // no such interface, address, neighbour
  kPermission,   // CAP_NET_ADMIN is missing
  kUnreachable,  // no route
  kNoAnswer,     // the kernel did not answer in time
  kMalformed,    // the kernel's answer made no sense to us
  kOther,
};

struct Error {
  ErrorKind kind = ErrorKind::kOther;
  int number = 0;             // errno
  const char* doing = "";     // static text: "adding an address"
  std::string kernel_reason;  // the kernel's own words (extended acknowledgement), often empty

  std::string text() const;  // "adding an address: Operation not permitted (kernel: ...)"
  static Error from_errno(int number, const char* doing, std::string kernel_reason = {});
};

template <class T>
using Outcome = Result<T, Error>;

}  // namespace tandem::netlink
