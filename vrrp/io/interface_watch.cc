#include "vrrp/io/interface_watch.hpp"

#include <fcntl.h>

#include <utility>

namespace tandem::vrrp {

InterfaceWatch::InterfaceWatch(boost::asio::io_context& io, Hands& hands, Listener listener)
    : hands_(hands), listener_(std::move(listener)), readable_(io) {}

Result<void, std::string> InterfaceWatch::start() {
  auto monitor = netlink::Monitor::open({.links = true, .addresses = true});
  if (!monitor) return Failure<std::string>(monitor.error().text());
  // Listening begins before looking, so nothing falls between the two.
  auto connection = netlink::Connection::open();
  if (!connection) return Failure<std::string>(connection.error().text());
  auto now = look_at_interfaces(*connection);
  if (!now) return Failure<std::string>(now.error().text());
  table_.replace(std::move(*now));
  monitor_.emplace(std::move(*monitor));
  // The monitor keeps its descriptor; Asio waits on one of its own.
  readable_.assign(fcntl(monitor_->fd(), F_DUPFD_CLOEXEC, 0));
  wait();
  return {};
}

void InterfaceWatch::stop() {
  *alive_ = false;
  boost::system::error_code ignored;
  readable_.close(ignored);
}

void InterfaceWatch::wait() {
  readable_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                       [this, alive = alive_](const boost::system::error_code& error) {
                         if (error || !*alive) return;
                         read();
                         if (*alive) wait();
                       });
}

void InterfaceWatch::read() {
  const auto changes = monitor_->read();
  if (!changes) return listener_.failed(changes.error().text());
  std::set<std::string> names;
  bool doubt = false;
  for (const netlink::Change& change : *changes) {
    if (const auto* link = std::get_if<netlink::LinkChange>(&change)) {
      names.merge(table_.apply(*link));
    } else if (const auto* address = std::get_if<netlink::AddressChange>(&change)) {
      names.merge(table_.apply(*address));
      doubt |= address->removed && address->address.ours();
    } else if (std::holds_alternative<netlink::Resynchronise>(change)) {
      resynchronise();
    }
  }
  if (!names.empty()) listener_.changed(names);
  if (doubt) listener_.addresses_in_doubt();
}

void InterfaceWatch::resynchronise() {
  hands_.look([this, alive = alive_](InterfaceSnapshot now) {
    if (!*alive) return;
    listener_.changed(table_.replace(std::move(now)));
    listener_.addresses_in_doubt();
  });
}

}  // namespace tandem::vrrp
