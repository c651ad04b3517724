// The hands of the room: one thread that changes addresses and announces them, in the order it was asked.
//
// The kernel's routing lock can be held by others for as long as they like, and a router can have many addresses.
// Neither may make an advert late, so the loop only asks and never waits. Answers come back to the loop.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "daemon/netlink/macvlan.hpp"
#include "daemon/netlink/route_book.hpp"
#include "vrrp/io/interface_table.hpp"
#include "vrrp/machine.hpp"

namespace tandem::vrrp {

class Hands {
 public:
  struct Trouble {
    VirtualAddress address;
    std::string text;
  };
  using OnTrouble = std::function<void(const Trouble&)>;

  // Answers run on `loop`.
  explicit Hands(boost::asio::any_io_executor loop);
  ~Hands();  // after everything asked for has been done
  Hands(const Hands&) = delete;
  Hands& operator=(const Hands&) = delete;

  void add(std::vector<VirtualAddress> addresses, OnTrouble on_trouble);
  void remove(std::vector<VirtualAddress> addresses, OnTrouble on_trouble);
  // A burst of gratuitous ARP, or of unsolicited neighbour advertisements, for each.
  void announce(std::vector<VirtualAddress> addresses, uint32_t count, OnTrouble on_trouble);

  void add(std::vector<netlink::Route> routes, std::vector<netlink::Rule> rules,
           std::function<void(const std::string&)> on_trouble);
  void remove(std::vector<netlink::Route> routes, std::vector<netlink::Rule> rules,
              std::function<void(const std::string&)> on_trouble);
  // Devices with a virtual MAC address.
  void raise(std::vector<netlink::Macvlan> devices, std::function<void(const std::string&)> on_trouble);
  void hush(std::vector<netlink::Macvlan> devices, std::function<void(const std::string&)> on_trouble);
  void remove(std::vector<netlink::Macvlan> devices, std::function<void(const std::string&)> on_trouble);
  void remove_left_devices(std::set<std::string> keep);

  // Those with our tag, all of them.
  void remove_left_routes();

  // Which of them are not there.
  void find_missing(std::vector<VirtualAddress> addresses, std::function<void(std::vector<VirtualAddress>)> answer);
  // Takes away every address with our tag but these; answers what was taken.
  void remove_leftovers(std::vector<VirtualAddress> keep, std::function<void(std::vector<VirtualAddress>)> answer);
  // Everything anew. Asked again by itself until the kernel answers.
  void look(std::function<void(InterfaceSnapshot)> answer);
  // Anything else that may take its time; it runs on the hands' thread.
  void perform(std::function<void()> work);
  // When everything asked before is done.
  void afterwards(std::function<void()> answer);

 private:
  struct Tools;
  using Job = std::function<void(Tools&)>;
  void ask(Job job);
  void work();

  boost::asio::any_io_executor loop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool ending_ = false;
  std::thread thread_;
};

// Links and addresses as they are now.
netlink::Outcome<InterfaceSnapshot> look_at_interfaces(netlink::Connection& connection);

}  // namespace tandem::vrrp
