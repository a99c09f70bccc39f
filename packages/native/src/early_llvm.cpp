// Loads libLLVM on a thread of its own, while Node reads and runs the linker's
// program: on two cores that hides some 6 of the 15 ms that it takes.
//
// An addon that exports nothing, opened by dtlto/src/cli/start.cjs before anything
// else. If it cannot do its work, the addon itself loads libLLVM and says what is
// wrong.
#include <dlfcn.h>
#include <pthread.h>

static void *loadLlvm(void *) {
  // As src/load.ts opens the addon, and why.
  dlopen(DTLTO_LIBLLVM, RTLD_LAZY | RTLD_DEEPBIND);
  return nullptr;
}

extern "C" __attribute__((visibility("default"))) void *
napi_register_module_v1(void *, void *Exports) {
  pthread_t Thread;
  if (pthread_create(&Thread, nullptr, loadLlvm, nullptr) == 0)
    pthread_detach(Thread);
  return Exports;
}
