// Looks at what a router tracks, each thing at its own pace, and says what was seen. Interfaces and services are told by
// others; here are scripts, files, processes, routes and gateways.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include "vrrp/tracking.hpp"

namespace tandem::vrrp {

class Tracker {
 public:
  using OnLook = std::function<void(const std::string& name, const Look& look)>;

  // Files, /proc and routes are read on `pool`: none may make an advert late.
  Tracker(boost::asio::io_context& io, boost::asio::thread_pool& pool, OnLook on_look);
  ~Tracker();
  Tracker(const Tracker&) = delete;
  Tracker& operator=(const Tracker&) = delete;

  // The first look at what is new comes at once.
  void set(const std::vector<Tracked>& things);

 private:
  class Watch;
  boost::asio::io_context& io_;
  boost::asio::thread_pool& pool_;
  OnLook on_look_;
  std::map<std::string, std::shared_ptr<Watch>> watches_;
};

// One look, now. Both may take their time.
Look look_at_file(const std::string& path);
Look look_for_processes(const std::string& name, uint32_t at_least);
Look look_for_route(const IpAddress& destination);

}  // namespace tandem::vrrp
