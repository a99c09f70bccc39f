import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { BackendJob, CompiledObject, Distributor, FinishedJob } from '../distributors/interface.js'
import type { DistributorSpec } from '../scheduler/distributor-state.js'
import { LinkEvents } from './events.js'
import { FinishedJobs } from './finished-jobs.js'
import type { LinkSession } from './session.js'

const MIB = 1024 ** 2

/** A distributor that keeps results, each when it is told to. */
class Keeper implements DistributorSpec {
  readonly stored: string[] = []
  readonly #ends: (() => void)[] = []
  readonly distributor: Promise<Distributor>
  readonly name: string
  readonly onStatusChanged = () => () => undefined

  constructor(name: string, opened: Promise<void> = Promise.resolve()) {
    this.name = name
    const storeResult = ({ job }: FinishedJob): Promise<void> => {
      this.stored.push(job.moduleId)
      return new Promise((end) => this.#ends.push(end))
    }
    this.distributor = opened.then(() => ({ storeResult }) as unknown as Distributor)
  }

  async end(): Promise<void> {
    this.#ends.shift()?.()
    await setImmediate()
  }
}

function finishedJobs(...keepers: readonly Keeper[]) {
  const warnings: string[] = []
  const events = new LinkEvents([
    (event) => event.type === 'warning' && warnings.push(`${event.distributor}: ${event.message}`),
  ])
  const finished = new FinishedJobs(keepers, { session: {} as unknown as LinkSession, isCaptured: false, events })
  const came = async (moduleId: string, megabytes: number): Promise<void> => {
    const job = { index: 0, moduleId, package: () => Promise.resolve({ kind: 'package', blobs: [] }) }
    const result = { object: new Uint8Array(megabytes * MIB), diagnostics: [], sideOutputs: [] }
    finished.cameFrom(job as unknown as BackendJob, result as unknown as CompiledObject, 'worker')
    await finished.prepared()
    await setImmediate()
  }
  return { finished, came, warnings }
}

describe('results that are to be stored', () => {
  test('are held in memory up to a bound, while somebody stores them', async () => {
    const [one, two] = [new Keeper('one'), new Keeper('two')]
    const { came } = finishedJobs(one, two)
    await setImmediate()
    await came('a', 40)
    await came('too much', 40)
    await one.end()
    await came('still too much', 40)
    await two.end()
    await came('b', 40)
    assert.deepEqual(one.stored, ['a', 'b'])
    assert.deepEqual(two.stored, ['a', 'b'])
  })

  test('wait for a distributor that opens late, and are waited for', async () => {
    let open = (): void => undefined
    const keeper = new Keeper('late', new Promise((resolve) => (open = resolve)))
    const { finished, came, warnings } = finishedJobs(keeper)
    await came('a', 1)
    assert.deepEqual(keeper.stored, [])
    const stored = finished.stored()
    open()
    while (keeper.stored.length === 0) await setImmediate()
    await keeper.end()
    await stored
    assert.deepEqual(warnings, [])
  })

  test('that are given up are told of, of each distributor its own', async (t) => {
    const [done, slow] = [new Keeper('done'), new Keeper('slow')]
    const { finished, came, warnings } = finishedJobs(done, slow)
    await setImmediate()
    for (const name of ['a', 'b']) await came(name, 1)
    await done.end()
    await done.end()
    await slow.end()
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const stored = finished.stored()
    t.mock.timers.tick(60_000)
    await stored
    assert.equal(warnings.length, 1)
    assert.match(warnings[0] ?? '', /^slow: 1 results have not been stored/)
  })
})
