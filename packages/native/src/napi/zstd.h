// zstd of libLLVM, on Node's threads.
#ifndef DTLTO_NAPI_ZSTD_H
#define DTLTO_NAPI_ZSTD_H

#include <napi.h>

namespace dtlto {

/// { compress, decompress }; undefined if this LLVM was built without it.
Napi::Value zstdFunctions(Napi::Env Env);

} // namespace dtlto

#endif
