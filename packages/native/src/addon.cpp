// Registration only.
#include "job/codegen_job.h"
#include "job/individual_index.h"
#include "link/file_pages.h"
#include "link/process.h"
#include "link/second_link.h"
#include "napi/link_object.h"
#include "napi/lzo1x.h"
#include "napi/plugin_object.h"
#include "napi/pool_call.h"
#include "napi/values.h"
#include "napi/zstd.h"
#include "llvm/Config/llvm-config.h"
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace dtlto {

static Napi::Value expandResponseFiles(const Napi::CallbackInfo &Info) {
  auto Expanded =
      expandResponseFiles(toArguments(Info[0]), Info[1].ToBoolean());
  auto Result = Napi::Array::New(Info.Env(), Expanded.size());
  for (uint32_t I = 0; I < Expanded.size(); ++I)
    Result[I] = fromBytes(Info.Env(), Expanded[I], isUtf8(Expanded[I]));
  return Result;
}

static std::vector<int> toInts(const Napi::Value &V) {
  std::vector<int> Result;
  auto Array = V.As<Napi::Array>();
  for (uint32_t I = 0; I < Array.Length(); ++I)
    Result.push_back(Napi::Value(Array[I]).ToNumber().Int32Value());
  return Result;
}

static void actAsLinker(const Napi::CallbackInfo &Info) {
  auto Given = Info[0].As<Napi::Object>();
  StartedWith Start;
  Start.IgnoredSignals = toInts(Given.Get("ignoredSignals"));
  Start.Descriptors = toInts(Given.Get("descriptors"));
  Start.DescriptorLimit = Given.Get("descriptorLimit").ToNumber().Int64Value();
  actAsLinker(Start);
}

static void exitProcess(const Napi::CallbackInfo &Info) {
  exitProcess(Info[0].ToNumber().Int32Value());
}

static Napi::Value holdOutput(const Napi::CallbackInfo &Info) {
  auto Given = Info[0].As<Napi::Object>();
  SecondLink Link;
  Link.Program = toBytes(Given.Get("program"));
  Link.Arguments = toArguments(Given.Get("arguments"));
  Link.Remove = toArguments(Given.Get("remove"));
  Link.Notice = toBytes(Given.Get("notice"));
  return Napi::Boolean::New(Info.Env(), holdOutput(std::move(Link)));
}

static void releaseOutput(const Napi::CallbackInfo &) { releaseOutput(); }

static void startSecondLink(const Napi::CallbackInfo &) { startSecondLink(); }

/// glibc keeps what a thread has freed for that thread's next request: of
/// backends that ran one after the other, each on a thread of its own, all of it
/// stays in the process.
static void trimMemory(const Napi::CallbackInfo &) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

static void forgetPrograms(const Napi::CallbackInfo &Info) {
  PoolCall::start(
      arrayOf(Info.Env(), {}),
      [] {
        forgetProgramPages();
        return llvm::Error::success();
      },
      [](Napi::Env Env) { return Env.Undefined(); });
}

static llvm::Expected<std::string> renamed(llvm::StringRef Bytes,
                                           const Napi::Function &Rename) {
  llvm::Expected<IndividualIndex> Index = readModuleIds(Bytes);
  if (!Index)
    return Index.takeError();
  std::vector<std::string> Ids;
  for (const IndividualIndex::Module &Module : Index->Modules)
    Ids.push_back(Module.Id);
  Napi::Value Given = Rename.Call({toValue(Rename.Env(), Ids)});
  if (Rename.Env().IsExceptionPending())
    return std::string();
  std::vector<std::string> NewIds = toArguments(Given);
  if (NewIds.size() != Ids.size())
    return llvm::createStringError("as many new ids as modules are needed");
  llvm::StringMap<std::string> Names;
  for (size_t I = 0; I < Ids.size(); ++I)
    Names[Ids[I]] = NewIds[I];
  return renameModules(*Index, Names);
}

static Napi::Value renameModuleIds(const Napi::CallbackInfo &Info) {
  auto Renamed = renamed(viewOf(Info[0]), Info[1].As<Napi::Function>());
  if (Info.Env().IsExceptionPending())
    return Info.Env().Undefined();
  if (Renamed)
    return toBuffer(Info.Env(), *Renamed);
  Napi::Error::New(Info.Env(), llvm::toString(Renamed.takeError()))
      .ThrowAsJavaScriptException();
  return Info.Env().Undefined();
}

static Napi::Object registerAddon(Napi::Env Env, Napi::Object Exports) {
  Exports["version"] = Napi::String::New(Env, DTLTO_VERSION);
  Exports["llvmVersion"] = Napi::String::New(Env, llvmVersion().str());
  Exports["llvmBuiltWith"] = Napi::String::New(Env, LLVM_VERSION_STRING);
  Exports["llvmBin"] = Napi::String::New(Env, DTLTO_LLVM_BIN);
  Exports["expandResponseFiles"] =
      Napi::Function::New<expandResponseFiles>(Env);
  Exports["actAsLinker"] = Napi::Function::New<actAsLinker>(Env);
  Exports["exitProcess"] = Napi::Function::New<exitProcess>(Env);
  Exports["holdOutput"] = Napi::Function::New<holdOutput>(Env);
  Exports["releaseOutput"] = Napi::Function::New<releaseOutput>(Env);
  Exports["startSecondLink"] = Napi::Function::New<startSecondLink>(Env);
  Exports["trimMemory"] = Napi::Function::New<trimMemory>(Env);
  Exports["forgetPrograms"] = Napi::Function::New<forgetPrograms>(Env);
  Exports["lzo1x"] = lzo1xFunctions(Env);
  Exports["zstd"] = zstdFunctions(Env);
  Exports["renameModuleIds"] = Napi::Function::New<renameModuleIds>(Env);
  Exports["loadPlugin"] = Napi::Function::New<loadPlugin>(Env);
  Exports["Plugin"] = PluginObject::define(Env);
  Exports["Link"] = LinkObject::define(Env);
  return Exports;
}

} // namespace dtlto

static Napi::Object registerDtlto(Napi::Env Env, Napi::Object Exports) {
  return dtlto::registerAddon(Env, Exports);
}

NODE_API_MODULE(dtlto, registerDtlto)
