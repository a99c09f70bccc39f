/** A link that failed with bitcode of a newer LLVM among its inputs: which linker reads it. lld's own words ("Invalid summary version 14") do not say. */
import type { NativeArgument } from '@dtlto/native'
import { producersOf } from './bitcode-producer.js'
import { type LlvmBuild, llvmBuilds, majorOf } from './llvm-builds.js'

/** `program`: the name that the linker was started by. A line without its end; undefined where no input is newer. */
export function newerBitcodeHint(
  program: string,
  argv: readonly NativeArgument[],
  llvmVersion: string,
  builds: () => readonly LlvmBuild[] = llvmBuilds,
): string | undefined {
  for (const argument of argv) {
    if (argument.length === 0 || String(argument).startsWith('-')) continue
    for (const producer of producersOf(argument)) {
      const major = majorOf(producer)
      if (major <= majorOf(llvmVersion)) continue
      const linker = `${program.replace(/-\d+$/, '')}-${String(major)}`
      const remedy = builds().some((build) => build.major === major)
        ? `link with '${linker}'`
        : `take dtlto for LLVM ${String(major)}`
      return `'${String(argument)}' has bitcode of LLVM ${producer}, which LLVM ${llvmVersion} need not be able to read: ${remedy}`
    }
  }
  return undefined
}
