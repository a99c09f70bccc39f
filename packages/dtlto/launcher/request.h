// Does anything ask for dtlto? A link for which nothing does is stock lld's.
#ifndef DTLTO_LAUNCHER_REQUEST_H
#define DTLTO_LAUNCHER_REQUEST_H

#include <string>
#include <vector>

namespace dtlto {

/// An argument of the form of dtlto's own options. Which there are is known to
/// cli/own-options.ts, which refuses those that there are not.
bool isOwnOption(const std::string &Argument, bool IsWindows);

/// lld's arguments, as cli/own-options.ts would leave them.
std::vector<std::string>
withoutOwnOptions(const std::vector<std::string> &Arguments, bool IsWindows);

/// The wish for the version and no link: `--version`, or `-v` alone, as libtool and
/// autoconf ask. With inputs `-v` is a link that says its version before.
bool asksForVersion(const std::vector<std::string> &Arguments);

/// An own option among the (expanded) arguments, or the wish for help, which
/// has a part of ours.
bool argumentsAsk(const std::vector<std::string> &Arguments, bool IsWindows);

/// A variable of dtlto's that is a setting, or a slip of the pen.
bool environmentAsks();

/// Whether a link may be done without distribution when that cannot work: by the
/// command line, before the environment, before the file.
bool allowsFallback(const std::vector<std::string> &Arguments, bool IsWindows);

} // namespace dtlto

#endif
