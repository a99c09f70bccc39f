/**
 * `dtlto doctor --link COMMAND`, in the linker that COMMAND starts: lld reads its inputs and plans, distributors open and are probed, the cheapest job goes to each of them,
 * and nothing is linked. What was found goes to the doctor through a file, a finding a line.
 */
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { NativeArgument } from '@dtlto/native'
import type { Settings } from '../../config/settings.js'
import type { BackendJob, CannotExpress, Distributor, Endpoint } from '../../distributors/interface.js'
import type { PreparedDistributor } from '../../link/distributors.js'
import { LinkEvents } from '../../link/events.js'
import { runLink } from '../../link/link.js'
import type { PlannedLink } from '../../link/request.js'
import { type Place, placeJobs, type PlacingDistributor } from '../../plan/placing.js'
import { DOCTOR_VARIABLE } from '../../config/variables.js'
import { bad, type Finding, good, note, warning } from './finding.js'
import { describeSettings, describeSharing } from './settings.js'
import { keepOutput, type KeptOutput } from './kept-output.js'
import { outputOf } from '../output-name.js'
import type { Flavour } from '../programs.js'
import { withOutputsElsewhere } from './outputs.js'

type DistributorState = PlannedLink['endpoints']['distributors'][number]
type EndpointExecutor = PlannedLink['endpoints']['all'][number]

/** For distributors to open and for machines to answer. Longer while a machine tells what it is busy with: a compiler that is sent. */
const PATIENCE_MS = 20_000
const LONG_PATIENCE_MS = 300_000
const LOOK_MS = 50
const JOB_PATIENCE_MS = 60_000
/** Modules that are named of several. */
const SHOWN = 3

export interface Examined {
  readonly flavour: Flavour
  /** argv[0] is the stock program. */
  readonly argv: readonly NativeArgument[]
  readonly settings: Settings
  readonly workingDirectory: string
  readonly file: string
}

/** Gives the exit code: never 0, for there is no output. */
export async function examineLink({ flavour, argv, settings, workingDirectory, file }: Examined): Promise<number> {
  const { [DOCTOR_VARIABLE]: _, ...env } = process.env
  const write = (line: Finding | KeptOutput): void => appendFileSync(file, `${JSON.stringify(line)}\n`)
  const tell = (finding: Finding): void => write(finding)
  const output = outputOf(argv.slice(1), flavour)
  const kept = keepOutput(resolve(workingDirectory, output))
  if (kept) write(kept)
  tell(good(`the link of '${output}' in '${workingDirectory}', which is not done`))
  for (const finding of [...describeSettings(settings, env, workingDirectory), describeSharing(env)]) tell(finding)
  const directory = mkdtempSync(join(tmpdir(), 'dtlto-doctor-'))
  let modules = { total: 0, cacheHits: 0 }
  const warnings = new Map<string, Set<string>>()
  const events = new LinkEvents([
    (event) => {
      if (event.type === 'modules') modules = event
      if (event.type !== 'warning') return
      warnings.set(event.distributor, (warnings.get(event.distributor) ?? new Set()).add(event.message))
    },
  ])
  let wasPlanned = false
  try {
    const { exitCode, stderr } = await runLink({
      argv: withOutputsElsewhere(argv, directory),
      settings: { ...settings, required: false },
      env,
      workingDirectory,
      capture: true,
      events,
      examine: async (link) => {
        wasPlanned = true
        tell(good(`${modules.total} ThinLTO modules${cached(modules.cacheHits)}`))
        await examinePlanned(link, warnings, tell)
      },
    })
    if (wasPlanned) return 1
    if (exitCode !== 0) tell(bad(['lld does not get as far as ThinLTO', ...firstLines(stderr)].join('\n')))
    else if (modules.total === 0)
      tell(warning('no ThinLTO modules among its inputs: nothing to distribute', 'compile with -flto=thin'))
    else tell(good(`all ${modules.total} ThinLTO modules are in lld's cache: nothing to distribute`))
    return 1
  } catch (error) {
    tell(bad(error instanceof Error ? error.message : String(error)))
    return 1
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

const cached = (hits: number): string => (hits > 0 ? `, ${hits} of them in lld's cache` : '')

const firstLines = (text: string): string[] => text.trim().split('\n').slice(0, 3)

async function examinePlanned(
  link: PlannedLink,
  warnings: ReadonlyMap<string, ReadonlySet<string>>,
  tell: (finding: Finding) => void,
): Promise<void> {
  await settled(link)
  const staying = await whyStaying(link)
  const trials: Trial[] = []
  for (const [i, state] of link.endpoints.distributors.entries()) {
    const prepared = link.prepared.distributors[i] as PreparedDistributor
    trials.push(await tryDistributor(link, state, prepared, staying))
  }
  link.endpoints.tellAbsent()
  const { home } = link.prepared
  const places = await placeJobs({
    jobs: link.jobs,
    distributors: trials.map((trial) => placingOf(trial, staying)),
    homeSlots: home && (home.slots ?? link.localSlots),
    homeTakesPart: home?.takesPart === true,
  })
  const at = (...place: [distributor: string, endpoint?: string]): string => jobsAt(link.jobs, places, ...place)
  for (const trial of trials) tell(trial.finding(at, [...(warnings.get(trial.state.name) ?? [])]))
  for (const { state, refused } of trials)
    for (const text of byReason(refused, link.jobs)) tell(note(`${state.name}: cannot take ${text}`))
  for (const text of byReason(staying, link.jobs)) tell(note(`no distributor can take ${text}`))
  if (places.some((place) => place?.distributor === 'local'))
    tell(good(`this machine: ${at('local', 'local')}; ${home?.slots ?? link.localSlots} at a time`))
  const nobody = places.filter((place) => place === undefined).length
  if (nobody > 0)
    tell(bad(`nobody compiles ${count(nobody)}, and the settings keep them from this machine (fallback: none)`))
}

/** Until each distributor is open and each endpoint has answered, or does not. */
async function settled({ endpoints }: PlannedLink): Promise<void> {
  const beganMs = performance.now()
  while (true) {
    endpoints.reread()
    endpoints.update()
    const waiting = endpoints.all.filter((each) => !isSettled(each))
    const opening = endpoints.distributors.some(({ opening, mayBringEndpoints }) => opening || mayBringEndpoints)
    if (!opening && waiting.length === 0) return
    const isBusy = waiting.some(({ belief }) => belief.text !== '' && !belief.accepting)
    if (performance.now() - beganMs > (isBusy ? LONG_PATIENCE_MS : PATIENCE_MS)) return
    await sleep(LOOK_MS)
  }
}

const isSettled = (endpoint: EndpointExecutor): boolean =>
  endpoint.available || endpoint.retired || endpoint.neverWorked || endpoint.breaker.kind === 'resting'

/** What a distributor says to the jobs of the link. */
class Trial {
  readonly state: DistributorState
  readonly working: readonly EndpointExecutor[]
  readonly #endpoints: readonly EndpointExecutor[]
  readonly #prepared: PreparedDistributor
  /** Why it cannot take a job that others can, by the job's index. */
  readonly refused: ReadonlyMap<number, string>
  /** What became of the job that it was given; undefined: none was. */
  readonly #outcome: Outcome | undefined

  constructor(
    state: DistributorState,
    prepared: PreparedDistributor,
    endpoints: readonly EndpointExecutor[],
    refused: ReadonlyMap<number, string>,
    outcome: Outcome | undefined,
  ) {
    this.state = state
    this.#prepared = prepared
    this.#endpoints = endpoints
    this.working = endpoints.filter(({ available }) => available)
    this.refused = refused
    this.#outcome = outcome
  }

  get works(): boolean {
    return this.working.length > 0 && this.#outcome?.level !== 'bad'
  }

  finding(jobsAt: (distributor: string, endpoint?: string) => string, warnings: readonly string[]): Finding {
    const { name } = this.state
    const lines = [`${name}: ${jobsAt(name)}${this.#outcome === undefined ? '' : `; ${this.#outcome.text}`}`]
    for (const { endpointId, belief, available, trouble } of this.#endpoints.map(factsOf)) {
      const what = available ? jobsAt(name, endpointId) : 'takes no work'
      const facts = [`${endpointId}: ${what}`, `${belief.slots} slots`, belief.text, trouble]
      lines.push(facts.filter((fact) => fact !== '').join('; '))
    }
    const told = this.#endpoints.map((each) => factsOf(each).trouble).filter((trouble) => trouble !== '')
    lines.push(...warnings.filter((each) => !told.some((trouble) => each.includes(trouble))))
    const text = lines.join('\n')
    const remedy = `look at the options that ${this.#prepared.from} gives it; links go on without it`
    if (!this.works) return bad(text, remedy)
    const areAllWell = this.working.length === this.#endpoints.length && this.#outcome?.level !== 'warning'
    return areAllWell ? good(text) : warning(text)
  }
}

/** A text for each reason: how many jobs, why, and which. */
function byReason(reasons: ReadonlyMap<number, string>, jobs: readonly BackendJob[]): string[] {
  const modules = new Map<string, string[]>()
  for (const [index, reason] of reasons) {
    const { moduleId } = jobs[index] as BackendJob
    modules.set(reason, [...(modules.get(reason) ?? []), `'${moduleId}'`])
  }
  return [...modules].map(([reason, which]) => {
    const more = which.length > SHOWN ? ` and ${which.length - SHOWN} more` : ''
    return `${count(which.length)}: ${reason}\n${which.slice(0, SHOWN).join(', ')}${more}`
  })
}

interface Outcome {
  readonly level: 'good' | 'warning' | 'bad'
  readonly text: string
}

/** Why jobs have no form in which they could leave the linker's process, by their indexes. */
async function whyStaying({ jobs }: PlannedLink): Promise<ReadonlyMap<number, string>> {
  const staying = new Map<number, string>()
  for (const job of jobs) {
    const packed = await job.package()
    if (packed.kind === 'cannot') staying.set(job.index, packed.reason)
  }
  return staying
}

async function tryDistributor(
  link: PlannedLink,
  state: DistributorState,
  prepared: PreparedDistributor,
  staying: ReadonlyMap<number, string>,
): Promise<Trial> {
  const endpoints = link.endpoints.of(state)
  const refused = new Map<number, string>()
  const possible = link.jobs.filter(({ index }) => !staying.has(index))
  for (const job of possible) {
    const reason = await whyNot(job, prepared)
    if (reason !== undefined) refused.set(job.index, reason)
  }
  const [endpoint] = endpoints.filter(({ available }) => available)
  if (state.distributor === undefined || endpoint === undefined) {
    const why = state.lastTrouble?.message ?? link.endpoints.waitsFor(state) ?? 'none of its endpoints takes work'
    return new Trial(state, prepared, endpoints, refused, { level: 'bad', text: why })
  }
  const job = cheapest(possible.filter(({ index }) => !refused.has(index)))
  if (job === undefined) return new Trial(state, prepared, endpoints, refused, undefined)
  const outcome = await tryJob(state.distributor, endpoint, job)
  if (outcome.cannot !== undefined) refused.set(job.index, outcome.cannot)
  return new Trial(state, prepared, endpoints, refused, outcome)
}

/** Why the job has no form for the compiler of this distributor. */
async function whyNot(job: BackendJob, { definition, options }: PreparedDistributor): Promise<string | undefined> {
  if (definition.compilesWith?.(options) !== 'clang') return undefined
  const packed = await job.package()
  const rendered = packed.kind === 'cannot' ? packed : await packed.forClang()
  return rendered.kind === 'cannot' ? rendered.reason : undefined
}

async function tryJob(
  distributor: Distributor,
  { endpoint, endpointId }: EndpointExecutor,
  job: BackendJob,
): Promise<Outcome & { readonly cannot?: string }> {
  const signal = AbortSignal.timeout(JOB_PATIENCE_MS)
  const beganMs = performance.now()
  const name = `'${job.moduleId}', the cheapest,`
  try {
    const compiling = distributor.compile(job, endpoint, { signal, started: () => undefined })
    const late = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(new Error(`no answer within ${JOB_PATIENCE_MS / 1000} s`)))
    })
    const result = await Promise.race([compiling, late])
    switch (result.kind) {
      case 'object': {
        const tookMs = result.timings.compileMs ?? performance.now() - beganMs
        const place = result.worker ?? endpointId
        return { level: 'good', text: `${name} was compiled on ${place} in ${tookMs.toFixed(0)} ms` }
      }
      case 'cannot':
        return cannotText(name, result)
      case 'does-not-compile':
        return { level: 'bad', text: `its compiler refuses ${name.slice(0, -1)}: this machine would say why` }
    }
  } catch (error) {
    return {
      level: 'bad',
      text: `${name} did not come back: ${error instanceof Error ? error.message : String(error)}`,
    }
  }
}

/** A cache that does not have the job is well. */
function cannotText(name: string, { reason, isMiss }: CannotExpress): Outcome & { readonly cannot?: string } {
  if (isMiss === true) return { level: 'good', text: `it does not have ${name.slice(0, -1)}` }
  return { level: 'warning', text: `it cannot take ${name.slice(0, -1)}`, cannot: reason }
}

function placingOf(trial: Trial, staying: ReadonlyMap<number, string>): PlacingDistributor {
  const { state, working, refused, works } = trial
  return {
    name: state.name,
    endpoints: works ? working.map(endpointOf) : [],
    takes: (index) => !staying.has(index) && !refused.has(index),
  }
}

function endpointOf({ endpointId, limit, belief: { speed, latencyMs } }: EndpointExecutor): Endpoint {
  const facts = { id: endpointId, slots: limit, accepting: true }
  return { ...facts, ...(speed !== undefined && { speed }), ...(latencyMs !== undefined && { latencyMs }) }
}

function factsOf(endpoint: EndpointExecutor): {
  readonly endpointId: string
  readonly belief: EndpointExecutor['belief']
  readonly available: boolean
  readonly trouble: string
} {
  const { endpointId, belief, available, lastTrouble, waitsFor } = endpoint
  return { endpointId, belief, available, trouble: available ? '' : (lastTrouble?.message ?? waitsFor ?? '') }
}

function cheapest(jobs: readonly BackendJob[]): BackendJob | undefined {
  return [...jobs].sort((a, b) => a.cost - b.cost)[0]
}

/** How many jobs, and the most expensive of them. */
function jobsAt(
  jobs: readonly BackendJob[],
  places: readonly (Place | undefined)[],
  distributor: string,
  endpoint?: string,
): string {
  const there = jobs.filter(({ index }) => {
    const place = places[index]
    return place?.distributor === distributor && (endpoint === undefined || place.endpoint === endpoint)
  })
  if (there.length === 0 || endpoint === undefined) return count(there.length)
  const [most, ...others] = there.sort((a, b) => b.cost - a.cost).map(({ moduleId }) => `'${moduleId}'`)
  return `${count(there.length)} (${[most, ...others.slice(0, SHOWN - 1)].join(', ')}${others.length >= SHOWN ? ', …' : ''})`
}

const count = (jobs: number): string => `${jobs} ${jobs === 1 ? 'job' : 'jobs'}`
