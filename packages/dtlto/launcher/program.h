// Which program of lld, or of dtlto, a name means.
#ifndef DTLTO_LAUNCHER_PROGRAM_H
#define DTLTO_LAUNCHER_PROGRAM_H

#include <string>
#include <vector>

namespace dtlto {

enum class Flavour {
  Unknown, ///< stock lld says so, in its words
  Tool,    ///< `dtlto doctor` and the like
  Gnu,     ///< ELF and MinGW
  Coff,
  MachO,
  Wasm
};

struct Program {
  std::string Name;  ///< base name that it was started by; begins our messages
  std::string Stock; ///< base name that stock lld would have been started by
  Flavour TheFlavour;
  /// Of `ld.dtlto-23`; 0 where a name of dtlto's names no version.
  unsigned LlvmMajor = 0;

  /// One of lld's own names: it speaks as lld in everything.
  bool hasStockName() const { return Name == Stock; }
  bool isWindows() const { return TheFlavour == Flavour::Coff; }
  /// For cli/programs.ts.
  const char *flavourName() const;
};

/// By the rules of lld's own driver: `-flavor`, else the parts of the name,
/// after `ld.dtlto` was replaced by `ld.lld` and so on.
Program identifyProgram(const char *Argv0,
                        const std::vector<std::string> &Arguments);

} // namespace dtlto

#endif
