// JavaScript values from and to plain ones.
#ifndef DTLTO_NAPI_VALUES_H
#define DTLTO_NAPI_VALUES_H

#include "llvm/ADT/StringRef.h"
#include <napi.h>
#include <string>
#include <vector>

namespace dtlto {

/// Arguments are bytes: a string where they are UTF-8, a Buffer where they are
/// not (a path may be anything).
inline std::string toBytes(const Napi::Value &V) {
  if (V.IsBuffer()) {
    auto B = V.As<Napi::Buffer<char>>();
    return std::string(B.Data(), B.Length());
  }
  return V.ToString().Utf8Value();
}

inline std::vector<std::string> toArguments(const Napi::Value &V) {
  std::vector<std::string> Result;
  auto A = V.As<Napi::Array>();
  for (uint32_t I = 0; I < A.Length(); ++I)
    Result.push_back(toBytes(A[I]));
  return Result;
}

inline Napi::Value fromBytes(Napi::Env Env, const std::string &S, bool IsUtf8) {
  if (IsUtf8)
    return Napi::String::New(Env, S);
  return Napi::Buffer<char>::Copy(Env, S.data(), S.size());
}

/// Valid as long as JavaScript holds the array and does not detach it.
inline llvm::StringRef viewOf(const Napi::Value &V) {
  auto Array = V.As<Napi::Uint8Array>();
  return llvm::StringRef(reinterpret_cast<const char *>(Array.Data()),
                         Array.ByteLength());
}

inline Napi::Value toValue(Napi::Env Env, const std::string &Text) {
  return Napi::String::New(Env, Text);
}

inline Napi::Value toValue(Napi::Env Env,
                           const std::vector<std::string> &Texts) {
  auto Result = Napi::Array::New(Env, Texts.size());
  for (uint32_t I = 0; I < Texts.size(); ++I)
    Result[I] = Napi::String::New(Env, Texts[I]);
  return Result;
}

/// A copy.
inline Napi::Value toBuffer(Napi::Env Env, llvm::StringRef Bytes) {
  return Napi::Buffer<char>::Copy(Env, Bytes.data(), Bytes.size());
}

} // namespace dtlto

#endif
