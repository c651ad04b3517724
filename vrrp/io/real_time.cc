#include "vrrp/io/real_time.hpp"

#include <malloc.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <cerrno>
#include <system_error>

namespace tandem::vrrp {
namespace {

std::string refused(const char* what, int number, const char* advice) {
  return std::string(what) + ": " + std::generic_category().message(number) + "; " + advice;
}

}  // namespace

std::vector<std::string> become_real_time(int priority) {
  sched_param parameters{};
  parameters.sched_priority = priority;
  if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &parameters) == 0) return {};
  std::vector<std::string> words{
      refused("real-time scheduling (SCHED_RR) was refused", errno, "grant CAP_SYS_NICE or raise LimitRTPRIO")};
  // Better than nothing where a container allows it.
  if (setpriority(PRIO_PROCESS, 0, -20) != 0)
    words.push_back(refused("a better nice value was refused as well", errno, "grant CAP_SYS_NICE"));
  return words;
}

std::vector<std::string> lock_memory() {
  // Freed memory is kept: giving it back and fetching it again is a page fault at the wrong moment.
  mallopt(M_TRIM_THRESHOLD, -1);
  // First everything there is, so that all code is in memory; then what comes as it comes, because locking the whole
  // of a thread's untouched 8 MB stack buys nothing.
  if (mlockall(MCL_CURRENT) == 0 && mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0) return {};
  return {refused("locking memory was refused", errno, "grant CAP_IPC_LOCK or raise LimitMEMLOCK")};
}

}  // namespace tandem::vrrp
