import { mkdirSync, writeFileSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Settings } from '../config/settings.js'
import type { CompiledHere, CompiledObject, SideOutput } from '../distributors/interface.js'
import { DtltoError } from '../errors.js'
import type { Accepted } from '../scheduler/schedule.js'
import type { LinkBackendJob } from './backend-job.js'
import { checkObject } from './object-check.js'
import type { LinkSession } from './session.js'
import { verifyObject } from './verify.js'

/** Takes what distributors made: the object goes to lld, what came with it to where a backend in this process would have put it. */
export function acceptor(jobs: readonly LinkBackendJob[], session: LinkSession, settings: Pick<Settings, 'verify'>) {
  const makesObjects = session.native.makesObjects()
  return (job: { readonly index: number }, result: CompiledObject | CompiledHere): Accepted | Promise<Accepted> => {
    if (result.kind === 'here') return 'placed'
    const of = jobs[job.index] as LinkBackendJob
    checkObject(result.object, of, makesObjects)
    // The compiler's own words about errors are lld's, from a compile in this process.
    if (result.diagnostics.some(({ severity }) => severity === 'error')) {
      throw new DtltoError('DTLTO_OBJECT_REJECTED', `object for '${of.moduleId}' came with errors`)
    }
    if (settings.verify) return verifyObject(of, result.object, session).then(() => place(of, result, session))
    return place(of, result, session)
  }
}

function place(job: LinkBackendJob, result: CompiledObject, session: LinkSession): Accepted {
  if (!session.native.deliver(job.index, result.object)) return 'lost'
  for (const { severity, message } of result.diagnostics) session.native.diagnose(severity, message)
  if (result.stderr) writeSync(2, result.stderr)
  for (const output of result.sideOutputs) writeSideOutput(output)
  return 'placed'
}

function writeSideOutput({ path, bytes }: SideOutput): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, bytes)
}
