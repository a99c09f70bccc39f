/**
 * One run of a distributor: a directory for each job with its files, a JSON file, the program, and what it leaves behind.
 *
 * The JSON file is LLVM's (docs: "DTLTO", lib/LTO/LTO.cpp): `common` has `linker_output`, `args` (the compiler and the arguments of all jobs) and
 * `inputs`; each of `jobs` its `args`, `inputs` and `outputs`. All paths are absolute.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { constants, existsSync, mkdirSync, linkSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type BackendJob,
  type ClangJob,
  clangJobIn,
  type CompileResult,
  DtltoError,
  type JobContent,
  mostObjectBytes,
} from 'dtlto/plugin'
import type { Caretaker } from './caretaker.js'
import { hasDiagnostics } from './diagnostics.js'

const DIAGNOSTICS_NAME = 'out.dia'
/** What is kept of a program's text: the end, where it says why it has failed. */
const TEXT_BYTES = 64 * 1024
const SHOWN = 300
/** More than any compiler has to say about a module. */
const DIAGNOSTICS_BYTES = 1024 * 1024

export interface Distributing {
  readonly program: string
  readonly args: readonly string[]
  readonly compiler: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly workingDirectory: string
  readonly caretaker: Caretaker
  debug(message: string): void
}

/** A job on disk. */
export interface WrittenJob {
  readonly directory: string
  readonly clang: ClangJob
}

/** Contents that jobs share are written once, and linked. */
export class ContentFiles {
  readonly #directory: string
  readonly #written = new Set<string>()

  constructor(directory: string) {
    this.#directory = directory
    mkdirSync(directory)
  }

  place(content: JobContent, path: string): void {
    const name = join(this.#directory, content.id.replaceAll('/', '_'))
    if (!this.#written.has(content.id)) {
      writeFileSync(name, content.bytes())
      this.#written.add(content.id)
    }
    linkSync(name, path)
  }
}

/** `directory` ends with `/`, and is made. */
export async function writeJob(
  job: BackendJob,
  directory: string,
  contents: ContentFiles,
): Promise<WrittenJob | Extract<CompileResult, { kind: 'cannot' }>> {
  const packed = await job.package()
  if (packed.kind === 'cannot') return packed
  const there = await packed.forClang()
  if (there.kind === 'cannot') return there
  const clang = clangJobIn(there, directory)
  mkdirSync(directory)
  for (const { name, content } of clang.files) contents.place(content, directory + name)
  return { directory, clang }
}

/** Runs the program for these jobs. Rejects with a DtltoError if it does not end with success; `signal` kills it. What it prints goes to the trace. */
export async function distribute(
  jobs: readonly WrittenJob[],
  directory: string,
  how: Distributing,
  signal: AbortSignal,
): Promise<void> {
  const path = join(directory, 'jobs.json')
  writeFileSync(path, JSON.stringify(description(jobs, join(directory, 'link'), how.compiler)))
  const child: ChildProcess = spawn(how.program, [...how.args, path], {
    cwd: how.workingDirectory,
    env: how.env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`cannot be started: ${error.message}`))
    // What it has started may hold its output open for ever: its exit is the end.
    child.once('exit', (code, by) => {
      setImmediate(() =>
        resolve(code === 0 ? '' : by === null ? `ended with exit code ${String(code)}` : `was killed by ${by}`),
      )
    })
  })
  const { pid } = child
  const kill = (): void => {
    try {
      if (pid !== undefined) process.kill(-pid, 'SIGKILL')
    } catch {
      // It has ended.
    }
  }
  if (pid !== undefined) how.caretaker.running(pid)
  if (signal.aborted) kill()
  signal.addEventListener('abort', kill)
  let text = ''
  // None where this process may have no more descriptors.
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text = (text + chunk).slice(-TEXT_BYTES)
    })
  try {
    const end = await ended
    for (const line of text.split('\n')) if (line !== '') how.debug(line.slice(0, SHOWN))
    if (end !== '') throw new DtltoError('DTLTO_DISTRIBUTOR_FAILED', `'${how.program}' ${end}${lastLine(text)}`)
  } finally {
    signal.removeEventListener('abort', kill)
    // Nothing of it goes on.
    kill()
    if (pid !== undefined) how.caretaker.ended(pid)
    child.stdout?.destroy()
    child.stderr?.destroy()
  }
}

/** What has come of a job of a run that has succeeded. */
export async function resultOf({ directory, clang }: WrittenJob): Promise<CompileResult> {
  // One after the other: of a run that has made nothing the object is what is missed.
  const bitcodeBytes = clang.files.reduce((sum, { content }) => sum + content.sizeBytes, 0)
  const object = await output(directory + clang.output, mostObjectBytes(bitcodeBytes))
  const diagnostics = await output(directory + DIAGNOSTICS_NAME, DIAGNOSTICS_BYTES)
  let printed: boolean
  try {
    printed = hasDiagnostics(diagnostics)
  } catch (error) {
    throw new DtltoError('DTLTO_OBJECT_REJECTED', `'${directory}${DIAGNOSTICS_NAME}': ${(error as Error).message}`)
  }
  // clang's words are not lld's: compiled in the linker's process, the job prints what lld prints.
  if (printed) return { kind: 'cannot', reason: 'clang has something to say, which is for lld to say' }
  return { kind: 'object', object, diagnostics: [], sideOutputs: [], timings: {} }
}

/** After a run that has failed: whether this job has diagnostics and no object. */
export async function isToBlame({ directory, clang }: WrittenJob): Promise<boolean> {
  try {
    if (existsSync(directory + clang.output)) return false
    return hasDiagnostics(await output(directory + DIAGNOSTICS_NAME, DIAGNOSTICS_BYTES))
  } catch {
    return false
  }
}

/** A file, perhaps by way of a link, of at most so many bytes. */
async function output(path: string, mostBytes: number): Promise<Buffer> {
  try {
    // A pipe that nobody writes to is not waited for.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const found = await file.stat()
      if (!found.isFile()) throw new Error(`'${path}' is not a regular file`)
      if (found.size > mostBytes) throw new Error(`'${path}' has ${found.size} bytes`)
      return await file.readFile()
    } finally {
      await file.close()
    }
  } catch (error) {
    throw new DtltoError(
      'DTLTO_DISTRIBUTOR_FAILED',
      `it succeeded without making an output: ${(error as Error).message}`,
    )
  }
}

function description(jobs: readonly WrittenJob[], linkerOutput: string, compiler: string): unknown {
  const all = jobs.map(({ directory, clang }) => [
    ...clang.args,
    '--serialize-diagnostics',
    directory + DIAGNOSTICS_NAME,
  ])
  const shared = sharedPrefix(all)
  return {
    common: { linker_output: linkerOutput, args: [compiler, ...(all[0] ?? []).slice(0, shared)], inputs: [] },
    jobs: jobs.map(({ directory, clang }, i) => ({
      args: all[i]?.slice(shared),
      inputs: clang.files.map(({ name }) => directory + name),
      outputs: [directory + clang.output, directory + DIAGNOSTICS_NAME],
    })),
  }
}

/** How many arguments all begin with. */
function sharedPrefix(lists: readonly (readonly string[])[]): number {
  const [first = [], ...others] = lists
  const differs = first.findIndex((argument, i) => others.some((other) => other[i] !== argument))
  return differs < 0 ? first.length : differs
}

function lastLine(text: string): string {
  const line = text.trimEnd().split('\n').at(-1)?.trim() ?? ''
  return line === '' ? '' : `: ${line.slice(0, SHOWN)}`
}
