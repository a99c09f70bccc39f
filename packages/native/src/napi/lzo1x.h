// LZO1X, on Node's threads.
#ifndef DTLTO_NAPI_LZO1X_H
#define DTLTO_NAPI_LZO1X_H

#include <napi.h>

namespace dtlto {

/// NativeLzo1x of contract.ts.
Napi::Value lzo1xFunctions(Napi::Env Env);

} // namespace dtlto

#endif
