// Is a program that should be Node one? For `dtlto doctor`: a link cannot spare
// the time to ask.
#ifndef DTLTO_LAUNCHER_NODE_CHECK_H
#define DTLTO_LAUNCHER_NODE_CHECK_H

#include <functional>
#include <string>

namespace dtlto {

/// What is wrong with the program that \p Execute becomes, and which is asked for
/// its `--version`: for a message, after the program's name. Empty if it is a Node
/// that is new enough, or if \p Execute returns, because it could not be started.
std::string whyNoNode(const std::function<void()> &Execute);

} // namespace dtlto

#endif
