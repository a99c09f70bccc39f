// dtlto.toml, as far as it matters before Node starts.
#ifndef DTLTO_LAUNCHER_CONFIG_FILE_H
#define DTLTO_LAUNCHER_CONFIG_FILE_H

#include <string>

namespace dtlto {

/// A dtlto.toml in the working directory or above, of whatever kind. Whether it
/// counts is for config/ to say.
bool hasConfigFile();

/// What a file may say of links that cannot be distributed.
struct Wishes {
  bool ForbidsFallback = false;
  bool IsRequired = false;
};

/// Of the file that counts: the \p Named one or, if that is empty, the one that is
/// found by the rules of config/trusted-file.ts. Here is no reader of TOML: what
/// looks like one of the two keys is one, whatever table or text it stands in, and
/// any value but "local", or false, is a wish. (A key that is spelled with escapes
/// is not seen.)
Wishes wishesOfFile(const std::string &Named);

} // namespace dtlto

#endif
