/** What `dtlto doctor` wants to know beyond a small job: what the servers say that they can do, and whether this user may do it. */
import { randomUUID } from 'node:crypto'
import { orAborted, type SelfCheck } from 'dtlto/plugin'
import { versionAction } from './action.js'
import type { Engine } from './engine.js'
import { ActionResult, type ServerCapabilities } from './generated/build/bazel/remote/execution/v2/remote_execution.js'
import { asTrouble } from './trouble.js'

interface Asked {
  readonly engine: Engine
  /** Checks the compiler of the worker's image. */
  readonly checkCompiler: () => Promise<void>
  readonly reads: boolean
  readonly writes: boolean
  readonly exposed: string | undefined
}

interface Step {
  /** What is the matter if it is not done when there is no more time. */
  readonly late: string
  readonly remedy?: string
  readonly run: () => Promise<void>
}

/**
 * Never rejects, and ends when `signal` is aborted, with what was found until then. What fails first is the last finding: what comes after would fail for the same
 * reason.
 */
export async function selfCheck(
  { engine, checkCompiler, reads, writes, exposed }: Asked,
  signal: AbortSignal,
): Promise<readonly SelfCheck[]> {
  const found: SelfCheck[] = []
  const good = (text: string): void => void found.push({ level: 'good', text })
  const steps: readonly Step[] = [
    {
      late: 'its servers have not said what they can',
      run: async () => {
        const { storage, executor } = await engine.capabilities()
        good(`'${engine.storageTarget}' stores: ${describe(storage)}`)
        if (executor !== undefined) good(`'${engine.target}' executes`)
        if (exposed !== undefined) found.push({ ...EXPOSED, text: `'${exposed}' is sent secrets, and not encrypted` })
      },
    },
    {
      late: 'its action cache has not answered',
      run: async () => {
        if (!reads)
          return void found.push({ level: 'note', text: 'its action cache is not asked: remote_accept_cached' })
        await engine.lookUp(nothing(), watching(engine, signal))
        good('its action cache answers')
      },
    },
    {
      late: 'the engine has taken an action, and nobody has executed it: it waits in its queue',
      remedy: 'is there a worker with the properties of remote_default_exec_properties, and nothing else to do?',
      run: async () => {
        if (engine.canExecute) await checkCompiler()
      },
    },
    {
      late: 'its action cache has not taken a result',
      run: async () => {
        if (writes) found.push(await checkWriting(engine, signal))
        else good('its action cache is only read: remote_upload_local_results is off')
      },
    },
  ]
  for (const { late, remedy, run } of steps) {
    try {
      await orAborted(run(), signal)
    } catch (error) {
      if (!signal.aborted) found.push({ level: 'bad', text: asTrouble(error, engine.target).message })
      else found.push({ level: 'bad', text: `'${engine.target}': ${late}`, ...(remedy !== undefined && { remedy }) })
      break
    }
  }
  return found
}

const EXPOSED = {
  level: 'warning',
  remedy: 'whoever listens on the way can read the values of remote_header and of the credential helper: use grpcs://',
} as const

/** An action that nobody has executed. */
const nothing = () => versionAction('dtlto-doctor', { properties: [] }, { salt: randomUUID() })

const watching = (engine: Engine, signal: AbortSignal) => ({
  signal,
  headers: engine.invocation.headers(),
  onExecuting: () => undefined,
})

function describe({ cacheCapabilities, lowApiVersion: low, highApiVersion: high }: ServerCapabilities): string {
  const version = (api: typeof low): string => `${api?.major ?? 2}.${api?.minor ?? 0}`
  const batch = cacheCapabilities?.maxBatchTotalSizeBytes ?? 0
  return `version ${version(low)} to ${version(high)} of the API, batches of ${batch > 0 ? `${batch} bytes` : 'the usual size'}`
}

const REMEDY =
  'have writing to its action cache allowed there for this user (an instance that may be written, a role, a certificate), or leave out remote_upload_local_results'

/** Puts an entry into the cache that nobody will ever ask for, and takes it back. */
async function checkWriting(engine: Engine, signal: AbortSignal): Promise<SelfCheck> {
  const text = 'its action cache takes no results of this user'
  if (!engine.takesResults) return { level: 'bad', text: `${text}: it says so`, remedy: REMEDY }
  const action = nothing()
  try {
    await engine.publish(action, ActionResult.fromPartial({ stdoutRaw: Buffer.from('dtlto doctor') }), [], signal)
  } catch (error) {
    return { level: 'bad', text: `${text}: ${error instanceof Error ? error.message : String(error)}`, remedy: REMEDY }
  }
  const back = await engine.lookUp(action, watching(engine, signal))
  if (back !== undefined) return { level: 'good', text: 'its action cache takes results of this user' }
  const remedy = 'is there another server, or a cache that throws things away at once, behind this address?'
  return { level: 'warning', text: 'its action cache has taken a result and does not have it', remedy }
}
