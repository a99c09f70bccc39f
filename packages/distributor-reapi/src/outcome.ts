/** What the result of an action means for its job. */
import {
  CodegenAnswers,
  codegenResult,
  type CompileResult,
  DtltoError,
  type JobPackage,
  mostObjectBytes,
} from 'dtlto/plugin'
import type { JobAction } from './action.js'
import type { ActionResult, Digest } from './generated/build/bazel/remote/execution/v2/remote_execution.js'
import { digestOf } from './blob.js'
import { CODE, RpcError } from './grpc/status.js'

export interface Reader {
  read(digest: Digest): Promise<Buffer>
}

export interface JobFacts {
  readonly moduleId: string
  readonly packed: JobPackage
}

/** dtlto-codegen's exit codes: see CODEGEN_EXIT_CODES. */
const EXIT = { compiled: 0, llvmEnded: 1, refused: 3, doesNotCompile: 5 } as const
/** What is read of a text, and what of it is shown. */
const TEXT_BYTES = 64 * 1024
const SHOWN = 300

/** Outputs of a result that claims success are gone from the storage, or were never there. */
export class OutputsLost extends Error {}

/** An output that is larger than the job lets expect is not read. */
class OutputTooLarge extends Error {}

/**
 * Rejects with a DtltoError for trouble of the worker, with OutputsLost, or with RpcError when outputs cannot be read. Sizes and digests of what is read have been
 * compared by the reader.
 */
export async function outcomeOf(
  result: ActionResult,
  action: JobAction,
  job: JobFacts,
  reader: Reader,
): Promise<CompileResult> {
  const mostBytes = mostObjectBytes(job.packed.blobs.reduce((sum, { content }) => sum + content.sizeBytes, 0))
  const made: Made = { result, objectPath: action.objectPath, reader, mostBytes }
  try {
    return action.resultPath === undefined ? await ofClang(made) : await ofCodegen(made, action.resultPath, job)
  } catch (error) {
    if (error instanceof OutputTooLarge) return { kind: 'cannot', reason: error.message }
    throw error
  }
}

/** What an action has made. */
interface Made {
  readonly result: ActionResult
  readonly objectPath: string
  readonly reader: Reader
  /** Of each output. */
  readonly mostBytes: number
}

async function ofCodegen(made: Made, resultPath: string, { moduleId, packed }: JobFacts): Promise<CompileResult> {
  const { result, objectPath, reader } = made
  const { exitCode } = result
  if (exitCode === EXIT.refused)
    return { kind: 'cannot', reason: `dtlto-codegen of the worker refuses the job: ${await shown(result, reader)}` }
  if (exitCode !== EXIT.compiled && exitCode !== EXIT.doesNotCompile)
    throw workerTrouble(
      exitCode === EXIT.llvmEnded ? 'LLVM ended the compiler' : `the compiler ended with exit code ${exitCode}`,
      await shown(result, reader),
    )
  const [text, object] = await Promise.all([
    output(made, resultPath),
    exitCode === EXIT.compiled ? output(made, objectPath) : Buffer.alloc(0),
  ])
  const answer = parse(text)
  return codegenResult(answer.status === 'refused' ? answer : { ...answer, object }, moduleId, packed)
}

function parse(text: Buffer): ReturnType<typeof codegenAnswer> {
  try {
    return codegenAnswer(text)
  } catch (error) {
    throw rejected(`the worker's result is none: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function codegenAnswer(text: Buffer) {
  const answer = new CodegenAnswers().push(text)
  if (answer === undefined) throw new Error('it is cut off')
  return answer
}

/** clang's words are not lld's: if it has any, the linker compiles the module itself and says what there is to say. */
async function ofClang(made: Made): Promise<CompileResult> {
  const { result, objectPath, reader } = made
  const { exitCode } = result
  if (exitCode === 0) {
    if (textBytes(result) > 0)
      return { kind: 'cannot', reason: `the worker's clang printed '${await shown(result, reader)}'` }
    const object = await output(made, objectPath)
    return { kind: 'object', object, diagnostics: [], sideOutputs: [], timings: {} }
  }
  const text = await shown(result, reader)
  // Whether the module is at fault or the machine: compiled in the linker's process it shows.
  if (exitCode === 1 && /error:/.test(text))
    return { kind: 'does-not-compile', diagnostics: [{ severity: 'error', message: text }] }
  throw workerTrouble(`clang ended with exit code ${exitCode}`, text)
}

function textBytes({ stdoutRaw, stdoutDigest, stderrRaw, stderrDigest }: ActionResult): number {
  return stdoutRaw.length + stderrRaw.length + (stdoutDigest?.sizeBytes ?? 0) + (stderrDigest?.sizeBytes ?? 0)
}

/** The first line of what a program has printed, for messages. */
async function shown(result: ActionResult, reader: Reader): Promise<string> {
  const text =
    (await printed(result.stderrRaw, result.stderrDigest, reader)) ||
    (await printed(result.stdoutRaw, result.stdoutDigest, reader))
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  return (lines.find((line) => line.includes('error:')) ?? lines[0] ?? '').slice(0, SHOWN)
}

/** stdout and stderr of an action, bounded. */
export async function printed(raw: Buffer, digest: Digest | undefined, reader: Reader): Promise<string> {
  if (raw.length > 0) return raw.toString('utf8', 0, TEXT_BYTES)
  if (!digest || digest.sizeBytes === 0) return ''
  if (digest.sizeBytes > TEXT_BYTES) return `${digest.sizeBytes} bytes of text`
  try {
    return (await reader.read(digest)).toString()
  } catch {
    return 'a text that cannot be read any more'
  }
}

async function output({ result, reader, mostBytes }: Made, path: string): Promise<Buffer> {
  const file = result.outputFiles.find((each) => each.path === path)
  if (file?.digest === undefined) throw new OutputsLost(`the action has not made '${path}'`)
  const { digest, contents } = file
  if (contents.length > 0) {
    const actual = digestOf(contents)
    if (actual.hash === digest.hash && actual.sizeBytes === digest.sizeBytes) return contents
    throw rejected(`'${path}' came with other bytes than its digest stands for`)
  }
  if (digest.sizeBytes > mostBytes)
    throw new OutputTooLarge(`'${path}' has ${digest.sizeBytes} bytes, more than the job's bitcode lets expect`)
  try {
    return await reader.read(digest)
  } catch (error) {
    if (error instanceof RpcError && error.code === CODE.NOT_FOUND)
      throw new OutputsLost(`'${path}' is gone: ${error.message}`)
    throw error
  }
}

function workerTrouble(what: string, text: string): DtltoError {
  return new DtltoError('DTLTO_DISTRIBUTOR_FAILED', text === '' ? what : `${what}: ${text}`)
}

function rejected(message: string): DtltoError {
  return new DtltoError('DTLTO_OBJECT_REJECTED', message)
}
