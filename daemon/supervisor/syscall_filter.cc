#include "daemon/supervisor/syscall_filter.hpp"

#include <linux/sched.h>
#include <seccomp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <memory>
#include <system_error>

namespace tandem::supervisor {
namespace {

// Other processes' memory, other worlds (namespaces, mounts), the kernel itself, its keys, its clocks, and the ways into it that
// have been its weak spots. Several need a capability that the room has not: a hole in the kernel's own check is then closed, too.
constexpr std::array kRefused{"ptrace",
                              "process_vm_readv",
                              "process_vm_writev",
                              "process_madvise",
                              "kcmp",
                              "pidfd_getfd",
                              "unshare",
                              "setns",
                              "mount",
                              "umount2",
                              "pivot_root",
                              "chroot",
                              "move_mount",
                              "open_tree",
                              "fsopen",
                              "fsconfig",
                              "fsmount",
                              "fspick",
                              "mount_setattr",
                              "bpf",
                              "perf_event_open",
                              "userfaultfd",
                              "io_uring_setup",
                              "io_uring_enter",
                              "io_uring_register",
                              "init_module",
                              "finit_module",
                              "delete_module",
                              "kexec_load",
                              "kexec_file_load",
                              "reboot",
                              "swapon",
                              "swapoff",
                              "acct",
                              "quotactl",
                              "quotactl_fd",
                              "add_key",
                              "request_key",
                              "keyctl",
                              "open_by_handle_at",
                              "name_to_handle_at",
                              "fanotify_init",
                              "iopl",
                              "ioperm",
                              "modify_ldt",
                              "settimeofday",
                              "clock_settime",
                              "adjtimex",
                              "clock_adjtime",
                              "sethostname",
                              "setdomainname",
                              "syslog",
                              "vhangup",
                              "lookup_dcookie",
                              "nfsservctl",
                              "vmsplice"};

constexpr std::array<scmp_datum_t, 8> kNewWorlds{CLONE_NEWNS,  CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET,
                                                 CLONE_NEWIPC, CLONE_NEWUTS,  CLONE_NEWCGROUP, CLONE_NEWTIME};

constexpr unsigned kMostFamilies = 64;  // of the kernel, with room: AF_MAX is 46

struct FreeFilter {
  void operator()(void* filter) const { seccomp_release(filter); }
};

Failure<std::string> failure(const char* what, int error) {
  return Failure(std::string(what) + ": " + std::generic_category().message(-error));
}

}  // namespace

Result<void, std::string> refuse_powerful_calls() {
  const std::unique_ptr<void, FreeFilter> filter(seccomp_init(SCMP_ACT_ALLOW));
  if (!filter) return Failure<std::string>("seccomp: no memory");
  scmp_filter_ctx const context = filter.get();
  // A 32-bit program has other numbers for these calls: it gets none.
  int error = seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
  for (const char* name : kRefused) {
    const int call = seccomp_syscall_resolve_name(name);
    if (error == 0 && call != __NR_SCMP_ERROR) error = seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), call, 0);
    if (error == -EDOM) error = 0;  // this machine's kind has no such call
  }
  for (const scmp_datum_t flag : kNewWorlds) {
    const scmp_arg_cmp wants{.arg = 0, .op = SCMP_CMP_MASKED_EQ, .datum_a = flag, .datum_b = flag};
    if (error == 0) error = seccomp_rule_add_array(context, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1, &wants);
  }
  if (error == 0) error = seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
  for (unsigned family = 0; family <= kMostFamilies; ++family) {
    if (family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK) continue;
    const scmp_arg_cmp is{
        .arg = 0, .op = family == kMostFamilies ? SCMP_CMP_GE : SCMP_CMP_EQ, .datum_a = family, .datum_b = 0};
    if (error == 0) error = seccomp_rule_add_array(context, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1, &is);
  }
  if (error == 0) error = seccomp_load(context);
  if (error != 0) return failure("seccomp", error);
  return {};
}

}  // namespace tandem::supervisor
