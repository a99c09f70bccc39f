/**
 * Thousands of small jobs over one engine with a queue of its own: a real link by the distributor `reapi` over the tests' engine on this machine, whose workers answer with each job's real
 * object after a stated time, asleep. What keeps the engine's slots from being busy all the time is then the linker.
 *
 *     node --import tsx bench/reapi-queue.ts [--jobs 3000] [--slots 200] [--answer-ms 4000] [--rounds 1]
 *
 * A job is answered after half to one and a half of --answer-ms, by its number, so that they do not all end at once.
 * The modules are one that was compiled, each with another name of its one function in the bitcode's table of names; so are their objects, which is shown by the output's bytes.
 * (Their hashes are the same, so lld's own cache is no use here.) *Bound*: the sum of these times ÷ slots; *backends* is the time from the jobs being known to the last object.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { codegenProgram } from '@dtlto/native'
import { digestOf } from '../packages/distributor-reapi/src/blob.js'
import * as re from '../packages/distributor-reapi/src/generated/build/bazel/remote/execution/v2/remote_execution.js'
import { FakeEngine } from '../packages/distributor-reapi/src/testing/fake-engine.js'
import { runAction, type Tree } from '../packages/distributor-reapi/src/testing/run-action.js'
import type { ReportDocument } from '../packages/dtlto/src/report/report-document.js'
import { compile, DTLTO, STOCK } from '../test/link/toolchain.js'
import { describeMachine, mebibytes, milliseconds, seconds, table } from './format.js'
import { measure, type Sample } from './measure.js'
import { positiveInteger } from './positive-integer.js'
import { sameBytes } from './same-bytes.js'
import { median } from './statistics.js'

const { values: given } = parseArgs({
  options: {
    jobs: { type: 'string', default: '3000' },
    slots: { type: 'string', default: '200' },
    'answer-ms': { type: 'string', default: '4000' },
    rounds: { type: 'string', default: '1' },
  },
})
const jobs = positiveInteger('--jobs', given.jobs)
const slots = positiveInteger('--slots', given.slots)
const answerMs = positiveInteger('--answer-ms', given['answer-ms'])
const rounds = positiveInteger('--rounds', given.rounds)

const NAME = 'tiny0000000'
const INPUTS = ['-shared', '@inputs', '-o']
const nameOf = (job: number): string => `tiny${String(job).padStart(7, '0')}`
/** Spread evenly by a multiple of the golden ratio. */
const timeOf = (name: string): number => answerMs * (0.5 + ((Number(name.slice(4)) * 0.618034) % 1))
const atATime = semaphore(slots)
/** What was really compiled: the first job, which has some number. */
let compiled: Promise<Compiled> | undefined

interface Measured extends Sample {
  /** From the jobs being known to the last object. */
  readonly backendsMs: number
  /** Of processor time, in that time, the linker's one thread that packs, sends and takes over. */
  readonly threadMs: number
}

interface Compiled {
  readonly name: string
  readonly result: re.ActionResult
  readonly outputs: readonly Buffer[]
}

const directory = await mkdtemp(join(tmpdir(), 'dtlto-bench-'))
const engine = await FakeEngine.start({}, undefined, async (_hash, tree, blobs, begun) => {
  // The question for the compiler's version.
  if (tree.files.size === 0) return runAction(tree, blobs, undefined)
  const queuedTimestamp = new Date()
  return await atATime(async () => {
    begun()
    const workerStartTimestamp = new Date()
    const name = functionIn(tree.files.values())
    const asleep = sleep(timeOf(name))
    compiled ??= compileOne(name, tree, blobs)
    const { result, outputs, name: other } = await compiled
    await asleep
    return re.ActionResult.fromPartial({
      ...result,
      outputFiles: result.outputFiles.map(({ path }, i) => {
        const bytes = renamed(outputs[i] ?? Buffer.alloc(0), other, name)
        const digest = digestOf(bytes)
        blobs.set(digest.hash, bytes)
        return { path, digest }
      }),
      executionMetadata: {
        worker: 'asleep',
        queuedTimestamp,
        workerStartTimestamp,
        executionStartTimestamp: workerStartTimestamp,
        executionCompletedTimestamp: new Date(),
      },
    })
  })
})
try {
  const source = `int ${NAME}(int x) { return 3 * x + 1; }`
  const template = await readFile(join(directory, compile(directory, { 'template.c': source })[0] ?? ''))
  for (let job = 0; job < jobs; job++)
    await writeFile(join(directory, `${nameOf(job)}.o`), renamed(template, NAME, nameOf(job)))
  await writeFile(join(directory, 'inputs'), Array.from({ length: jobs }, (_, job) => `${nameOf(job)}.o`).join('\n'))
  const stock = await measure({ argv: [STOCK, ...INPUTS, 'stock'], directory })
  let sumMs = 0
  for (let job = 0; job < jobs; job++) sumMs += timeOf(nameOf(job))
  const boundMs = sumMs / slots
  const rows: string[][] = []
  for (const option of [slots, 0]) {
    const samples: Measured[] = []
    for (let round = 0; round < rounds; round++) {
      console.error(`slots=${String(option)}, round ${String(round + 1)} of ${String(rounds)}`)
      samples.push(await link(option))
    }
    const of = (pick: (sample: Measured) => number): number => median(samples.map(pick))
    rows.push([
      option === 0 ? 'found out' : String(option),
      String(jobs),
      seconds(boundMs),
      seconds(of(({ backendsMs }) => backendsMs)),
      (of(({ backendsMs }) => backendsMs) / boundMs).toFixed(3),
      seconds(of(({ wallMs }) => wallMs)),
      milliseconds(of(({ cpuMs }) => cpuMs) / jobs),
      milliseconds(of(({ threadMs }) => threadMs) / jobs),
      mebibytes(of(({ peakBytes }) => peakBytes)),
    ])
  }
  const stockCpu = `stock lld takes ${seconds(stock.cpuMs)} of processor time for all`
  console.log(
    `${String(slots)} slots, ${String(answerMs)} ms a job in the mean; ${stockCpu}; ${await describeMachine()}\n`,
  )
  console.log(
    table(
      [
        'slots',
        'jobs',
        'bound',
        'backends',
        '÷ bound',
        'wall',
        "linker's processor time a job",
        'of it one thread',
        'peak memory',
      ],
      rows,
    ),
  )
} finally {
  engine.stop()
  await rm(directory, { recursive: true, force: true })
}

/** `option`: the linker's number of slots; 0: it finds out. */
async function link(option: number): Promise<Measured> {
  engine.results.clear()
  engine.blobs.clear()
  const farm = `--distribute=reapi,remote_executor=${engine.address},slots=${String(option)},group_small_jobs=never`
  // As if the workers' image had it: shipping the compiler is once for ever.
  const options = [
    `${farm},toolchain=image,image_compiler=${codegenProgram()}`,
    '--distribute-fallback=none',
    '--distribute-report=report.json',
  ]
  const sample = await measure({ argv: [DTLTO, ...INPUTS, 'out', ...options], directory })
  if (!(await sameBytes(join(directory, 'stock'), join(directory, 'out')))) throw new Error('the outputs differ')
  const { phases } = JSON.parse(await readFile(join(directory, 'report.json'), 'utf8')) as Pick<
    ReportDocument,
    'phases'
  >
  return { ...sample, backendsMs: (phases.objectsMs ?? NaN) - (phases.jobsMs ?? NaN), threadMs: phases.threadMs ?? NaN }
}

async function compileOne(name: string, tree: Tree, blobs: Map<string, Buffer>): Promise<Compiled> {
  const result = await runAction(tree, blobs, undefined)
  if (result.exitCode !== 0) throw new Error(`the job of '${name}' does not compile`)
  return {
    name,
    result,
    outputs: result.outputFiles.map(({ digest }) => blobs.get(digest?.hash ?? '') ?? Buffer.alloc(0)),
  }
}

function functionIn(files: Iterable<Buffer>): string {
  for (const bytes of files) {
    const at = bytes.indexOf('BC') === 0 ? bytes.indexOf('tiny') : -1
    if (at >= 0) return bytes.toString('latin1', at, at + NAME.length)
  }
  throw new Error('an action without a module')
}

/** All names have the same length, so nothing else changes. */
function renamed(bytes: Buffer, from: string, to: string): Buffer {
  const made = Buffer.from(bytes)
  for (let at = made.indexOf(from); at >= 0; at = made.indexOf(from, at + 1)) made.write(to, at, 'latin1')
  return made
}

function semaphore(count: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = []
  let free = count
  return async (work) => {
    if (free === 0) await new Promise<void>((resolve) => waiting.push(resolve))
    else free--
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else free++
    }
  }
}
