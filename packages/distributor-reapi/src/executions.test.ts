import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { JobAction } from './action.js'
import type { Compiler } from './compilers.js'
import type { Engine, Executed } from './engine.js'
import { Executions } from './executions.js'
import { ActionResult } from './generated/build/bazel/remote/execution/v2/remote_execution.js'
import { CODE, RpcError } from './grpc/status.js'
import { InFlight } from './in-flight.js'

const GROUP = 'group'

/** An engine that takes `most` actions of this link at a time, each of which ends when it is told to. `groups`: it is asked to execute several jobs together, and refuses. */
function engineFor(most: number, groups = false) {
  const running = new Map<number, () => void>()
  let refused = 0
  const engine = {
    canExecute: true,
    invocation: { headers: () => ({}) },
    execute: async (
      { digest }: JobAction,
      _cache: string,
      _watching: unknown,
      _now: unknown,
      room?: () => Promise<() => void>,
    ): Promise<Executed> => {
      if (digest.hash === GROUP) {
        refused++
        throw new RpcError(CODE.RESOURCE_EXHAUSTED, 'too much')
      }
      const leave = await room?.()
      const job = Number(digest.hash)
      try {
        await new Promise<void>((end) => running.set(job, end))
      } finally {
        running.delete(job)
        leave?.()
      }
      return { result: ActionResult.fromPartial({}), isCached: !groups, sendMs: 0, heldMs: 0, executeMs: 1000 }
    },
  } as unknown as Engine
  const executions = new Executions({
    engine,
    compiler: { group: () => Promise.resolve({ digest: { hash: GROUP, sizeBytes: 1 } }) } as unknown as Compiler,
    inFlight: new InFlight(most, () => undefined),
    now: () => 0,
    onChange: () => undefined,
    mayGroup: () => groups,
    publishes: () => false,
  })
  const execute = (job: number, signal: AbortSignal = new AbortController().signal) => {
    const action = { kind: 'action', digest: { hash: String(job), sizeBytes: 1 }, member: {} } as JobAction
    return executions.execute(action, job, { signal, headers: {}, precedence: job, onExecuting: () => undefined })
  }
  return {
    execute,
    running: () => [...running.keys()],
    refused: () => refused,
    end: async (job: number): Promise<void> => {
      running.get(job)?.()
      await setImmediate()
    },
    /** `then`: so many microtasks later. */
    endAnd: (job: number, microtasks: number, then: () => void): void => {
      running.get(job)?.()
      const wait = (left: number): void => (left === 0 ? then() : queueMicrotask(() => wait(left - 1)))
      wait(microtasks)
    },
  }
}

describe('actions at the engine', () => {
  it('are as many as it takes, and the costliest that waits is the next', async () => {
    const { execute, running, end } = engineFor(2)
    const all = [5, 1, 2, 3].map((job) => execute(job))
    await setImmediate()
    assert.deepEqual(running(), [5, 1])
    await end(5)
    assert.deepEqual(running(), [1, 3])
    await end(3)
    await end(1)
    await end(2)
    await Promise.all(all)
  })

  it('leave their room to others where they are aborted in the moment in which they get it', async () => {
    // In which microtask that moment is depends on how promises are chained: so all near ones are tried.
    for (let moment = 0; moment < 12; moment++) {
      const { execute, running, end, endAnd } = engineFor(1)
      const { signal, abort } = abortable()
      const first = execute(3)
      await setImmediate()
      const second = execute(2, signal).catch(() => undefined)
      const third = execute(1)
      await setImmediate()
      endAnd(3, moment, abort)
      await setImmediate()
      await end(2)
      assert.deepEqual(running(), [1], `aborted in microtask ${moment}`)
      await end(1)
      await Promise.all([first, second, third])
    }
  })
})

describe('jobs of a group that the engine refuses', () => {
  it('wait for room like others', async () => {
    const MOST = 2
    const { execute, running, refused, end } = engineFor(MOST, true)
    const endAll = async (): Promise<void> => {
      for (let ended = -1; ended !== 0; ) {
        ended = running().length
        assert.ok(ended <= MOST, `${ended} at a time`)
        for (const job of running()) await end(job)
      }
    }
    // It learns what an action takes.
    const first = Array.from({ length: 10 }, (_, job) => execute(job))
    await setImmediate()
    await endAll()
    await Promise.all(first)
    const small = Array.from({ length: 20 }, (_, job) => execute(job))
    for (let turn = 0; turn < 10; turn++) await setImmediate()
    assert.equal(refused(), MOST)
    await endAll()
    await Promise.all(small)
  })
})

function abortable(): { readonly signal: AbortSignal; readonly abort: () => void } {
  const controller = new AbortController()
  return { signal: controller.signal, abort: () => controller.abort() }
}
