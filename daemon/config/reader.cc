#include "daemon/config/reader.hpp"

#include <map>
#include <utility>

#include "daemon/config/draft.hpp"
#include "daemon/config/findings.hpp"
#include "daemon/config/tree.hpp"

namespace tandem::config {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// The text's tree, or nothing when the findings say why there is none.
std::optional<Tree> tree_of(std::string_view text, Findings& findings) {
  if (text.size() > kSiteFileLimit) {
    findings.error({}, "the file is larger than " + std::to_string(kSiteFileLimit >> 20) + " MB");
    return std::nullopt;
  }
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (const auto bad = find_bad_byte(text)) {
    findings.error(bad->place, bad->text);
    return std::nullopt;
  }
  auto tree = parse_tree(text);
  if (tree) return std::move(*tree);
  for (const SyntaxError& error : tree.error()) findings.error(error.place, error.text);
  return std::nullopt;
}

// Which virtual router moves each service's VIP.
void name_routers(Site& site) {
  std::map<IpAddress, const VirtualRouter*> owners;
  for (const VirtualRouter& router : site.virtual_routers)
    for (const auto* addresses : {&router.addresses, &router.excluded_addresses})
      for (const VirtualAddress& address : *addresses) owners.emplace(address.prefix.address, &router);
  for (Service& service : site.services)
    if (const auto owner = owners.find(service.address); owner != owners.end()) service.router = owner->second->name;
}

}  // namespace

Reading read_site(std::string_view text, const std::string& file_name) {
  Findings findings(file_name);
  Reading reading;
  if (const auto tree = tree_of(text, findings)) {
    Draft draft = read_draft(tree->root(), findings);
    name_routers(draft.site);
    find_contradictions(draft, findings);
    reading.files = std::move(draft.files);
    if (!findings.has_errors()) reading.site = std::move(draft.site);
  }
  reading.errors = findings.take_errors();
  reading.warnings = findings.take_warnings();
  return reading;
}

}  // namespace tandem::config
