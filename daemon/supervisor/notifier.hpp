// Runs the operators' notify scripts as the notify desk decides.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>

#include "daemon/bus/messages.hpp"
#include "daemon/config/site.hpp"
#include "daemon/loop/deadline_timer.hpp"
#include "daemon/loop/script.hpp"
#include "daemon/supervisor/notify_desk.hpp"

namespace tandem::supervisor {

class Notifier {
 public:
  using Fail = std::function<void(const std::string& subject, const std::string& text)>;

  // REQUIRES: `io` lives until the end of the process.
  Notifier(boost::asio::io_context& io, Fail fail);

  void configure(const config::Site& site);
  // Anything but the state of a router, a service or a server is left alone.
  void hear(const bus::Message& message);
  // Calls `then` once, when every script has ended or after `patience`. The rooms have ended: nothing more is heard.
  void finish(Duration patience, std::function<void()> then);

 private:
  void carry_out(const NotifyActions& actions);

  boost::asio::io_context& io_;
  Fail fail_;
  NotifyDesk desk_;
  std::map<NotifySubject, std::unique_ptr<loop::Script>> running_;
  loop::DeadlineTimer timer_;
  loop::DeadlineTimer patience_;
  std::function<void()> finished_;
};

}  // namespace tandem::supervisor
