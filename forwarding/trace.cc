#include "forwarding/trace.hpp"

#include <algorithm>
#include <mutex>

#include "daemon/base/address_traits.hpp"
#include "forwarding/flow_search.hpp"
#include "forwarding/persistence.hpp"
#include "forwarding/recipe.hpp"
#include "forwarding/schedulers/explain.hpp"

namespace tandem::forwarding {
namespace {

constexpr size_t kMostFlowsShown = 8;

std::string seconds(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(duration).count()) + " s";
}

// Of a TCP connection whose server is down.
std::string fate_of(const ServiceSetting& setting) {
  switch (setting.flows_on_down) {
    case FlowsOnDown::kKeep:
      return "ends with its server";
    case FlowsOnDown::kReset:
      return "is reset";
    case FlowsOnDown::kReselect:
      return "goes to another server with its next segment";
  }
  return {};
}

// "198.51.100.10:80", "198.51.100.10:8000-8100", "[2001:db8::10]:any"
std::string text_of(const Front& front) {
  const bool any = front.first_port == 1 && front.last_port == 65535;
  return text_before_port(front.address) + ":" +
         (any ? "any"
              : std::to_string(front.first_port) + (front.is_range() ? "-" + std::to_string(front.last_port) : ""));
}

class Tracer {
 public:
  Tracer(const FlowTable& flows, ServiceTable& services, const TraceQuestion& question, TimePoint now)
      : flows_(flows), services_(services), question_(question), now_(now) {}

  std::vector<std::string> run() {
    size_t met = 0, of_other_family = 0;
    for (uint16_t slot = 1; slot < TANDEM_SERVICE_SLOTS; ++slot) {
      Service* service = services_.service(slot);
      if (service == nullptr || service->slot != slot ||
          (!question_.service.empty() && service->setting.name != question_.service))
        continue;
      if (service->setting.vip.family != question_.client.family) {
        ++of_other_family;
        continue;
      }
      ++met;
      if (lines_.size() >= kMostTraceLines) continue;
      about(*service);
    }
    const std::string family = question_.client.is_v4() ? "IPv4" : "IPv6";
    if (met == 0 && of_other_family > 0)
      say(question_.service.empty() ? "no service of " + family + " is in force"
                                    : "service '" + question_.service + "' has no address of " + family);
    else if (met == 0)
      say(question_.service.empty() ? "no service is in force" : "there is no service '" + question_.service + "'");
    if (lines_.size() > kMostTraceLines) {
      lines_.resize(kMostTraceLines - 1);
      say("... and more; name a service");
    }
    return std::move(lines_);
  }

 private:
  void say(std::string line) { lines_.push_back(std::move(line)); }

  void about(Service& service) {
    const ServiceSetting& setting = service.setting;
    std::string fronts;
    for (const Front& front : setting.fronts()) fronts += (fronts.empty() ? "" : " ") + text_of(front);
    say(setting.name + ": " + fronts + "/" + std::string(name_of_protocol(setting.protocol)) + " " +
        std::string(name_of(setting.method)) + ", scheduler " + std::string(name_of(setting.scheduler.kind)));
    const bool has_flow = about_flows(service);
    if (setting.is_persistent()) about_template(service);
    about_new_flow(service, has_flow);
  }

  void about_template(const Service& service) {
    const auto found = Persistence::find(flows_, service, question_.client);
    const PersistenceSetting& setting = service.setting.persistence;
    const uint8_t length = question_.client.is_v4() ? setting.ipv4_prefix : setting.ipv6_prefix;
    const std::string group = Prefix{group_of(setting, question_.client), length}.text();
    if (!found) {
      say("  persistence: " + group + " has no server yet");
      return;
    }
    const Server* server = services_.server(found->server());
    const uint32_t age = age_of(found->last_seen(), tick_of(now_));
    const Duration idle(static_cast<int64_t>(uint64_t{age} << TANDEM_TICK_SHIFT));
    if (server != nullptr && Persistence::holds(service, server))
      say("  persistence: " + group + " stays with " + server->name + ", for " +
          seconds(std::max<Duration>(setting.timeout - idle, Duration::zero())) + " and as long as a flow of it lives");
    else
      say("  persistence: the server of " + group +
          (server == nullptr ? " is gone" : ", " + server->name + ", is down or drained") + ", so it gets another");
  }

  // True when the one port that was asked for has a flow.
  bool about_flows(const Service& service) {
    if (question_.client_port != 0) {
      bool any = false;
      for (const uint16_t facet : service.facets) {
        const auto flow = flows_.find(service.setting.protocol, question_.client, question_.client_port, facet);
        if (!flow) continue;
        about_flow(*flow);
        any = true;
      }
      return any;
    }
    size_t found = 0;
    for (const Flow& flow : question_.flows)
      if (services_.service(flow.service()) == &service && !flow.is_template() && ++found <= kMostFlowsShown)
        about_flow(flow);
    if (found > kMostFlowsShown) say("  and " + std::to_string(found - kMostFlowsShown) + " more flows");
    return false;
  }

  void about_flow(const Flow& flow) {
    const auto state = static_cast<FlowState>(flow.state());
    const Server* server = services_.server(flow.server());
    const uint32_t age = age_of(flow.last_seen(), tick_of(now_));
    const Duration idle(static_cast<int64_t>(uint64_t{age} << TANDEM_TICK_SHIFT));
    const Facet* facet = services_.facet(flow.service());
    const bool orphan = server == nullptr || facet == nullptr || server->service_slot != facet->service->slot;
    const bool several = facet != nullptr && facet->service->facets.size() > 1;
    say("  flow from port " + std::to_string(flow.client_port()) + (several ? " to " + text_of(facet->front) : "") +
        ": " + std::string(name_of(state)) + ", idle " + seconds(idle) + ", expires after " +
        seconds(flows_.timeout_of(flow)) + ((flow.flags() & TANDEM_FLOW_LEARNT) != 0 ? ", told by the peer" : ""));
    if (orphan) {
      say("    its server is gone: TCP is reset, UDP placed anew");
      return;
    }
    const auto source = services_.sources().of(flow);
    say("    its packets go to " + server->name + place_of(*server) +
        (source ? ", from " + source->address.text() + ":" + std::to_string(source->port) : ""));
    if (!server->up) say("    which is down: UDP is placed anew, a TCP connection " + fate_of(facet->service->setting));
    if (server->up && server->weight == 0) say("    which is drained and keeps the flows it has");
  }

  void about_new_flow(Service& service, bool has_flow) {
    const std::string head = has_flow ? "  if it were new: " : "  a new connection: ";
    if (service.setting.one_packet) say("  every packet is placed by itself (one_packet)");
    if (!service.setting.active) {
      say(head + "dropped, because this director is not active for " + service.setting.vip.text());
      return;
    }
    if (const Server* held = held_server(service)) {
      say(head + "goes to " + held->name + place_of(*held));
      say("    because: persistence");
      return;
    }
    // A SYN without a port of its own is asked for; schedulers that hash ports need one.
    const NewFlow flow{question_.client, question_.client_port, service.setting.vip, now_};
    std::unique_ptr<Scheduler> copy;
    {
      const std::lock_guard guard(service.lock);
      copy = service.scheduler->copy();
    }
    const Server* picked = copy->pick(service.rotation, flow);
    const std::string why = explain(service.setting.scheduler, service.rotation, flow, picked);
    if (picked == nullptr) {
      const bool reject = service.setting.no_server == NoServerPolicy::kReject;
      say(head +
          (!reject                            ? "dropped"
           : service.setting.protocol == kTcp ? "reset"
                                              : "answered with port unreachable") +
          ": " + why);
      return;
    }
    say(head + "goes to " + picked->name + place_of(*picked));
    say("    because: " + why);
    const size_t out = service.servers.size() - service.rotation.size();
    if (out > 0)
      say("    " + std::to_string(out) + " of " + std::to_string(service.servers.size()) + " servers are down");
  }

  const Server* held_server(const Service& service) const {
    if (!service.setting.is_persistent()) return nullptr;
    const auto found = Persistence::find(flows_, service, question_.client);
    const Server* server = found ? services_.server(found->server()) : nullptr;
    return Persistence::holds(service, server) ? server : nullptr;
  }

  // " (10.0.0.1:8080 by interface 3, 02:00:00:00:00:02)"
  std::string place_of(const Server& server) const {
    const tandem_recipe& recipe = services_.recipe(server.slot);
    const std::string port = server.port == 0 ? "the same port" : std::to_string(server.port);
    if (server.method == TANDEM_LOCAL) return " (this director)";
    std::string text = " (" + text_before_port(server.address) + ":" + port;
    const Service* service = services_.service(server.service_slot);
    if (service != nullptr && server.method != service->setting.method)
      text += " by " + std::string(name_of(server.method)) + ",";
    if ((recipe.flags & TANDEM_RECIPE_NEIGHBOUR_KNOWN) == 0) return text + ", next hop not known yet)";
    MacAddress mac;
    std::copy(std::begin(recipe.destination_mac), std::end(recipe.destination_mac), mac.bytes.begin());
    return text + " by interface " + std::to_string(recipe.ifindex) + ", next hop " + mac.text() + ", mtu " +
           std::to_string(recipe.mtu) + ")";
  }

  const FlowTable& flows_;
  ServiceTable& services_;
  const TraceQuestion& question_;
  TimePoint now_;
  std::vector<std::string> lines_;
};

}  // namespace

std::vector<std::string> trace(const FlowTable& flows, ServiceTable& services, const TraceQuestion& question,
                               TimePoint now) {
  return Tracer(flows, services, question, now).run();
}

}  // namespace tandem::forwarding
