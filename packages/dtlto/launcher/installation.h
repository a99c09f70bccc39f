// Where the parts of this installation are: found from the program's own place,
// so that a copied or moved one works.
#ifndef DTLTO_LAUNCHER_INSTALLATION_H
#define DTLTO_LAUNCHER_INSTALLATION_H

#include <string>
#include <vector>

namespace dtlto {

struct Installation {
  std::string Launcher; ///< this program
  std::string Root;     ///< the package dtlto
  /// Stock lld: our own main over the archives of lld that the addon has.
  std::string StockLinker;
  /// What Node runs: checks its version, then loads cli.cjs.
  std::string Script;
  /// keep_ignored_signals.cpp, for LD_PRELOAD.
  std::string SignalKeeper;
};

Installation findInstallation();

/// A Node to try, and where it was named.
struct NodeCandidate {
  std::string Path;
  std::string From; ///< empty: one of ours or of PATH
};

/// In order: one beside the programs, DTLTO_NODE, the one that dtlto was
/// installed or built with, those on PATH. If DTLTO_NODE names one, it is the
/// last.
std::vector<NodeCandidate> nodeCandidates(const Installation &Here);

} // namespace dtlto

#endif
