import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { MemoryGate, type MemoryGateOptions, memoryNeed } from './memory-gate.js'

const MIB = 1024 ** 2
const never = new AbortController().signal

/** A machine with so much memory, of which tasks really take what a test says. */
class Machine {
  readonly totalBytes: number
  usedBytes = 100 * MIB
  most = 0
  kills = 0

  constructor(totalBytes: number) {
    this.totalBytes = totalBytes
  }

  gate(more: Partial<MemoryGateOptions> = {}): MemoryGate {
    return new MemoryGate({
      budgetBytes: undefined,
      reader: { availableBytes: () => this.totalBytes - this.usedBytes, kills: () => this.kills },
      usedBytes: () => this.usedBytes,
      factor: undefined,
      debug: () => undefined,
      ...more,
    })
  }

  /** A task that holds `bytes` until it is told to end. */
  task(bytes: number): { readonly run: () => Promise<void>; readonly end: () => void; started: boolean } {
    let end: () => void = () => undefined
    const ended = new Promise<void>((resolve) => (end = resolve))
    const task = {
      started: false,
      run: async (): Promise<void> => {
        task.started = true
        this.usedBytes += bytes
        this.most = Math.max(this.most, this.usedBytes)
        await ended
        this.usedBytes -= bytes
      },
      end,
    }
    return task
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('the memory gate', () => {
  it('lets all run where there is plenty', async () => {
    const machine = new Machine(100_000 * MIB)
    const gate = machine.gate()
    const tasks = Array.from({ length: 8 }, () => machine.task(100 * MIB))
    const runs = tasks.map((task) => gate.run(100 * MIB, never, task.run))
    await turn()
    assert.ok(tasks.every(({ started }) => started))
    for (const { end } of tasks) end()
    await Promise.all(runs)
    assert.equal(gate.waits, 0)
  })

  it('compiles what the kernel has killed once more, when no other runs, and lets none in beside it', async () => {
    const machine = new Machine(100_000 * MIB)
    const gate = machine.gate({ wasKilled: (error) => error === killed })
    const killed = new Error('SIGKILL')
    const [other, again, next] = [machine.task(MIB), machine.task(MIB), machine.task(MIB)]
    let tries = 0
    const runs = [
      gate.run(MIB, never, other.run),
      gate.run(MIB, never, () => {
        if (tries++ > 0) return again.run()
        machine.kills++
        return Promise.reject(killed)
      }),
    ]
    await turn()
    assert.deepEqual([tries, again.started], [1, false])
    other.end()
    await runs[0]
    await turn()
    assert.ok(again.started)
    runs.push(gate.run(MIB, never, next.run))
    await turn()
    assert.ok(!next.started)
    again.end()
    await runs[1]
    await turn()
    assert.ok(next.started)
    next.end()
    await Promise.all(runs)
  })

  it('has freed memory given back where memory is short, and only there', async () => {
    for (const [totalMib, trims] of [
      [100_000, 0],
      [1000, 1],
    ] as const) {
      const machine = new Machine(totalMib * MIB)
      let trimmed = 0
      const gate = machine.gate({
        trim: () => {
          trimmed++
        },
      })
      const [first, second] = [machine.task(500 * MIB), machine.task(500 * MIB)]
      const runs = [gate.run(500 * MIB, never, first.run), gate.run(500 * MIB, never, second.run)]
      await turn()
      assert.equal(trimmed, 0)
      first.end()
      await runs[0]
      assert.equal(trimmed, trims)
      second.end()
      await Promise.all(runs)
    }
  })

  it('does not take other deaths for the kernel, nor a second kill for the first', async () => {
    const machine = new Machine(1000 * MIB)
    const gate = machine.gate({ wasKilled: (error) => error instanceof RangeError })
    const tried: string[] = []
    const fail = (what: string, error: Error, isKernel: boolean): Promise<void> =>
      gate.run(MIB, never, () => {
        tried.push(what)
        if (isKernel) machine.kills++
        return Promise.reject(error)
      })
    await assert.rejects(fail('an error', new TypeError(), true), TypeError)
    await assert.rejects(fail('a kill by somebody', new RangeError(), false), RangeError)
    await assert.rejects(fail('a kill', new RangeError(), true), RangeError)
    assert.deepEqual(tried, ['an error', 'a kill by somebody', 'a kill', 'a kill'])
    const last = machine.task(MIB)
    const run = gate.run(MIB, never, last.run)
    await turn()
    assert.ok(last.started)
    last.end()
    await run
  })

  it('has the next one wait until what it needs is there', async () => {
    const machine = new Machine(1000 * MIB)
    const gate = machine.gate()
    const [first, second] = [machine.task(500 * MIB), machine.task(500 * MIB)]
    const runs = [gate.run(500 * MIB, never, first.run), gate.run(500 * MIB, never, second.run)]
    await turn()
    assert.deepEqual([first.started, second.started], [true, false])
    first.end()
    await runs[0]
    await turn()
    assert.ok(second.started)
    second.end()
    await Promise.all(runs)
    assert.equal(gate.waits, 1)
    assert.ok(machine.most <= machine.totalBytes)
  })

  it('counts what those that run have not taken yet', async () => {
    const machine = new Machine(1000 * MIB)
    const gate = machine.gate()
    // It takes nothing so far.
    const [first, second] = [machine.task(0), machine.task(0)]
    const runs = [gate.run(500 * MIB, never, first.run), gate.run(500 * MIB, never, second.run)]
    await turn()
    assert.deepEqual([first.started, second.started], [true, false])
    first.end()
    second.end()
    await Promise.all(runs)
  })

  it('lets one run, whatever it needs', async () => {
    const machine = new Machine(50 * MIB)
    const gate = machine.gate()
    for (let i = 0; i < 3; i++) {
      const task = machine.task(500 * MIB)
      const run = gate.run(500 * MIB, never, task.run)
      await turn()
      assert.ok(task.started)
      task.end()
      await run
    }
  })

  it('holds to a budget where the machine has plenty', async () => {
    const machine = new Machine(100_000 * MIB)
    const gate = machine.gate({ budgetBytes: 500 * MIB })
    const [first, second] = [machine.task(300 * MIB), machine.task(300 * MIB)]
    const runs = [gate.run(300 * MIB, never, first.run), gate.run(300 * MIB, never, second.run)]
    await turn()
    assert.deepEqual([first.started, second.started], [true, false])
    first.end()
    second.end()
    await Promise.all(runs)
  })

  it('learns that jobs need less than estimated, and then lets more of them run', async () => {
    const machine = new Machine(1000 * MIB)
    const gate = machine.gate()
    for (let i = 0; i < 6; i++) {
      const task = machine.task(40 * MIB)
      const run = gate.run(400 * MIB, never, task.run)
      task.end()
      await run
    }
    const learnt = gate.learnt ?? Number.NaN
    assert.ok(learnt > 0.1 && learnt < 0.5, String(learnt))
    const tasks = [machine.task(40 * MIB), machine.task(40 * MIB), machine.task(40 * MIB)]
    const runs = tasks.map((task) => gate.run(400 * MIB, never, task.run))
    await turn()
    assert.ok(tasks.every(({ started }) => started))
    for (const { end } of tasks) end()
    await Promise.all(runs)
    // The next link begins with that.
    const next = machine.gate({ factor: learnt })
    const [first, second] = [machine.task(40 * MIB), machine.task(40 * MIB)]
    const again = [next.run(400 * MIB, never, first.run), next.run(400 * MIB, never, second.run)]
    await turn()
    assert.ok(first.started && second.started)
    first.end()
    second.end()
    await Promise.all(again)
  })

  it('does not start what is not wanted any more, and goes on', async () => {
    const machine = new Machine(500 * MIB)
    const gate = machine.gate()
    const first = machine.task(300 * MIB)
    const aborted = new AbortController()
    const runs = [
      gate.run(300 * MIB, never, first.run),
      assert.rejects(
        gate.run(300 * MIB, aborted.signal, () => assert.fail()),
        /not wanted/,
      ),
    ]
    await turn()
    aborted.abort(new Error('not wanted'))
    await runs[1]
    const third = machine.task(1)
    runs.push(gate.run(1, never, third.run))
    await turn()
    assert.ok(third.started)
    first.end()
    third.end()
    await Promise.all(runs)
  })

  it('leaves room for what other links of the user have promised', async () => {
    const machine = new Machine(2000 * MIB)
    const gate = machine.gate()
    const other = spawn(
      process.execPath,
      ['-e', "require('net').createServer().listen('\\0dtlto-memory-'+process.pid+'-1200',()=>console.log('ready'))"],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    await once(other.stdout, 'data')
    const [first, second] = [machine.task(500 * MIB), machine.task(500 * MIB)]
    const runs = [gate.run(500 * MIB, never, first.run), gate.run(500 * MIB, never, second.run)]
    await turn()
    assert.deepEqual([first.started, second.started], [true, false])
    other.kill()
    await once(other, 'exit')
    // Nobody tells: the one who waits looks again.
    while (!second.started) await new Promise((resolve) => setTimeout(resolve, 10))
    first.end()
    second.end()
    await Promise.all(runs)
  })
})

describe('the memory that a backend needs', () => {
  it('grows with all that it is made of', () => {
    const job = { bitcodeBytes: 1e6, importedBytes: 4e6, cost: 20_000 }
    const need = memoryNeed(job)
    for (const key of ['bitcodeBytes', 'importedBytes', 'cost'] as const)
      assert.ok(memoryNeed({ ...job, [key]: job[key] * 2 }) > need)
  })
})
