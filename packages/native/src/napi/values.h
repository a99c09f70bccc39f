// JavaScript values from and to plain ones.
#ifndef DTLTO_NAPI_VALUES_H
#define DTLTO_NAPI_VALUES_H

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

} // namespace dtlto

#endif
