/**
 * `--distribute-timings=FILE`: how long each module's backend took, kept from link to link. Instruction counts predict a backend's time only
 * roughly; the last link of the same program predicts it well, and the scheduler starts the longest jobs first by that.
 *
 * The file is JSON: `{ "dtltoTimings": 1, "memory": 0.9, "modules": { "src/a.o": 120, "libx.a(b.o)": 1840 } }`, milliseconds by module, the mean of the last
 * time and those before; `memory`, which may be absent, is how much memory backends needed of what was estimated (memory-gate.ts). Archive members go without their offset, which changes with any other member's size. Several links may share a
 * file: each adds its own modules to what is there when it ends.
 */
import { readFileSync, renameSync, rmSync, type Stats, statSync, writeFileSync } from 'node:fs'
import type { BackendJob } from '../distributors/interface.js'
import { DtltoError } from '../errors.js'
import type { LinkEvent } from '../link/events.js'
import { whyNotFile } from '../why-not-file.js'

/** Modules that no link has had for longest are dropped beyond this many: names may have hashes in them. */
const MOST_MODULES = 200_000

export class LinkTimings {
  readonly #path: string
  readonly #place: string
  readonly #past: Timings
  readonly #seen = new Map<string, number>()
  #jobs: readonly BackendJob[] = []
  #memory: number | undefined

  /**
   * Reads the file, if there is one. `place`: where its name was written, for messages. Throws DTLTO_OPTION_INVALID for a file that is something else: it would
   * be written over.
   */
  constructor(path: string, place = '--distribute-timings') {
    this.#path = path
    this.#place = place
    this.#past = read(path, place)
  }

  /** For the scheduler; undefined if nothing is known at all. */
  get pastMs(): ((job: Pick<BackendJob, 'moduleId'>) => number | undefined) | undefined {
    return this.#past.modules.size === 0 ? undefined : ({ moduleId }) => this.#past.modules.get(keyOf(moduleId))
  }

  /** Of the last link that learnt one. */
  get memoryFactor(): number | undefined {
    return this.#past.memory
  }

  add(event: LinkEvent): void {
    if (event.type === 'memory') this.#memory = event.learnt
    if (event.type === 'jobs') this.#jobs = event.jobs
    if (event.type !== 'scheduler') return
    const { event: e } = event
    if (e.kind !== 'attempt-ended' || e.outcome.kind !== 'placed') return
    const key = keyOf(this.#jobs[e.job]?.moduleId ?? '')
    const ms = e.timings?.compileMs ?? (e.answeredMs ?? e.atMs) - (e.startedMs ?? e.sentMs)
    // Members of one name in one archive share an entry: the longest speaks for all.
    this.#seen.set(key, Math.max(this.#seen.get(key) ?? 0, ms))
  }

  /** Writes the file, in one step. Returns what went wrong: a link is not worth less without it. */
  save(): string | undefined {
    // What is renamed takes the place of whatever has the name: of a device as well, where the user is root.
    if (this.#seen.size === 0 || statusOf(this.#path)?.isFile() === false) return undefined
    const temporary = `${this.#path}.${String(process.pid)}`
    try {
      const before = read(this.#path, this.#place)
      const all = new Map(before.modules)
      for (const [key, ms] of this.#seen) {
        const pastMs = all.get(key)
        all.delete(key) // The latest go to the end.
        all.set(key, Math.round(pastMs === undefined ? ms : (pastMs + ms) / 2))
      }
      const kept = [...all].slice(-MOST_MODULES)
      const memory = this.#memory ?? before.memory
      const file = { dtltoTimings: 1, ...(memory !== undefined && { memory }), modules: Object.fromEntries(kept) }
      writeFileSync(temporary, `${JSON.stringify(file)}\n`)
      renameSync(temporary, this.#path)
      return undefined
    } catch (error) {
      rmSync(temporary, { force: true })
      return `${this.#place}: cannot write '${this.#path}': ${whyNotFile(error)}`
    }
  }
}

/** `lib.a(b.o at 1234)` in ELF and Wasm, `lib.a(b.o)1234` in Mach-O. */
function keyOf(moduleId: string): string {
  return moduleId.replace(/ at \d+\)$|\)\d+$/, ')')
}

const NO_TIMINGS: Timings = { modules: new Map() }

interface Timings {
  readonly modules: ReadonlyMap<string, number>
  readonly memory?: number
}

/** Device 1:3, by which `--distribute-timings=/dev/null` keeps none. */
const NULL_DEVICE = 0x103

function statusOf(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false })
}

/** Undefined for what is no regular file: some have no end. */
function textOf(path: string): string | undefined {
  const status = statusOf(path)
  if (status?.isFile() !== false) return readFileSync(path, 'utf8')
  return status.isCharacterDevice() && status.rdev === NULL_DEVICE ? '' : undefined
}

function read(path: string, place: string): Timings {
  let text: string | undefined
  try {
    text = textOf(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return NO_TIMINGS
    throw invalid(place, path, `cannot be read: ${whyNotFile(error)}`, error)
  }
  if (text === undefined) throw invalid(place, path, 'is no regular file; name another')
  if (text.trim() === '') return NO_TIMINGS
  const timings = timingsOf(text)
  if (timings === undefined)
    throw invalid(place, path, 'is not a file of timings, and would be written over; name another')
  return timings
}

function timingsOf(text: string): Timings | undefined {
  try {
    const file = JSON.parse(text) as { dtltoTimings?: unknown; memory?: unknown; modules?: unknown }
    const { dtltoTimings, memory, modules } = file
    if (dtltoTimings !== 1 || typeof modules !== 'object' || modules === null) return undefined
    const isTime = (entry: [string, unknown]): entry is [string, number] =>
      typeof entry[1] === 'number' && entry[1] >= 0
    return {
      modules: new Map(Object.entries(modules).filter(isTime)),
      ...(typeof memory === 'number' && memory > 0 && { memory }),
    }
  } catch {
    return undefined
  }
}

function invalid(place: string, path: string, why: string, cause?: unknown): DtltoError {
  return new DtltoError('DTLTO_OPTION_INVALID', `${place}: '${path}' ${why}`, { cause })
}
