import { performance } from 'node:perf_hooks'
import type { DistributorChoice, Settings } from '../config/settings.js'
import { checkVariables } from '../config/variables.js'
import { checkDefinition } from '../distributors/define.js'
import type {
  DistributorContext,
  DistributorDefinition,
  LinkFacts,
  OptionValues,
  OptionsSchema,
} from '../distributors/interface.js'
import { loadDistributor } from '../distributors/load.js'
import { BUILT_IN } from '../distributors/locate.js'
import { isWrongSetting, openDistributor } from '../distributors/opening.js'
import { checkOptions, placesOf } from '../distributors/options.js'
import { worker } from '../distributors/worker/worker.js'
import { DtltoError } from '../errors.js'
import type { DistributorSpec } from '../scheduler/distributor-state.js'
import { Endpoints } from '../scheduler/endpoints.js'
import { completePolicy } from '../scheduler/policy.js'
import { messageOf } from '../message-of.js'
import { CLOCK } from './clock.js'
import { endpointMemory } from './endpoint-memory.js'
import type { LinkEvents } from './events.js'
import { MEMORY_OPTION } from '../slots/memory-option.js'
import { HOME_OPTIONS, type HomeOptions } from './home.js'

/** A distributor that was found and whose options are good; not open yet. */
export interface PreparedDistributor {
  /** Unique within the link: a name that occurs again gets a number. */
  readonly label: string
  readonly definition: DistributorDefinition
  readonly options: OptionValues<OptionsSchema>
  /** Where the user named it. */
  readonly from: string
  /** Where the user wrote each of the options, by key. */
  readonly places: Readonly<Record<string, string>>
  /** With these options it keeps what others have compiled. */
  readonly storesResults: boolean
}

/** Who compiles the link's jobs. */
export interface Prepared {
  /** This process: undefined where it may compile nothing. */
  readonly home: (HomeOptions & { readonly takesPart: boolean }) | undefined
  readonly distributors: readonly PreparedDistributor[]
}

/** Loads what the settings name. Rejects for anything that could not work whatever the network does. */
export async function prepareDistributors(settings: Settings, directory: string): Promise<Prepared> {
  const distributors: PreparedDistributor[] = []
  let home: HomeOptions | undefined
  for (const choice of settings.distributors) {
    if (choice.name !== 'local' || choice.definition !== undefined) {
      distributors.push(await prepare(choice, directory, distributors))
      continue
    }
    const { isolate, ...here } = checkOptions(HOME_OPTIONS, choice, 'local')
    if (isolate === 'none') home = here
    else {
      const options = { share: here.share, memory: here.memory, ...(here.slots !== undefined && { slots: here.slots }) }
      distributors.push(
        await prepare({ ...choice, name: 'worker', definition: worker, options }, directory, distributors),
      )
    }
  }
  const variables = settings.distributors[0]?.variables ?? {}
  checkVariables(variables, [...BUILT_IN, ...distributors.map(({ definition }) => definition.name)])
  if (home !== undefined) return { home: { ...home, takesPart: true }, distributors }
  const lastResort = { slots: undefined, share: true, memory: MEMORY_OPTION.default, takesPart: false }
  return { home: settings.fallback === 'local' ? lastResort : undefined, distributors }
}

async function prepare(
  choice: DistributorChoice,
  directory: string,
  others: readonly PreparedDistributor[],
): Promise<PreparedDistributor> {
  if (choice.definition) checkDefinition(choice.definition, choice.from)
  const definition = choice.definition ?? (await loadDistributor(choice.name, choice.directory ?? directory))
  const same = others.filter((other) => other.definition.name === definition.name).length
  const options = checkOptions(definition.options, choice, definition.name)
  return {
    label: same === 0 ? definition.name : `${definition.name}#${String(same + 1)}`,
    definition,
    options,
    from: choice.from,
    places: placesOf(definition.options, choice, definition.name),
    storesResults: storesResults(definition, options),
  }
}

function storesResults(definition: DistributorDefinition, options: OptionValues<OptionsSchema>): boolean {
  try {
    return definition.storesResults?.(options) === true
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown)
    throw new DtltoError('DTLTO_PLUGIN_MISBEHAVED', `storesResults() of '${definition.name}' threw: ${why}`, {
      cause: thrown,
    })
  }
}

interface Surroundings {
  readonly facts: LinkFacts
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
  readonly events: LinkEvents
  readonly localSlots: () => number
}

export interface OpenDistributors {
  readonly specs: readonly DistributorSpec[]
  /** Rejects when one of them says, while it opens, that it cannot do what the settings ask of it; else pending for ever. */
  readonly refused: Promise<never>
  close(): Promise<void>
}

/** Starts them all; none is waited for. */
export function openDistributors(prepared: readonly PreparedDistributor[], around: Surroundings): OpenDistributors {
  let refuse!: (error: DtltoError) => void
  const refused = new Promise<never>((_, reject) => {
    refuse = reject
  })
  // It may come when nobody listens any more.
  refused.catch(() => undefined)
  const opened = prepared.map(({ label, definition, options, from, places }) => {
    const listeners = new Set<() => void>()
    const context: DistributorContext = {
      link: around.facts,
      signal: around.signal,
      env: around.env,
      optionPlaces: places,
      now: () => performance.now(),
      localSlots: around.localSlots,
      statusChanged: () => {
        for (const listener of listeners) listener()
      },
      warn: limited((kind, message) => {
        around.events.emit({ type: 'warning', distributor: label, kind, message })
      }),
      debug: (message) => {
        around.events.emit({ type: 'debug', distributor: label, message: asText(message) })
      },
    }
    const { distributor, close } = openDistributor(definition, context, options)
    distributor.catch((error: unknown) => {
      if (isWrongSetting(error)) refuse(new DtltoError(error.code, `${from}: ${error.message}`, { cause: error }))
    })
    const onStatusChanged = (listener: () => void): (() => void) => {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    }
    return { spec: { name: label, distributor, onStatusChanged, hasOwnEndpoints: definition === worker }, close }
  })
  return {
    specs: opened.map(({ spec }) => spec),
    refused,
    close: async () => {
      await Promise.all(opened.map(({ close }) => close()))
    },
  }
}

/** Kinds of warnings of one distributor: what has more has one for each job. */
const MOST_KINDS = 50
const WARNING_CHARACTERS = 4096

/** Whatever a distributor says is shown as text, and how much of it is bounded. */
function limited(warn: (kind: string, message: string) => void): (kind: string, message: string) => void {
  const kinds = new Set<string>()
  return (given, message) => {
    const kind = asText(given)
    if (kinds.size <= MOST_KINDS) kinds.add(kind)
    // A kind is shown once (LinkEvents): of those that were shown nothing is lost.
    if (kinds.size <= MOST_KINDS) warn(kind, asText(message).slice(0, WARNING_CHARACTERS))
    else warn('more', `it has said ${MOST_KINDS} different things; further ones are not shown`)
  }
}

/** A plugin may be no TypeScript, and say anything. */
function asText(said: unknown): string {
  return typeof said === 'string' ? said : messageOf(said)
}

interface EndpointsSurroundings extends Pick<Surroundings, 'events' | 'env'> {
  readonly settings: Pick<Settings, 'fallback'>
  /** This machine may compile, too. */
  readonly hasHome: boolean
}

/** What the scheduler sees of them: with the memory of endpoints that were down for this user's last links. */
export function endpointsOf(
  { specs }: OpenDistributors,
  { settings, events, env, hasHome }: EndpointsSurroundings,
): Endpoints {
  return new Endpoints({
    distributors: specs,
    clock: CLOCK,
    policy: completePolicy({ fallback: settings.fallback }),
    onEvent: (event) => events.schedule(event),
    memory: endpointMemory(env),
    instead: specs.length > 1 ? 'others compile' : hasHome ? 'compiling here' : undefined,
  })
}
