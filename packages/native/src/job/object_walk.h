// Whether bytes from elsewhere may be given to lld as an object.
// See object_walk.cpp.

#ifndef DTLTO_JOB_OBJECT_WALK_H
#define DTLTO_JOB_OBJECT_WALK_H

#include "llvm/ADT/StringRef.h"
#include "llvm/TargetParser/Triple.h"
#include <string>

namespace dtlto {

/// Why lld must not read \p Object, as text that goes on after "is"; empty when
/// it may. Any thread.
std::string objectFault(llvm::StringRef Object, const llvm::Triple &Target);

} // namespace dtlto

#endif
