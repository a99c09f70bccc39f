/** Jobs in the form that a plugin in C wants, and its results. Pure. */
import type { NativePluginJob, NativePluginResult } from '@dtlto/native'
import { DtltoError } from '../../errors.js'
import {
  CodegenAnswers,
  codegenDirectory,
  codegenMessage,
  codegenResult,
  contentDigests,
  type CodegenAnswer,
} from '../codegen/message.js'
import type {
  BackendJob,
  CannotExpress,
  CompileResult,
  CompileTimings,
  ContentLease,
  JobPackage,
} from '../interface.js'

/** As dtlto_form. */
export type FormName = 'message' | 'directory' | 'clang'
export const FORMS: readonly FormName[] = ['message', 'directory', 'clang']

/** What clang printed, for a reason. */
const SHOWN = 200

export interface FormedJob {
  readonly kind: 'formed'
  readonly fields: Partial<NativePluginJob>
  /** The plugin reads the bytes no more. */
  release(): void
  /** What the plugin's answer means; throws a DtltoError if it is none. */
  toResult(answer: NativePluginResult): CompileResult
}

/** What is the same in all forms, and all that `prepare` gets. */
export function factsOf(job: BackendJob): NativePluginJob {
  const { index, task, moduleId, targetTriple, cost, bitcodeBytes, importedBytes, importedModules } = job
  const facts = { index, task, moduleId, targetTriple, cost, bitcodeBytes, importedBytes, importedModules }
  return { ...facts, cacheKey: job.cacheKey() }
}

export async function formed(job: BackendJob, form: FormName): Promise<FormedJob | CannotExpress> {
  const packed = await job.package()
  if (packed.kind === 'cannot') return packed
  if (form === 'message') return await asMessage(job, packed)
  return form === 'directory' ? await asDirectory(job, packed) : await forClang(packed)
}

/** With digests: a plugin is there to carry bytes over wires, and the worker notices what they do to them. */
async function asMessage({ moduleId }: BackendJob, packed: JobPackage): Promise<FormedJob> {
  const message = codegenMessage(packed, undefined, await contentDigests(packed))
  return {
    kind: 'formed',
    fields: { message: message.parts },
    release: () => message.release(),
    toResult: (answer) => codegenResult(parse(answer.data, message.job), moduleId, packed, timingsOf(answer)),
  }
}

async function asDirectory({ moduleId }: BackendJob, packed: JobPackage): Promise<FormedJob> {
  const files = (await codegenDirectory(packed)).map(({ name, sha256, lease }) => ({ name, sha256, lease: lease() }))
  return {
    kind: 'formed',
    fields: { files: files.map(({ name, sha256, lease }) => ({ name, sha256, parts: lease.parts })) },
    release: releaseAll(files),
    toResult(answer) {
      const parsed = parse(answer.details)
      const whole = parsed.status === 'compiled' ? { ...parsed, object: answer.data } : parsed
      return codegenResult(whole, moduleId, packed, timingsOf(answer))
    },
  }
}

async function forClang(packed: JobPackage): Promise<FormedJob | CannotExpress> {
  const job = await packed.forClang()
  if (job.kind === 'cannot') return job
  const files = job.files.map(({ name, content }) => ({ name, lease: content.lease() }))
  return {
    kind: 'formed',
    fields: {
      files: files.map(({ name, lease }) => ({ name, sha256: undefined, parts: lease.parts })),
      arguments: job.args,
      output: job.output,
    },
    release: releaseAll(files),
    toResult(answer) {
      // clang's words are not lld's: compiled in this process, the job prints what lld prints.
      const printed = answer.text.trim().split('\n', 1)[0] ?? ''
      if (printed !== '') return { kind: 'cannot', reason: `clang printed '${printed.slice(0, SHOWN)}'` }
      return { kind: 'object', object: answer.data, diagnostics: [], sideOutputs: [], timings: timingsOf(answer) }
    },
  }
}

function releaseAll(files: readonly { readonly lease: ContentLease }[]): () => void {
  return () => {
    for (const { lease } of files) lease.release()
  }
}

/** `job`: of the message that it is to answer. */
function parse(bytes: Buffer, job?: string): CodegenAnswer {
  let answer: CodegenAnswer | undefined
  try {
    answer = new CodegenAnswers(job).push(bytes)
  } catch (error) {
    throw new DtltoError('DTLTO_OBJECT_REJECTED', error instanceof Error ? error.message : String(error))
  }
  if (answer === undefined)
    throw new DtltoError('DTLTO_OBJECT_REJECTED', `the answer ends after ${String(bytes.length)} bytes`)
  return answer
}

/** Zero stands for unknown. */
function timingsOf({ queuedMs, sendMs, compileMs, receiveMs }: NativePluginResult): CompileTimings {
  return Object.fromEntries(
    Object.entries({ queuedMs, sendMs, compileMs, receiveMs }).filter(([, ms]) => ms > 0 && Number.isFinite(ms)),
  )
}
