#include "daemon/supervisor/privileges.hpp"

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>
#include <type_traits>

#include "daemon/supervisor/syscall_filter.hpp"

namespace tandem::supervisor {

namespace {

struct FreeCap {
  void operator()(cap_t set) const { cap_free(set); }
};
using CapSet = std::unique_ptr<std::remove_pointer_t<cap_t>, FreeCap>;

Failure<std::string> failure(const char* what) {
  return Failure(std::string(what) + ": " + std::generic_category().message(errno));
}

// Those of `wanted` that are permitted to us now.
std::vector<cap_value_t> permitted_of(const std::vector<cap_value_t>& wanted) {
  const CapSet now(cap_get_proc());
  std::vector<cap_value_t> permitted;
  for (const cap_value_t one : wanted) {
    cap_flag_value_t has = CAP_CLEAR;
    if (now && cap_get_flag(now.get(), one, CAP_PERMITTED, &has) == 0 && has == CAP_SET) permitted.push_back(one);
  }
  return permitted;
}

// The kernel may know more capabilities than our headers, and may refuse when CAP_SETPCAP is not ours: then exec gives
// none back anyway, because of no_new_privs.
void empty_bounding_set(const std::vector<cap_value_t>& kept) {
  for (cap_value_t one = 0; cap_get_bound(one) >= 0; ++one)
    if (std::ranges::find(kept, one) == kept.end()) cap_drop_bound(one);
}

Result<void, std::string> become_own_user() {
  const passwd* user = getpwnam("tandem");
  if (user == nullptr) user = getpwnam("nobody");
  if (user == nullptr) return Failure(std::string("neither user tandem nor nobody exists"));
  if (setgroups(0, nullptr) != 0) return failure("setgroups");
  if (setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0) return failure("setresgid");
  if (setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0) return failure("setresuid");
  return {};
}

}  // namespace

Result<void, std::string> drop_privileges(const Privileges& privileges) {
  const auto kept = permitted_of(privileges.capabilities);
  empty_bounding_set(kept);
  cap_reset_ambient();
  // A change of user clears capabilities unless they are asked to stay.
  if (!kept.empty() && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return failure("PR_SET_KEEPCAPS");
  if (privileges.own_user && geteuid() == 0)
    if (auto became = become_own_user(); !became) return became;
  const CapSet set(cap_init());
  if (!set) return failure("cap_init");
  for (const auto flag : {CAP_PERMITTED, CAP_EFFECTIVE})
    if (!kept.empty() && cap_set_flag(set.get(), flag, static_cast<int>(kept.size()), kept.data(), CAP_SET) != 0)
      return failure("cap_set_flag");
  if (cap_set_proc(set.get()) != 0) return failure("cap_set_proc");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failure("PR_SET_NO_NEW_PRIVS");
  if (privileges.filter_calls) return refuse_powerful_calls();
  return {};
}

}  // namespace tandem::supervisor
