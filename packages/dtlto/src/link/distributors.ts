import { performance } from 'node:perf_hooks'
import type { DistributorChoice, Settings } from '../config/settings.js'
import type {
  DistributorContext,
  DistributorDefinition,
  LinkFacts,
  OptionValues,
  OptionsSchema,
} from '../distributors/interface.js'
import { checkDefinition } from '../distributors/define.js'
import { loadDistributor } from '../distributors/load.js'
import { local } from '../distributors/local/local.js'
import { isWrongSetting, OpeningDistributor } from '../distributors/opening.js'
import { checkOptions } from '../distributors/options.js'
import { DtltoError } from '../errors.js'
import type { LaneSpec } from '../scheduler/lane.js'
import type { LinkEvents } from './events.js'

/** A distributor that was found and whose options are good; not open yet. */
export interface PreparedDistributor {
  /** Unique within the link: a name that occurs again gets a number. */
  readonly label: string
  readonly definition: DistributorDefinition
  readonly options: OptionValues<OptionsSchema>
  readonly role: 'primary' | 'fallback'
  /** Where the user named it. */
  readonly from: string
}

/** Loads what the settings name, and this process as the last resort. Rejects for anything that could not work whatever the network does. */
export async function prepareDistributors(settings: Settings, directory: string): Promise<PreparedDistributor[]> {
  const prepared: PreparedDistributor[] = []
  for (const choice of settings.distributors) prepared.push(await prepare(choice, directory, prepared))
  if (settings.fallback === 'local' && !prepared.some(compilesInProcess)) {
    prepared.push({
      label: 'local',
      definition: local,
      options: checkOptions(local.options, { options: {}, from: '' }, 'local'),
      role: 'fallback',
      from: 'the last resort',
    })
  }
  return prepared
}

/** True for the lane that can compile whatever lld itself can. */
function compilesInProcess({ definition, options }: Pick<PreparedDistributor, 'definition' | 'options'>): boolean {
  return definition === local && options['isolate'] !== 'process'
}

async function prepare(
  choice: DistributorChoice,
  directory: string,
  others: readonly PreparedDistributor[],
): Promise<PreparedDistributor> {
  if (choice.definition) checkDefinition(choice.definition, choice.from)
  const definition = choice.definition ?? (await loadDistributor(choice.name, choice.directory ?? directory))
  const same = others.filter((other) => other.definition.name === definition.name).length
  return {
    label: same === 0 ? definition.name : `${definition.name}#${String(same + 1)}`,
    definition,
    options: checkOptions(definition.options, choice, definition.name),
    role: 'primary',
    from: choice.from,
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
  readonly lanes: readonly LaneSpec[]
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
  const lanes = prepared.map(({ label, definition, options, role, from }): LaneSpec => {
    const listeners = new Set<() => void>()
    const context: DistributorContext = {
      link: around.facts,
      signal: around.signal,
      env: around.env,
      now: () => performance.now(),
      localSlots: around.localSlots,
      statusChanged: () => {
        for (const listener of listeners) listener()
      },
      warn: (kind, message) => {
        around.events.emit({ type: 'warning', distributor: label, kind, message })
      },
      debug: (message) => {
        around.events.emit({ type: 'debug', distributor: label, message })
      },
    }
    const distributor = new OpeningDistributor(definition, context, options)
    distributor.opened.catch((error: unknown) => {
      if (isWrongSetting(error)) refuse(new DtltoError(error.code, `${from}: ${error.message}`, { cause: error }))
    })
    return {
      name: label,
      distributor,
      opened: distributor.opened,
      isLocal: compilesInProcess({ definition, options }),
      sameMachine: definition === local,
      role,
      onStatusChanged: (listener) => {
        listeners.add(listener)
        return () => {
          listeners.delete(listener)
        }
      },
    }
  })
  return {
    lanes,
    refused,
    close: async () => {
      await Promise.all(lanes.map(({ distributor }) => distributor.close()))
    },
  }
}
