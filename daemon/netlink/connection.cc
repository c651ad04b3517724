#include "daemon/netlink/connection.hpp"

#include <linux/netlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include "daemon/base/assert.hpp"

namespace tandem::netlink {
namespace {

constexpr int kAnswerTimeoutSeconds = 2;
constexpr int kDisturbedRetries = 5;
constexpr int kBufferBytes = 256 * 1024;

// The kernel's sentence in an extended acknowledgement, if it sent one.
std::string extended_reason(nlmsghdr* header, const nlmsgerr& error) {
  if ((header->nlmsg_flags & NLM_F_ACK_TLVS) == 0) return {};
  // With NETLINK_CAP_ACK the answer holds the header of the request, not its body.
  size_t offset = sizeof(nlmsgerr);
  if ((header->nlmsg_flags & NLM_F_CAPPED) == 0) offset += error.msg.nlmsg_len - sizeof(nlmsghdr);
  const auto body = static_cast<size_t>(nlmsg_datalen(header));
  if (NLMSG_ALIGN(offset) >= body) return {};
  auto* first = reinterpret_cast<nlattr*>(static_cast<char*>(nlmsg_data(header)) + NLMSG_ALIGN(offset));
  const nlattr* text = nla_find(first, static_cast<int>(body - NLMSG_ALIGN(offset)), NLMSGERR_ATTR_MSG);
  if (text == nullptr) return {};
  const auto* words = static_cast<const char*>(nla_data(text));
  return {words, strnlen(words, static_cast<size_t>(nla_len(text)))};
}

}  // namespace

Request::Request(int type, int flags) : message_(nlmsg_alloc_simple(type, flags | NLM_F_REQUEST)) {
  TANDEM_ASSERT(message_ != nullptr);
}

void Request::append(Bytes fixed) {
  const int failed = nlmsg_append(message_.get(), const_cast<std::byte*>(fixed.data()), fixed.size(), NLMSG_ALIGNTO);
  TANDEM_ASSERT(failed == 0);
}

void Request::put(int attribute, Bytes value) {
  const int failed = nla_put(message_.get(), attribute, static_cast<int>(value.size()), value.data());
  TANDEM_ASSERT(failed == 0);
}

void Request::Free::operator()(nl_msg* message) const {
  nlmsg_free(message);
}
void Connection::Free::operator()(nl_sock* socket) const {
  nl_socket_free(socket);
}

Outcome<Connection> Connection::open() {
  static constexpr const char* kDoing = "opening a netlink socket";
  Connection connection(nl_socket_alloc());
  nl_sock* socket = connection.socket_.get();
  if (socket == nullptr) return Failure(Error::from_errno(ENOMEM, kDoing));
  errno = 0;
  if (nl_connect(socket, NETLINK_ROUTE) < 0) return Failure(Error::from_errno(errno != 0 ? errno : EIO, kDoing));
  nl_socket_set_buffer_size(socket, kBufferBytes, kBufferBytes);
  nl_socket_enable_msg_peek(socket);  // an answer is never cut off

  const int fd = nl_socket_get_fd(socket);
  const int on = 1;
  // Both only make errors readable; a kernel without them still answers.
  setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  const timeval timeout{.tv_sec = kAnswerTimeoutSeconds, .tv_usec = 0};
  if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) < 0)
    return Failure(Error::from_errno(errno, kDoing));
  return connection;
}

Outcome<void> Connection::change(Request request, const char* doing) {
  nlmsg_hdr(request.message_.get())->nlmsg_flags |= NLM_F_ACK;
  const auto end = converse(request, doing, [](const nlmsghdr&) {});
  if (!end) return Failure(end.error());
  return {};
}

Outcome<void> Connection::ask(Request request, const char* doing, const Each& each,
                              const std::function<void()>& restart) {
  for (int attempt = 0; attempt < kDisturbedRetries; ++attempt) {
    nlmsg_hdr(request.message_.get())->nlmsg_seq = 0;  // a new number for each attempt
    const auto end = converse(request, doing, each);
    if (!end) return Failure(end.error());
    if (*end == End::kComplete) return {};
    restart();
  }
  return Failure(Error::from_errno(EAGAIN, doing, "the table kept changing while it was read"));
}

Outcome<Connection::End> Connection::converse(Request& request, const char* doing, const Each& each) {
  nl_msg* message = request.message_.get();
  // A question that is not a dump gets exactly one message and, unless asked for, no
  // acknowledgement after it.
  const bool dump = (nlmsg_hdr(message)->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
  const bool acknowledged = (nlmsg_hdr(message)->nlmsg_flags & NLM_F_ACK) != 0;
  nl_complete_msg(socket_.get(), message);
  // libnl asks for an acknowledgement of everything by itself; we say it where we mean it.
  if (!acknowledged) nlmsg_hdr(message)->nlmsg_flags &= static_cast<uint16_t>(~NLM_F_ACK);
  const uint32_t sequence = nlmsg_hdr(message)->nlmsg_seq;
  errno = 0;
  if (nl_send(socket_.get(), message) < 0) return Failure(Error::from_errno(errno != 0 ? errno : EIO, doing));

  bool disturbed = false;
  while (true) {
    sockaddr_nl from{};
    unsigned char* raw = nullptr;
    errno = 0;
    int length = nl_recv(socket_.get(), &from, &raw, nullptr);
    const std::unique_ptr<unsigned char, decltype(&std::free)> buffer(raw, &std::free);
    if (length <= 0) return Failure(Error::from_errno(errno != 0 ? errno : ETIMEDOUT, doing));
    if (from.nl_pid != 0) continue;  // only the kernel may answer
    auto* header = reinterpret_cast<nlmsghdr*>(raw);
    for (; nlmsg_ok(header, length); header = nlmsg_next(header, &length)) {
      if (header->nlmsg_seq != sequence) continue;  // a late answer to a question given up
      if ((header->nlmsg_flags & NLM_F_DUMP_INTR) != 0) disturbed = true;
      if (header->nlmsg_type == NLMSG_DONE) return disturbed ? End::kDisturbed : End::kComplete;
      if (header->nlmsg_type == NLMSG_ERROR) {
        if (nlmsg_datalen(header) < static_cast<int>(sizeof(nlmsgerr)))
          return Failure(Error::from_errno(EBADMSG, doing));
        const auto& error = *static_cast<const nlmsgerr*>(nlmsg_data(header));
        if (error.error == 0) return End::kComplete;
        return Failure(Error::from_errno(-error.error, doing, extended_reason(header, error)));
      }
      each(*header);
      if (!dump && !acknowledged) return End::kComplete;
    }
  }
}

}  // namespace tandem::netlink
