import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, it } from 'node:test'
import type { Fault } from '../../packages/testkit/src/index.js'
import { readLink, syntheticLink } from './links.js'
import { fifo, lowerBound, simulate, type Machines } from './simulate.js'

const farm = (count: number, slots: number, latencyMs = 20): Machines => ({
  home: { slots: 2, takesPart: false },
  distributors: [
    {
      name: 'farm',
      latencyMs,
      endpointPerWorker: false,
      workers: Array.from({ length: count }, (_, i) => ({ name: `w${String(i)}`, slots })),
    },
  ],
})

describe('the simulated makespan', () => {
  it('is within 1.05 of the lower bound for 3,000 jobs on 200 slots, and better than FIFO', async () => {
    const link = syntheticLink(3_000)
    const machines = farm(50, 4)
    const { makespanMs, unfinished } = await simulate(link, machines, false)
    assert.equal(unfinished, 0)
    assert.ok(makespanMs <= 1.05 * lowerBound(link, machines, true))
    assert.ok(makespanMs < fifo(link, machines))
  })

  it('is within 1.05 of the lower bound for the recorded git link on 8 slots', async () => {
    const link = readLink(fileURLToPath(new URL('git.json', import.meta.url)))
    const machines = farm(8, 1, 0)
    const { makespanMs } = await simulate(link, machines, false)
    assert.ok(makespanMs <= 1.05 * lowerBound(link, machines, true), `took ${String(makespanMs)} ms`)
  })

  it('is the latency of the jobs longer when the 8 slots are far away', async () => {
    const link = readLink(fileURLToPath(new URL('git.json', import.meta.url)))
    const machines = farm(8, 1)
    const { makespanMs } = await simulate(link, machines, false)
    const latencyMs = (link.jobs.length * 20) / 8
    assert.ok(makespanMs <= 1.05 * (lowerBound(link, machines, true) + latencyMs), `took ${String(makespanMs)} ms`)
  })

  const BAD: Readonly<Record<string, Fault>> = {
    'fail every job': { kind: 'trouble', afterMs: 300 },
    hang: { kind: 'hang' },
  }
  for (const [what, fault] of Object.entries(BAD)) {
    // The longest job decides about the second link, and all others must not wait behind it: every machine's speed is uncertain.
    for (const seed of [1, 3]) {
      it(`is within 1.15 of the lower bound when 5 % of the machines ${what} and 5 % are ten times slower (link ${String(seed)})`, async () => {
        const link = syntheticLink(3_000, seed)
        const good = farm(100, 2).distributors[0]?.workers ?? []
        const workers = good.map((worker, i) => {
          if (i % 20 === 3) return { ...worker, fault }
          return i % 20 === 7 ? { ...worker, speed: 0.1 } : worker
        })
        const cluster = { name: 'd', latencyMs: 20, workers, endpointPerWorker: false }
        const alone = workers.map((worker, i) => ({ ...cluster, name: `d${String(i)}`, workers: [worker] }))
        for (const distributors of [[cluster], [{ ...cluster, endpointPerWorker: true }], alone]) {
          const machines = { home: { slots: 2, takesPart: false }, distributors }
          const { makespanMs, unfinished } = await simulate(link, machines, false)
          assert.equal(unfinished, 0)
          assert.ok(makespanMs <= 1.15 * lowerBound(link, machines, false), `took ${String(makespanMs)} ms`)
        }
      })
    }
  }
})

describe('3,000 jobs over one endpoint with a queue of its own', () => {
  it('are within 1.10 of the lower bound on 200 slots', async () => {
    const link = syntheticLink(3_000)
    const [cluster] = farm(50, 4).distributors
    assert.ok(cluster)
    const machines = { home: { slots: 2, takesPart: false }, distributors: [{ ...cluster, hasQueue: true }] }
    const { makespanMs, unfinished } = await simulate(link, machines, false)
    assert.equal(unfinished, 0)
    assert.ok(makespanMs <= 1.1 * lowerBound(link, machines, true), `took ${String(makespanMs)} ms`)
  })
})

describe('a recorded link', () => {
  it('is read from a trace too, the shortest of several objects counting', () => {
    const directory = mkdtempSync(join(tmpdir(), 'dtlto-simulator-'))
    try {
      const file = join(directory, 'trace.json')
      const event = (job: number, dur: number, more: object = {}): object => ({
        ph: 'X',
        cat: 'compile',
        dur,
        args: { job, module: `m${String(job)}.o`, cost: 10, bytes: 20, outcome: 'placed', ...more },
      })
      writeFileSync(
        file,
        JSON.stringify({
          traceEvents: [
            { ph: 'M' },
            event(1, 7000, { compileMs: 5 }),
            event(0, 9000),
            event(0, 3000, { outcome: 'lost' }),
            event(0, 1000, { outcome: 'trouble' }),
          ],
        }),
      )
      assert.deepEqual(readLink(file).jobs, [
        { module: 'm0.o', cost: 10, bytes: 20, measuredMs: 3 },
        { module: 'm1.o', cost: 10, bytes: 20, measuredMs: 5 },
      ])
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  it('that is none is refused with what was expected', () => {
    assert.throws(() => readLink(fileURLToPath(new URL('../../package.json', import.meta.url))), /neither "dtltoLink"/)
  })
})
