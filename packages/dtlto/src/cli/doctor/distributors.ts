/**
 * Each distributor gets a link for itself, with one small module and nothing to fall back to. So the trial goes the whole way: load, check
 * options, open, connect, send, compile, receive, check.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { native } from '@dtlto/native'
import type { DistributorChoice, Settings } from '../../config/settings.js'
import type { Distributor, DistributorDefinition, Endpoint } from '../../distributors/interface.js'
import { type PreparedDistributor, prepareDistributors } from '../../link/distributors.js'
import { type LinkEvent, LinkEvents } from '../../link/events.js'
import { runLink } from '../../link/link.js'
import { machineOf } from '../../report/place.js'
import { bad, type Finding, good, note, warning } from './finding.js'
import { selfChecks } from './self-checks.js'
import { messageOf } from '../../message-of.js'

type SchedulerEvent = Extract<LinkEvent, { type: 'scheduler' }>['event']

const PATIENCE_MS = 15_000
/** After the first trouble: a distributor may have another machine to turn to. */
const TROUBLE_PATIENCE_MS = 2_000
const SOURCE = 'int dtlto_doctor(int x) { return x + 42; }\n'

/** `clang`: makes the module. Without one distributors are loaded, but not tried. */
export async function* probeDistributors(settings: Settings, clang: string | undefined): AsyncGenerator<Finding> {
  const directory = mkdtempSync(join(tmpdir(), 'dtlto-doctor-'))
  try {
    const module = clang === undefined ? undefined : compileModule(clang, directory)
    if (module === undefined) yield note('no clang makes a module to try them with')
    for (const choice of settings.distributors) yield* probe(choice, settings, directory, module)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function compileModule(clang: string, directory: string): string | undefined {
  const module = join(directory, 'doctor.o')
  const args = ['-flto=thin', '-O2', '-fPIC', '-x', 'c', '-c', '-', '-o', module]
  const { status } = spawnSync(clang, args, { input: SOURCE, timeout: PATIENCE_MS })
  return status === 0 ? module : undefined
}

async function* probe(
  choice: DistributorChoice,
  settings: Settings,
  directory: string,
  module: string | undefined,
): AsyncGenerator<Finding, void> {
  const alone: Settings = { ...settings, distributors: [choice], fallback: 'none', trace: undefined }
  let prepared: PreparedDistributor | undefined
  try {
    const { home, distributors } = await prepareDistributors(alone, process.cwd())
    prepared = distributors[0]
    if (home === undefined && prepared === undefined) {
      yield bad(`${choice.name}: not found`)
      return
    }
  } catch (error) {
    yield bad(`${choice.name}: ${messageOf(error)}`)
    return
  }
  const own = prepared === undefined ? [] : await selfChecks(choice.name, prepared)
  yield* own
  if (own.some(({ level }) => level === 'bad')) return
  if (module === undefined) {
    yield note(`${choice.name}: loaded; not tried`)
    return
  }
  yield await tryJob(choice, alone, prepared?.definition, directory, module)
}

/** A link with the one job, by this distributor alone. */
async function tryJob(
  choice: DistributorChoice,
  alone: Settings,
  definition: DistributorDefinition | undefined,
  directory: string,
  module: string,
): Promise<Finding> {
  // `local` is this process, or its options are those of another definition.
  const watched = choice.name === 'local' || definition === undefined ? undefined : watch(definition)
  const trial = new Trial(() => watched?.endpoints() ?? [])
  const linkSettings = { ...alone, distributors: [watched ? { ...choice, definition: watched.definition } : choice] }
  let exitCode: number
  let stderr: string
  const patience = setTimeout(() => trial.giveUp(), PATIENCE_MS)
  try {
    ;({ exitCode, stderr } = await runLink({
      argv: [join(native().llvmBin, 'ld.lld'), '-shared', '-o', join(directory, 'doctor.so'), module],
      settings: linkSettings,
      env: process.env,
      workingDirectory: process.cwd(),
      capture: true,
      signal: trial.givenUp,
      events: new LinkEvents([(event) => trial.add(event)]),
    }))
  } catch (error) {
    return bad(`${choice.name}: ${messageOf(error)}`)
  } finally {
    clearTimeout(patience)
  }
  if (exitCode === 0) {
    const text = [`${choice.name}: ${trial.compiled}`, ...trial.lines].join('\n')
    const down = trial.down.map((id) => `'${id}'`).join(', ')
    return down === '' ? good(text) : warning(text, `see to ${down}; links go on with the others`)
  }
  if (trial.hasMissed && trial.troubles.size === 0)
    return good(
      `${choice.name}: it answers, and does not have the result of a small job: a cache has what was put into it`,
    )
  if (trial.isQueued && trial.troubles.size === 0)
    return bad(
      [`${choice.name}: a small job has waited in its queue for ${PATIENCE_MS / 1000} s`, ...trial.lines].join('\n'),
      `has it a worker for such jobs, with all that the options of ${choice.from} ask of one, and nothing else to do? Links go on without it, in this process`,
    )
  const said = trial.givenUp.aborted ? [] : stderr.trim().split('\n').slice(0, 3)
  const why = trial.troubles.size > 0 ? [...trial.troubles] : said
  return bad(
    [`${choice.name}: a small job has not come back`, ...why, ...trial.lines].join('\n'),
    `look at the options that ${choice.from} gives it; links go on without it, in this process`,
  )
}

/** What happened to the one job, and what the distributor said of its endpoints meanwhile. */
class Trial {
  compiled = 'nothing was compiled'
  /** It is a cache, and was asked. */
  hasMissed = false
  /** It was sent to an endpoint with a queue of its own, and has never begun. */
  isQueued = false
  readonly troubles = new Set<string>()
  readonly #giveUp = new AbortController()
  /** Why an endpoint gets no work, by its name. */
  readonly #down = new Map<string, string>()
  #running = 0
  #endpoints: readonly Endpoint[] | undefined
  readonly #readEndpoints: () => readonly Endpoint[]

  constructor(readEndpoints: () => readonly Endpoint[]) {
    this.#readEndpoints = readEndpoints
  }

  get givenUp(): AbortSignal {
    return this.#giveUp.signal
  }

  giveUp(): void {
    this.#giveUp.abort()
  }

  add(event: LinkEvent): void {
    if (event.type === 'warning') {
      this.troubles.add(event.message)
      this.#giveUpSoon()
    }
    if (event.type === 'objects' || event.type === 'end') this.#endpoints ??= this.#readEndpoints()
    if (event.type === 'scheduler') this.#scheduler(event.event)
  }

  /** Not while an endpoint has the job. */
  #giveUpSoon(): void {
    setTimeout(() => (this.#running > 0 ? this.#giveUpSoon() : this.giveUp()), TROUBLE_PATIENCE_MS).unref()
  }

  #scheduler(event: SchedulerEvent): void {
    switch (event.kind) {
      case 'attempt-started':
        this.#running++
        break
      case 'attempt-ended':
        this.#running--
        this.#ended(event)
        break
      case 'endpoint-rested':
      case 'endpoint-retired':
        this.#down.set(event.endpoint ?? '', event.cause.message)
        break
      case 'endpoint-recovered':
        this.#down.delete(event.endpoint)
        break
      default:
    }
  }

  #ended(event: Extract<SchedulerEvent, { kind: 'attempt-ended' }>): void {
    const { outcome, timings, atMs, answeredMs, sentMs } = event
    switch (outcome.kind) {
      case 'placed': {
        const tookMs = timings?.compileMs ?? (answeredMs ?? atMs) - sentMs
        const machine = machineOf(event)
        this.compiled = `compiled a small job${machine && ` on ${machine}`} (${tookMs.toFixed(0)} ms of compiling)`
        break
      }
      case 'cannot':
        if (outcome.isMiss) this.hasMissed = true
        else this.troubles.add(`it cannot take the job: ${outcome.reason}`)
        break
      case 'trouble':
        this.troubles.add(outcome.error.message)
        break
      case 'does-not-compile':
        this.troubles.add('its compiler refuses the job')
        break
      case 'abandoned':
        this.isQueued = event.startedMs === undefined
        break
      case 'lost':
        break
    }
  }

  /** Endpoints that take no work. */
  get down(): string[] {
    const endpoints = this.#endpoints ?? []
    return endpoints.filter(({ id, accepting }) => !accepting || this.#down.has(id)).map(({ id }) => id)
  }

  get lines(): string[] {
    return (this.#endpoints ?? []).map(({ id, accepting, slots, text }) => {
      const down = this.#down.get(id)
      const facts = [`${id}: ${accepting && down === undefined ? 'takes work' : 'takes no work'}`, `${slots} slots`]
      return [...facts, ...(text ? [text] : []), ...(down === undefined ? [] : [down])].join(', ')
    })
  }
}

/** The definition, of whose distributor one can ask the endpoints. Its object comes back when all probes have ended, so that each is told of. */
function watch(definition: DistributorDefinition): {
  readonly definition: DistributorDefinition
  endpoints(): readonly Endpoint[]
} {
  let opened: Distributor | undefined
  const probes = new Set<Promise<unknown>>()
  const watched = (distributor: Distributor): Distributor => ({
    endpoints: () => distributor.endpoints(),
    compile: async (job, endpoint, attempt) => {
      const result = await distributor.compile(job, endpoint, attempt)
      await Promise.race([Promise.allSettled(probes), sleep(TROUBLE_PATIENCE_MS, undefined, { ref: false })])
      return result
    },
    close: () => distributor.close(),
    destroy: () => distributor.destroy(),
    ...(distributor.prepare && {
      prepare: (jobs, signal, waiting) => distributor.prepare?.(jobs, signal, waiting) ?? Promise.resolve(),
    }),
    ...(distributor.probe && {
      probe: (endpoint, signal) => {
        const probe = Promise.resolve(distributor.probe?.(endpoint, signal))
        probes.add(probe)
        return probe
      },
    }),
  })
  return {
    definition: {
      ...definition,
      open: async (context, options) => {
        opened = await definition.open(context, options)
        return watched(opened)
      },
    },
    endpoints: () => {
      try {
        // Copies: they may be the distributor's own objects, with getters.
        return (opened?.endpoints() ?? []).map(({ id, slots, accepting, text }) => ({
          id,
          slots,
          accepting,
          ...(text && { text }),
        }))
      } catch {
        return [] // the link itself has warned of that
      }
    },
  }
}
