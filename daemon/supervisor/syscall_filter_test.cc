// The filter, in children that are given it: what is refused, and that checks and scripts still can what they must.
#include "daemon/supervisor/syscall_filter.hpp"

#include <gtest/gtest.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

namespace tandem::supervisor {
namespace {

// What `body` returns in a child under the filter.
template <class Body>
int under_the_filter(Body body) {
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (!refuse_powerful_calls()) _exit(255);
    _exit(body());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

int error_of(long result) {
  return result < 0 ? errno : 0;
}

TEST(SyscallFilter, OtherProcessesWorldsAndTheKernelItselfAreOutOfReach) {
  EXPECT_EQ(under_the_filter([] { return error_of(ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); }), EPERM);
  EXPECT_EQ(under_the_filter([] { return error_of(unshare(CLONE_NEWUSER)); }), EPERM);
  EXPECT_EQ(under_the_filter([] { return error_of(chroot("/")); }), EPERM);
  EXPECT_EQ(under_the_filter([] { return error_of(syscall(SYS_bpf, 0, nullptr, 0)); }), EPERM);
  EXPECT_EQ(under_the_filter([] { return error_of(syscall(SYS_io_uring_setup, 1, nullptr)); }), EPERM);
  EXPECT_EQ(under_the_filter([] { return error_of(syscall(SYS_keyctl, 0, 0)); }), EPERM);
  EXPECT_EQ(under_the_filter([] { return error_of(syscall(SYS_perf_event_open, nullptr, 0, 0, 0, 0)); }), EPERM);
  EXPECT_EQ(under_the_filter([] { return error_of(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)); }), EPERM);
  EXPECT_EQ(under_the_filter([] { return error_of(syscall(SYS_clone, CLONE_NEWNET | SIGCHLD, 0, 0, 0, 0)); }), EPERM);
  EXPECT_EQ(under_the_filter([] { return error_of(syscall(SYS_clone3, nullptr, 0)); }), ENOSYS);
}

TEST(SyscallFilter, SocketsAreLocalOrOfTheInternetProtocols) {
  for (const int family : {AF_PACKET, AF_ALG, AF_VSOCK, AF_BLUETOOTH, AF_XDP, 0, 63, 64, 1000})
    EXPECT_EQ(under_the_filter([family] { return error_of(socket(family, SOCK_RAW, 0)); }), EAFNOSUPPORT) << family;
  for (const int family : {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK})
    EXPECT_EQ(under_the_filter([family] { return error_of(socket(family, SOCK_DGRAM, 0)); }), 0) << family;
}

TEST(SyscallFilter, ThreadsChildrenAndProgramsStillStart) {
  EXPECT_EQ(under_the_filter([] {
              int done = 0;
              std::thread([&done] { done = 7; }).join();
              return done;
            }),
            7);
  EXPECT_EQ(under_the_filter([] {
              execl("/bin/sh", "sh", "-c", "test \"$(echo one | cat)\" = one && exit 9", nullptr);
              return 1;
            }),
            9);
}

TEST(SyscallFilter, AProgramThatIsExecutedIsUnderItToo) {
  EXPECT_NE(under_the_filter([] {
              execl("/usr/bin/unshare", "unshare", "--user", "true", nullptr);
              return 0;
            }),
            0);
}

}  // namespace
}  // namespace tandem::supervisor
