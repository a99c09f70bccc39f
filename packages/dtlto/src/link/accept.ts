/**
 * The gate between distributors and lld. What comes through is not trusted: plugins have defects, workers may be somebody else's.
 * An object must be whole and of the link's target; that it is the right one only --distribute-verify can tell. Files beside the object
 * are written where the backend itself would have written them, and nowhere else.
 */
import { mkdirSync, writeFileSync, writeSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Settings } from '../config/settings.js'
import type { CompiledHere, CompiledObject, SideOutput } from '../distributors/interface.js'
import { DtltoError } from '../errors.js'
import type { Accepted } from '../scheduler/schedule.js'
import type { LinkBackendJob } from './backend-job.js'
import type { LinkSession } from './session.js'
import { verifyObject } from './verify.js'

export function acceptor(jobs: readonly LinkBackendJob[], session: LinkSession, settings: Pick<Settings, 'verify'>) {
  return (job: { readonly index: number }, result: CompiledObject | CompiledHere): Accepted | Promise<Accepted> => {
    const of = jobs[job.index] as LinkBackendJob
    if (result.kind === 'here') return placedHere(of, session)
    const why = session.native.whyNotObject(result.object)
    if (why !== '') throw rejected(of, `is ${why}`)
    // The compiler's own words about errors are lld's, from a compile in this process.
    if (result.diagnostics.some(({ severity }) => severity === 'error')) throw rejected(of, 'came with errors')
    const files = result.sideOutputs.map((output) => expectedFile(output, of, session))
    if (settings.verify) return verifyObject(of, result.object, session).then(() => place(of, result, files, session))
    return place(of, result, files, session)
  }
}

function placedHere(job: LinkBackendJob, session: LinkSession): Accepted {
  switch (session.settledBy(job.index)) {
    case 'compile':
      return 'placed'
    case 'delivery':
      return 'lost'
    case undefined:
      throw new DtltoError('DTLTO_PLUGIN_MISBEHAVED', `'${job.moduleId}' is said to be compiled here, but it is not`)
  }
}

function place(
  job: LinkBackendJob,
  result: CompiledObject,
  files: readonly SideOutput[],
  session: LinkSession,
): Accepted {
  if (!session.deliver(job.index, result.object)) return 'lost'
  for (const { severity, message } of result.diagnostics) session.native.diagnose(severity, message)
  if (result.stderr) writeSync(2, result.stderr)
  for (const { path, bytes } of files) {
    try {
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, bytes)
    } catch (error) {
      session.native.diagnose(
        'error',
        `cannot write '${path}': ${error instanceof Error ? error.message : String(error)}`,
      )
    }
  }
  return 'placed'
}

function expectedFile(output: SideOutput, job: LinkBackendJob, session: LinkSession): SideOutput {
  const expected = session.native.sideOutputPaths(job.index)
  if (expected.some((path) => resolve(path) === resolve(output.path))) return output
  throw rejected(job, `came with a file '${output.path}' that the link does not ask for`)
}

function rejected(job: LinkBackendJob, why: string): DtltoError {
  return new DtltoError('DTLTO_OBJECT_REJECTED', `object for '${job.moduleId}' ${why}`, {
    details: { module: job.moduleId },
  })
}
