import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Jobserver, jobserverAddress, openJobserver } from './jobserver.js'
import { JobserverSlots } from './jobserver-slots.js'

test('the address of a jobserver is the last one that MAKEFLAGS names, in every spelling of make', () => {
  const of = (MAKEFLAGS: string) => jobserverAddress({ MAKEFLAGS })
  assert.deepEqual(of(' -j8 --jobserver-auth=3,4'), { kind: 'pipe', readFd: 3, writeFd: 4, text: '3,4' })
  assert.deepEqual(of('w --jobserver-fds=5,6 -j'), { kind: 'pipe', readFd: 5, writeFd: 6, text: '5,6' })
  assert.deepEqual(of('--jobserver-fds=3,4 -- --jobserver-auth=fifo:/tmp/GMfifo7'), {
    kind: 'fifo',
    path: '/tmp/GMfifo7',
    text: 'fifo:/tmp/GMfifo7',
  })
  for (const none of ['', 'k', '-j1', '--jobserver-auth=-2,-2', '--jobserver-auth=', '--jobserver-auth=win32_sem']) {
    assert.equal(of(none), undefined)
  }
  assert.equal(jobserverAddress({}), undefined)
  assert.deepEqual(jobserverAddress({ CARGO_MAKEFLAGS: '-j --jobserver-fds=8,9 --jobserver-auth=8,9' }), {
    kind: 'pipe',
    readFd: 8,
    writeFd: 9,
    text: '8,9',
  })
})

test('a jobserver that is not there, or whose descriptors are not those of make, is none', () => {
  const directory = mkdtempSync(join(tmpdir(), 'dtlto-'))
  try {
    const file = join(directory, 'file')
    writeFileSync(file, '++++')
    for (const path of [file, directory, join(directory, 'none')]) {
      assert.equal(openJobserver({ kind: 'fifo', path, text: '' }), undefined)
    }
    // Node has pipes of its own below 20, which are not to be touched; the parent has others under these numbers.
    for (let fd = 3; fd < 40; fd++) {
      const opened = openJobserver({ kind: 'pipe', readFd: fd, writeFd: fd + 1, text: '' })
      assert.equal(opened, undefined)
    }
  } finally {
    rmSync(directory, { recursive: true })
  }
})

describe('slots of a jobserver', () => {
  let directory = ''
  let path = ''
  let make = -1
  const opened: JobserverSlots[] = []
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'dtlto-'))
    path = join(directory, 'fifo')
    execFileSync('mkfifo', [path])
    make = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  })
  afterEach(() => {
    for (const slots of opened.splice(0)) slots.close()
    closeSync(make)
    rmSync(directory, { recursive: true })
  })

  const put = (tokens: string): void => {
    writeSync(make, tokens)
  }
  /** What is in the pipe now; leaves it there. */
  const free = (): string => {
    const buffer = Buffer.alloc(64)
    let count = 0
    try {
      count = readSync(make, buffer)
    } catch {
      // Nothing.
    }
    const tokens = buffer.toString('latin1', 0, count)
    if (tokens) put(tokens)
    return Buffer.from(tokens).sort().toString('latin1')
  }
  const open = (most: number, onSlots = (): void => undefined): JobserverSlots => {
    const jobserver = openJobserver({ kind: 'fifo', path, text: '' }) as Jobserver
    const slots = new JobserverSlots(
      jobserver,
      () => most,
      onSlots,
      () => performance.now(),
    )
    opened.push(slots)
    return slots
  }

  test('are one without any token, and one more for each that jobs want', () => {
    const none = open(8)
    none.prepare(5)
    none.demand(1, 1)
    assert.equal(none.slots, 1)
    none.close()
    put('abcdefg')
    const slots = open(4)
    assert.equal(slots.slots, 1)
    slots.prepare(100)
    assert.equal(slots.slots, 4, 'not more than lld would use')
    assert.equal(free(), 'defg')
    slots.close()
    slots.close()
    assert.equal(free(), 'abcdefg', 'the same bytes')
  })

  test('that nobody uses go back after a moment', async () => {
    put('abcdefg')
    const slots = open(8)
    slots.prepare(3)
    assert.equal(slots.slots, 3)
    slots.demand(2, 0)
    await setTimeout(100)
    assert.equal(slots.slots, 2)
    slots.demand(1, 0)
    slots.demand(0, 0)
    await setTimeout(100)
    assert.equal(slots.slots, 1)
    assert.equal(free(), 'abcdefg')
  })

  test('come as soon as a token is free, and no more are taken than are wanted', async () => {
    let told = 0
    const slots = open(3, () => told++)
    slots.demand(1, 1)
    await setTimeout(20)
    assert.equal(slots.slots, 1)
    put('xyz')
    await setTimeout(10)
    assert.equal(slots.slots, 3)
    assert.ok(told > 0)
    assert.equal(free().length, 1)
    slots.close()
    assert.equal(free(), 'xyz')
  })

  test('a token that was held for long goes back between two jobs, so that others have their turn', async () => {
    put('a')
    const slots = open(2)
    slots.prepare(9)
    assert.equal(slots.slots, 2)
    slots.demand(2, 1)
    slots.demand(1, 1)
    assert.equal(slots.slots, 2, 'a short job keeps it')
    slots.demand(2, 1)
    await setTimeout(220)
    slots.demand(1, 1)
    assert.equal(slots.slots, 1)
    assert.equal(free(), 'a')
    await setTimeout(20)
    assert.equal(slots.slots, 2, 'nobody else wanted it')
  })

  test('survive a jobserver that is gone', async () => {
    put('a')
    const slots = open(4)
    slots.prepare(9)
    slots.demand(2, 1)
    rmSync(path)
    await setTimeout(20)
    assert.equal(slots.slots, 2)
    slots.demand(0, 0)
    slots.close()
  })

  for (const end of ['SIGTERM', 'SIGINT', 'exit'] as const) {
    test(`are given back when ${end} ends the process, which ends as it would without`, async () => {
      put('abc')
      const child = spawn(
        process.execPath,
        ['--import', 'tsx', fileURLToPath(new URL('hold-tokens.fixture.ts', import.meta.url)), path, end],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      )
      const ended = new Promise<string>((resolve) => {
        child.on('exit', (code, signal) => {
          resolve(String(signal ?? code))
        })
      })
      await new Promise((resolve) => child.stdout.once('data', resolve))
      assert.equal(free(), '')
      if (end !== 'exit') child.kill(end)
      else child.stdout.destroy()
      assert.equal(await ended, end === 'exit' ? '3' : end)
      assert.equal(free(), 'abc')
    })
  }
})
