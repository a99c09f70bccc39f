// Work on Node's threads, for a promise.
#ifndef DTLTO_NAPI_POOL_CALL_H
#define DTLTO_NAPI_POOL_CALL_H

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Error.h"
#include <functional>
#include <napi.h>

namespace dtlto {

/// One call. What it reads and writes is used where it lies, and held.
class PoolCall final : public Napi::AsyncWorker {
public:
  using Work = std::function<llvm::Error()>;
  using Answer = std::function<Napi::Value(Napi::Env)>;

  /// \p Hold: views on what \p Do uses. The promise gets what \p Make makes of it.
  static Napi::Value start(Napi::Array Hold, Work Do, Answer Make) {
    // It deletes itself.
    auto *Started = new PoolCall(Hold, std::move(Do), std::move(Make));
    Napi::Value Promise = Started->Promise.Promise();
    Started->Queue();
    return Promise;
  }

private:
  PoolCall(Napi::Array Hold, Work Do, Answer Make)
      : AsyncWorker(Hold.Env()), Promise(Hold.Env()), Do(std::move(Do)),
        Make(std::move(Make)), Held(Napi::Persistent(Hold.As<Napi::Object>())) {
  }

  void Execute() override {
    if (llvm::Error E = Do())
      SetError(llvm::toString(std::move(E)));
  }
  void OnOK() override { Promise.Resolve(Make(Env())); }
  void OnError(const Napi::Error &E) override { Promise.Reject(E.Value()); }

  Napi::Promise::Deferred Promise;
  Work Do;
  Answer Make;
  Napi::ObjectReference Held;
};

inline Napi::Array arrayOf(Napi::Env Env,
                           std::initializer_list<Napi::Value> Values) {
  auto Result = Napi::Array::New(Env);
  for (const Napi::Value &V : Values)
    Result[Result.Length()] = V;
  return Result;
}

} // namespace dtlto

#endif
