// What a router tracks, and what it makes of it: outcomes in, a priority and faults out. keepalived's rules.
//
// Weight 0: while the thing is not well the router is in fault. A positive weight is added to the priority while it is
// well, a negative one while it is not. A file's number is multiplied by its weight and added.
//
// What is not known yet counts as well: a restarted room must not step down from what it has not looked at yet, and the
// first look comes at once.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/address.hpp"
#include "daemon/base/time.hpp"

namespace tandem::vrrp {

struct Tracked {
  enum class Kind : uint8_t { kInterface, kScript, kFile, kProcess, kService, kRoute, kGateway };
  Kind kind = Kind::kScript;
  std::string name;        // in the site
  std::string subject;     // interface, command, file, process or service
  IpAddress address;       // kRoute: there is a way to it; kGateway: it answers
  std::string user;        // kScript
  uint32_t processes = 1;  // kProcess: at least so many
  int weight = 0;          // -253 to 253
  uint32_t rise = 1;       // good looks in a row that make it well
  uint32_t fall = 1;       // bad ones that make it not
  Duration interval = std::chrono::seconds(1);
  Duration timeout = std::chrono::seconds(1);
  bool operator==(const Tracked&) const = default;

  std::string text() const;  // "script 'uplink'"
};

// What one look found.
struct Look {
  bool well = false;
  int value = 0;  // kFile: the number in it
  std::string words;
};

class Tracking {
 public:
  // What stays the same keeps what is known of it.
  void set(std::vector<Tracked> things);
  const std::vector<Tracked>& things() const { return things_; }

  // Returns the sentence to say when the thing changed, else nothing. Unknown names are ignored.
  std::optional<std::string> note(const std::string& name, const Look& look);

  // 1-254, from the site's priority; 255 stays 255.
  uint8_t priority(uint8_t base) const;
  // The things that put the router in fault, by their text().
  std::vector<std::string> faults() const;
  // For people: what lowers or raises the priority now, and why.
  std::vector<std::string> lines() const;

 private:
  struct Known {
    Tracked thing;
    bool well = true;
    int value = 0;
    uint32_t in_a_row = 0;  // looks against the present state
    std::string words = "not looked at yet";
  };
  int addend(const Known& known) const;

  std::vector<Tracked> things_;
  std::map<std::string, Known> known_;
};

}  // namespace tandem::vrrp
