// How Node is started, and what of the user's environment it does not see.
//
// Variables that steer Node are renamed for its start, from NAME to
// DTLTO_START_HIDDEN_NAME; DTLTO_START_ADDED lists those that are there for Node
// alone. The first thing that the program does (cli/start-information.ts) is to put
// them back, in the process itself: whatever it starts, and whatever lld starts,
// sees the user's environment.
//
// Arguments that are not UTF-8, which Node would change, are passed as hexadecimal
// digits after the character 1.
#ifndef DTLTO_LAUNCHER_NODE_H
#define DTLTO_LAUNCHER_NODE_H

#include "limits.h"
#include <string>
#include <vector>

namespace dtlto {

/// Puts the user's environment back in this process, when a Node that is too old
/// has started it.
void restoreEnvironment();

/// The environment of Node. \p SignalKeeper: preloaded where signals are ignored.
std::vector<std::string> nodeEnvironment(Room TheRoom,
                                         const std::string &SignalKeeper);

/// Node's own arguments, without its name.
std::vector<std::string> nodeOptions(Room TheRoom);

std::string encodeArgument(const std::string &Argument);
std::string decodeArgument(const std::string &Argument);

/// The numbers of the signals that this process ignores, with commas between. Node
/// takes all dispositions back when it starts; `nohup` would be without effect.
std::string ignoredSignals();

/// The numbers of the open file descriptors beside 0, 1 and 2, which Node closes in
/// child processes.
std::string openDescriptors();

/// The soft limit of open files, which Node raises.
std::string descriptorLimit();

} // namespace dtlto

#endif
