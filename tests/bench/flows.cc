// Ten thousand TCP connections that live for as long as a drill, and whether every one of them was kept.
//
//   flows serve ID PORT...     answers each message of 8 bytes with the same, the first byte being ID (1-255)
//   flows tunnel DEVICE        a tunnel's end without tunnel devices: IPv4 and IPv6 in IPv4 and IPv6 come out at DEVICE
//   flows load                 reads commands, a line each, and answers each with a line of JSON:
//       open ADDRESS PORT COUNT INTERVAL_MS SOURCE...   so many more connections, from the sources in turn, each with a message
//                                                       every interval; answered when all stand or have failed
//       report                                          since the last report: connections open and lost (by reason), messages
//                                                       answered, the longest any had to wait, how many waited for more than a second
//       again                                           one more connection from each source to each target, closed at once:
//                                                       how many came to the server of the first one
// A message is a number that grows by one; an answer that is not the next one, or comes from another server, loses the connection.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace {

constexpr size_t kMessage = 8;
constexpr int kBacklog = 16384;
constexpr size_t kConnectsAtOnce = 256;
constexpr double kConnectSeconds = 15;

double now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "flows: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

void watch(int epoll, int fd, uint32_t events, uint64_t data) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = data;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0 && epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event) != 0)
    fail("epoll");
}

// ---- serve

int listen_on(uint16_t port) {
  const int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int yes = 1, no = 0;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;
  any.sin6_port = htons(port);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0 || listen(fd, kBacklog) != 0) fail("listen");
  return fd;
}

int serve(char id, const std::vector<uint16_t>& ports) {
  const int epoll = epoll_create1(0);
  std::vector<bool> listens(65536);
  for (const uint16_t port : ports) {
    const int fd = listen_on(port);
    listens[static_cast<size_t>(fd)] = true;
    watch(epoll, fd, EPOLLIN, static_cast<uint64_t>(fd));
  }
  std::map<int, std::string> rests;  // of messages that came in pieces
  std::array<epoll_event, 512> events;
  std::array<char, 4096> bytes;
  for (;;) {
    const int count = epoll_wait(epoll, events.data(), events.size(), -1);
    for (int i = 0; i < count; ++i) {
      const int fd = static_cast<int>(events[static_cast<size_t>(i)].data.u64);
      if (static_cast<size_t>(fd) < listens.size() && listens[static_cast<size_t>(fd)]) {
        for (int made; (made = accept4(fd, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
          const int yes = 1;
          setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
          watch(epoll, made, EPOLLIN, static_cast<uint64_t>(made));
        }
        continue;
      }
      const ssize_t size = read(fd, bytes.data(), bytes.size());
      if (size <= 0) {
        if (size < 0 && errno == EAGAIN) continue;
        rests.erase(fd);
        close(fd);
        continue;
      }
      std::string all = std::exchange(rests[fd], {});
      all.append(bytes.data(), static_cast<size_t>(size));
      const size_t whole = all.size() / kMessage * kMessage;
      rests[fd] = all.substr(whole);
      all.resize(whole);
      for (size_t at = 0; at < whole; at += kMessage) all[at] = id;
      if (write(fd, all.data(), all.size()) < 0 && errno != EAGAIN) continue;  // its end is told by the next read
    }
  }
}

// ---- tunnel

int tunnel(const char* device) {
  const int tun = open("/dev/net/tun", O_RDWR);
  ifreq request{};
  std::snprintf(request.ifr_name, sizeof request.ifr_name, "%s", device);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (tun < 0 || ioctl(tun, TUNSETIFF, &request) != 0) fail("tun");
  const std::string up = "ip link set " + std::string(device) + " mtu 65535 up && echo 0 > /proc/sys/net/ipv4/conf/" +
                         device + "/rp_filter";
  if (std::system(up.c_str()) != 0) fail("tun up");
  const int epoll = epoll_create1(0);
  constexpr int kIpv4 = 4, kIpv6 = 41;  // what is inside
  for (const int family : {AF_INET, AF_INET6})
    for (const int inside : {kIpv4, kIpv6}) {
      const int fd = socket(family, SOCK_RAW | SOCK_NONBLOCK, inside);
      if (fd < 0) fail("raw socket");
      const int room = 8 << 20;
      setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
      watch(epoll, fd, EPOLLIN, static_cast<uint64_t>(fd) | (family == AF_INET ? uint64_t{1} << 32 : 0));
    }
  std::array<epoll_event, 16> events;
  std::vector<char> packet(65536);
  for (;;) {
    const int count = epoll_wait(epoll, events.data(), events.size(), -1);
    for (int i = 0; i < count; ++i) {
      const uint64_t data = events[static_cast<size_t>(i)].data.u64;
      for (ssize_t size; (size = recv(static_cast<int>(data), packet.data(), packet.size(), 0)) > 0;) {
        // IPv4's raw sockets hand over the outer header, IPv6's do not.
        const size_t header = data >> 32 != 0 ? (static_cast<size_t>(packet[0]) & 15) * 4 : 0;
        const size_t total = static_cast<size_t>(size);
        if (total < header + 20) continue;
        if (write(tun, packet.data() + header, total - header) < 0 && errno != EINVAL) fail("tun");
      }
    }
  }
}

// ---- load

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

Address resolved(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) fail(host);
  Address address;
  std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
  address.size = found->ai_addrlen;
  freeaddrinfo(found);
  return address;
}

struct Target {
  Address to;
  std::vector<Address> sources;
  double interval = 1;
  std::map<size_t, uint8_t> first_server;  // by source
};

struct Flow {
  int fd = -1;
  size_t target = 0, source = 0;
  uint8_t server = 0;
  uint32_t number = 0;   // of the last message
  double sent = 0;       // its answer is waited for since then; 0: it has come
  double begun = 0;      // to connect; 0: it stands
  bool passing = false;  // one of `again`
  std::string heard;
};

class Load {
 public:
  int run() {
    watch(epoll_, STDIN_FILENO, EPOLLIN, kCommands);
    std::array<epoll_event, 512> events;
    for (;;) {
      const int count = epoll_wait(epoll_, events.data(), events.size(), 5);
      for (int i = 0; i < count; ++i) {
        const uint64_t which = events[static_cast<size_t>(i)].data.u64;
        if (which == kCommands) {
          if (!told()) return 0;
        } else {
          happened(which, events[static_cast<size_t>(i)].events);
        }
      }
      connect_some();
      send_due();
      if (opening_ && waiting_.empty() && connecting_ == 0) {
        opening_ = false;
        if (passing_) {
          std::printf("{\"same\": %zu, \"other\": %zu, \"failed\": %zu}\n", same_, other_, failed_);
        } else {
          std::printf("{\"open\": %zu, \"failed\": %zu}\n", open_, failed_);
        }
        std::fflush(stdout);
      }
    }
  }

 private:
  static constexpr uint64_t kCommands = UINT64_MAX;

  bool told() {
    std::array<char, 65536> bytes;
    const ssize_t size = read(STDIN_FILENO, bytes.data(), bytes.size());
    if (size <= 0) return false;
    input_.append(bytes.data(), static_cast<size_t>(size));
    for (size_t end; (end = input_.find('\n')) != std::string::npos; input_.erase(0, end + 1)) {
      std::istringstream words(input_.substr(0, end));
      std::string command;
      words >> command;
      if (command == "open") open(words);
      if (command == "report") report();
      if (command == "again") again();
    }
    return true;
  }

  void open(std::istringstream& words) {
    std::string host, port, source;
    size_t count = 0;
    double interval_ms = 0;
    words >> host >> port >> count >> interval_ms;
    Target target{.to = resolved(host, port), .interval = interval_ms / 1000};
    while (words >> source) target.sources.push_back(resolved(source, "0"));
    targets_.push_back(std::move(target));
    failed_ = 0;
    passing_ = false;
    for (size_t i = 0; i < count; ++i) queue(targets_.size() - 1, i % targets_.back().sources.size(), false);
    opening_ = true;
  }

  void again() {
    failed_ = same_ = other_ = 0;
    passing_ = true;
    for (size_t t = 0; t < targets_.size(); ++t)
      for (size_t s = 0; s < targets_[t].sources.size(); ++s) queue(t, s, true);
    opening_ = true;
  }

  void queue(size_t target, size_t source, bool passing) {
    flows_.push_back(Flow{.target = target, .source = source, .passing = passing});
    waiting_.push_back(flows_.size() - 1);
  }

  void connect_some() {
    while (!waiting_.empty() && connecting_ < kConnectsAtOnce) {
      const size_t index = waiting_.front();
      waiting_.pop_front();
      Flow& flow = flows_[index];
      const Target& target = targets_[flow.target];
      const Address& source = target.sources[flow.source];
      flow.fd = socket(target.to.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
      if (flow.fd < 0) fail("socket");
      const int yes = 1;
      setsockopt(flow.fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
      setsockopt(flow.fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
      if (bind(flow.fd, reinterpret_cast<const sockaddr*>(&source.storage), source.size) != 0) fail("bind");
      flow.begun = now();
      ++connecting_;
      under_way_.push_back(index);
      if (connect(flow.fd, reinterpret_cast<const sockaddr*>(&target.to.storage), target.to.size) != 0 &&
          errno != EINPROGRESS) {
        lose(flow, errno);
        continue;
      }
      watch(epoll_, flow.fd, EPOLLOUT, index);
    }
    while (!under_way_.empty() && flows_[under_way_.front()].begun == 0) under_way_.pop_front();
    if (!under_way_.empty() && now() - flows_[under_way_.front()].begun > kConnectSeconds)
      lose(flows_[under_way_.front()], ETIMEDOUT);
    while (!passing_by_.empty()) {
      Flow& flow = flows_[passing_by_.front()];
      if (flow.fd >= 0 && now() - flow.sent <= kConnectSeconds) break;
      if (flow.fd >= 0) lose(flow, ETIMEDOUT);
      passing_by_.pop_front();
    }
  }

  void happened(size_t index, uint32_t events) {
    Flow& flow = flows_[index];
    if (flow.fd < 0) return;
    if (flow.begun != 0) {
      int error = 0;
      socklen_t size = sizeof error;
      getsockopt(flow.fd, SOL_SOCKET, SO_ERROR, &error, &size);
      if (error != 0) return lose(flow, error);
      flow.begun = 0;
      --connecting_;
      ++open_;
      watch(epoll_, flow.fd, EPOLLIN, index);
      // The first answer tells the server; the next messages are spread over an interval.
      send(flow);
      if (!flow.passing)
        due_[targets_[flow.target].interval].emplace_back(now() + targets_[flow.target].interval, index);
      if (flow.passing && flow.fd >= 0) {
        ++connecting_;  // until it is answered
        passing_by_.push_back(index);
      }
      return;
    }
    std::array<char, 256> bytes;
    const ssize_t got = read(flow.fd, bytes.data(), bytes.size());
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return lose(flow, got == 0 ? 0 : errno);
    static_cast<void>(events);
    flow.heard.append(bytes.data(), static_cast<size_t>(got));
    while (flow.fd >= 0 && flow.heard.size() >= kMessage) answered(flow);
  }

  void send(Flow& flow) {
    std::array<char, kMessage> message{};
    ++flow.number;
    for (size_t i = 0; i < 4; ++i) message[4 + i] = static_cast<char>(flow.number >> (24 - 8 * i));
    flow.sent = now();
    if (write(flow.fd, message.data(), message.size()) < 0) lose(flow, errno);
  }

  void answered(Flow& flow) {
    const auto server = static_cast<uint8_t>(flow.heard[0]);
    uint32_t number = 0;
    for (size_t i = 4; i < kMessage; ++i) number = number << 8 | static_cast<uint8_t>(flow.heard[i]);
    flow.heard.erase(0, kMessage);
    if (number != flow.number || flow.sent == 0) return lose(flow, EBADMSG);
    if (flow.server != 0 && flow.server != server) return lose(flow, EXDEV);
    wait_ended(now() - flow.sent);
    flow.sent = 0;
    ++messages_;
    flow.server = server;
    uint8_t& first = targets_[flow.target].first_server.try_emplace(flow.source, server).first->second;
    if (!flow.passing) return;
    ++(first == server ? same_ : other_);
    --connecting_;
    --open_;
    close(flow.fd);
    flow.fd = -1;
  }

  void wait_ended(double seconds) {
    longest_ = std::max(longest_, seconds);
    if (seconds > 1) ++slow_;
  }

  void send_due() {
    const double at = now();
    for (auto& [interval, queue] : due_)
      while (!queue.empty() && queue.front().first <= at) {
        const size_t index = queue.front().second;
        queue.pop_front();
        Flow& flow = flows_[index];
        if (flow.fd < 0) continue;
        if (flow.sent == 0) send(flow);
        if (flow.fd >= 0) queue.emplace_back(at + interval, index);
      }
  }

  void lose(Flow& flow, int error) {
    if (flow.begun != 0 || flow.passing) {
      ++failed_;
      --connecting_;
      if (flow.begun == 0) --open_;
      flow.begun = 0;
    } else {
      --open_;
      ++lost_[error == 0         ? "closed"
              : error == EXDEV   ? "another server"
              : error == EBADMSG ? "wrong answer"
                                 : std::strerror(error)];
    }
    close(flow.fd);
    flow.fd = -1;
  }

  void report() {
    // Those that still wait count with what they have waited so far.
    double longest = longest_;
    size_t unanswered = 0;
    const double at = now();
    for (const Flow& flow : flows_)
      if (flow.fd >= 0 && flow.begun == 0 && flow.sent != 0) {
        longest = std::max(longest, at - flow.sent);
        if (at - flow.sent > 1) ++unanswered;
      }
    std::string lost;
    for (const auto& [why, count] : lost_)
      lost += (lost.empty() ? "\"" : ", \"") + why + "\": " + std::to_string(count);
    std::printf(
        "{\"open\": %zu, \"lost\": {%s}, \"messages\": %lu, \"longest_s\": %.4f, \"slow\": %lu, \"waiting\": %zu}\n",
        open_, lost.c_str(), messages_, longest, slow_, unanswered);
    std::fflush(stdout);
    longest_ = 0;
    messages_ = slow_ = 0;
    lost_.clear();
  }

  int epoll_ = epoll_create1(0);
  std::string input_;
  std::vector<Target> targets_;
  std::deque<Flow> flows_;
  std::deque<size_t> waiting_, under_way_, passing_by_;
  std::map<double, std::deque<std::pair<double, size_t>>> due_;  // by interval
  size_t connecting_ = 0, open_ = 0, failed_ = 0, same_ = 0, other_ = 0;
  bool opening_ = false, passing_ = false;
  std::map<std::string, size_t> lost_;
  uint64_t messages_ = 0, slow_ = 0;
  double longest_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() >= 3 && words[0] == "serve") {
    std::vector<uint16_t> ports;
    for (size_t i = 2; i < words.size(); ++i) ports.push_back(static_cast<uint16_t>(std::stoi(words[i])));
    return serve(static_cast<char>(std::stoi(words[1])), ports);
  }
  if (words.size() == 2 && words[0] == "tunnel") return tunnel(words[1].c_str());
  if (words.size() == 1 && words[0] == "load") return std::make_unique<Load>()->run();
  std::fprintf(stderr, "usage: flows serve ID PORT... | tunnel DEVICE | load\n");
  return 2;
}
