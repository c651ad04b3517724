#include "forwarding/io/local_stack.hpp"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace tandem::forwarding {
namespace {

std::unexpected<std::string> failed(const char* what) {
  return std::unexpected(std::string(what) + ": " + std::strerror(errno));
}

// Best effort: a kernel without that family has no such file.
void set(const std::string& path, const char* value) {
  const loop::UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file) (void)!::write(file.get(), value, std::strlen(value));
}

ifreq request() {
  ifreq result{};
  std::strncpy(result.ifr_name, LocalStack::kDevice, IFNAMSIZ - 1);
  return result;
}

// 192.0.0.8/32: RFC 7600, 4.8, for what needs an address and is nobody.
bool give_address(int socket) {
  ifreq device = request();
  auto* const address = reinterpret_cast<sockaddr_in*>(&device.ifr_addr);
  address->sin_family = AF_INET;
  address->sin_addr.s_addr = htonl(0xc0000008);
  if (ioctl(socket, SIOCSIFADDR, &device) != 0) return false;
  address->sin_addr.s_addr = htonl(0xffffffff);
  return ioctl(socket, SIOCSIFNETMASK, &device) == 0;
}

}  // namespace

std::expected<std::unique_ptr<LocalStack>, std::string> LocalStack::open() {
  loop::UniqueFd tun(::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (!tun) return failed("/dev/net/tun");
  ifreq device = request();
  device.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
  if (ioctl(tun.get(), TUNSETIFF, &device) != 0) return failed("TUNSETIFF");
  // Clients are not beyond this device: strict reverse path filtering would drop them. Loose still asks for a route, and for an
  // address of the device.
  set("/proc/sys/net/ipv4/conf/" + std::string(kDevice) + "/rp_filter", "2");
  set("/proc/sys/net/ipv6/conf/" + std::string(kDevice) + "/addr_gen_mode", "1");
  const loop::UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return failed("socket");
  ifreq size = request();
  size.ifr_mtu = 65535;
  if (ioctl(socket.get(), SIOCSIFMTU, &size) != 0) return failed("SIOCSIFMTU");
  if (!give_address(socket.get())) return failed("the dummy address");
  ifreq up = request();
  up.ifr_flags = IFF_UP;
  if (ioctl(socket.get(), SIOCSIFFLAGS, &up) != 0) return failed("SIOCSIFFLAGS");
  return std::unique_ptr<LocalStack>(new LocalStack(std::move(tun)));
}

bool LocalStack::deliver(Bytes packet, const VnetHeader& offload) {
  VnetHeader header = offload;
  const std::array<iovec, 2> pieces = {
      {{&header, sizeof header}, {const_cast<std::byte*>(packet.data()), packet.size()}}};
  return writev(tun_.get(), pieces.data(), static_cast<int>(pieces.size())) >= 0;
}

}  // namespace tandem::forwarding
