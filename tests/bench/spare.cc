// spare CPU SECONDS: how much of a processor is left. Counts at the lowest of priorities what it gets to do there; compared with
// what it does on an idle processor, that is the share which interrupts, soft interrupts and programs leave. The kernel's own
// figures do not do: it counts by ticks, and time in soft interrupts often not at all.
// Prints turns a second.
#include <sched.h>
#include <time.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace {

double now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<size_t>(std::atoi(argv[1])), &set);
  const sched_param none{};
  if (sched_setaffinity(0, sizeof set, &set) != 0 || sched_setscheduler(0, SCHED_IDLE, &none) != 0) return 1;
  const double begin = now(), end = begin + std::atof(argv[2]);
  uint64_t turns = 0;
  volatile uint64_t value = 1;
  double at = begin;
  for (; at < end; at = now(), ++turns)
    for (int i = 0; i < 2000; ++i) value = value * 6364136223846793005u + 1;
  std::printf("%.1f\n", static_cast<double>(turns) / (at - begin));
}
