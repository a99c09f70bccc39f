// Load the addon while Node starts.
//
// Node needs some 60 ms to start, on one core; loading and relocating libLLVM
// needs 15 ms more. The linker programs preload this small library (LD_PRELOAD)
// into Node: before main() it starts a thread that opens the addon, so that
// both happen at the same time and Node's own dlopen finds it loaded. Without
// this library all works, 12 ms later. bench/hello.ts measures it.
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <pthread.h>
#include <string>

static std::string &addonPath() {
  static std::string Path;
  return Path;
}

/// RTLD_DEEPBIND as in load.ts: the first dlopen decides.
static void *openAddon(void *UsersPreload) {
  dlopen(addonPath().c_str(), RTLD_LAZY | (UsersPreload ? 0 : RTLD_DEEPBIND));
  return nullptr;
}

__attribute__((constructor)) static void loadEarly() {
  // The programs put us first in LD_PRELOAD: leave what the user had there, for
  // this process and its children.
  const char *Preload = getenv("LD_PRELOAD");
  const char *Users = Preload ? strchr(Preload, ':') : nullptr;
  if (Users)
    setenv("LD_PRELOAD", Users + 1, 1);
  else
    unsetenv("LD_PRELOAD");

  Dl_info Self;
  if (!dladdr(reinterpret_cast<void *>(&loadEarly), &Self) || !Self.dli_fname)
    return;
  addonPath() = Self.dli_fname;
  addonPath().resize(addonPath().rfind('/') + 1);
  addonPath() += "dtlto.node";
  pthread_t Thread;
  if (pthread_create(&Thread, nullptr, openAddon, const_cast<char *>(Users)) ==
      0)
    pthread_detach(Thread);
}
