// A socket on which the kernel's network tables are asked and changed: one request, one answer.
//
// Synchronous: a call returns when the kernel has answered, which it does at once unless somebody
// else holds its routing lock. Whoever must never wait (VRRP's adverts) calls from a helper thread.
// One Connection belongs to one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "daemon/base/bytes.hpp"
#include "daemon/netlink/error.hpp"

struct nl_sock;
struct nl_msg;
struct nlmsghdr;

namespace tandem::netlink {

// A request being put together.
class Request {
 public:
  // `type` is RTM_..., `flags` NLM_F_... (NLM_F_REQUEST is added). `header` is the fixed part,
  // such as struct ifaddrmsg.
  template <class Header>
  Request(int type, int flags, const Header& header) : Request(type, flags) {
    append(bytes_of(header));
  }
  void put(int attribute, Bytes value);
  template <class T>
  void put_value(int attribute, const T& value) {
    put(attribute, bytes_of(value));
  }

 private:
  friend class Connection;
  Request(int type, int flags);
  void append(Bytes fixed);
  struct Free {
    void operator()(nl_msg* message) const;
  };
  std::unique_ptr<nl_msg, Free> message_;
};

class Connection {
 public:
  static Outcome<Connection> open();

  // Sends a change; success is the kernel's acknowledgement.
  Outcome<void> change(Request request, const char* doing);

  // Sends a question and calls `each` for every message of the answer. An answer that the kernel
  // says was disturbed by a change meanwhile is asked for again; `restart` is called before it.
  using Each = std::function<void(const nlmsghdr&)>;
  Outcome<void> ask(Request request, const char* doing, const Each& each, const std::function<void()>& restart = [] {});

 private:
  struct Free {
    void operator()(nl_sock* socket) const;
  };
  explicit Connection(nl_sock* socket) : socket_(socket) {}

  enum class End : uint8_t { kComplete, kDisturbed };
  Outcome<End> converse(Request& request, const char* doing, const Each& each);
  std::unique_ptr<nl_sock, Free> socket_;
};

}  // namespace tandem::netlink
