/**
 * `--distribute-timings=FILE`: how long each module's backend took, kept from link to link. Instruction counts predict a backend's time only
 * roughly; the last link of the same program predicts it well, and the scheduler starts the longest jobs first by that.
 *
 * The file is JSON: `{ "dtltoTimings": 1, "modules": { "src/a.o": 120, "libx.a(b.o)": 1840 } }`, milliseconds by module, the mean of the last
 * time and those before. Archive members go without their offset, which changes with any other member's size. Several links may share a
 * file: each adds its own modules to what is there when it ends.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import type { BackendJob } from '../distributors/interface.js'
import { DtltoError } from '../errors.js'
import type { LinkEvent } from '../link/events.js'

/** Modules that no link has had for longest are dropped beyond this many: names may have hashes in them. */
const MOST_MODULES = 200_000

export class LinkTimings {
  readonly #path: string
  readonly #past: ReadonlyMap<string, number>
  readonly #seen = new Map<string, number>()
  #jobs: readonly BackendJob[] = []

  /** Reads the file, if there is one. Throws DTLTO_OPTION_INVALID for a file that is something else: it would be written over. */
  constructor(path: string) {
    this.#path = path
    this.#past = read(path)
  }

  /** For the scheduler; undefined if nothing is known at all. */
  get pastMs(): ((job: Pick<BackendJob, 'moduleId'>) => number | undefined) | undefined {
    return this.#past.size === 0 ? undefined : ({ moduleId }) => this.#past.get(keyOf(moduleId))
  }

  add(event: LinkEvent): void {
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
    if (this.#seen.size === 0) return undefined
    const temporary = `${this.#path}.${String(process.pid)}`
    try {
      const all = new Map(read(this.#path))
      for (const [key, ms] of this.#seen) {
        const before = all.get(key)
        all.delete(key) // The latest go to the end.
        all.set(key, Math.round(before === undefined ? ms : (before + ms) / 2))
      }
      const kept = [...all].slice(-MOST_MODULES)
      writeFileSync(temporary, `${JSON.stringify({ dtltoTimings: 1, modules: Object.fromEntries(kept) })}\n`)
      renameSync(temporary, this.#path)
      return undefined
    } catch (error) {
      rmSync(temporary, { force: true })
      return `--distribute-timings: cannot write '${this.#path}': ${error instanceof Error ? error.message : String(error)}`
    }
  }
}

/** `lib.a(b.o at 1234)` in ELF and Wasm, `lib.a(b.o)1234` in Mach-O. */
function keyOf(moduleId: string): string {
  return moduleId.replace(/ at \d+\)$|\)\d+$/, ')')
}

function read(path: string): ReadonlyMap<string, number> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map()
    throw invalid(path, `cannot be read: ${error instanceof Error ? error.message : String(error)}`, error)
  }
  if (text.trim() === '') return new Map()
  const modules = modulesOf(text)
  if (modules === undefined) throw invalid(path, 'is not a file of timings, and would be written over; name another')
  return new Map(
    Object.entries(modules).filter((entry): entry is [string, number] => typeof entry[1] === 'number' && entry[1] >= 0),
  )
}

function modulesOf(text: string): object | undefined {
  try {
    const { dtltoTimings, modules } = JSON.parse(text) as { dtltoTimings?: unknown; modules?: unknown }
    return dtltoTimings === 1 && typeof modules === 'object' && modules !== null ? modules : undefined
  } catch {
    return undefined
  }
}

function invalid(path: string, why: string, cause?: unknown): DtltoError {
  return new DtltoError('DTLTO_OPTION_INVALID', `--distribute-timings: '${path}' ${why}`, { cause })
}
