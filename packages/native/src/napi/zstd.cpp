#include "zstd.h"
#include "values.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Compression.h"
#include "llvm/Support/Error.h"
#include <functional>

using namespace llvm;
namespace zstd = llvm::compression::zstd;

namespace {

using Bytes = SmallVector<uint8_t, 0>;
using Work = std::function<Error(ArrayRef<uint8_t>, Bytes &)>;

/// One call. The input is used where it lies, and held.
class Worker : public Napi::AsyncWorker {
public:
  Worker(const Napi::Value &Given, Work Do)
      : AsyncWorker(Given.Env()), Promise(Given.Env()), Do(std::move(Do)),
        Held(Napi::Persistent(Given.As<Napi::Object>())),
        Input(arrayRefFromStringRef(dtlto::viewOf(Given))) {}
  Napi::Value promise() const { return Promise.Promise(); }

private:
  void Execute() override {
    if (Error E = Do(Input, Output))
      SetError(toString(std::move(E)));
  }
  void OnOK() override {
    Promise.Resolve(dtlto::toBuffer(Env(), toStringRef(Output)));
  }
  void OnError(const Napi::Error &E) override { Promise.Reject(E.Value()); }

  Napi::Promise::Deferred Promise;
  Work Do;
  Napi::ObjectReference Held;
  ArrayRef<uint8_t> Input;
  Bytes Output;
};

Napi::Value start(const Napi::CallbackInfo &Info, Work Do) {
  // It deletes itself.
  auto *Started = new Worker(Info[0], std::move(Do));
  Napi::Value Promise = Started->promise();
  Started->Queue();
  return Promise;
}

Napi::Value compress(const Napi::CallbackInfo &Info) {
  int Level = Info[1].ToNumber().Int32Value();
  return start(Info, [Level](ArrayRef<uint8_t> Input, Bytes &Output) {
    zstd::compress(Input, Output, Level);
    return Error::success();
  });
}

Napi::Value decompress(const Napi::CallbackInfo &Info) {
  size_t Size = Info[1].ToNumber().Int64Value();
  return start(Info, [Size](ArrayRef<uint8_t> Input, Bytes &Output) {
    if (Error E = zstd::decompress(Input, Output, Size))
      return E;
    return Output.size() == Size ? Error::success()
                                 : createStringError("expected " + Twine(Size) +
                                                     " bytes but received " +
                                                     Twine(Output.size()));
  });
}

} // namespace

Napi::Value dtlto::zstdFunctions(Napi::Env Env) {
  if (!zstd::isAvailable())
    return Env.Undefined();
  auto Functions = Napi::Object::New(Env);
  Functions["compress"] = Napi::Function::New<compress>(Env);
  Functions["decompress"] = Napi::Function::New<decompress>(Env);
  return Functions;
}
