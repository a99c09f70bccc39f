// A link, as JavaScript sees it.
#include "link_object.h"
#include "values.h"
#include <mutex>

namespace dtlto {

struct LinkObject::Event {
  enum Kind { DriverChosen, JobsReady, JobCompiled, Finished } What;
  unsigned Index = 0;
  int Code = 0; ///< LinkFlavour, CompileOutcome or exit code
  double Ms = 0;
  double EndedMs = 0;
};

/// From lld's threads to JavaScript's. It belongs to the link, which may outlive
/// the JavaScript environment (worker.terminate()), and then has nobody to tell.
class LinkObject::Events final : public LinkListener {
public:
  explicit Events(EventFunction Function) : Function(Function) {}

  /// On the JavaScript thread, once.
  void close() {
    std::lock_guard<std::mutex> Lock(Mutex);
    IsOpen = false;
    Function.Release();
  }

private:
  void driverChosen(LinkFlavour Flavour) override {
    post({Event::DriverChosen, 0, int(Flavour)});
  }
  void jobsReady() override { post({Event::JobsReady}); }
  void jobCompiled(unsigned Index, CompileOutcome Outcome, double CompileMs,
                   double EndedMs) override {
    post({Event::JobCompiled, Index, int(Outcome), CompileMs, EndedMs});
  }
  void finished(int ExitCode) override { post({Event::Finished, 0, ExitCode}); }

  void post(const Event &E) {
    std::lock_guard<std::mutex> Lock(Mutex);
    if (!IsOpen)
      return;
    auto Owned = std::make_unique<Event>(E);
    if (Function.NonBlockingCall(Owned.get()) == napi_ok)
      (void)Owned.release();
  }

  std::mutex Mutex;
  EventFunction Function;
  bool IsOpen = true;
};

Napi::Function LinkObject::define(Napi::Env Env) {
  return DefineClass(
      Env, "Link",
      {InstanceMethod<&LinkObject::jobs>("jobs"),
       InstanceMethod<&LinkObject::localSlots>("localSlots"),
       InstanceMethod<&LinkObject::hasErrors>("hasErrors"),
       InstanceMethod<&LinkObject::compileInProcess>("compileInProcess"),
       InstanceMethod<&LinkObject::madeHere>("madeHere"),
       InstanceMethod<&LinkObject::deliver>("deliver"),
       InstanceMethod<&LinkObject::fail>("fail"),
       InstanceMethod<&LinkObject::ofJob<&ThinJobs::cacheEntry>>("cacheEntry"),
       InstanceMethod<&LinkObject::ofJob<&ThinJobs::cacheKey>>("cacheKey"),
       InstanceMethod<&LinkObject::ofJob<&ThinJobs::importedModules>>(
           "importedModules"),
       InstanceMethod<&LinkObject::thinModules>("thinModules"),
       InstanceMethod<&LinkObject::cacheHits>("cacheHits"),
       InstanceMethod<&LinkObject::moduleParts>("moduleParts"),
       InstanceMethod<&LinkObject::forgetModules>("forgetModules"),
       InstanceMethod<&LinkObject::remoteOptions>("remoteOptions"),
       InstanceMethod<&LinkObject::remoteIndex>("remoteIndex"),
       InstanceMethod<&LinkObject::clangModule>("clangModule"),
       InstanceMethod<&LinkObject::unreadImports>("unreadImports"),
       InstanceMethod<&LinkObject::ofJob<&ThinJobs::objectPathName>>(
           "objectPathName"),
       InstanceMethod<&LinkObject::checkObject>("checkObject"),
       InstanceMethod<&LinkObject::checkObjectNow>("checkObjectNow"),
       InstanceMethod<&LinkObject::ofJob<&ThinJobs::sideOutputPaths>>(
           "sideOutputPaths"),
       InstanceMethod<&LinkObject::diagnose>("diagnose"),
       InstanceMethod<&LinkObject::compileToMemory>("compileToMemory"),
       InstanceMethod<&LinkObject::resume>("resume"),
       InstanceMethod<&LinkObject::cancel>("cancel"),
       InstanceMethod<&LinkObject::capturedStdout>("capturedStdout"),
       InstanceMethod<&LinkObject::capturedStderr>("capturedStderr")});
}

static const char *whyNotStarted(LinkStart Start) {
  switch (Start) {
  case LinkStart::Started:
    return nullptr;
  case LinkStart::AnotherRuns:
    return "running";
  case LinkStart::CannotRunAgain:
    return "cannot-run-again";
  case LinkStart::NoThread:
    return "no-thread";
  }
  return nullptr;
}

LinkObject::LinkObject(const Napi::CallbackInfo &Info)
    : Napi::ObjectWrap<LinkObject>(Info) {
  Napi::Env Env = Info.Env();
  bool Capture = Info[1].ToBoolean();
  IsCaptured = Capture;
  TheEvents = std::make_shared<Events>(
      EventFunction::New(Env, Info[2].As<Napi::Function>(), "dtlto link",
                         /*maxQueueSize=*/0, /*initialThreadCount=*/1, this));
  TheLink = std::make_shared<Link>(
      toArguments(Info[0]), Capture ? LinkStdio::Capture : LinkStdio::Inherit,
      TheEvents);
  if (const char *Why = whyNotStarted(TheLink->start())) {
    TheEvents->close();
    Napi::Error::New(Env, Why).ThrowAsJavaScriptException();
    return;
  }
  // The object lives until it has told that lld is done.
  IsLive = true;
  Ref();
  napi_add_env_cleanup_hook(Env, environmentEnds, this);
}

LinkObject::~LinkObject() = default;

void LinkObject::finished() {
  IsLive = false;
  napi_remove_env_cleanup_hook(Env(), environmentEnds, this);
  TheEvents->close();
  Unref();
}

/// The worker thread or the program ends. lld is told, and not waited for: it
/// may be in the middle of a module.
void LinkObject::environmentEnds(void *Self) {
  auto *Object = static_cast<LinkObject *>(Self);
  Object->IsLive = Object->LldWaits = false;
  Object->TheEvents->close();
  Object->TheLink->cancel();
}

void LinkObject::callJs(Napi::Env Env, Napi::Function OnEvent, LinkObject *Self,
                        Event *E) {
  std::unique_ptr<Event> Owned(E);
  if (!Env)
    return; // the environment is being torn down
  switch (E->What) {
  case Event::DriverChosen: {
    // In the order of LinkFlavour.
    static const char *const Flavours[] = {"elf", "coff", "mingw", "macho",
                                           "wasm"};
    OnEvent.Call({Napi::String::New(Env, "driver-chosen"),
                  Napi::String::New(Env, Flavours[E->Code])});
    return;
  }
  case Event::JobsReady:
    if (Self->IsCancelled)
      return; // meanwhile; lld does not wait
    Self->LldWaits = true;
    OnEvent.Call({Napi::String::New(Env, "jobs-ready")});
    return;
  case Event::JobCompiled: {
    static const char *const Outcomes[] = {"compiled", "failed", "lost"};
    OnEvent.Call({Napi::String::New(Env, "job-compiled"),
                  Napi::Number::New(Env, E->Index),
                  Napi::String::New(Env, Outcomes[E->Code]),
                  Napi::Number::New(Env, E->Ms),
                  Napi::Number::New(Env, E->EndedMs)});
    return;
  }
  case Event::Finished:
    Self->LldWaits = false; // it may end the program while it has jobs open
    Self->detachViews();
    Self->finished();
    OnEvent.Call(
        {Napi::String::New(Env, "finished"), Napi::Number::New(Env, E->Code)});
    return;
  }
}

ThinJobs *LinkObject::jobsOrThrow(const Napi::CallbackInfo &Info) {
  if (LldWaits)
    return &TheLink->jobs();
  Napi::Error::New(Info.Env(), TooLate).ThrowAsJavaScriptException();
  return nullptr;
}

ThinJob *LinkObject::jobOrThrow(const Napi::CallbackInfo &Info) {
  ThinJobs *Jobs = jobsOrThrow(Info);
  if (!Jobs)
    return nullptr; // and no call into JavaScript while it has an exception
  uint32_t Index = Info[0].ToNumber().Uint32Value();
  if (Index < Jobs->size())
    return &Jobs->job(Index);
  Napi::Error::New(Info.Env(), "no backend job has this index")
      .ThrowAsJavaScriptException();
  return nullptr;
}

template <auto Method>
Napi::Value LinkObject::ofJob(const Napi::CallbackInfo &Info) {
  ThinJob *Job = jobOrThrow(Info);
  if (!Job)
    return Info.Env().Undefined();
  ThinJobs &Jobs = TheLink->jobs();
  if constexpr (std::is_void_v<decltype((Jobs.*Method)(*Job))>)
    return (Jobs.*Method)(*Job), Info.Env().Undefined();
  else
    return toValue(Info.Env(), (Jobs.*Method)(*Job));
}

Napi::Value LinkObject::jobs(const Napi::CallbackInfo &Info) {
  Napi::Env Env = Info.Env();
  Napi::Array Result = Napi::Array::New(Env);
  if (!LldWaits)
    return Result;
  // Made once: a string for each property of each job takes most of the time.
  auto Name = [Env](const char *Text) { return Napi::String::New(Env, Text); };
  const Napi::String Task = Name("task"), ModuleId = Name("moduleId"),
                     Triple = Name("targetTriple"),
                     BitcodeBytes = Name("bitcodeBytes"),
                     Instructions = Name("instructions"),
                     ImportedModules = Name("importedModules"),
                     ImportedBytes = Name("importedBytes");
  uint32_t I = 0;
  for (const JobFacts &F : TheLink->jobs().facts()) {
    Napi::HandleScope Scope(Env);
    Napi::Object O = Napi::Object::New(Env);
    O.Set(Task, Napi::Number::New(Env, F.Task));
    O.Set(ModuleId, Napi::String::New(Env, F.ModuleId));
    O.Set(Triple, Napi::String::New(Env, F.TargetTriple));
    O.Set(BitcodeBytes, Napi::Number::New(Env, double(F.BitcodeBytes)));
    O.Set(Instructions, Napi::Number::New(Env, double(F.Instructions)));
    O.Set(ImportedModules, Napi::Number::New(Env, F.ImportedModules));
    O.Set(ImportedBytes, Napi::Number::New(Env, double(F.ImportedBytes)));
    Result[I++] = O;
  }
  return Result;
}

Napi::Value LinkObject::localSlots(const Napi::CallbackInfo &Info) {
  return Napi::Number::New(Info.Env(), LldWaits ? TheLink->jobs().slots() : 0);
}

Napi::Value LinkObject::thinModules(const Napi::CallbackInfo &Info) {
  return Napi::Number::New(Info.Env(), TheLink->thinModules());
}

Napi::Value LinkObject::cacheHits(const Napi::CallbackInfo &Info) {
  return Napi::Number::New(Info.Env(), TheLink->cacheHits());
}

namespace {
/// The link goes on when it is done, or before it has begun.
class ModulesForgotten final : public Napi::AsyncWorker {
public:
  ModulesForgotten(Napi::Env Env, std::shared_ptr<Link> Owner)
      : Napi::AsyncWorker(Env), Owner(std::move(Owner)) {}

private:
  void Execute() override {
    Link::Reading Reading{*Owner};
    if (Reading)
      Owner->jobs().forgetModules();
  }

  std::shared_ptr<Link> Owner;
};
} // namespace

Napi::Value LinkObject::forgetModules(const Napi::CallbackInfo &Info) {
  if (LldWaits)
    (new ModulesForgotten(Info.Env(), TheLink))->Queue(); // deletes itself
  return Info.Env().Undefined();
}

Napi::Value LinkObject::hasErrors(const Napi::CallbackInfo &Info) {
  return Napi::Boolean::New(Info.Env(), LldWaits && TheLink->hasErrors());
}

Napi::Value LinkObject::compileInProcess(const Napi::CallbackInfo &Info) {
  if (ThinJob *Job = jobOrThrow(Info))
    TheLink->jobs().compileInProcess(*Job, /*TakeNotes=*/Info[1].ToBoolean());
  return Info.Env().Undefined();
}

Napi::Value LinkObject::madeHere(const Napi::CallbackInfo &Info) {
  Napi::Env Env = Info.Env();
  ThinJob *Job = jobOrThrow(Info);
  std::optional<MadeHere> Made;
  if (Job)
    Made = TheLink->jobs().madeHere(*Job);
  if (!Made)
    return Env.Undefined();
  // In the order of llvm::DiagnosticSeverity.
  static const char *const Severities[] = {"error", "warning", "remark",
                                           "note"};
  auto Diagnostics = Napi::Array::New(Env, Made->Diagnostics.size());
  for (uint32_t I = 0; I < Made->Diagnostics.size(); ++I) {
    const Diagnostic &D = Made->Diagnostics[I];
    Napi::Object Value = Napi::Object::New(Env);
    Value["severity"] = Napi::String::New(Env, Severities[D.Severity]);
    Value["text"] = Napi::String::New(Env, D.Text);
    Value["namesModule"] = Napi::Boolean::New(Env, D.NamesModule);
    Diagnostics[I] = Value;
  }
  Napi::Object Result = Napi::Object::New(Env);
  Result["diagnostics"] = Diagnostics;
  Result["path"] = Napi::String::New(Env, Made->Path);
  Result["object"] = lend(Env, Made->Object);
  return Result;
}

/// lld's memory for good: a linker program frees none of it, so that who reads an
/// object while lld goes on, or when it has ended, reads what lld reads. An
/// embedding program gets a copy.
Napi::Value LinkObject::lend(Napi::Env Env, llvm::StringRef Bytes) {
  if (IsCaptured || Bytes.empty())
    return toBuffer(Env, Bytes);
  auto Buffer = Napi::ArrayBuffer::New(Env, const_cast<char *>(Bytes.data()),
                                       Bytes.size());
  return Napi::Uint8Array::New(Env, Bytes.size(), Buffer, 0);
}

Napi::Value LinkObject::deliver(const Napi::CallbackInfo &Info) {
  ThinJob *Job = jobOrThrow(Info);
  if (!Job)
    return Info.Env().Undefined();
  bool Won = TheLink->jobs().deliver(*Job, viewOf(Info[1]),
                                     /*ToCache=*/Info[2].ToBoolean());
  return Napi::Boolean::New(Info.Env(), Won);
}

Napi::Value LinkObject::fail(const Napi::CallbackInfo &Info) {
  if (ThinJob *Job = jobOrThrow(Info))
    TheLink->jobs().fail(*Job, llvm::createStringError(toBytes(Info[1])));
  return Info.Env().Undefined();
}

Napi::Value LinkObject::view(Napi::Env Env, llvm::StringRef Bytes,
                             bool IsInput) {
  // Whoever has the bytes may be reading them when nobody waits for him any
  // more: a write to a socket, which holds the address, does not stop when the
  // buffer is detached. What lld maps of its inputs stays mapped until a linker
  // program ends, so there it is lent. All else is copied.
  if (IsCaptured || !IsInput) {
    auto Copy = Napi::ArrayBuffer::New(Env, Bytes.size());
    if (!Bytes.empty())
      memcpy(Copy.Data(), Bytes.data(), Bytes.size());
    return Napi::Uint8Array::New(Env, Bytes.size(), Copy, 0);
  }
  auto Buffer = Napi::ArrayBuffer::New(Env, const_cast<char *>(Bytes.data()),
                                       Bytes.size());
  Views.push_back(Napi::Weak(Buffer));
  return Napi::Uint8Array::New(Env, Bytes.size(), Buffer, 0);
}

/// Newer versions of Node lock memory that is not their own: Node-API's detach
/// then ends the process, where JavaScript's `transfer` throws an error. Such a
/// view stays, and is valid as long as the process (view(), above).
static void detach(Napi::ArrayBuffer Buffer) {
  Napi::Value Transfer = Buffer.Get("transfer");
  if (!Transfer.IsFunction())
    return Buffer.Detach();
  Transfer.As<Napi::Function>().Call(Buffer,
                                     {Napi::Number::New(Buffer.Env(), 0)});
  if (Buffer.Env().IsExceptionPending())
    Buffer.Env().GetAndClearPendingException();
}

void LinkObject::detachViews() {
  for (auto &View : Views) {
    Napi::ArrayBuffer Buffer = View.Value();
    if (!Buffer.IsEmpty())
      detach(Buffer);
  }
  Views.clear();
}

Napi::Value LinkObject::moduleParts(const Napi::CallbackInfo &Info) {
  Napi::Env Env = Info.Env();
  Napi::Array Result = Napi::Array::New(Env);
  const ModuleBytes *Module =
      LldWaits ? TheLink->jobs().moduleBytes(toBytes(Info[0])) : nullptr;
  if (!Module)
    return Result;
  for (llvm::StringRef Part : Module->parts())
    Result[Result.Length()] = view(Env, Part, /*IsInput=*/Result.Length() == 1);
  return Result;
}

Napi::Value LinkObject::resume(const Napi::CallbackInfo &Info) {
  if (LldWaits) {
    LldWaits = false;
    detachViews();
    TheLink->resume();
  }
  return Info.Env().Undefined();
}

Napi::Value LinkObject::cancel(const Napi::CallbackInfo &Info) {
  LldWaits = false;
  IsCancelled = true;
  detachViews();
  TheLink->cancel();
  return Info.Env().Undefined();
}

Napi::Value LinkObject::capturedStdout(const Napi::CallbackInfo &Info) {
  return Napi::String::New(Info.Env(), TheLink->capturedStdout());
}

Napi::Value LinkObject::capturedStderr(const Napi::CallbackInfo &Info) {
  return Napi::String::New(Info.Env(), TheLink->capturedStderr());
}

} // namespace dtlto
