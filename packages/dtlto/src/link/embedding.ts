/**
 * Links for programs that run them themselves: build systems, IDEs, tests. lld runs in the program's own process; its output and its fatal
 * errors come back as values.
 *
 *     import { link } from 'dtlto'
 *     import { defineDistributor } from 'dtlto/plugin'
 *
 *     const farm = defineDistributor({ name: 'farm', ... })
 *     const { exitCode, stderr } = await link({
 *       flavour: 'elf',
 *       args: ['-shared', '-o', 'libx.so', 'a.o', 'b.o'],
 *       distributors: [{ distributor: farm, options: { hosts: ['build1'] } }, 'local'],
 *       onEvent: (event) => { if (event.type === 'warning') console.warn(event.message) },
 *     })
 */
import { join } from 'node:path'
import { native } from '@dtlto/native'
import { DEFAULT_SETTINGS, type DistributorChoice, type RawOptionValue, type Settings } from '../config/settings.js'
import type { BackendJob, DistributorDefinition } from '../distributors/interface.js'
import { DtltoError } from '../errors.js'
import { type LinkEvent, LinkEvents } from './events.js'
import { type LinkResult, runLink } from './link.js'

/** Which lld, by the format of its output. MinGW is `elf` with `-m i386pep` among the arguments, as for ld.lld itself. */
export type LinkFlavour = 'elf' | 'coff' | 'macho' | 'wasm'

/** A distributor for one link: its name, as after `--distribute=`; or the distributor itself, with options if it needs any. */
export type LinkDistributor =
  | string
  | DistributorDefinition
  | {
      readonly distributor: string | DistributorDefinition
      /** Checked against the distributor's own schema. */
      readonly options: Readonly<Record<string, RawOptionValue>>
    }

export interface LinkOptions {
  readonly flavour: LinkFlavour
  /** lld's arguments, without the program's name and without dtlto's own options. Relative paths are relative to process.cwd(). */
  readonly args: readonly string[]
  /** Default: `['local']`. Neither dtlto.toml nor DTLTO_… variables are read. */
  readonly distributors?: readonly LinkDistributor[]
  /** What to do with a job that no distributor could compile. Default: 'local'. */
  readonly fallback?: Settings['fallback']
  /** What distributors see as the environment. `local` looks for GNU make's jobserver in it. Default: process.env. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Milliseconds that a job's backend took in a past link, if known: the longest are then started first. `LinkTimings` keeps them. */
  readonly pastMs?: ((job: BackendJob) => number | undefined) | undefined
  /** Ends the link early: the promise rejects with DTLTO_CANCELLED as soon as compiles in this process have ended. */
  readonly signal?: AbortSignal
  /** Everything that happens, as it happens, called synchronously. What it throws ends the link, which rejects with it. */
  readonly onEvent?: (event: LinkEvent) => void
}

const STOCK: Readonly<Record<LinkFlavour, string>> = {
  elf: 'ld.lld',
  coff: 'lld-link',
  macho: 'ld64.lld',
  wasm: 'wasm-ld',
}

/**
 * Runs one link. What lld finds wrong is its exit code, with its messages in `stderr`. Rejects with a DtltoError: for distributors or options
 * that cannot be used; DTLTO_LINK_RUNNING while another link runs in this process (lld has global state: one after the other);
 * DTLTO_CANNOT_LINK_AGAIN after one that had a fatal error;
 * DTLTO_CANCELLED when `signal` ended it.
 */
export async function link(options: LinkOptions): Promise<LinkResult> {
  const { flavour, args, fallback = 'local', env = process.env, pastMs, signal, onEvent } = options
  const result = await runLink({
    argv: [join(native().llvmBin, STOCK[flavour]), ...args],
    settings: { ...DEFAULT_SETTINGS, distributors: (options.distributors ?? ['local']).map(asChoice), fallback },
    env,
    workingDirectory: process.cwd(),
    capture: true,
    pastMs,
    ...(signal && { signal }),
    events: new LinkEvents(onEvent ? [onEvent] : []),
  })
  if (signal?.aborted && result.exitCode !== 0) {
    throw new DtltoError('DTLTO_CANCELLED', 'the link was cancelled', { cause: signal.reason })
  }
  return result
}

function asChoice(chosen: LinkDistributor): DistributorChoice {
  const { distributor, options } =
    typeof chosen === 'object' && 'distributor' in chosen ? chosen : { distributor: chosen, options: {} }
  const from = 'distributors of link()'
  if (typeof distributor === 'string') return { name: distributor, options, from }
  return { name: distributor.name, definition: distributor, options, from }
}
