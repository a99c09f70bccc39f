/**
 * libLLVM is the system's, and may be newer than the one that dtlto was built with. LLVM keeps the interface of its library the same within a release series
 * (22.1.*), which is what the library's name stands for. So another series is refused. Within the series each reference must be found: the loader
 * would notice a missing one in the middle of a link, and end the process. It is asked at once, for the programs beside the addon, which refer to what the addon
 * refers to; that takes some 50 ms, and only where the versions differ.
 */
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import type { NativeAddon } from './contract.js'

/** Names of C++ functions are long. */
const LONGEST_PROBLEM = 300
const PROGRAMS = ['dtlto-codegen', 'dtlto-lld']

/** What is wrong with the library that was loaded; undefined: nothing. */
export function misfit(
  addon: Pick<NativeAddon, 'llvmVersion' | 'llvmBuiltWith'>,
  addonPath: string,
): string | undefined {
  const { llvmVersion: loaded, llvmBuiltWith: expected } = addon
  if (loaded === expected) return undefined
  const versions = `the libLLVM that was loaded is ${loaded}, and dtlto was built with ${expected}`
  if (seriesOf(loaded) !== seriesOf(expected)) return versions
  for (const program of PROGRAMS) {
    const env = { ...process.env, LD_BIND_NOW: '1' }
    // lld wants to be called by one of its names.
    const options = { env, argv0: program === 'dtlto-lld' ? 'ld.lld' : program, encoding: 'utf8' } as const
    const { status, stderr, error } = spawnSync(join(dirname(addonPath), program), ['--version'], options)
    if (status !== 0)
      return `${versions}; they do not fit: ${error?.message ?? stderr.trim().slice(0, LONGEST_PROBLEM)}`
  }
  return undefined
}

/** '22.1' of '22.1.8'. */
function seriesOf(version: string): string {
  return version.split('.').slice(0, 2).join('.')
}
