#include "daemon/supervisor/override_keeper.hpp"

#include <algorithm>
#include <utility>

namespace tandem::supervisor {

using bus::Severity;

OverrideKeeper::OverrideKeeper(boost::asio::io_context& io, const std::filesystem::path& state_directory,
                               Callbacks callbacks)
    : path_(state_directory / "overrides"),
      callbacks_(std::move(callbacks)),
      file_(
          io, path_,
          [this](const std::string& why) {
            callbacks_.event(Severity::kError, "OVERRIDES_NOT_KEPT", "",
                             "what was set by tandemctl server set holds, but would not outlive tandemd: " + why);
          },
          [this] {
            callbacks_.event(Severity::kNotice, "OVERRIDES_KEPT", "",
                             "what was set by tandemctl server set is kept again");
          }) {}

void OverrideKeeper::begin(const config::Site& site) {
  const auto text = read_whole(path_, OverrideBook::kMostBytes);
  if (!text) {
    callbacks_.event(Severity::kError, "OVERRIDES_UNREADABLE", "",
                     "what was set by tandemctl server set is not in force: " + text.error());
    return;
  }
  for (const size_t line : book_.read(*text))
    callbacks_.event(Severity::kWarning, "OVERRIDES_UNREADABLE", "",
                     path_.string() + ":" + std::to_string(line) + ": no word of this version, left out");
  keep_only_of(site);
  for (const auto& [key, word] : book_.words()) callbacks_.say(word);
}

void OverrideKeeper::hear(const bus::Message& message) {
  bool changed = false;
  if (const auto* word = std::get_if<bus::Override>(&message)) changed = book_.set(*word);
  if (const auto* gone = std::get_if<bus::Forget>(&message); gone != nullptr && gone->kind == bus::Override::kKind)
    changed = book_.forget(gone->of_key);
  if (changed) file_.write(book_.text());
}

void OverrideKeeper::site_changed(const config::Site& site) {
  keep_only_of(site);
}

void OverrideKeeper::keep_only_of(const config::Site& site) {
  const auto gone = book_.keep_only([&](const bus::Override& word) {
    const config::Service* service = site.service(word.service);
    return service != nullptr &&
           std::ranges::find(service->servers, word.server, &config::Server::name) != service->servers.end();
  });
  for (const std::string& key : gone) {
    callbacks_.event(Severity::kNotice, "OVERRIDE_FORGOTTEN", key,
                     "what was set for " + key + " ends, because the site has no such server any more");
    callbacks_.say(bus::Forget{.kind = std::string(bus::Override::kKind), .of_key = key});
  }
  if (!gone.empty()) file_.write(book_.text());
}

}  // namespace tandem::supervisor
