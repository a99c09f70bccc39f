import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { BackendJob, JobPackage } from 'dtlto/plugin'
import type { JobAction } from './action.js'
import type { Blob } from './blob.js'
import type { Compiler } from './compilers.js'
import type { Engine } from './engine.js'
import { ActionResult } from './generated/build/bazel/remote/execution/v2/remote_execution.js'
import { type PreparedJob, Preparation } from './preparation.js'

const MIB = 1024 ** 2
const never = new AbortController().signal

/** Jobs, the longest first; which of them wait; and what the engine was asked for. */
function link(count: number, resultOf: (job: number) => ActionResult | undefined) {
  const asked: { lookedUp: number[]; uploaded: (readonly [job: number, precedence: number])[] } = {
    lookedUp: [],
    uploaded: [],
  }
  const taken = new Set<BackendJob>()
  const jobs = Array.from({ length: count }, (_, index) => {
    const packed = { kind: 'package', blobs: [], task: index } as unknown as JobPackage
    return { index, cost: count - index, moduleId: `${index}.o`, package: () => Promise.resolve(packed) } as BackendJob
  })
  const compiler = {
    action: ({ task }: JobPackage) => {
      const digest = { hash: String(task), sizeBytes: 1 }
      return Promise.resolve({ kind: 'action', digest, blobs: [{ digest }] } as unknown as JobAction)
    },
  } as Compiler
  const engine = {
    canExecute: true,
    invocation: { headers: () => ({}) },
    lookUp: ({ digest: { hash } }: JobAction) => {
      asked.lookedUp.push(Number(hash))
      return Promise.resolve(resultOf(Number(hash)))
    },
    store: {
      ensure: (blobs: readonly Blob[], precedence: number) => {
        for (const { digest } of blobs) asked.uploaded.push([Number(digest.hash), precedence])
        return Promise.resolve()
      },
    },
  } as unknown as Engine
  const preparation = new Preparation({ engine, compiler, mayUpload: () => true, signal: never })
  preparation.begin(jobs, { isWaiting: (job) => !taken.has(job) })
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 20 * count; i++) await setImmediate()
  }
  return { preparation, jobs, taken, asked, settle }
}

describe('jobs that are prepared ahead', () => {
  it('are looked up and uploaded, those that wait, the first to start first, and all after jobs that are asked for', async () => {
    const { preparation, jobs, taken, asked, settle } = link(20, () => undefined)
    for (const job of jobs.slice(1, 5)) taken.add(job)
    preparation.asked(jobs[0] as BackendJob)()
    await settle()
    const expected = Array.from({ length: 15 }, (_, i) => i + 5)
    assert.deepEqual(
      asked.lookedUp.sort((a, b) => a - b),
      expected,
    )
    assert.deepEqual(
      asked.uploaded.sort(([a], [b]) => a - b),
      expected.map((job) => [job, -1 - job]),
    )
  })

  it('keep 16 MiB of outputs that came with results, and of the others where they are', async () => {
    const result = ActionResult.fromPartial({
      outputFiles: [{ path: 'out/object.o', digest: { hash: 'a', sizeBytes: MIB }, contents: Buffer.alloc(MIB, 1) }],
    })
    const { preparation, jobs, asked, settle } = link(40, () => result)
    preparation.asked(jobs[0] as BackendJob)()
    await settle()
    assert.equal(asked.lookedUp.length, 39)
    assert.deepEqual(asked.uploaded, [])
    const bytesOf = async (job: BackendJob | undefined): Promise<number> => {
      const prepared = (await preparation.prepare(job as BackendJob, never)) as PreparedJob
      const found = await prepared.lookUp({ signal: never, headers: {}, onExecuting: () => undefined })
      assert.equal(found?.outputFiles[0]?.digest?.sizeBytes, MIB)
      return found.outputFiles[0].contents.length
    }
    const bytes = await Promise.all(jobs.slice(1).map(bytesOf))
    assert.equal(bytes.filter((length) => length === MIB).length, 16)
    assert.equal(bytes.filter((length) => length === 0).length, 23)
  })
})
