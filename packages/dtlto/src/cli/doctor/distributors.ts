/**
 * Each distributor gets a link for itself, with one small module and nothing to fall back to. So the trial goes the whole way: load, check
 * options, open, connect, send, compile, receive, check.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { native } from '@dtlto/native'
import type { DistributorChoice, Settings } from '../../config/settings.js'
import type { Distributor, DistributorDefinition, DistributorStatus } from '../../distributors/interface.js'
import { type PreparedDistributor, prepareDistributors } from '../../link/distributors.js'
import { type LinkEvent, LinkEvents } from '../../link/events.js'
import { runLink } from '../../link/link.js'
import { bad, type Finding, good, note, warning } from './finding.js'
import { survey } from './survey.js'

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
    for (const choice of settings.distributors) yield await probe(choice, settings, directory, module)
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

async function probe(
  choice: DistributorChoice,
  settings: Settings,
  directory: string,
  module: string | undefined,
): Promise<Finding> {
  const alone: Settings = { ...settings, distributors: [choice], fallback: 'none', trace: undefined }
  let prepared: PreparedDistributor | undefined
  try {
    ;[prepared] = await prepareDistributors(alone, process.cwd())
    if (prepared === undefined) return bad(`${choice.name}: not found`)
  } catch (error) {
    return bad(`${choice.name}: ${messageOf(error)}`)
  }
  if (module === undefined) return note(`${choice.name}: loaded; not tried`)
  // `local` is known by its identity, and has nothing to hide.
  const watched = choice.name === 'local' ? undefined : watch(prepared.definition)
  const trial = new Trial(() => watched?.status())
  const linkSettings = { ...alone, distributors: [watched ? { ...choice, definition: watched.definition } : choice] }
  let exitCode: number
  let stderr: string
  try {
    ;({ exitCode, stderr } = await runLink({
      argv: [join(native().llvmBin, 'ld.lld'), '-shared', '-o', join(directory, 'doctor.so'), module],
      settings: linkSettings,
      env: process.env,
      workingDirectory: process.cwd(),
      capture: true,
      signal: AbortSignal.any([AbortSignal.timeout(PATIENCE_MS), trial.givenUp]),
      events: new LinkEvents([(event) => trial.add(event)]),
    }))
  } catch (error) {
    return bad(`${choice.name}: ${messageOf(error)}`)
  }
  const compiled = `${choice.name}: ${trial.compiled}`
  if (exitCode === 0 && trial.workersAreUp) return good([compiled, ...describe(trial.status)].join('\n'))
  if (exitCode === 0) return await findingOfWorkers(prepared, compiled)
  const why = trial.troubles.size > 0 ? [...trial.troubles] : stderr.trim().split('\n').slice(0, 3)
  return bad(
    [`${choice.name}: a small job has not come back`, ...why, ...describe(trial.status)].join('\n'),
    `look at the options that ${choice.from} gives it; links go on without it, in this process`,
  )
}

/** What happened to the one job, and what the distributor said of itself meanwhile. */
class Trial {
  compiled = 'nothing was compiled'
  readonly troubles = new Set<string>()
  readonly #giveUp = new AbortController()
  #status: DistributorStatus | undefined
  readonly #readStatus: () => DistributorStatus | undefined

  constructor(readStatus: () => DistributorStatus | undefined) {
    this.#readStatus = readStatus
  }

  get givenUp(): AbortSignal {
    return this.#giveUp.signal
  }

  add(event: LinkEvent): void {
    if (event.type === 'warning') {
      this.troubles.add(event.message)
      setTimeout(() => this.#giveUp.abort(), TROUBLE_PATIENCE_MS).unref()
    }
    if (event.type === 'objects' || event.type === 'end') this.#status ??= this.#readStatus()
    if (event.type !== 'scheduler' || event.event.kind !== 'attempt-ended') return
    const { outcome, worker, timings, atMs } = event.event
    switch (outcome.kind) {
      case 'placed': {
        const tookMs = timings?.compileMs ?? atMs
        this.compiled = `compiled a small job${worker ? ` on ${worker}` : ''} (${tookMs.toFixed(0)} ms of compiling)`
        break
      }
      case 'cannot':
        this.troubles.add(`it cannot take the job: ${outcome.reason}`)
        break
      case 'trouble':
        this.troubles.add(outcome.error.message)
        break
      case 'does-not-compile':
        this.troubles.add('its compiler refuses the job')
        break
      case 'lost':
      case 'abandoned':
        break
    }
  }

  get status(): DistributorStatus | undefined {
    return this.#status
  }

  get workersAreUp(): boolean {
    return this.#status?.workers?.every(({ accepting }) => accepting) !== false
  }
}

/** The job came back, but from the first worker that was there. */
async function findingOfWorkers(prepared: PreparedDistributor, compiled: string): Promise<Finding> {
  const { status, troubles } = await survey(prepared)
  const text = [compiled, ...describe(status), ...troubles].join('\n')
  const down = status.workers?.filter(({ accepting }) => !accepting) ?? []
  if (down.length === 0) return good(text)
  return warning(text, `see to ${down.map(({ name }) => `'${name}'`).join(', ')}; links go on with the others`)
}

function describe(status: DistributorStatus | undefined): string[] {
  if (!status) return []
  const { slots, text, workers = [] } = status
  return [
    `${String(slots)} slots${text ? `, ${text}` : ''}`,
    ...workers.map(
      (worker) =>
        `  ${worker.name}: ${worker.accepting ? 'takes work' : 'takes no work'}, ${String(worker.slots)} slots` +
        (worker.text ? `, ${worker.text}` : ''),
    ),
  ]
}

function watch(definition: DistributorDefinition): {
  readonly definition: DistributorDefinition
  status(): DistributorStatus | undefined
} {
  let opened: Distributor | undefined
  return {
    definition: {
      ...definition,
      open: async (context, options) => (opened = await definition.open(context, options)),
    },
    status: () => {
      try {
        return opened?.status()
      } catch {
        return undefined // the link itself has warned of that
      }
    },
  }
}

/** Without the stack: it is of no use to who installs dtlto. */
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
