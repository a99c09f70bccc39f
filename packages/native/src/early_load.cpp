// Loads the addon on a thread of its own, while Node reads and runs the linker's
// program: on two cores that hides some 6 of the 15 ms that libLLVM takes.
//
// It is an addon itself, exports nothing, and is opened by dtlto/src/cli/start.cjs
// before anything else. Not libLLVM alone: the addon must come first where libLLVM
// looks for symbols (link/started_programs.cpp), and that is decided by who loads
// it. If this cannot do its work, src/load.ts does it and says what is wrong.
#include <dlfcn.h>
#include <pthread.h>
#include <string>

static constexpr size_t StackBytes = 1 << 20;

static void *loadAddon(void *) {
  Dl_info Here;
  if (dladdr(reinterpret_cast<void *>(loadAddon), &Here) && Here.dli_fname) {
    std::string Path = Here.dli_fname;
    // As src/load.ts opens it, and why.
    dlopen((Path.substr(0, Path.rfind('/') + 1) + "dtlto.node").c_str(),
           RTLD_LAZY | RTLD_DEEPBIND);
  }
  return nullptr;
}

extern "C" __attribute__((visibility("default"))) void *
napi_register_module_v1(void *, void *Exports) {
  // Stacks may be large here (ulimit -s), and this one is for constructors only.
  pthread_attr_t Attributes;
  pthread_attr_init(&Attributes);
  pthread_attr_setstacksize(&Attributes, StackBytes);
  pthread_attr_setdetachstate(&Attributes, PTHREAD_CREATE_DETACHED);
  pthread_t Thread;
  pthread_create(&Thread, &Attributes, loadAddon, nullptr);
  pthread_attr_destroy(&Attributes);
  return Exports;
}
