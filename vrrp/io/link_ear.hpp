// Listens whether anybody can be heard on a link at all.
//
// A port behind spanning tree or a bond that has just come up may be deaf for half a minute: adverts are sent to it and
// none arrive. The first frame from another station proves otherwise. What bridges and bonds say to each other (destination
// 01:80:c2:00:00:0x, IEEE 802.1D) proves nothing: it passes a blocked port.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

namespace tandem::vrrp {

class LinkEar {
 public:
  LinkEar(boost::asio::io_context& io, std::function<void()> heard) : io_(io), heard_(std::move(heard)) {}
  ~LinkEar();
  LinkEar(const LinkEar&) = delete;
  LinkEar& operator=(const LinkEar&) = delete;

  // The link is up, with this interface index, or down (0). `heard` is called once for each time it comes up. A socket
  // that cannot be made hears nobody: then the hold ends by its time.
  void set_link(int interface_index);
  bool has_heard() const { return has_heard_; }

 private:
  void close();
  void wait();
  bool somebody_spoke();

  boost::asio::io_context& io_;
  std::function<void()> heard_;
  int index_ = 0;
  bool has_heard_ = false;
  std::optional<boost::asio::posix::stream_descriptor> readable_;
  std::shared_ptr<int> turn_ = std::make_shared<int>(0);  // which socket a wait was for
};

}  // namespace tandem::vrrp
