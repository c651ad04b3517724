#include "daemon/loop/process.hpp"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <vector>

namespace tandem::loop {

void set_thread_name(const std::string& name) {
  prctl(PR_SET_NAME, name.substr(0, 15).c_str(), 0, 0, 0);
}

UniqueFd open_pidfd(pid_t pid) {
  // glibc 2.36 has pidfd_open, but older distributions build this too.
  return UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

bool has_ended(pid_t pid) {
  siginfo_t info{};
  return waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

Dying is_dying(pid_t pid) {
  // proc(5): after the name in parentheses the state is field 3, the flags are field 9, the exit code is field 52.
  constexpr unsigned long kExiting = 0x4;  // PF_EXITING of linux/sched.h
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(file, line)) return {};
  std::istringstream fields(line.substr(line.rfind(')') + 1));
  std::vector<std::string> all(std::istream_iterator<std::string>(fields), {});
  constexpr size_t kFirst = 3, kFlags = 9, kExitCode = 52;
  if (all.size() + kFirst <= kFlags) return {};
  Dying dying{.dying = all[0] == "Z" || all[0] == "X" || (std::stoul(all[kFlags - kFirst]) & kExiting) != 0};
  if (all[0] == "Z" && all.size() > kExitCode - kFirst) dying.how = describe_exit(std::stoi(all[kExitCode - kFirst]));
  return dying;
}

std::string describe_exit(int wait_status) {
  if (WIFEXITED(wait_status)) return "exit code " + std::to_string(WEXITSTATUS(wait_status));
  if (!WIFSIGNALED(wait_status)) return "status " + std::to_string(wait_status);
  const int number = WTERMSIG(wait_status);
  return "signal " + std::to_string(number) + " (" + strsignal(number) + ")";
}

}  // namespace tandem::loop
