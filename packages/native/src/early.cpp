// What the linker programs preload (LD_PRELOAD) into Node, for two things.
//
// Load the addon while Node starts. Node needs some 60 ms to start, on one
// core; loading and relocating libLLVM needs 15 ms more. Before main() a thread
// is started that opens the addon, so that both happen at the same time and
// Node's own dlopen finds it loaded. bench/hello.ts measures it.
//
// Bring another malloc. Where the build found jemalloc, this library has it,
// and being preloaded it takes malloc's place in the whole process. The addon
// is opened with RTLD_DEEPBIND (load.ts says why), which looks symbols up
// among the dependencies of what is opened before everywhere else. Opened by
// itself it would therefore get the malloc of the C library, while the rest of
// the process, libstdc++ for one, has ours, and memory is passed between them.
// So the thread, and then load.ts, open dtlto-scope.so, which depends on this
// library first and on the addon second.
//
// Without this library all works, a little slower. The programs leave it out
// when the user preloads something: that may be an allocator, too.
#include <cstdlib>
#include <dlfcn.h>
#include <pthread.h>
#include <string>
#include <unistd.h>

static std::string &scopePath() {
  static std::string Path;
  return Path;
}

static void *openAddon(void *) {
  dlopen(scopePath().c_str(), RTLD_LAZY | RTLD_DEEPBIND);
  return nullptr;
}

__attribute__((constructor)) static void loadEarly() {
  unsetenv("LD_PRELOAD"); // not for child processes
  // For load.ts. They inherit this one, so it names its process.
  setenv("DTLTO_EARLY", std::to_string(getpid()).c_str(), 1);

  Dl_info Self;
  if (!dladdr(reinterpret_cast<void *>(&loadEarly), &Self) || !Self.dli_fname)
    return;
  scopePath() = Self.dli_fname;
  scopePath().resize(scopePath().rfind('/') + 1);
  scopePath() += "dtlto-scope.so";
  pthread_t Thread;
  if (pthread_create(&Thread, nullptr, openAddon, nullptr) == 0)
    pthread_detach(Thread);
}
