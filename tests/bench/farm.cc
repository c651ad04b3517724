// All the real servers of `./dev bench checks`, in one process, and the watch over who checks them when.
//
//   farm TCP_PORT HTTP_PORT INTERFACE INTERVAL_MS
//
// On every address of its namespace: TCP_PORT accepts and closes, HTTP_PORT answers a request with 200 and closes. A line on standard
// input, whatever is in it, is answered with one line of JSON about the time since the last one:
//   seconds, checks, servers  how long, how many connections, to how many different addresses
//   pause_ms        the longest time without any connection that ended since or goes on
//   late_ms         the longest time between two connections to one address, less the interval and its tenth (the jitter)
//   again_within_ms its 99.9th percentile, the same way
//   new_s           when the last address was seen for the first time, in seconds since the first connection ever
//   busiest         the most connections in a tenth of a second
//   advert_pause_ms the longest time between two VRRP advertisements heard on INTERFACE
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace {

constexpr int kBacklog = 16384;
constexpr int kProtocolVrrp = 112;
constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

double now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

class Farm {
 public:
  Farm(uint16_t tcp_port, uint16_t http_port, const char* interface, double interval)
      : interval_(interval),
        tcp_(listen_on(tcp_port)),
        http_(listen_on(http_port)),
        adverts_(hear_adverts(interface)),
        epoll_(epoll_create1(0)) {
    for (const int fd : {tcp_, http_, adverts_, STDIN_FILENO}) watch(fd);
    seen_.reserve(100'000);
    begin(now());
  }

  int run() {
    std::array<epoll_event, 512> events;
    for (;;) {
      const int count = epoll_wait(epoll_, events.data(), events.size(), -1);
      for (int i = 0; i < count; ++i) {
        const int fd = events[static_cast<size_t>(i)].data.fd;
        if (fd == STDIN_FILENO) {
          if (!told()) return 0;
        } else if (fd == tcp_ || fd == http_) {
          accept_all(fd);
        } else if (fd == adverts_) {
          hear_advert();
        } else {
          answer(fd);
        }
      }
    }
  }

 private:
  static int listen_on(uint16_t port) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0) fail("socket");
    const int yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_port = htons(port);
    if (bind(fd, reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0 || listen(fd, kBacklog) != 0) fail("listen");
    return fd;
  }

  static int hear_adverts(const char* interface) {
    const int fd = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK, kProtocolVrrp);
    if (fd < 0) fail("raw socket");
    ip_mreqn group{};
    inet_pton(AF_INET, "224.0.0.18", &group.imr_multiaddr);
    group.imr_ifindex = static_cast<int>(if_nametoindex(interface));
    if (setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group) != 0) fail("joining the VRRP group");
    return fd;
  }

  void watch(int fd) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll");
  }

  void accept_all(int listener) {
    for (;;) {
      const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
      if (fd < 0) return;
      sockaddr_in own{};
      socklen_t size = sizeof own;
      getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size);
      checked(own.sin_addr.s_addr, now());
      if (listener == tcp_)
        close(fd);
      else
        watch(fd);  // the request comes a moment later
    }
  }

  static void answer(int fd) {
    std::array<char, 4096> request;
    const ssize_t size = read(fd, request.data(), request.size());
    if (size > 0 && write(fd, kAnswer.data(), kAnswer.size()) < 0 && errno == EAGAIN) return;
    close(fd);
  }

  void checked(uint32_t address, double at) {
    ++checks_;
    if (last_check_ > 0) pause_ = std::max(pause_, at - last_check_);
    last_check_ = at;
    if (const auto tenth = static_cast<int64_t>(at * 10); tenth != tenth_) {
      tenth_ = tenth;
      in_tenth_ = 0;
    }
    busiest_ = std::max(busiest_, ++in_tenth_);
    double& before = seen_[address];
    if (before == 0) {
      if (first_ == 0) first_ = at;
      new_ = at;
    } else {
      gaps_.push_back(at - before);
    }
    if (before < begin_) ++servers_;
    before = at;
  }

  void hear_advert() {
    std::array<char, 256> packet;
    while (recv(adverts_, packet.data(), packet.size(), 0) > 0) {
      const double at = now();
      if (last_advert_ > 0) advert_pause_ = std::max(advert_pause_, at - last_advert_);
      last_advert_ = at;
    }
  }

  // False at the end of the input: whoever started us is gone.
  bool told() {
    std::array<char, 64> word;
    if (read(STDIN_FILENO, word.data(), word.size()) <= 0) return false;
    const double at = now();
    if (last_check_ > 0) pause_ = std::max(pause_, at - last_check_);
    std::ranges::sort(gaps_);
    const auto late = [&](double share) {
      if (gaps_.empty()) return 0.0;
      return (gaps_[static_cast<size_t>(share * static_cast<double>(gaps_.size() - 1))] - 1.1 * interval_) * 1e3;
    };
    std::printf(
        "{\"seconds\": %.4f, \"checks\": %lu, \"servers\": %lu, \"pause_ms\": %.2f, \"late_ms\": %.2f, "
        "\"again_within_ms\": %.2f, \"new_s\": %.3f, \"busiest\": %lu, \"advert_pause_ms\": %.2f}\n",
        at - begin_, checks_, servers_, pause_ * 1e3, late(1), late(0.999), new_ - first_, busiest_,
        advert_pause_ * 1e3);
    std::fflush(stdout);
    begin(at);
    return true;
  }

  void begin(double at) {
    begin_ = at;
    checks_ = servers_ = busiest_ = in_tenth_ = 0;
    pause_ = advert_pause_ = 0;
    gaps_.clear();
  }

  double interval_;
  int tcp_, http_, adverts_, epoll_;
  std::unordered_map<uint32_t, double> seen_;  // by address: the last connection
  std::vector<double> gaps_;
  double begin_ = 0, last_check_ = 0, pause_ = 0, first_ = 0, new_ = 0, last_advert_ = 0, advert_pause_ = 0;
  uint64_t checks_ = 0, servers_ = 0, busiest_ = 0, in_tenth_ = 0;
  int64_t tenth_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  return Farm(static_cast<uint16_t>(std::stoi(argv[1])), static_cast<uint16_t>(std::stoi(argv[2])), argv[3],
              std::stod(argv[4]) / 1000)
      .run();
}
