// The raw socket on which the adverts of one interface come and go.
#pragma once

#include <cerrno>
#include <optional>
#include <string>

#include "daemon/base/bytes.hpp"
#include "daemon/base/result.hpp"
#include "daemon/loop/fd.hpp"
#include "vrrp/packet.hpp"

namespace tandem::vrrp {

class AdvertSocket {
 public:
  // Bound to the interface, member of 224.0.0.18, non-blocking; hears nothing of its own. Errors: a sentence.
  static Result<AdvertSocket, std::string> open(int interface_index, const std::string& interface);

  // Readable when there is something to receive().
  int fd() const { return fd_.get(); }

  // The next packet, with its IPv4 header, in `buffer`; nothing when there is none now. What is longer than the buffer
  // is cut off, and its length field then gives it away.
  std::optional<Bytes> receive(MutableBytes buffer);

  // From `advert.source`, which must be an address of this box. Returns 0 or an errno.
  int send(const Advert& advert);
  // The same for a message that is encoded already.
  int send_message(Bytes message, const IpAddress& source, const IpAddress& destination);

 private:
  explicit AdvertSocket(loop::UniqueFd fd, int interface_index)
      : fd_(std::move(fd)), interface_index_(interface_index) {}
  loop::UniqueFd fd_;
  int interface_index_ = 0;
};

}  // namespace tandem::vrrp
