// Which of lld's drivers does a link.
#ifndef DTLTO_JOB_LINK_FLAVOUR_H
#define DTLTO_JOB_LINK_FLAVOUR_H

namespace dtlto {

enum class LinkFlavour { ELF, COFF, MinGW, MachO, Wasm };

} // namespace dtlto

#endif
