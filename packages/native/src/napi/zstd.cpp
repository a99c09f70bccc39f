#include "zstd.h"
#include "pool_call.h"
#include "values.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Compression.h"

using namespace llvm;
namespace zstd = llvm::compression::zstd;

namespace {

using Bytes = SmallVector<uint8_t, 0>;
using Work = std::function<Error(ArrayRef<uint8_t>, Bytes &)>;

Napi::Value start(const Napi::CallbackInfo &Info, Work Do) {
  ArrayRef<uint8_t> Input = arrayRefFromStringRef(dtlto::viewOf(Info[0]));
  auto Output = std::make_shared<Bytes>();
  return dtlto::PoolCall::start(
      dtlto::arrayOf(Info.Env(), {Info[0]}), [=] { return Do(Input, *Output); },
      [=](Napi::Env Env) {
        return dtlto::toBuffer(Env, toStringRef(*Output));
      });
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
