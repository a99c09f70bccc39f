import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { InOrder } from './in-order.js'

/** Steps that end when they are told to. */
class Steps {
  readonly begun: string[] = []
  readonly #ends = new Map<string, () => void>()

  step(name: string): () => Promise<string> {
    return () => {
      this.begun.push(name)
      return new Promise((resolve) => this.#ends.set(name, () => resolve(name)))
    }
  }

  async end(name: string): Promise<void> {
    this.#ends.get(name)?.()
    await setImmediate()
  }
}

describe('steps in order', () => {
  it('begin at once while few run, then one when another ends: of the costliest job', async () => {
    const steps = new Steps()
    const order = new InOrder(2)
    const results = ['1a', '3a', '2a', '5a', '4a', '5b'].map((name) => order.run(Number(name[0]), steps.step(name)))
    await setImmediate()
    assert.deepEqual(steps.begun, ['1a', '3a'])
    for (const name of ['1a', '3a', '5a', '5b', '4a', '2a']) await steps.end(name)
    assert.deepEqual(steps.begun, ['1a', '3a', '5a', '5b', '4a', '2a'])
    assert.deepEqual(await Promise.all(results), ['1a', '3a', '2a', '5a', '4a', '5b'])
  })

  it('take jobs to their ends before further ones begin', async () => {
    const order = new InOrder(1)
    const done: string[] = []
    const job = async (cost: number): Promise<void> => {
      for (const step of ['a', 'b', 'c']) {
        await order.run(cost, async () => {
          await setImmediate()
          done.push(`${String(cost)}${step}`)
        })
      }
    }
    await Promise.all([2, 1, 0].map(job))
    // A job's next step is asked for when the one before it has ended, and by then another job's has begun.
    assert.deepEqual(done, ['2a', '1a', '2b', '1b', '2c', '1c', '0a', '0b', '0c'])
  })

  it('that fail, or throw, make room for others', async () => {
    const order = new InOrder(1)
    const fails = order.run(0, () => Promise.reject(new Error('no')))
    const throws = order.run(1, () => {
      throw new Error('never')
    })
    const works = order.run(2, () => Promise.resolve('works'))
    await assert.rejects(fails, /no/)
    await assert.rejects(throws, /never/)
    assert.equal(await works, 'works')
    assert.equal(await order.run(3, () => Promise.resolve('too')), 'too')
  })
})
