/** The version of LLVM that packages are for. Each has one: the first that the checkout is built for. */
import { firstLlvm } from '../llvm-versions.mjs'

export const LLVM = String(firstLlvm())
/** Debian's package with lld's libraries, and so with what their licence says. */
export const LLD_PACKAGE = `liblld-${LLVM}-dev`
