/**
 * The gate between distributors and lld. Results are not trusted: plugins have defects, workers may be somebody else's, and wires flip bits. An
 * object must be whole, of the link's target, and sound in all its tables (assembly must be text). Whether it is the right object only
 * --distribute-verify can tell. An object that cannot be verified goes to lld and not to lld's cache: it must not outlive the link.
 * Files beside the object are written where the backend itself would have written them, and nowhere else. Diagnostics are held back until all
 * jobs have ended and are then reported in the order of the jobs, which is stock lld's order with `--thinlto-jobs=1`.
 */
import { writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Settings } from '../config/settings.js'
import type { CompiledObject, SideOutput } from '../distributors/interface.js'
import { mostObjectBytes } from '../distributors/object-size.js'
import { DtltoError } from '../errors.js'
import { makeDirectory } from '../make-directory.js'
import { printable } from '../printable.js'
import type { Accepted } from '../scheduler/schedule.js'
import { whyNotFile } from '../why-not-file.js'
import { writeAll } from '../write-all.js'
import { whyNotAssembly } from './assembly.js'
import type { LinkBackendJob } from './backend-job.js'
import type { Doubts } from './second-link.js'
import type { LinkSession } from './session.js'
import { isInSample, verifyObject } from './verify.js'

export interface Acceptor {
  /** Gives a result to lld. Rejects with DTLTO_OBJECT_REJECTED. */
  readonly accept: (job: { readonly index: number }, result: CompiledObject, from: Source) => Promise<Accepted>
  /** Gives lld the diagnostics that came with the job's object: once, after `accept`. A compile in this process reports its own. */
  readonly report: (index: number) => void
  /** lld does not wait any more: objects that are still being checked come too late. */
  readonly end: () => void
  /** Where the objects came from that lld has and that were neither verified nor protected on their way. */
  readonly doubts: Doubts
}

/** Where an object came from. */
export interface Source {
  readonly distributorName: string
  readonly endpointId: string
}

export interface AcceptRules extends Pick<Settings, 'verify' | 'cache'> {
  /** Whether nothing can have changed what the distributor of this name returns. */
  readonly hasIntegrity: (distributorName: string) => boolean
  /** lld has this result, and somebody vouches for it. */
  readonly onSafe?: ((job: LinkBackendJob, result: CompiledObject, distributorName: string) => void) | undefined
}

/** Looking through an object takes 0.1 ms a MiB; to ask another thread, as long as that, and a copy. */
const SMALL_BYTES = 1024 * 1024

export function acceptor(jobs: readonly LinkBackendJob[], session: LinkSession, rules: AcceptRules): Acceptor {
  const texts = new Map<number, Pick<CompiledObject, 'diagnostics' | 'stderr'>>()
  const doubtful = new Map<string, Set<string>>()
  const cacheEntries: string[] = []
  let isOver = false
  // Of all its modules: which of them a job imports is not known here.
  const mostBytes = mostObjectBytes(jobs.reduce((sum, { bitcodeBytes }) => sum + bitcodeBytes, 0))
  // Where lld wants assembly there is no format to check, and anything passes.
  let isAssembly: boolean | undefined
  const whyNot = async (object: Uint8Array): Promise<string> => {
    if (object.length > mostBytes) return 'larger than the link’s bitcode lets expect'
    const why =
      object.length <= SMALL_BYTES ? session.native.checkObjectNow(object) : await session.native.checkObject(object)
    if (why !== '') return why
    isAssembly ??= session.native.checkObjectNow(NO_OBJECT) === ''
    return isAssembly ? whyNotAssembly(object) : ''
  }
  const place = (
    job: LinkBackendJob,
    result: CompiledObject,
    files: readonly SideOutput[],
    { distributorName, endpointId }: Source,
    isVerified: boolean,
  ): Accepted => {
    const isSafe = isVerified || rules.hasIntegrity(distributorName)
    const toCache = rules.cache === 'all' || (rules.cache === 'verified' && isSafe)
    if (!session.native.deliver(job.index, result.object, toCache)) return 'lost'
    if (!isSafe) {
      doubtful.set(distributorName, (doubtful.get(distributorName) ?? new Set()).add(result.worker ?? endpointId))
      const entry = toCache ? session.native.cacheEntry(job.index) : ''
      if (entry !== '') cacheEntries.push(entry)
    } else rules.onSafe?.(job, result, distributorName)
    // Not the result itself, which would keep the object's bytes.
    const { diagnostics, stderr } = result
    if (diagnostics.length > 0 || stderr) texts.set(job.index, { diagnostics, ...(stderr && { stderr }) })
    writeFiles(files, session)
    return 'placed'
  }
  const acceptObject = async (job: LinkBackendJob, result: CompiledObject, from: Source): Promise<Accepted> => {
    const why = await whyNot(result.object)
    if (why !== '') throw rejected(job, `is ${why}`)
    // Errors are reported by lld, from a compile in this process. So is text with control characters, which could steer a terminal.
    if (result.diagnostics.some(({ severity }) => severity === 'error')) throw rejected(job, 'came with errors')
    if (!isPlain(result)) throw rejected(job, 'came with control characters in its text')
    const files = expectedFiles(result.sideOutputs, job, session)
    const isVerified = isInSample(job, rules.verify)
    if (isVerified) await verifyObject(job, result.object, session)
    return isOver ? 'lost' : place(job, result, files, from, isVerified)
  }
  return {
    accept: (job, result, from) => {
      const of = jobs[job.index] as LinkBackendJob
      return acceptObject(of, result, from)
    },
    end: () => {
      isOver = true
    },
    report: (index) => {
      const { diagnostics = [], stderr } = texts.get(index) ?? {}
      for (const { severity, message } of diagnostics) session.native.diagnose(severity, message)
      if (stderr) writeAll(2, stderr)
    },
    doubts: { sources: doubtful, cacheEntries },
  }
}

/** Of directories that LLVM makes, before the umask: owner and group. */
const LLVM_DIRECTORY_MODE = 0o770

const NO_OBJECT = Uint8Array.of(0)

function isPlain({ diagnostics, stderr = '' }: CompiledObject): boolean {
  return [stderr, ...diagnostics.map(({ message }) => message)].every((text) => printable(text) === text)
}

function writeFiles(files: readonly SideOutput[], session: LinkSession): void {
  for (const { path, bytes } of files) {
    try {
      makeDirectory(dirname(path), LLVM_DIRECTORY_MODE)
      writeFileSync(path, bytes)
    } catch (error) {
      session.native.diagnose('error', `cannot write '${path}': ${whyNotFile(error)}`)
    }
  }
}

/** All that lld's own backend would write, and nothing else. */
function expectedFiles(
  outputs: readonly SideOutput[],
  job: LinkBackendJob,
  session: LinkSession,
): readonly SideOutput[] {
  const expected = new Map(session.native.sideOutputPaths(job.index).map((path) => [resolve(path), path]))
  for (const { path } of outputs) {
    if (!expected.delete(resolve(path)))
      throw rejected(job, `came with a file '${path}' that the link does not ask for`)
  }
  for (const path of expected.values()) throw rejected(job, `came without the file '${path}'`)
  return outputs
}

function rejected(job: LinkBackendJob, why: string): DtltoError {
  return new DtltoError('DTLTO_OBJECT_REJECTED', `object for '${job.moduleId}' ${why}`, {
    details: { module: job.moduleId },
  })
}
