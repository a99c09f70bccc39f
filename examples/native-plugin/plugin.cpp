// A distributor as a shared library: `ld.dtlto --distribute=./native_plugin.node
// …`. It compiles each job with a clang process that a native thread starts and
// waits for. What a distributor must do is in docs/write-a-distributor.md; this
// file says it with Node-API, and there is no JavaScript in it.
#include "clang_process.h"
#include <algorithm>
#include <deque>
#include <memory>
#include <napi.h>
#include <set>

namespace {

/// A call of compile().
struct Job {
  explicit Job(Napi::Env Env) : Deferred(Env) {}
  Napi::Promise::Deferred Deferred;
  Napi::ObjectReference Signal;
  Napi::FunctionReference OnAbort;
  ClangWork Work;
  Cancellation Cancel;
};
using JobPtr = std::shared_ptr<Job>;

/// A DtltoError of our own making: dtlto knows them by this brand.
Napi::Value trouble(Napi::Env Env, const std::string &Message) {
  Napi::Object Error = Napi::Error::New(Env, Message).Value();
  Error.Set(Napi::Symbol::For(Env, "dtlto.DtltoError"),
            Napi::Boolean::New(Env, true));
  Error["code"] = "DTLTO_DISTRIBUTOR_FAILED";
  Error["details"] = Napi::Object::New(Env);
  return Error;
}

Napi::Value resultOf(Napi::Env Env, const ClangAnswer &Answer) {
  auto Result = Napi::Object::New(Env);
  if (Answer.Kind == ClangAnswer::Spoke) {
    Result["kind"] = "cannot";
    Result["reason"] = "clang printed " + Answer.Text;
    return Result;
  }
  auto Diagnostics = Napi::Array::New(Env);
  Result["diagnostics"] = Diagnostics;
  if (Answer.Kind == ClangAnswer::DoesNotCompile) {
    auto Diagnostic = Napi::Object::New(Env);
    Diagnostic["severity"] = "error";
    Diagnostic["message"] = Answer.Text;
    Diagnostics[0u] = Diagnostic;
    Result["kind"] = "does-not-compile";
    return Result;
  }
  auto Timings = Napi::Object::New(Env);
  Timings["compileMs"] = Answer.CompileMs;
  Result["kind"] = "object";
  Result["object"] =
      Napi::Buffer<char>::Copy(Env, Answer.Text.data(), Answer.Text.size());
  Result["sideOutputs"] = Napi::Array::New(Env);
  Result["timings"] = Timings;
  return Result;
}

/// Bytes are copied here, on JavaScript's thread: they are views on the
/// linker's memory.
ClangWork workOf(Napi::Object ClangJob) {
  ClangWork Work;
  Work.Output = ClangJob.Get("output").ToString();
  auto Args = ClangJob.Get("args").As<Napi::Array>();
  for (uint32_t I = 0; I < Args.Length(); ++I)
    Work.Args.push_back(Args.Get(I).ToString());
  auto Files = ClangJob.Get("files").As<Napi::Array>();
  for (uint32_t I = 0; I < Files.Length(); ++I) {
    auto File = Files.Get(I).As<Napi::Object>();
    auto Bytes = File.Get("bytes")
                     .As<Napi::Function>()
                     .Call(File, {})
                     .As<Napi::Uint8Array>();
    Work.Files.emplace_back(
        File.Get("name").ToString(),
        std::string(reinterpret_cast<const char *>(Bytes.Data()),
                    Bytes.ByteLength()));
  }
  return Work;
}

/// An open distributor. Everything runs on JavaScript's thread but runClang.
class Pool : public std::enable_shared_from_this<Pool> {
public:
  Pool(Napi::Object Context, uint32_t Slots)
      : Context(Napi::Persistent(Context)), Slots(Slots) {}

  Napi::Value status(Napi::Env Env) {
    auto Status = Napi::Object::New(Env);
    Status["slots"] = Slots;
    Status["busy"] = Busy;
    Status["queued"] = double(Inside.size() - Busy);
    Status["accepting"] = true;
    return Status;
  }

  Napi::Value compile(Napi::Env Env, Napi::Object BackendJob,
                      Napi::Object Signal) {
    auto Self = shared_from_this();
    auto J = std::make_shared<Job>(Env);
    Inside.insert(J);
    auto OnAbort =
        Napi::Function::New(Env, [Self, J](const Napi::CallbackInfo &I) {
          Self->abort(I.Env(), J);
        });
    J->OnAbort = Napi::Persistent(OnAbort);
    J->Signal = Napi::Persistent(Signal);
    Signal.Get("addEventListener")
        .As<Napi::Function>()
        .Call(Signal, {Napi::String::New(Env, "abort"), OnAbort});

    auto Made = BackendJob.Get("forClang").As<Napi::Function>();
    Made.Call(BackendJob, {})
        .As<Napi::Promise>()
        .Then(Napi::Function::New(Env,
                                  [Self, J](const Napi::CallbackInfo &I) {
                                    Self->made(I.Env(), J,
                                               I[0].As<Napi::Object>());
                                  }),
              Napi::Function::New(Env, [Self, J](const Napi::CallbackInfo &I) {
                Self->settle(I.Env(), J, false, I[0]);
              }));
    return J->Deferred.Promise();
  }

  Napi::Value close(Napi::Env Env) {
    Napi::Promise::Deferred Closed(Env);
    Closers.push_back(Closed);
    tellClosers(Env);
    return Closed.Promise();
  }

  void destroy(Napi::Env Env) {
    for (const JobPtr &J : std::set<JobPtr>(Inside))
      abort(Env, J);
  }

private:
  class Worker final : public Napi::AsyncWorker {
  public:
    Worker(Napi::Env Env, std::shared_ptr<Pool> P, JobPtr J)
        : AsyncWorker(Env), P(std::move(P)), J(std::move(J)) {}
    void Execute() override { Answer = runClang(J->Work, J->Cancel); }
    void OnOK() override {
      P->Busy--;
      if (Answer.Kind == ClangAnswer::Trouble)
        P->settle(Env(), J, false, trouble(Env(), Answer.Text));
      else
        P->settle(Env(), J, true, resultOf(Env(), Answer));
      P->startWaiting(Env());
    }

  private:
    std::shared_ptr<Pool> P;
    JobPtr J;
    ClangAnswer Answer;
  };

  void made(Napi::Env Env, const JobPtr &J, Napi::Object ClangJob) {
    if (std::string(ClangJob.Get("kind").ToString()) == "cannot")
      return settle(Env, J, true, ClangJob);
    if (!Inside.count(J) || J->Cancel.isCancelled())
      return settle(Env, J, false, trouble(Env, "aborted"));
    J->Work = workOf(ClangJob);
    Waiting.push_back(J);
    startWaiting(Env);
  }

  void startWaiting(Napi::Env Env) {
    for (; Busy < Slots && !Waiting.empty(); Waiting.pop_front(), ++Busy)
      (new Worker(Env, shared_from_this(), Waiting.front()))->Queue();
  }

  /// A running clang is killed; its worker then settles the job.
  void abort(Napi::Env Env, const JobPtr &J) {
    J->Cancel.cancel();
    auto At = std::find(Waiting.begin(), Waiting.end(), J);
    if (At == Waiting.end())
      return;
    Waiting.erase(At);
    settle(Env, J, false, trouble(Env, "aborted"));
  }

  void settle(Napi::Env Env, const JobPtr &J, bool IsResult, Napi::Value With) {
    if (!Inside.erase(J))
      return;
    Napi::Object Signal = J->Signal.Value();
    Signal.Get("removeEventListener")
        .As<Napi::Function>()
        .Call(Signal, {Napi::String::New(Env, "abort"), J->OnAbort.Value()});
    J->OnAbort.Reset();
    J->Signal.Reset();
    IsResult ? J->Deferred.Resolve(With) : J->Deferred.Reject(With);
    auto StatusChanged = Context.Get("statusChanged").As<Napi::Function>();
    StatusChanged.Call(Context.Value(), {});
    tellClosers(Env);
  }

  void tellClosers(Napi::Env Env) {
    if (!Inside.empty())
      return;
    for (const auto &Closer : Closers)
      Closer.Resolve(Env.Undefined());
    Closers.clear();
  }

  Napi::ObjectReference Context;
  uint32_t Slots;
  uint32_t Busy = 0;
  std::set<JobPtr> Inside;
  std::deque<JobPtr> Waiting;
  std::vector<Napi::Promise::Deferred> Closers;
};

/// open(context, { slots })
Napi::Value open(const Napi::CallbackInfo &Info) {
  Napi::Env Env = Info.Env();
  auto Options = Info[1].As<Napi::Object>();
  auto P = std::make_shared<Pool>(Info[0].As<Napi::Object>(),
                                  Options.Get("slots").ToNumber());
  auto Distributor = Napi::Object::New(Env);
  auto Method = [&](const char *Name, auto Body) {
    Distributor.Set(Name, Napi::Function::New(Env, Body, Name));
  };
  Method("status",
         [P](const Napi::CallbackInfo &I) { return P->status(I.Env()); });
  Method("compile", [P](const Napi::CallbackInfo &I) {
    return P->compile(I.Env(), I[0].As<Napi::Object>(),
                      I[1].As<Napi::Object>());
  });
  Method("close",
         [P](const Napi::CallbackInfo &I) { return P->close(I.Env()); });
  Method("destroy", [P](const Napi::CallbackInfo &I) { P->destroy(I.Env()); });
  return Distributor;
}

/// The definition itself is what the library exports.
Napi::Object init(Napi::Env Env, Napi::Object Exports) {
  auto Slots = Napi::Object::New(Env);
  Slots["type"] = "integer";
  Slots["default"] = 2;
  Slots["min"] = 1;
  // The size of libuv's thread pool.
  Slots["max"] = 4;
  Slots["description"] = "clang processes at a time";
  auto Options = Napi::Object::New(Env);
  Options["slots"] = Slots;
  Exports["name"] = "native";
  Exports["apiVersion"] = "1.0.0";
  Exports["options"] = Options;
  Exports["open"] = Napi::Function::New(Env, open, "open");
  return Exports;
}

} // namespace

NODE_API_MODULE(native_plugin, init)
