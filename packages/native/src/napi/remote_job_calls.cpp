// Jobs that leave the process, for JavaScript. What takes long runs on libuv's
// threads and gives a promise.
#include "job/clang_job.h"
#include "link_object.h"
#include "values.h"

namespace dtlto {

static Napi::Array strings(Napi::Env Env,
                           const std::vector<std::string> &From) {
  auto Result = Napi::Array::New(Env, From.size());
  for (uint32_t I = 0; I < From.size(); ++I)
    Result[I] = Napi::String::New(Env, From[I]);
  return Result;
}

/// A call that reads lld's memory on a libuv thread. lld goes on when those that
/// run are done; those that come to run later are too late.
class LinkObject::AsyncCall : public Napi::AsyncWorker {
public:
  AsyncCall(LinkObject &Owner, Napi::Env Env, unsigned Index)
      : Napi::AsyncWorker(Env), Owner(Owner), Index(Index),
        Deferred(Napi::Promise::Deferred::New(Env)) {
    Owner.Ref();
  }

  static Napi::Value start(AsyncCall *Call) {
    Napi::Value Promise = Call->Deferred.Promise();
    Call->Queue();
    return Promise;
  }

protected:
  virtual void run(Link &L) = 0;
  virtual Napi::Value result(Napi::Env Env) = 0;

  void Execute() final {
    if (Link::Reading Reading{*Owner.TheLink})
      run(*Owner.TheLink);
    else
      Problem = "the link does not wait for backend jobs (any more)";
  }
  void OnOK() final {
    Owner.Unref();
    if (Problem.empty())
      Deferred.Resolve(result(Env()));
    else
      Deferred.Reject(Napi::Error::New(Env(), Problem).Value());
  }

  LinkObject &Owner;
  unsigned Index;
  std::string Problem;

private:
  Napi::Promise::Deferred Deferred;
};

class LinkObject::TravelIndexCall final : public AsyncCall {
  using AsyncCall::AsyncCall;
  TravelIndex Made;

  void run(Link &L) override { Made = L.travelIndex(Index, Problem); }
  Napi::Value result(Napi::Env Env) override {
    Napi::Object Result = Napi::Object::New(Env);
    Result["bytes"] =
        Napi::Buffer<char>::Copy(Env, Made.Bytes.data(), Made.Bytes.size());
    auto Names = Napi::Array::New(Env, Made.Names.size());
    uint32_t I = 0;
    for (const TravelIndex::Name &N : Made.Names) {
      Napi::Object Name = Napi::Object::New(Env);
      Name["moduleId"] = Napi::String::New(Env, N.ModuleId);
      Name["name"] = Napi::String::New(Env, N.Canonical);
      Name["imported"] = Napi::Boolean::New(Env, N.IsImported);
      Names[I++] = Name;
    }
    Result["modules"] = Names;
    return Result;
  }
};

class LinkObject::CompileToMemoryCall final : public AsyncCall {
  using AsyncCall::AsyncCall;
  std::string Object;

  void run(Link &L) override { Object = L.compileToMemory(Index, Problem); }
  Napi::Value result(Napi::Env Env) override {
    return Napi::Buffer<char>::Copy(Env, Object.data(), Object.size());
  }
};

class LinkObject::ClangModuleCall final : public AsyncCall {
public:
  ClangModuleCall(LinkObject &Owner, Napi::Env Env, unsigned Index,
                  std::string Flavour)
      : AsyncCall(Owner, Env, Index), Flavour(std::move(Flavour)) {}

private:
  std::string Flavour;
  ClangModuleArguments Made;

  void run(Link &L) override { Made = L.clangModule(Flavour, Index); }
  Napi::Value result(Napi::Env Env) override {
    Napi::Object Result = Napi::Object::New(Env);
    Result["reason"] = Napi::String::New(Env, Made.Reason);
    Result["args"] = strings(Env, Made.Args);
    return Result;
  }
};

Napi::Value LinkObject::clangModule(const Napi::CallbackInfo &Info) {
  unsigned Index;
  if (!checkIndex(Info, Index))
    return Info.Env().Undefined();
  return AsyncCall::start(
      new ClangModuleCall(*this, Info.Env(), Index, toBytes(Info[1])));
}

/// Works on a copy: whoever made the object may still change or detach it.
class LinkObject::CheckObjectCall final : public AsyncCall {
public:
  CheckObjectCall(LinkObject &Owner, Napi::Env Env, unsigned Index,
                  llvm::StringRef Object)
      : AsyncCall(Owner, Env, Index), Object(Object) {}

private:
  std::string Object, Fault;

  void run(Link &L) override { Fault = L.checkObject(Object); }
  Napi::Value result(Napi::Env Env) override {
    return Napi::String::New(Env, Fault);
  }
};

static llvm::StringRef bytesOf(const Napi::Uint8Array &Array) {
  return llvm::StringRef(reinterpret_cast<const char *>(Array.Data()),
                         Array.ByteLength());
}

Napi::Value LinkObject::checkObject(const Napi::CallbackInfo &Info) {
  unsigned Index;
  if (!checkIndex(Info, Index))
    return Info.Env().Undefined();
  return AsyncCall::start(new CheckObjectCall(
      *this, Info.Env(), Index, bytesOf(Info[1].As<Napi::Uint8Array>())));
}

Napi::Value LinkObject::travelIndex(const Napi::CallbackInfo &Info) {
  unsigned Index;
  if (!checkIndex(Info, Index))
    return Info.Env().Undefined();
  return AsyncCall::start(new TravelIndexCall(*this, Info.Env(), Index));
}

Napi::Value LinkObject::compileToMemory(const Napi::CallbackInfo &Info) {
  unsigned Index;
  if (!checkIndex(Info, Index))
    return Info.Env().Undefined();
  return AsyncCall::start(new CompileToMemoryCall(*this, Info.Env(), Index));
}

Napi::Value LinkObject::travelOptions(const Napi::CallbackInfo &Info) {
  Napi::Env Env = Info.Env();
  if (!LldWaits) {
    Napi::Error::New(Env, "the link does not wait for backend jobs (any more)")
        .ThrowAsJavaScriptException();
    return Env.Undefined();
  }
  TravelOptions Options =
      TheLink->travelOptions(toBytes(Info[0]), toArguments(Info[1]));
  Napi::Object Result = Napi::Object::New(Env);
  Result["reasonToCompileHere"] =
      Napi::String::New(Env, Options.ReasonToCompileHere);
  Result["text"] = Napi::String::New(Env, Options.Text);
  Result["reasonNotForClang"] =
      Napi::String::New(Env, Options.ReasonNotForClang);
  Result["clangArgs"] = strings(Env, Options.ClangArgs);
  Result["needsObjectName"] = Napi::Boolean::New(Env, Options.NeedsObjectName);
  auto Files = Napi::Array::New(Env);
  for (const TravelOptions::File &F : Options.Files) {
    Napi::Object File = Napi::Object::New(Env);
    File["field"] = Napi::String::New(Env, F.Field);
    File["bytes"] =
        Napi::Buffer<char>::Copy(Env, F.Bytes.data(), F.Bytes.size());
    Files[Files.Length()] = File;
  }
  Result["files"] = Files;
  auto ClangFiles = Napi::Array::New(Env);
  for (const auto &[ArgIndex, Field] : Options.ClangFiles) {
    Napi::Object File = Napi::Object::New(Env);
    File["argIndex"] = Napi::Number::New(Env, double(ArgIndex));
    File["field"] = Napi::String::New(Env, Field);
    ClangFiles[ClangFiles.Length()] = File;
  }
  Result["clangFiles"] = ClangFiles;
  return Result;
}

Napi::Value LinkObject::objectPathName(const Napi::CallbackInfo &Info) {
  unsigned Index;
  if (!checkIndex(Info, Index))
    return Info.Env().Undefined();
  return Napi::String::New(Info.Env(), TheLink->objectPathName(Index));
}

Napi::Value LinkObject::sideOutputPaths(const Napi::CallbackInfo &Info) {
  unsigned Index;
  if (!checkIndex(Info, Index))
    return Info.Env().Undefined();
  return strings(Info.Env(), TheLink->sideOutputPaths(Index));
}

Napi::Value LinkObject::diagnose(const Napi::CallbackInfo &Info) {
  if (LldWaits)
    TheLink->diagnose(toBytes(Info[0]), toBytes(Info[1]));
  return Info.Env().Undefined();
}

} // namespace dtlto
