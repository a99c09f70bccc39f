/**
 * Damaged jobs against dtlto-codegen, by chance and repeatable: DTLTO_FUZZ_COUNT inputs (300) from number DTLTO_FUZZ_SEED on (1). A worker
 * may answer, refuse, or end by itself when its stream makes no sense; it may not crash, hang or outgrow its memory, of which
 * it has 3 GiB here.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { codegenProgram } from '@dtlto/native'
import { inTemporaryDirectory, run } from '../link/toolchain.js'
import { x86_64 } from '../parity/targets.js'
import { damaged } from './damage.js'
import { keptJobs, type KeptJob, writeJob } from './jobs.js'
import { Random } from './random.js'
import { type End, message, Service } from './service.js'
import { compileFor, stockLinker } from './small-links.js'

const COUNT = Number(process.env['DTLTO_FUZZ_COUNT'] ?? 300)
const SEED = Number(process.env['DTLTO_FUZZ_SEED'] ?? 1)
/** A job of these takes a few milliseconds, a start 30. */
const HANGS_MS = 20_000
/** Directory jobs cost a start each. */
const DIRECTORY_SHARE = 6

let jobs: readonly KeptJob[]

before(() =>
  inTemporaryDirectory(async (cwd) => {
    const inputs = compileFor(x86_64, cwd).map((object) => join(cwd, object))
    jobs = await keptJobs([stockLinker(x86_64), '-shared', ...inputs, '-o', join(cwd, 'out')])
  }),
)

describe('a damaged job', () => {
  test('sent to a serving worker is answered or refused, and never crashes, blocks or blows it up', async () => {
    const seen = { compiled: 0, failed: 0, refused: 0, ended: 0 }
    let service = new Service()
    try {
      for (let seed = SEED; seed < SEED + COUNT; seed++) {
        const random = new Random(seed)
        const { job } = random.pick(jobs)
        const [what, bytes] = damaged(message(job, random.pick(['send', 'keep', 'known'])), random)
        const where = `seed ${String(seed)}, ${what}`
        const status = await answerTo(service, bytes, where)
        seen[status]++
        if (status !== 'ended' && (await isWhole(service, where))) continue
        const end = await within(service.end(), where)
        isCleanEnd(end, where)
        service = new Service()
      }
      isCleanEnd(await within(service.end(), 'the end'), 'the end')
    } finally {
      service.child.kill('SIGKILL')
    }
    assert.ok(seen.refused > COUNT / 4, `hardly anything was refused: ${JSON.stringify(seen)}`)
  })

  test('in a directory is compiled or refused', () =>
    inTemporaryDirectory(async (cwd) => {
      for (let seed = SEED; seed < SEED + COUNT / DIRECTORY_SHARE; seed++) {
        const random = new Random(seed)
        const directory = join(cwd, String(seed))
        await writeJob(random.pick(jobs).job, directory)
        const victim = join(directory, random.below(2) ? 'job.txt' : random.pick(readdirSync(directory)))
        const [, bytes] = damaged(framed(readFileSync(victim)), random)
        writeFileSync(victim, bytes.subarray(16))
        const limited = `ulimit -c 0; ulimit -v 3145728; exec "$0" --job "$1" -o "$1/o"`
        const { exitCode, stderr } = run('sh', ['-c', limited, codegenProgram(), directory], { cwd })
        assert.ok([0, 3, 5].includes(exitCode ?? -1), `seed ${String(seed)}: exit ${String(exitCode)}\n${stderr}`)
      }
    }))
})

async function answerTo(service: Service, bytes: Buffer, where: string) {
  const answer = service.send(bytes)
  // A worker that waits for bytes that never come is right; so the stream ends when it says nothing for a while.
  const patience = setTimeout(() => service.child.stdin.end(), 120)
  try {
    return (await within(answer, where))?.status ?? 'ended'
  } finally {
    clearTimeout(patience)
  }
}

/** The worker still does a good job; false if its stream is past use, which it says by ending. */
async function isWhole(service: Service, where: string): Promise<boolean> {
  const { job, object } = jobs[0] as KeptJob
  const result = await within(service.send(message(job)), where)
  if (result === undefined) return false
  // Replayed options that were damaged stay set, and are said to.
  if (result.status === 'refused') return false
  assert.equal(result.status, 'compiled', where)
  assert.ok(Buffer.compare(result.object, object) === 0, `${where}: another object than before`)
  return true
}

function isCleanEnd({ code, signal, stderr }: End, where: string): void {
  assert.ok(signal === null && [0, 3].includes(code ?? -1), `${where}: ${signal ?? `exit ${String(code)}`}\n${stderr}`)
}

function within<T>(promise: Promise<T>, where: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${where}: the worker hangs`)), HANGS_MS)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

/** A file as if it were the text of a message. */
function framed(bytes: Buffer): Buffer {
  const header = Buffer.alloc(16)
  header.writeUInt32LE(bytes.length, 4)
  return Buffer.concat([header, bytes])
}
