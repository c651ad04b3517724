// What the checkers room is told to do: services, their servers, and the one check of each service.
// The shell makes these values from the validated site; names are the identity over a reload.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "checkers/http_expect.hpp"
#include "daemon/base/address.hpp"
#include "daemon/base/time.hpp"

namespace tandem::checkers {

enum class CheckKind : uint8_t { kNone, kTcp, kHttp, kHttps };

struct Check {
  CheckKind kind = CheckKind::kTcp;
  Duration interval = 2s;  // from the start of one attempt to the start of the next, +-10 %
  Duration timeout = 2s;   // of the whole attempt
  uint32_t rise = 2;       // successes in a row that bring a server up
  uint32_t fall = 3;       // failures in a row that take it down
  uint16_t port = 0;       // 0: the server's own
  std::string path = "/";
  std::string host;  // Host header, SNI and certificate name; empty: the server's address
  std::vector<StatusRange> expect{StatusRange{}};
  std::string ca_file;  // empty: the system's store
  bool verify = true;
  bool operator==(const Check&) const = default;
};

struct ServerSettings {
  std::string name;
  IpAddress address;
  uint16_t port = 0;
  uint32_t weight = 1;
};

struct ServiceSettings {
  std::string name;
  std::shared_ptr<const Check> check;  // never null; shared by the service's attempts under way
  std::vector<ServerSettings> servers;
};

// What one attempt is made against.
struct Target {
  IpAddress address;
  uint16_t port = 0;
  std::shared_ptr<const Check> check;
};

}  // namespace tandem::checkers
