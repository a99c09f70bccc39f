/**
 * What the jobs of a link cost over distcc, part by part, measured outside of a link on the same bytes: compression, the way to the
 * server, the start of a compiler, and compiling as clang does it in a process of its own and as the linker does it in its own.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { ClangJob, JobFile } from '../packages/dtlto/src/distributors/interface.js'
import { exchange, type ExchangeResult } from '../packages/distributor-distcc/src/exchange.js'
import { lzo1x, type PackedPieces } from '../packages/dtlto/src/distributors/lzo1x.js'
import { Packer } from '../packages/distributor-distcc/src/packer.js'
import { encodeProbe, probeBitcode } from '../packages/distributor-distcc/src/probe.js'
import { toWireJob, type WireJob } from '../packages/distributor-distcc/src/wire-job.js'
import { run } from '../test/programs/run.js'
import { withJobs } from '../test/remote-jobs/jobs.js'
import { median } from './statistics.js'
import { LLVM_MAJOR } from '../test/link/toolchain.js'

/** Jobs at a time, as in the links that are measured. */
export const LANES = 2
const COMPILER = `clang-${LLVM_MAJOR}`
/** Starts of a compiler, of which the median counts. */
const STARTS = 20

/** Bytes, before and after LZO. */
export interface Bytes {
  readonly plain: number
  readonly packed: number
}

export interface JobParts {
  /** All that is sent: modules, index, arguments. */
  readonly sent: Bytes
  /** Of that, the modules it imports from. */
  readonly imported: Bytes
  /** Milliseconds until the linker has the job's index and names of its files. */
  readonly describeMs: number
  /** Of a request with the job's files whose compiler ends at once, beyond the same request without files. */
  readonly deliverMs: number
  /** Of clang in a process of its own on this machine, from files. */
  readonly clangMs: number
  readonly inProcessMs: number
}

export interface Parts {
  readonly jobs: readonly JobParts[]
  /** Every file once, however many jobs need it. */
  readonly unique: Bytes
  /** For compressing every file once, as the linker does. */
  readonly packMs: number
  /** A tiny job over distcc, and in a process of this machine: little but the start of the compiler. */
  readonly startOverDistccMs: number
  readonly startHereMs: number
}

/** Where a server listens. */
interface Place {
  readonly host: string
  readonly port: number
}

/** For an ELF link `argv`, linker included, of which this process becomes a part: it must be in the link's directory. */
export async function measureParts(argv: readonly string[], server: Place): Promise<Parts> {
  const directory = await mkdtemp(join(tmpdir(), 'dtlto-parts-'))
  try {
    return await withJobs(argv, async (jobs, session) => {
      const packer = new Packer(Number.POSITIVE_INFINITY)
      const sizes = new FileSizes()
      const nothing = await packer.pack(refusing([]), COMPILER, never())
      const parts = await inLanes(jobs, async (job): Promise<JobParts> => {
        const described = await timed(async () => {
          const packed = await job.package()
          const clang = packed.kind === 'cannot' ? packed : await packed.forClang()
          if (clang.kind === 'cannot') throw new Error(clang.reason)
          return clang
        })
        const clang = described.value
        const wire = toWireJob(clang)
        if (wire.kind === 'cannot') throw new Error(wire.reason)
        const imports = clang.files.filter(({ name }) => name !== clang.module && name !== clang.index)
        const imported = await sizes.of(imports)
        const sent = await sizes.of(clang.files)
        // Compressed before, so that sending alone is measured.
        const request = await packer.pack(refusing(wire.files), COMPILER, never())
        const refusedMs = (await timed(() => send(nothing.parts, server))).ms
        const deliverMs = (await timed(() => send(request.parts, server))).ms - refusedMs
        const home = join(directory, String(job.index))
        await writeFiles(home, clang.files)
        const clangMs = (await timed(() => run(COMPILER, clang.args, { cwd: home }))).ms
        await rm(home, { recursive: true })
        const inProcessMs = (await timed(() => session.native.compileToMemory(job.index))).ms
        return { sent, imported, describeMs: described.ms, deliverMs, clangMs, inProcessMs }
      })
      const probe = join(directory, 'probe')
      const tiny = await writeProbe(probe)
      return {
        jobs: parts,
        unique: sizes.unique,
        packMs: sizes.packMs,
        startOverDistccMs: await medianOf(STARTS, () => send(encodeProbe(COMPILER, LLVM_MAJOR), server)),
        startHereMs: await medianOf(STARTS, () => run(COMPILER, tiny, { cwd: probe })),
      }
    })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Compresses every content once, whole, and of imports what their jobs need. */
class FileSizes {
  readonly #known = new Map<string, { readonly whole: Bytes; readonly pieces: PackedPieces }>()
  packMs = 0

  async of(files: readonly JobFile[]): Promise<Bytes> {
    return sum(await Promise.all(files.map((file) => this.#one(file))))
  }

  get unique(): Bytes {
    return sum([...this.#known.values()].map(({ whole }) => whole))
  }

  async #one({ content, unread }: JobFile): Promise<Bytes> {
    let known = this.#known.get(content.id)
    if (known === undefined) {
      const start = performance.now()
      const whole = { plain: content.sizeBytes, packed: lzo1x().compress(content.bytes()).length }
      this.packMs += performance.now() - start
      known = { whole, pieces: lzo1x().pieces() }
      this.#known.set(content.id, known)
    }
    if (unread === undefined) return known.whole
    const bytes = { parts: [content.bytes()], unread: await unread() }
    const into = new Uint8Array(lzo1x().mostBytes(content.sizeBytes, bytes.unread))
    const [packed] = await lzo1x().pack([{ ...bytes, pieces: known.pieces, into }])
    return { plain: content.sizeBytes, packed: packed?.block.length ?? 0 }
  }
}

/** A job whose compiler ends at once, because of its arguments: everything happens to its files but being read. */
function refusing(files: WireJob['files']): WireJob {
  const name = '/w/args.rsp'
  return {
    kind: 'wire',
    args: ['-c', '-I', 'd.c', '@args.rsp', '-o', 'o.o'],
    workingDirectory: '/w',
    responseFile: { name, text: '--no-such-option\n' },
    files,
  }
}

function send(request: readonly Uint8Array[], { host, port }: Place): Promise<ExchangeResult> {
  return exchange({
    host,
    port,
    request,
    connectTimeoutMs: 10_000,
    deadlineMs: 120_000,
    signal: never(),
    now: () => performance.now(),
  })
}

/** Writes the probe's modules to `directory`; returns the arguments of clang. */
async function writeProbe(directory: string): Promise<string[]> {
  await mkdir(directory)
  const { main, callee, index } = probeBitcode(LLVM_MAJOR)
  const files = { 'main.bc': main, 'callee.bc': callee, index }
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(directory, name), Buffer.from(text, 'base64'))
  }
  return [...'--no-default-config -Wno-override-module -O2 -c -x ir main.bc -fthinlto-index=index -o o.o'.split(' ')]
}

async function writeFiles(directory: string, files: ClangJob['files']): Promise<void> {
  for (const file of files) {
    const path = join(directory, file.name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, file.content.bytes())
  }
}

async function timed<T>(action: () => Promise<T>): Promise<{ readonly value: T; readonly ms: number }> {
  const start = performance.now()
  const value = await action()
  return { value, ms: performance.now() - start }
}

async function medianOf(times: number, action: () => Promise<unknown>): Promise<number> {
  const samples: number[] = []
  for (let i = 0; i < times; i++) samples.push((await timed(action)).ms)
  return median(samples)
}

/** All items, LANES of them at a time; results in the order of the items. */
async function inLanes<T, R>(items: readonly T[], action: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  const rest = items.entries()
  const lane = async (): Promise<void> => {
    for (const [index, item] of rest) results[index] = await action(item)
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  return results
}

export function sum(all: readonly Bytes[]): Bytes {
  return { plain: all.reduce((s, { plain }) => s + plain, 0), packed: all.reduce((s, { packed }) => s + packed, 0) }
}

function never(): AbortSignal {
  return new AbortController().signal
}
