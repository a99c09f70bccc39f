// A link, as JavaScript sees it.
#ifndef DTLTO_NAPI_LINK_OBJECT_H
#define DTLTO_NAPI_LINK_OBJECT_H

#include "link/link.h"
#include "link/thin_jobs.h"
#include <napi.h>

namespace dtlto {

/// `new Link(argv, capture, onEvent)` starts a link; see ../contract.ts for the
/// contract. What concerns a job throws when lld does not wait, so that a
/// distributor that answers late cannot reach freed memory.
class LinkObject final : public Napi::ObjectWrap<LinkObject> {
public:
  static Napi::Function define(Napi::Env Env);
  explicit LinkObject(const Napi::CallbackInfo &Info);
  ~LinkObject() override;

private:
  class Events;
  struct Event;
  static void callJs(Napi::Env Env, Napi::Function OnEvent, LinkObject *Self,
                     Event *E);
  using EventFunction =
      Napi::TypedThreadSafeFunction<LinkObject, Event, &LinkObject::callJs>;
  void finished();
  static void environmentEnds(void *Self);

  /// What lld waits for. A JavaScript exception and null when it does not.
  ThinJobs *jobsOrThrow(const Napi::CallbackInfo &Info);
  /// The job that the first argument numbers.
  ThinJob *jobOrThrow(const Napi::CallbackInfo &Info);
  /// What a method of ThinJobs gives for that job.
  template <auto Method> Napi::Value ofJob(const Napi::CallbackInfo &Info);

  Napi::Value jobs(const Napi::CallbackInfo &Info);
  Napi::Value localSlots(const Napi::CallbackInfo &Info);
  Napi::Value hasErrors(const Napi::CallbackInfo &Info);
  Napi::Value thinModules(const Napi::CallbackInfo &Info);
  Napi::Value forgetModules(const Napi::CallbackInfo &Info);
  Napi::Value cacheHits(const Napi::CallbackInfo &Info);
  Napi::Value compileInProcess(const Napi::CallbackInfo &Info);
  Napi::Value madeHere(const Napi::CallbackInfo &Info);
  Napi::Value deliver(const Napi::CallbackInfo &Info);
  Napi::Value fail(const Napi::CallbackInfo &Info);
  Napi::Value moduleParts(const Napi::CallbackInfo &Info);
  Napi::Value remoteOptions(const Napi::CallbackInfo &Info);
  Napi::Value remoteIndex(const Napi::CallbackInfo &Info);
  Napi::Value clangModule(const Napi::CallbackInfo &Info);
  Napi::Value unreadImports(const Napi::CallbackInfo &Info);
  Napi::Value checkObject(const Napi::CallbackInfo &Info);
  Napi::Value checkObjectNow(const Napi::CallbackInfo &Info);
  Napi::Value diagnose(const Napi::CallbackInfo &Info);
  Napi::Value compileToMemory(const Napi::CallbackInfo &Info);
  template <class T> class AsyncCall;
  /// \p IsInput: the bytes are lld's own, mapped from a file.
  Napi::Value view(Napi::Env Env, llvm::StringRef Bytes, bool IsInput);
  Napi::Value lend(Napi::Env Env, llvm::StringRef Bytes);
  void detachViews();
  Napi::Value resume(const Napi::CallbackInfo &Info);
  Napi::Value cancel(const Napi::CallbackInfo &Info);
  Napi::Value capturedStdout(const Napi::CallbackInfo &Info);
  Napi::Value capturedStderr(const Napi::CallbackInfo &Info);

  static constexpr const char *TooLate =
      "the link does not wait for backend jobs (any more)";

  std::shared_ptr<Link> TheLink;
  std::shared_ptr<Events> TheEvents;
  bool IsLive = false; ///< from the start until finished or environmentEnds
  bool IsCancelled = false;
  bool LldWaits =
      false; ///< JavaScript thread's view: from jobsReady to resume or cancel
  bool IsCaptured = false; ///< lld frees its memory when the link ends
  /// Buffers on lld's memory; detached before lld goes on, so that late readers
  /// see nothing instead of freed memory.
  std::vector<Napi::Reference<Napi::ArrayBuffer>> Views;
};

} // namespace dtlto

#endif
