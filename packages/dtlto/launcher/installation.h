// Where the parts of this installation are: found from the program's own place,
// so that a copied or moved one works.
#ifndef DTLTO_LAUNCHER_INSTALLATION_H
#define DTLTO_LAUNCHER_INSTALLATION_H

#include <string>
#include <vector>

namespace dtlto {

/// The parts of one version of LLVM.
struct Llvm {
  unsigned Major = 0;
  std::string Directory; ///< the addon's, with dtlto-codegen and dtlto-lld
  std::string StockBin;  ///< where the stock programs are
};

struct Installation {
  std::string Launcher; ///< this program
  std::string Root;     ///< the package dtlto
  /// At least one; the first is the one that is taken if nothing asks for another.
  std::vector<Llvm> Llvms;
  Llvm Chosen; ///< llvm_choice.h
  /// What Node runs: checks its version, then loads cli.cjs.
  std::string Script;
  /// keep_ignored_signals.cpp, for LD_PRELOAD.
  std::string SignalKeeper;
};

Installation findInstallation();

/// Stock lld: our own main over the archives of lld that the addon has.
inline std::string stockLinker(const Llvm &TheLlvm) {
  return TheLlvm.Directory + "/dtlto-lld";
}

/// A Node to try, and where it was named.
struct NodeCandidate {
  std::string Path;
  std::string From; ///< empty: one of ours or of PATH
  /// Not so: PATH has nothing by this name, which is not one for a file of the
  /// working directory.
  bool IsFound = true;
};

/// In order: one beside the programs, DTLTO_NODE, the one that dtlto was
/// installed or built with, those on PATH. If DTLTO_NODE names one, it is the
/// last.
std::vector<NodeCandidate> nodeCandidates(const Installation &Here);

} // namespace dtlto

#endif
