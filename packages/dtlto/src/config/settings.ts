/** The settings of one link, whatever they were written in. */
import type { DistributorDefinition } from '../distributors/interface.js'

/** A value as written: a string from the command line or the environment, any scalar or list from the file. */
export type RawOptionValue = string | number | boolean | readonly string[]

/** A distributor that the user named, with its options as written; its own schema checks them when it is loaded. */
export interface DistributorChoice {
  /** A built-in name, an npm package, a path to an ES module or to a `.node` shared library. */
  readonly name: string
  /** The distributor itself, from a program that embeds the link: then nothing is loaded, and `name` is for messages. */
  readonly definition?: DistributorDefinition
  readonly options: Readonly<Record<string, RawOptionValue>>
  /** Where it was written, for errors, for example "--distribute=distcc" or "dtlto.toml". */
  readonly from: string
}

export const FALLBACKS = ['local', 'none'] as const
export const PROGRESS_MODES = ['auto', 'on', 'off'] as const

export interface Settings {
  readonly distributors: readonly DistributorChoice[]
  readonly fallback: (typeof FALLBACKS)[number]
  readonly progress: (typeof PROGRESS_MODES)[number]
  /** Path of the trace to write. */
  readonly trace: string | undefined
  /** Path of the file that keeps the modules' times from link to link. */
  readonly timings: string | undefined
  /** A summary on stderr when the link is done. */
  readonly summary: boolean
  readonly verify: boolean
}

/** Settings from one source: only what is written there. */
export type PartialSettings = { readonly [K in keyof Settings]?: Settings[K] }

export const DEFAULT_SETTINGS: Settings = {
  distributors: [{ name: 'local', options: {}, from: 'the default' }],
  fallback: 'local',
  progress: 'auto',
  trace: undefined,
  timings: undefined,
  summary: false,
  verify: false,
}

/** Earlier sources win, setting by setting. */
export function mergeSettings(sources: readonly PartialSettings[]): Settings {
  const merged: Record<string, unknown> = { ...DEFAULT_SETTINGS }
  for (const source of [...sources].reverse()) {
    for (const [key, value] of Object.entries(source)) if (value !== undefined) merged[key] = value
  }
  return merged as unknown as Settings
}
