// A link, as JavaScript sees it.
#ifndef DTLTO_LINK_OBJECT_H
#define DTLTO_LINK_OBJECT_H

#include "../llvm/link.h"
#include <napi.h>

namespace dtlto {

/// `new Link(argv, capture, onEvent)` starts a link; see ../index.ts for the
/// contract. Methods throw when lld does not wait for jobs, so that a
/// distributor that answers late cannot reach freed memory.
class LinkObject final : public Napi::ObjectWrap<LinkObject>,
                         public LinkListener {
public:
  static Napi::Function define(Napi::Env Env);
  explicit LinkObject(const Napi::CallbackInfo &Info);
  ~LinkObject() override;

private:
  struct Event;
  static void callJs(Napi::Env Env, Napi::Function OnEvent, LinkObject *Self,
                     Event *E);
  using EventFunction =
      Napi::TypedThreadSafeFunction<LinkObject, Event, &LinkObject::callJs>;

  // LinkListener, on lld's and pool threads.
  void jobsReady() override;
  void jobCompiled(unsigned Index, CompileOutcome Outcome,
                   double CompileMs) override;
  void finished(int ExitCode) override;
  void post(Event *E);

  bool checkIndex(const Napi::CallbackInfo &Info, unsigned &Index);

  Napi::Value jobs(const Napi::CallbackInfo &Info);
  Napi::Value localSlots(const Napi::CallbackInfo &Info);
  Napi::Value whyNotObject(const Napi::CallbackInfo &Info);
  Napi::Value checkObject(const Napi::CallbackInfo &Info);
  Napi::Value sideOutputPaths(const Napi::CallbackInfo &Info);
  Napi::Value compileHere(const Napi::CallbackInfo &Info);
  Napi::Value deliver(const Napi::CallbackInfo &Info);
  Napi::Value fail(const Napi::CallbackInfo &Info);
  Napi::Value cacheKey(const Napi::CallbackInfo &Info);
  Napi::Value moduleParts(const Napi::CallbackInfo &Info);
  Napi::Value travelOptions(const Napi::CallbackInfo &Info);
  Napi::Value travelIndex(const Napi::CallbackInfo &Info);
  Napi::Value clangModule(const Napi::CallbackInfo &Info);
  Napi::Value objectPathName(const Napi::CallbackInfo &Info);
  Napi::Value diagnose(const Napi::CallbackInfo &Info);
  Napi::Value compileToMemory(const Napi::CallbackInfo &Info);
  class AsyncCall;
  class TravelIndexCall;
  class CompileToMemoryCall;
  class CheckObjectCall;
  class ClangModuleCall;
  void waitForAsyncCalls();
  /// \p IsInput: the bytes are lld's own, mapped from a file.
  Napi::Value view(Napi::Env Env, llvm::StringRef Bytes, bool IsInput);
  void detachViews();
  Napi::Value resume(const Napi::CallbackInfo &Info);
  Napi::Value cancel(const Napi::CallbackInfo &Info);
  Napi::Value capturedStdout(const Napi::CallbackInfo &Info);
  Napi::Value capturedStderr(const Napi::CallbackInfo &Info);

  std::unique_ptr<Link> TheLink;
  EventFunction OnEvent;
  bool LldWaits =
      false; ///< JavaScript thread's view: from jobsReady to resume or cancel
  size_t JobCount = 0;
  bool IsCaptured = false; ///< lld frees its memory when the link ends
  /// Calls on libuv's threads that read lld's memory.
  std::mutex AsyncMutex;
  std::condition_variable AsyncDone;
  unsigned AsyncCalls = 0;
  /// Buffers on lld's memory; detached before lld goes on, so that late readers
  /// see nothing instead of freed memory.
  std::vector<Napi::Reference<Napi::ArrayBuffer>> Views;
};

} // namespace dtlto

#endif
