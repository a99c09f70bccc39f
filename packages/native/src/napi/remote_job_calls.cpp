// What remote jobs need, for JavaScript. What takes long runs on libuv's threads
// and gives a promise.
#include "link/remote_jobs.h"
#include "link_object.h"
#include "values.h"
#include "llvm/ADT/StringSwitch.h"
#include <functional>

namespace dtlto {

static Napi::Value toValue(Napi::Env Env,
                           const llvm::SmallVector<char, 0> &Bytes) {
  return toBuffer(Env, llvm::StringRef(Bytes.data(), Bytes.size()));
}

static Napi::Value toValue(Napi::Env Env, const ClangModuleArguments &Made) {
  Napi::Object Result = Napi::Object::New(Env);
  Result["reason"] = toValue(Env, Made.Reason);
  Result["args"] = toValue(Env, Made.Args);
  return Result;
}

static Napi::Value toValue(Napi::Env Env,
                           const std::vector<UnreadImport> &Imports) {
  auto Result = Napi::Array::New(Env, Imports.size());
  for (uint32_t I = 0; I < Imports.size(); ++I) {
    const std::vector<UnreadRange> &Ranges = Imports[I].Ranges;
    static_assert(sizeof(UnreadRange) == 3 * sizeof(uint32_t));
    auto Numbers = Napi::Uint32Array::New(Env, Ranges.size() * 3);
    std::memcpy(Numbers.Data(), Ranges.data(),
                Ranges.size() * sizeof(UnreadRange));
    Napi::Object Import = Napi::Object::New(Env);
    Import["moduleId"] = toValue(Env, Imports[I].ModuleId);
    Import["ranges"] = Numbers;
    Result[I] = Import;
  }
  return Result;
}

static Napi::Value toValue(Napi::Env Env, const RemoteIndex &Made) {
  Napi::Object Result = Napi::Object::New(Env);
  Result["bytes"] = toBuffer(Env, Made.Bytes);
  auto Names = Napi::Array::New(Env, Made.Names.size());
  uint32_t I = 0;
  for (const RemoteIndex::Name &N : Made.Names) {
    Napi::Object Name = Napi::Object::New(Env);
    Name["moduleId"] = toValue(Env, N.ModuleId);
    Name["name"] = toValue(Env, N.Canonical);
    Name["imported"] = Napi::Boolean::New(Env, N.IsImported);
    Names[I++] = Name;
  }
  Result["modules"] = Names;
  return Result;
}

static Napi::Value toValue(Napi::Env Env, const RemoteJob &Made) {
  auto Result = toValue(Env, Made.Index).As<Napi::Object>();
  if (Made.Clang) {
    Result["clang"] = toValue(Env, *Made.Clang);
    Result["unread"] = toValue(Env, Made.Unread);
  }
  return Result;
}

static Napi::Value toValue(Napi::Env Env, const RemoteOptions &Options) {
  Napi::Object Result = Napi::Object::New(Env);
  Result["reasonNotRemote"] = toValue(Env, Options.ReasonNotRemote);
  Result["text"] = toValue(Env, Options.Text);
  Result["reasonNotForClang"] = toValue(Env, Options.ReasonNotForClang);
  Result["clangArgs"] = toValue(Env, Options.ClangArgs);
  Result["needsObjectName"] = Napi::Boolean::New(Env, Options.NeedsObjectName);
  auto Files = Napi::Array::New(Env);
  for (const RemoteOptions::File &F : Options.Files) {
    Napi::Object File = Napi::Object::New(Env);
    File["field"] = toValue(Env, F.Field);
    File["bytes"] = toBuffer(Env, F.Bytes);
    Files[Files.Length()] = File;
  }
  Result["files"] = Files;
  auto ClangFiles = Napi::Array::New(Env);
  for (const auto &[ArgIndex, Field] : Options.ClangFiles) {
    Napi::Object File = Napi::Object::New(Env);
    File["argIndex"] = Napi::Number::New(Env, double(ArgIndex));
    File["field"] = toValue(Env, Field);
    ClangFiles[ClangFiles.Length()] = File;
  }
  Result["clangFiles"] = ClangFiles;
  return Result;
}

/// Work that reads lld's memory on a libuv thread. lld goes on when the work that
/// runs is done; what comes to run later is too late.
template <class T>
class LinkObject::AsyncCall final : public Napi::AsyncWorker {
  using WorkFunction = std::function<llvm::Expected<T>(ThinJobs &)>;

public:
  static Napi::Value start(LinkObject &Owner, Napi::Env Env,
                           WorkFunction Work) {
    auto *Call = new AsyncCall(Owner, Env, std::move(Work)); // deletes itself
    Napi::Value Promise = Call->Deferred.Promise();
    Call->Queue();
    return Promise;
  }

private:
  AsyncCall(LinkObject &Owner, Napi::Env Env, WorkFunction Work)
      : Napi::AsyncWorker(Env), Owner(Owner), Work(std::move(Work)),
        Deferred(Napi::Promise::Deferred::New(Env)) {
    Owner.Ref();
  }

  void Execute() override {
    Link::Reading Reading{*Owner.TheLink};
    if (!Reading) {
      Problem = TooLate;
      return;
    }
    llvm::Expected<T> Result = Work(Owner.TheLink->jobs());
    if (Result)
      Made.emplace(std::move(*Result));
    else
      Problem = llvm::toString(Result.takeError());
  }

  void OnOK() override {
    Owner.Unref();
    if (Made)
      Deferred.Resolve(toValue(Env(), *Made));
    else
      Deferred.Reject(Napi::Error::New(Env(), Problem).Value());
  }

  LinkObject &Owner;
  WorkFunction Work;
  std::optional<T> Made;
  std::string Problem; ///< if there is nothing made
  Napi::Promise::Deferred Deferred;
};

Napi::Value LinkObject::remoteIndex(const Napi::CallbackInfo &Info) {
  ThinJob *Job = jobOrThrow(Info);
  if (!Job)
    return Info.Env().Undefined();
  return AsyncCall<RemoteJob>::start(
      *this, Info.Env(),
      [Job, ForClang = Info[1].ToBoolean().Value()](ThinJobs &Jobs) {
        return remoteJob(Jobs, *Job, ForClang);
      });
}

Napi::Value LinkObject::clangModule(const Napi::CallbackInfo &Info) {
  ThinJob *Job = jobOrThrow(Info);
  if (!Job)
    return Info.Env().Undefined();
  return AsyncCall<ClangModuleArguments>::start(
      *this, Info.Env(),
      [Job](ThinJobs &Jobs) { return dtlto::clangModule(Jobs, *Job); });
}

Napi::Value LinkObject::unreadImports(const Napi::CallbackInfo &Info) {
  ThinJob *Job = jobOrThrow(Info);
  if (!Job)
    return Info.Env().Undefined();
  return AsyncCall<std::vector<UnreadImport>>::start(
      *this, Info.Env(),
      [Job](ThinJobs &Jobs) { return dtlto::unreadImports(Jobs, *Job); });
}

Napi::Value LinkObject::compileToMemory(const Napi::CallbackInfo &Info) {
  ThinJob *Job = jobOrThrow(Info);
  if (!Job)
    return Info.Env().Undefined();
  return AsyncCall<llvm::SmallVector<char, 0>>::start(
      *this, Info.Env(),
      [Job](ThinJobs &Jobs) { return Jobs.compileToMemory(*Job); });
}

/// Works on a copy: whoever made the object may still change or detach it.
Napi::Value LinkObject::checkObject(const Napi::CallbackInfo &Info) {
  if (!jobsOrThrow(Info))
    return Info.Env().Undefined();
  return AsyncCall<std::string>::start(
      *this, Info.Env(), [Object = viewOf(Info[0]).str()](ThinJobs &Jobs) {
        return dtlto::checkObject(Jobs, Object);
      });
}

Napi::Value LinkObject::checkObjectNow(const Napi::CallbackInfo &Info) {
  ThinJobs *Jobs = jobsOrThrow(Info);
  if (!Jobs)
    return Info.Env().Undefined();
  return toValue(Info.Env(), dtlto::checkObject(*Jobs, viewOf(Info[0])));
}

Napi::Value LinkObject::remoteOptions(const Napi::CallbackInfo &Info) {
  ThinJobs *Jobs = jobsOrThrow(Info);
  if (!Jobs)
    return Info.Env().Undefined();
  return toValue(Info.Env(), dtlto::remoteOptions(*Jobs, toArguments(Info[0])));
}

Napi::Value LinkObject::diagnose(const Napi::CallbackInfo &Info) {
  if (LldWaits)
    TheLink->jobs().diagnose(
        llvm::StringSwitch<llvm::DiagnosticSeverity>(toBytes(Info[0]))
            .Case("error", llvm::DS_Error)
            .Case("warning", llvm::DS_Warning)
            .Case("remark", llvm::DS_Remark)
            .Default(llvm::DS_Note),
        toBytes(Info[1]));
  return Info.Env().Undefined();
}

} // namespace dtlto
