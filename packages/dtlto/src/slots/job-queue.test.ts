import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { JobQueue } from './job-queue.js'

/** A queue whose limit can be changed, and tasks that end when told. */
function setUp(limit: number) {
  const state = { limit, started: [] as string[] }
  const changes: string[] = []
  const queue = new JobQueue({
    limit: () => state.limit,
    onChange: (running, waiting) => changes.push(`${String(running)}+${String(waiting)}`),
  })
  const ends = new Map<string, (error?: Error) => void>()
  const run = (name: string, signal = new AbortController().signal): Promise<string> =>
    queue.run(signal, () => {
      state.started.push(name)
      return new Promise((resolve, reject) => {
        ends.set(name, (error) => {
          if (error) reject(error)
          else resolve(name)
        })
      })
    })
  return { state, queue, changes, run, end: (name: string, error?: Error) => ends.get(name)?.(error) }
}

test('jobs run in the order in which they come, never more than the limit at a time', async () => {
  const { state, queue, changes, run, end } = setUp(2)
  const all = ['a', 'b', 'c', 'd'].map((name) => run(name))
  assert.deepEqual([state.started, queue.running, queue.waiting], [['a', 'b'], 2, 2])
  end('b')
  assert.equal(await all[1], 'b')
  await setImmediate()
  assert.deepEqual(state.started, ['a', 'b', 'c'])
  for (const name of ['a', 'c']) end(name)
  await setImmediate()
  end('d')
  await Promise.all(all)
  assert.deepEqual([queue.running, queue.waiting], [0, 0])
  // An end is told before the next job starts: what is given back then may be given to others.
  assert.deepEqual(changes.slice(0, 6), ['1+0', '2+0', '2+1', '2+2', '1+2', '2+1'])
})

test('a higher limit starts waiting jobs, a lower one lets running jobs end', async () => {
  const { state, queue, run, end } = setUp(1)
  const all = ['a', 'b', 'c', 'd'].map((name) => run(name))
  state.limit = 3
  queue.startWaiting()
  await setImmediate()
  assert.deepEqual(state.started, ['a', 'b', 'c'])
  state.limit = 1
  end('a')
  end('b')
  await setImmediate()
  assert.deepEqual([queue.running, queue.waiting], [1, 1])
  end('c')
  await setImmediate()
  end('d')
  await Promise.all(all)
})

test('a job that fails frees its slot; one that is aborted while it waits never starts', async () => {
  const { state, queue, run, end } = setUp(1)
  const controller = new AbortController()
  const a = run('a')
  const b = run('b', controller.signal)
  const c = run('c')
  controller.abort(new Error('not needed'))
  await assert.rejects(b, /not needed/)
  await assert.rejects(run('e', controller.signal), /not needed/)
  end('a', new Error('lost'))
  await assert.rejects(a, /lost/)
  await setImmediate()
  end('c')
  await c
  assert.deepEqual(state.started, ['a', 'c'])
  assert.deepEqual([queue.running, queue.waiting], [0, 0])
})
