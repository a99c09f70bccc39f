// A final link that fails because of an object from elsewhere is done again by
// stock lld, which compiles everything here.
#ifndef DTLTO_LINK_SECOND_LINK_H
#define DTLTO_LINK_SECOND_LINK_H

#include <string>
#include <vector>

namespace dtlto {

struct SecondLink {
  std::string Program;                ///< dtlto-lld
  std::vector<std::string> Arguments; ///< argv[0] too
  std::vector<std::string> Remove; ///< entries of the cache that are in doubt
  std::string Notice;              ///< what the user reads first
};

/// From here on what is written to file descriptors 1 and 2 is held back, and a
/// crash on one of lld's threads becomes the second link. The caller ends that by
/// one of the two others. False if it cannot be done; then nothing has changed.
bool holdOutput(SecondLink Link);

/// Lets out what was held back, and goes on. What stdout does not take ends the
/// process as it would have ended lld.
void releaseOutput();

/// Drops what was held back and becomes the second link. Returns if that is not
/// possible, or nothing is held. Safe in a signal handler.
void startSecondLink();

} // namespace dtlto

#endif
