// Can Node live within the limits of this process?
#ifndef DTLTO_LAUNCHER_LIMITS_H
#define DTLTO_LAUNCHER_LIMITS_H

#include <string>

namespace dtlto {

enum class Room {
  Enough,
  FewThreads, ///< Node must do without the threads that it can do without
  TooLittle   ///< Node would hang or crash
};

/// \p Reason: what is too little, for a message.
Room roomForNode(std::string &Reason);

} // namespace dtlto

#endif
