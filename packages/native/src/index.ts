/** `@dtlto/native`: lld and LLVM in this process. What the addon can do is in contract.ts, how it is found in load.ts. */
import { dirname, join } from 'node:path'
import type { NativeAddon } from './contract.js'
import { addonPath, loadAddon } from './load.js'

export type {
  NativeJobFacts,
  NativeCompileOutcome,
  NativeDriver,
  NativeLinkEvent,
  NativeLzo1x,
  NativeLink,
  NativeRemoteOptions,
  NativeClangModule,
  NativeRemoteIndex,
  NativeArgument,
  NativeSecondLink,
  NativeAddon,
  NativeStartProblem,
  NativeStart,
  NativePieces,
  NativePlugin,
  NativePluginContext,
  NativePluginEndpoint,
  NativePluginEvent,
  NativePluginJob,
  NativePluginOption,
  NativePluginResult,
  NativePluginTable,
  NativeZstd,
} from './contract.js'
export { chooseNative, NativeLoadError } from './load.js'

let addon: NativeAddon | undefined

/** The addon, loaded on first use. Throws NativeLoadError, which lists what was tried and what to install. */
export function native(): NativeAddon {
  addon ??= loadAddon()
  return addon
}

/** Stock lld, built and installed beside the addon. */
export function stockLinkerProgram(): string {
  return join(dirname(addonPath()), 'dtlto-lld')
}

/** The program that compiles jobs in other processes and on other machines; built and installed beside the addon. */
export function codegenProgram(): string {
  return join(dirname(addonPath()), 'dtlto-codegen')
}
