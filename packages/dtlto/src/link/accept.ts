/**
 * The gate between distributors and lld. What comes through is not trusted: plugins have defects, workers may be somebody else's.
 * An object must be whole and of the link's target (assembly must be text); that it is the right one only --distribute-verify can tell.
 * Files beside the object are written where the backend itself would have written them, and nowhere else. What the compiler said is held
 * back until all jobs have ended: in whatever order objects came, the user reads it in the order of the jobs, which is stock lld's with
 * `--thinlto-jobs=1`.
 */
import { mkdirSync, writeFileSync, writeSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Settings } from '../config/settings.js'
import type { CompiledHere, CompiledObject, SideOutput } from '../distributors/interface.js'
import { DtltoError } from '../errors.js'
import type { Accepted } from '../scheduler/schedule.js'
import { whyNotAssembly } from './assembly.js'
import type { LinkBackendJob } from './backend-job.js'
import type { LinkSession } from './session.js'
import { verifyObject } from './verify.js'

export interface Acceptor {
  /** Gives a result to lld. Throws DTLTO_OBJECT_REJECTED. */
  readonly accept: (
    job: { readonly index: number },
    result: CompiledObject | CompiledHere,
  ) => Accepted | Promise<Accepted>
  /** Says what the compiler of the job's object said: once, after `accept`. A compile in this process has spoken for itself. */
  readonly say: (index: number) => void
}

export function acceptor(
  jobs: readonly LinkBackendJob[],
  session: LinkSession,
  settings: Pick<Settings, 'verify'>,
): Acceptor {
  const words = new Map<number, Pick<CompiledObject, 'diagnostics' | 'stderr'>>()
  // Where lld wants assembly there is no format to check, and anything passes.
  let isAssembly: boolean | undefined
  const whyNot = (object: Uint8Array): string => {
    const why = session.native.whyNotObject(object)
    if (why !== '') return why
    isAssembly ??= session.native.whyNotObject(NO_OBJECT) === ''
    return isAssembly ? whyNotAssembly(object) : ''
  }
  const place = (job: LinkBackendJob, result: CompiledObject, files: readonly SideOutput[]): Accepted => {
    if (!session.deliver(job.index, result.object)) return 'lost'
    // Not the result itself, which would keep the object's bytes.
    const { diagnostics, stderr } = result
    if (diagnostics.length > 0 || stderr)
      words.set(job.index, { diagnostics: [...diagnostics], ...(stderr && { stderr }) })
    writeFiles(files, session)
    return 'placed'
  }
  return {
    accept: (job, result) => {
      const of = jobs[job.index] as LinkBackendJob
      if (result.kind === 'here') return placedHere(of, session)
      const why = whyNot(result.object)
      if (why !== '') throw rejected(of, `is ${why}`)
      // The compiler's own words about errors are lld's, from a compile in this process.
      if (result.diagnostics.some(({ severity }) => severity === 'error')) throw rejected(of, 'came with errors')
      const files = result.sideOutputs.map((output) => expectedFile(output, of, session))
      if (settings.verify) return verifyObject(of, result.object, session).then(() => place(of, result, files))
      return place(of, result, files)
    },
    say: (index) => {
      const { diagnostics = [], stderr } = words.get(index) ?? {}
      for (const { severity, message } of diagnostics) session.native.diagnose(severity, message)
      if (stderr) writeSync(2, stderr)
    },
  }
}

const NO_OBJECT = Uint8Array.of(0)

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

function writeFiles(files: readonly SideOutput[], session: LinkSession): void {
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
