// Lets keepalived check servers where the kernel has no IPVS: preloaded, it says yes to every IPVS socket option. keepalived's
// checkers then work as ever, and pay nothing for the tables they would fill.
#include <linux/ip_vs.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace {

bool of_ipvs(int level, int name) {
  return level == IPPROTO_IP && name >= IP_VS_BASE_CTL && name <= IP_VS_BASE_CTL + 63;
}

}  // namespace

extern "C" int setsockopt(int fd, int level, int name, const void* value, socklen_t size) noexcept {
  if (of_ipvs(level, name)) return 0;
  return static_cast<int>(syscall(SYS_setsockopt, fd, level, name, value, size));
}

extern "C" int getsockopt(int fd, int level, int name, void* value, socklen_t* size) noexcept {
  if (!of_ipvs(level, name)) return static_cast<int>(syscall(SYS_getsockopt, fd, level, name, value, size));
  std::memset(value, 0, *size);
  if (name == IP_VS_SO_GET_INFO) {
    const ip_vs_getinfo info{.version = 0x010201, .size = 4096, .num_services = 0};
    std::memcpy(value, &info, std::min<size_t>(sizeof info, *size));
  }
  return 0;
}
