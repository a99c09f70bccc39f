// Can Node live within the limits of this process?
//
// Seen with Node 20: where threads cannot be created it waits for ever, without
// file descriptors it aborts, and where little address space is left V8 does. Stock
// lld links in all three cases.
#include "limits.h"
#include "text.h"
#include <climits>
#include <cstdlib>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <vector>

namespace dtlto {

/// Beyond 20 for Node itself, some for the inputs and connections of a link.
static constexpr rlim_t LeastFiles = 64;
/// Node reserves 1 GiB when it starts and more later, lld is in it, and every
/// thread has a stack of some MiB.
static constexpr rlim_t LeastAddressSpace = rlim_t(4) << 30;
/// More are not counted: then there are enough.
static constexpr unsigned MostThreads = 64;
/// Of Node with --v8-pool-size=0: its scheduler of delayed tasks, the inspector's,
/// one of libuv; and lld's. Two more for what else may come.
static constexpr unsigned LeastNodeThreads = 6;
/// V8's workers, and the others of libuv.
static constexpr unsigned OptionalNodeThreads = 8;

static rlim_t limit(int Resource, bool Hard) {
  rlimit Limit;
  if (getrlimit(static_cast<__rlimit_resource_t>(Resource), &Limit) != 0)
    return RLIM_INFINITY;
  return Hard ? Limit.rlim_max : Limit.rlim_cur;
}

/// No file system tells how many threads the user has left; so they are made.
/// Only where a limit is so low that builds meet it.
static bool isThreadLimitLow() {
  constexpr rlim_t Low = 1024;
  std::string ControlGroup;
  unsigned long Most = 0;
  if (readFile("/sys/fs/cgroup/pids.max", ControlGroup))
    Most = strtoul(ControlGroup.c_str(), nullptr, 10);
  return limit(RLIMIT_NPROC, /*Hard=*/false) < Low || (Most > 0 && Most < Low);
}

static unsigned countThreads() {
  static pthread_mutex_t Gate = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&Gate);
  pthread_attr_t Attributes;
  pthread_attr_init(&Attributes);
  pthread_attr_setstacksize(&Attributes, size_t(64) << 10);
  auto Wait = [](void *) -> void * {
    pthread_mutex_lock(&Gate);
    pthread_mutex_unlock(&Gate);
    return nullptr;
  };
  std::vector<pthread_t> Threads;
  pthread_t Thread;
  while (Threads.size() < MostThreads &&
         pthread_create(&Thread, &Attributes, Wait, nullptr) == 0)
    Threads.push_back(Thread);
  pthread_mutex_unlock(&Gate);
  for (pthread_t Each : Threads)
    pthread_join(Each, nullptr);
  return static_cast<unsigned>(Threads.size());
}

/// What lld and its backends start on this machine, each.
static unsigned processors() {
  cpu_set_t Set;
  if (sched_getaffinity(0, sizeof(Set), &Set) != 0)
    return 1;
  return static_cast<unsigned>(CPU_COUNT(&Set));
}

Room roomForNode(std::string &Reason) {
  rlim_t Files =
      limit(RLIMIT_NOFILE, /*Hard=*/true); // Node raises the soft one
  if (Files < LeastFiles) {
    Reason = "Node needs more than " + std::to_string(Files) +
             " file descriptors (ulimit -n)";
    return Room::TooLittle;
  }
  rlim_t Bytes = limit(RLIMIT_AS, /*Hard=*/false);
  if (Bytes < LeastAddressSpace) {
    Reason = "Node needs more than " + std::to_string(Bytes >> 20) +
             " MiB of address space (ulimit -v)";
    return Room::TooLittle;
  }
  if (!isThreadLimitLow())
    return Room::Enough;
  unsigned Threads = countThreads();
  unsigned Needed = LeastNodeThreads + 2 * processors();
  if (Threads >= MostThreads || Threads >= Needed + OptionalNodeThreads)
    return Room::Enough;
  if (Threads >= Needed)
    return Room::FewThreads;
  Reason = "Node needs more than " + std::to_string(Threads) +
           " threads (ulimit -u)";
  return Room::TooLittle;
}

} // namespace dtlto
