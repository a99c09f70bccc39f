// A distributor as a shared library: `ld.dtlto --distribute=./native_plugin.node
// …`. It compiles each job with a clang process that a native thread starts and
// waits for. What a distributor must do is in docs/write-a-distributor.md; this
// file says it with Node-API, and there is no JavaScript in it.
#include "clang_process.h"
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

/// Bytes are fetched here, on JavaScript's thread.
ClangWork workOf(Napi::Object ClangJob) {
  ClangWork Work;
  Work.Output = ClangJob.Get("output").ToString();
  auto Args = ClangJob.Get("args").As<Napi::Array>();
  for (uint32_t I = 0; I < Args.Length(); ++I)
    Work.Args.push_back(Args.Get(I).ToString());
  auto Files = ClangJob.Get("files").As<Napi::Array>();
  for (uint32_t I = 0; I < Files.Length(); ++I) {
    auto File = Files.Get(I).As<Napi::Object>();
    auto Content = File.Get("content").As<Napi::Object>();
    auto Bytes = Content.Get("bytes")
                     .As<Napi::Function>()
                     .Call(Content, {})
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
  explicit Pool(uint32_t Slots) : Slots(Slots) {}

  /// One: this machine.
  Napi::Value endpoints(Napi::Env Env) {
    auto Endpoint = Napi::Object::New(Env);
    Endpoint["id"] = "native";
    Endpoint["slots"] = Slots;
    Endpoint["accepting"] = true;
    auto Endpoints = Napi::Array::New(Env);
    Endpoints[0u] = Endpoint;
    return Endpoints;
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

    await(Env, J, BackendJob, "package", &Pool::packaged);
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
      if (Answer.Kind == ClangAnswer::Trouble)
        P->settle(Env(), J, false, trouble(Env(), Answer.Text));
      else
        P->settle(Env(), J, true, resultOf(Env(), Answer));
    }

  private:
    std::shared_ptr<Pool> P;
    JobPtr J;
    ClangAnswer Answer;
  };

  static bool isCannot(Napi::Object Value) {
    return std::string(Value.Get("kind").ToString()) == "cannot";
  }

  using Step = void (Pool::*)(Napi::Env, const JobPtr &, Napi::Object);

  /// Calls a method of \p Of that gives a promise, and goes on with what it
  /// gives.
  void await(Napi::Env Env, const JobPtr &J, Napi::Object Of,
             const char *Method, Step Next) {
    auto Self = shared_from_this();
    auto Given = [Self, J, Next](const Napi::CallbackInfo &I) {
      (*Self.*Next)(I.Env(), J, I[0].As<Napi::Object>());
    };
    auto Failed = [Self, J](const Napi::CallbackInfo &I) {
      Self->settle(I.Env(), J, false, I[0]);
    };
    Of.Get(Method).As<Napi::Function>().Call(Of, {}).As<Napi::Promise>().Then(
        Napi::Function::New(Env, Given), Napi::Function::New(Env, Failed));
  }

  void packaged(Napi::Env Env, const JobPtr &J, Napi::Object Package) {
    if (isCannot(Package))
      return settle(Env, J, true, Package);
    await(Env, J, Package, "forClang", &Pool::made);
  }

  void made(Napi::Env Env, const JobPtr &J, Napi::Object ClangJob) {
    if (isCannot(ClangJob))
      return settle(Env, J, true, ClangJob);
    if (!Inside.count(J) || J->Cancel.isCancelled())
      return settle(Env, J, false, trouble(Env, "aborted"));
    J->Work = workOf(ClangJob);
    (new Worker(Env, shared_from_this(), J))->Queue();
  }

  /// A running clang is killed, and nobody waits for its worker.
  void abort(Napi::Env Env, const JobPtr &J) {
    J->Cancel.cancel();
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
    tellClosers(Env);
  }

  void tellClosers(Napi::Env Env) {
    if (!Inside.empty())
      return;
    for (const auto &Closer : Closers)
      Closer.Resolve(Env.Undefined());
    Closers.clear();
  }

  uint32_t Slots;
  std::set<JobPtr> Inside;
  std::vector<Napi::Promise::Deferred> Closers;
};

/// open(context, { slots })
Napi::Value open(const Napi::CallbackInfo &Info) {
  Napi::Env Env = Info.Env();
  auto Options = Info[1].As<Napi::Object>();
  auto P = std::make_shared<Pool>(Options.Get("slots").ToNumber());
  auto Distributor = Napi::Object::New(Env);
  auto Method = [&](const char *Name, auto Body) {
    Distributor.Set(Name, Napi::Function::New(Env, Body, Name));
  };
  Method("endpoints",
         [P](const Napi::CallbackInfo &I) { return P->endpoints(I.Env()); });
  // compile(job, endpoint, attempt)
  Method("compile", [P](const Napi::CallbackInfo &I) {
    auto Attempt = I[2].As<Napi::Object>();
    return P->compile(I.Env(), I[0].As<Napi::Object>(),
                      Attempt.Get("signal").As<Napi::Object>());
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
  Exports["apiVersion"] = "2.0.0";
  Exports["options"] = Options;
  Exports["open"] = Napi::Function::New(Env, open, "open");
  return Exports;
}

} // namespace

NODE_API_MODULE(native_plugin, init)
