/** npm's package of the programs that need LLVM, for this kind of machine: as native/src/load.ts and the launcher call it. */
export const PLATFORM_PACKAGE = `@dtlto/${process.platform}-${process.arch}-gnu`
