// tandem-probe: makes attempts by hand, for tests and for wondering people.
//
//   tandem-probe TYPE ADDRESS:PORT [--host NAME] [--path PATH] [--ca FILE] [--no-verify] [--timeout MS]
//                [--expect LOW-HIGH] [--count N] [--parallel N], and the other keys of a check by their names
//
// Prints one line an attempt, "ok|failed|none MICROSECONDS WORDS", and at the end "memory KB", the most the process had.
// Exit code: 0 when the last one passed, 1 when it failed, 2 when the words were not understood.
#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "checkers/io/probe.hpp"
#include "checkers/io/quick_probes.hpp"
#include "daemon/loop/clock.hpp"

namespace tandem::checkers {
namespace {

struct Options {
  Target target;
  uint32_t count = 1, parallel = 1;
};

uint32_t number(std::string_view text) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) std::exit(2);
  return value;
}

Options parse(int argc, char** argv) {
  const auto word = [&](int i) {
    if (i >= argc) std::exit(2);
    return std::string_view(argv[i]);
  };
  Check check;
  const std::string_view kind = word(1);
  constexpr std::string_view kKinds[] = {"none", "tcp",  "http", "https", "tls",   "smtp",  "dns",   "ping",
                                         "udp",  "exec", "file", "agent", "mysql", "pgsql", "redis", "grpc"};
  const auto* const found = std::ranges::find(kKinds, kind);
  if (found == std::ranges::end(kKinds)) std::exit(2);
  check.kind = static_cast<CheckKind>(found - kKinds);
  Options options;
  const std::string_view place = word(2);
  const size_t colon = place.rfind(':');
  const auto address = IpAddress::parse(place.substr(0, colon));
  if (colon == std::string_view::npos || !address) std::exit(2);
  options.target.address = *address;
  options.target.port = static_cast<uint16_t>(number(place.substr(colon + 1)));
  for (int i = 3; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (option == "--no-verify" || option == "--starttls" || option == "--tls") {
      if (option == "--no-verify") check.verify = false;
      if (option == "--starttls") check.starttls = true;
      if (option == "--tls") check.tls = true;
      continue;
    }
    const std::string_view value = word(++i);
    if (option == "--host") check.host = value;
    if (option == "--method") check.method = value;
    if (option == "--header") check.headers.emplace_back(value);
    if (option == "--body") check.body = {BodyMatch::Kind::kContains, std::string(value)};
    if (option == "--body-regex") check.body = {BodyMatch::Kind::kRegex, std::string(value)};
    if (option == "--body-sha256") check.body = {BodyMatch::Kind::kSha256, std::string(value)};
    if (option == "--name") check.name = value;
    if (option == "--type") check.record = value;
    if (option == "--answer") check.answer = value;
    if (option == "--payload") check.payload = value;
    if (option == "--user") check.user = value;
    if (option == "--password") check.password = value;
    if (option == "--database") check.database = value;
    if (option == "--command") check.command.emplace_back(value);
    if (option == "--service") check.service = value;
    if (option == "--file") check.file = value;
    if (option == "--source") check.source = *IpAddress::parse(value);
    if (option == "--interface") check.interface = value;
    if (option == "--path") check.path = value;
    if (option == "--crl") check.crl_file = value;
    if (option == "--certificate") check.certificate = value;
    if (option == "--key") check.private_key = value;
    if (option == "--warn-before") check.warn_before_expiry = std::chrono::seconds(number(value));
    if (option == "--ca") check.ca_file = value;
    if (option == "--timeout") check.timeout = std::chrono::milliseconds(number(value));
    if (option == "--count") options.count = number(value);
    if (option == "--parallel") options.parallel = number(value);
    if (option == "--expect") {
      const size_t dash = value.find('-');
      check.expect = {{static_cast<uint16_t>(number(value.substr(0, dash))),
                       static_cast<uint16_t>(number(value.substr(dash + 1)))}};
    }
  }
  options.target.check = std::make_shared<const Check>(std::move(check));
  return options;
}

// Not getrusage(): that counts what the process was before exec, too.
long most_memory_kb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::strtol(line.c_str() + 6, nullptr, 10);
  return 0;
}

int run(const Options& options) {
  boost::asio::io_context io(1);
  const auto trust = TrustStore::load({options.target.check});
  uint32_t left = options.count;
  int exit_code = 1;
  uint32_t under_way = 0;
  std::function<void()> next;
  const auto ended = [&](const Outcome& outcome) {
    std::printf("%s %lld %s\n",
                outcome.ok()             ? "ok"
                : outcome.says_nothing() ? "none"
                                         : "failed",
                static_cast<long long>(outcome.took / 1us), words(outcome, *options.target.check).c_str());
    exit_code = outcome.ok() ? 0 : 1;
    --under_way;
    next();
    if (under_way == 0) io.stop();  // QuickProbes waits for ever
  };
  QuickProbes quick(io, [&](AttemptId, const Outcome& outcome) { ended(outcome); });
  next = [&] {
    if (left == 0) return;
    --left;
    ++under_way;
    const TimePoint deadline = loop::monotonic_now() + options.target.check->timeout;
    if (QuickProbes::makes(*options.target.check)) return quick.start(left + 1, options.target, deadline);
    boost::asio::co_spawn(io, probe(io, options.target, deadline, trust),
                          [&](const std::exception_ptr&, const Outcome& outcome) { ended(outcome); });
  };
  for (uint32_t i = 0; i < options.parallel; ++i) next();
  io.run();
  std::printf("memory %ld\n", most_memory_kb());
  return exit_code;
}

}  // namespace
}  // namespace tandem::checkers

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  return tandem::checkers::run(tandem::checkers::parse(argc, argv));
}
