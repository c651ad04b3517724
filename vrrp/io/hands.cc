#include "vrrp/io/hands.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>

#include <boost/asio/post.hpp>

#include "daemon/loop/process.hpp"
#include "vrrp/io/announcer.hpp"
#include "vrrp/io/real_time.hpp"

namespace tandem::vrrp {
namespace {

constexpr auto kLookAgainAfter = std::chrono::milliseconds(200);

}  // namespace

struct Hands::Tools {
  // Runs `act` on the open connection and the interface of `address`; returns what went wrong.
  template <class Act>
  std::string with_interface(const VirtualAddress& address, Act act) {
    auto* kernel = connection();
    if (kernel == nullptr) return trouble;
    const auto link = netlink::find_link(*kernel, address.interface);
    if (!link) return link.error().text();
    return act(*kernel, *link);
  }

  template <class Things, class Change>
  void change_all(const boost::asio::any_io_executor& loop, const Things& things, Change change,
                  const std::function<void(const std::string&)>& on_trouble) {
    for (const auto& each : things) {
      auto* kernel = connection();
      std::string wrong = trouble;
      if (kernel != nullptr) {
        const auto done = change(*kernel, each);
        if (done) continue;
        wrong = done.error().text();
      }
      boost::asio::post(loop, [on_trouble, words = each.text() + ": " + wrong] { on_trouble(words); });
    }
  }

  netlink::Connection* connection() {
    if (!open) {
      auto fresh = netlink::Connection::open();
      if (!fresh) {
        trouble = fresh.error().text();
        return nullptr;
      }
      open.emplace(std::move(*fresh));
    }
    return &*open;
  }

  std::optional<netlink::Connection> open;
  std::string trouble;
  Announcer announcer;
};

netlink::Outcome<InterfaceSnapshot> look_at_interfaces(netlink::Connection& connection) {
  auto links = netlink::list_links(connection);
  if (!links) return Failure(links.error());
  auto addresses = netlink::list_addresses(connection, 0);
  if (!addresses) return Failure(addresses.error());
  return InterfaceSnapshot{std::move(*links), std::move(*addresses)};
}

Hands::Hands(boost::asio::any_io_executor loop) : loop_(std::move(loop)), thread_([this] { work(); }) {}

Hands::~Hands() {
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Hands::ask(Job job) {
  {
    const std::scoped_lock lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  changed_.notify_one();
}

void Hands::work() {
  loop::set_thread_name("vrrp-hands");
  become_real_time(kHandsPriority);  // a refusal was already said for the loop
  Tools tools;
  while (true) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return ending_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job(tools);
  }
}

void Hands::add(std::vector<VirtualAddress> addresses, OnTrouble on_trouble) {
  ask([loop = loop_, addresses = std::move(addresses), on_trouble = std::move(on_trouble)](Tools& tools) {
    for (const VirtualAddress& each : addresses) {
      const std::string wrong = tools.with_interface(each, [&](auto& kernel, const netlink::Link& link) {
        const auto done =
            netlink::add_address(kernel, link.index, each.prefix, !netlink::is_macvlan_name(each.interface));
        return done ? std::string() : done.error().text();
      });
      if (!wrong.empty()) boost::asio::post(loop, [on_trouble, each, wrong] { on_trouble({each, wrong}); });
    }
  });
}

void Hands::remove(std::vector<VirtualAddress> addresses, OnTrouble on_trouble) {
  ask([loop = loop_, addresses = std::move(addresses), on_trouble = std::move(on_trouble)](Tools& tools) {
    for (const VirtualAddress& each : addresses) {
      auto* kernel = tools.connection();
      std::string wrong = tools.trouble;
      if (kernel != nullptr) {
        const auto link = netlink::find_link(*kernel, each.interface);
        // An interface that is gone has taken the address along.
        if (!link && link.error().kind == netlink::ErrorKind::kNotFound) continue;
        const auto done = link ? netlink::remove_address(*kernel, link->index, each.prefix)
                               : netlink::Outcome<void>(Failure(link.error()));
        if (done) continue;
        wrong = done.error().text();
      }
      boost::asio::post(loop, [on_trouble, each, wrong] { on_trouble({each, wrong}); });
    }
  });
}

void Hands::announce(std::vector<VirtualAddress> addresses, uint32_t count, OnTrouble on_trouble) {
  ask([loop = loop_, count, addresses = std::move(addresses), on_trouble = std::move(on_trouble)](Tools& tools) {
    // All addresses once before any a second time: the last of many is not to wait for the first one's burst.
    for (uint32_t round = 0; round < count; ++round) {
      for (const VirtualAddress& each : addresses) {
        const std::string wrong = tools.with_interface(each, [&](auto&, const netlink::Link& link) -> std::string {
          if (link.mac.is_zero()) return {};  // not Ethernet: nobody asks by ARP there
          const int error = tools.announcer.send(link.index, link.mac, each.prefix.address);
          return error == 0 ? std::string() : "announcing it: " + std::generic_category().message(error);
        });
        if (!wrong.empty() && round == 0)
          boost::asio::post(loop, [on_trouble, each, wrong] { on_trouble({each, wrong}); });
      }
    }
  });
}

void Hands::add(std::vector<netlink::Route> routes, std::vector<netlink::Rule> rules,
                std::function<void(const std::string&)> on_trouble) {
  ask([loop = loop_, routes = std::move(routes), rules = std::move(rules), on_trouble](Tools& tools) {
    tools.change_all(loop, routes, netlink::add_route, on_trouble);
    tools.change_all(loop, rules, netlink::add_rule, on_trouble);
  });
}

void Hands::remove(std::vector<netlink::Route> routes, std::vector<netlink::Rule> rules,
                   std::function<void(const std::string&)> on_trouble) {
  ask([loop = loop_, routes = std::move(routes), rules = std::move(rules), on_trouble](Tools& tools) {
    tools.change_all(loop, rules, netlink::remove_rule, on_trouble);
    tools.change_all(loop, routes, netlink::remove_route, on_trouble);
  });
}

void Hands::raise(std::vector<netlink::Macvlan> devices, std::function<void(const std::string&)> on_trouble) {
  if (devices.empty()) return;
  ask([loop = loop_, devices = std::move(devices), on_trouble](Tools& tools) {
    tools.change_all(loop, devices, netlink::raise_macvlan, on_trouble);
  });
}

void Hands::hush(std::vector<netlink::Macvlan> devices, std::function<void(const std::string&)> on_trouble) {
  if (devices.empty()) return;
  ask([loop = loop_, devices = std::move(devices), on_trouble](Tools& tools) {
    tools.change_all(loop, devices, netlink::hush_macvlan, on_trouble);
  });
}

void Hands::remove(std::vector<netlink::Macvlan> devices, std::function<void(const std::string&)> on_trouble) {
  if (devices.empty()) return;
  ask([loop = loop_, devices = std::move(devices), on_trouble](Tools& tools) {
    const auto remove = [](netlink::Connection& kernel, const netlink::Macvlan& device) {
      return netlink::remove_macvlan(kernel, device.name);
    };
    tools.change_all(loop, devices, remove, on_trouble);
  });
}

void Hands::remove_left_devices(std::set<std::string> keep) {
  ask([keep = std::move(keep)](Tools& tools) {
    if (auto* kernel = tools.connection()) static_cast<void>(netlink::remove_our_macvlans(*kernel, keep));
  });
}

void Hands::remove_left_routes() {
  ask([](Tools& tools) {
    if (auto* kernel = tools.connection()) static_cast<void>(netlink::remove_our_routes_and_rules(*kernel));
  });
}

void Hands::find_missing(std::vector<VirtualAddress> addresses,
                         std::function<void(std::vector<VirtualAddress>)> answer) {
  ask([loop = loop_, addresses = std::move(addresses), answer = std::move(answer)](Tools& tools) mutable {
    auto* kernel = tools.connection();
    if (kernel == nullptr) return;
    auto now = look_at_interfaces(*kernel);
    if (!now) return;
    InterfaceTable table;
    table.replace(std::move(*now));
    std::erase_if(addresses, [&](const VirtualAddress& each) { return table.has_ours(each.interface, each.prefix); });
    boost::asio::post(loop, [answer = std::move(answer), addresses = std::move(addresses)] { answer(addresses); });
  });
}

void Hands::remove_leftovers(std::vector<VirtualAddress> keep,
                             std::function<void(std::vector<VirtualAddress>)> answer) {
  ask([loop = loop_, keep = std::move(keep), answer = std::move(answer)](Tools& tools) {
    std::vector<VirtualAddress> removed;
    auto* kernel = tools.connection();
    const auto ours = kernel != nullptr ? netlink::list_our_addresses(*kernel)
                                        : netlink::Outcome<std::vector<netlink::InterfaceAddress>>();
    if (!ours) return;
    for (const netlink::InterfaceAddress& each : *ours) {
      const auto link = netlink::find_link(*kernel, each.interface_index);
      if (!link) continue;
      const VirtualAddress address{each.prefix, link->name};
      if (std::ranges::find(keep, address) != keep.end()) continue;
      if (netlink::remove_address(*kernel, each.interface_index, each.prefix)) removed.push_back(address);
    }
    boost::asio::post(loop, [answer, removed = std::move(removed)] { answer(removed); });
  });
}

void Hands::look(std::function<void(InterfaceSnapshot)> answer) {
  ask([this, answer = std::move(answer)](Tools& tools) {
    auto* kernel = tools.connection();
    if (kernel != nullptr) {
      if (auto now = look_at_interfaces(*kernel)) {
        boost::asio::post(loop_, [answer, now = std::move(*now)] { answer(now); });
        return;
      }
    }
    std::this_thread::sleep_for(kLookAgainAfter);
    const std::scoped_lock lock(mutex_);
    if (!ending_) jobs_.push_back([this, answer](Tools&) { look(answer); });
  });
}

void Hands::perform(std::function<void()> work) {
  ask([work = std::move(work)](Tools&) { work(); });
}

void Hands::afterwards(std::function<void()> answer) {
  ask([loop = loop_, answer = std::move(answer)](Tools&) { boost::asio::post(loop, answer); });
}

}  // namespace tandem::vrrp
