import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { compile, DTLTO } from '../link/toolchain.js'
import { watchableProgram } from './programs.js'
import { mostCompilersAtOnce } from './watch.js'

interface Ended {
  readonly exitCode: number | null
  readonly output: string
  readonly most: number
}

/**
 * Before a program: a network of its own, in which links see those of the same command and none of the other tests that run beside this one. Nothing where that is not
 * allowed.
 */
const APART = ['unshare', '--map-root-user', '--net']
const apart = spawnSync('unshare', [...APART.slice(1), 'true']).status === 0 ? APART : []

describe('links share the machine', () => {
  let cwd = ''
  before(() => {
    cwd = mkdtempSync(join(tmpdir(), 'dtlto-'))
    compile(cwd, watchableProgram(10))
  })
  after(() => {
    rmSync(cwd, { recursive: true })
  })

  const link = (output: string, jobs = 4): string =>
    `${DTLTO} --thinlto-jobs=${String(jobs)} -e main -o ${output} *.o --distribute-trace=${output}.json`
  const start = async (
    program: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<Ended> => {
    const { MAKEFLAGS: _, ...surroundings } = process.env
    const [command = program, ...words] = [...apart, program, ...args]
    const child = spawn(command, words, { cwd, env: { ...surroundings, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += String(data)))
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
    const most = await mostCompilersAtOnce(child.pid ?? 0, ended)
    return { exitCode: await ended, output, most }
  }
  const makefile = (...rules: readonly string[]): void => {
    writeFileSync(join(cwd, 'Makefile'), rules.map((rule) => rule.replace(': ', ':\n\t')).join('\n'))
  }
  const same = (...outputs: readonly string[]): void => {
    const [first, ...others] = outputs.map((output) => readFileSync(join(cwd, output)))
    for (const other of others) assert.ok(first?.equals(other))
    for (const output of outputs) rmSync(join(cwd, output))
  }

  test('two links under one make -j2 compile two jobs at a time, not eight', async () => {
    makefile(`a: +${link('a')}`, `b: +${link('b')}`)
    const { exitCode, output, most } = await start('make', ['-j2', 'a', 'b'])
    assert.equal(exitCode, 0, output)
    assert.equal(most, 2)
    // make says so when a token is missing at its end, or when there is one too many.
    assert.doesNotMatch(output, /jobserver|token|INTERNAL/i)
    same('a', 'b')
  })

  test('one link under make -j3 uses all three, and one under make -j1 only its own', async () => {
    makefile(`a: +${link('a')}`)
    const three = await start('make', ['-j3', 'a'])
    assert.equal(three.exitCode, 0, three.output)
    assert.equal(three.most, 3)
    makefile(`b: +${link('b')}`)
    const { exitCode, output, most } = await start('make', ['-j1', 'b'])
    assert.equal(exitCode, 0, output)
    assert.ok(most === 4 || most === 1, 'make -j1 has no jobserver')
    same('a', 'b')
  })

  test('a recipe without + has descriptors in MAKEFLAGS that are not its own, and links as without a jobserver', async () => {
    makefile(`a: ${link('a')}`, `b: exec 3<&- 4>&-; ${link('b')}`)
    const { exitCode, output, most } = await start('make', ['-j2', 'a'])
    assert.equal(exitCode, 0, output)
    assert.doesNotMatch(output, /warning|jobserver/)
    assert.ok(most >= 2)
    assert.equal((await start('make', ['-j2', 'b'])).exitCode, 0)
    same('a', 'b')
  })

  test('tokens of a fifo are taken, and all are back when the link has ended, however it ends', async () => {
    const path = join(cwd, 'fifo')
    execFileSync('mkfifo', [path])
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
    try {
      writeSync(fd, 'xy')
      const env = { MAKEFLAGS: ` -j3 --jobserver-auth=fifo:${path}` }
      const whole = await start('sh', ['-c', link('a')], env)
      assert.equal(whole.exitCode, 0, whole.output)
      assert.equal(whole.most, 3)
      assert.equal(tokensIn(fd), 'xy')
      // Beside distributors, which may not end the process, too.
      for (const distribute of ['', ' --distribute=worker,slots=1 --distribute=local']) {
        const killed = await start('timeout', ['-s', 'INT', '0.25', 'sh', '-c', `exec ${link('b')}${distribute}`], env)
        assert.equal(killed.exitCode, 124)
        assert.equal(tokensIn(fd), 'xy')
        assert.ok(!readdirSync(cwd).includes('b'))
      }
      const broken = await start('sh', ['-c', `${link('b')} --nonsense`], env)
      assert.equal(broken.exitCode, 1)
      assert.equal(tokensIn(fd), 'xy')
      rmSync(join(cwd, 'a'))
    } finally {
      closeSync(fd)
      rmSync(path)
    }
  })

  test('without a jobserver two links share the cores soon, and a link alone has them all', async () => {
    const alone = await start('sh', ['-c', link('a')])
    assert.equal(alone.most, 4)
    const { exitCode, output } = await start('sh', ['-c', `${link('b', 2)} & ${link('c', 2)}; wait`])
    assert.equal(exitCode, 0, output)
    // One runs, and one waits for its slot; it would be two and one, and is while the other link is not there. So the link that begins
    // later, by however much, is the one to look at.
    const [alonePart, ...parts] = ['a.json', 'b.json', 'c.json'].map((trace) => partOfTimeAtMost(2, join(cwd, trace)))
    assert.ok(alonePart !== undefined && alonePart < 0.1, `alone ${String(alonePart)}`)
    assert.ok(Math.max(...parts) > 0.25, `shared ${parts.join(' and ')}`)
    same('a', 'b', 'c')
  })
})

/** Takes all tokens and puts them back. */
function tokensIn(fd: number): string {
  const buffer = Buffer.alloc(64)
  const count = readSync(fd, buffer)
  writeSync(fd, buffer, 0, count)
  return Buffer.from(buffer.subarray(0, count)).sort().toString('latin1')
}

interface Span {
  readonly cat?: string
  readonly ts: number
  readonly dur: number
}

/** The part of the time until the last job starts in which at most so many were in flight. */
function partOfTimeAtMost(count: number, trace: string): number {
  const { traceEvents } = JSON.parse(readFileSync(trace, 'utf8')) as { traceEvents: readonly Span[] }
  const jobs = traceEvents.filter(({ cat }) => cat === 'compile')
  const startUs = Math.min(...jobs.map(({ ts }) => ts))
  const lastUs = Math.max(...jobs.map(({ ts }) => ts))
  const moments = Array.from({ length: 200 }, (_, i) => startUs + ((i + 0.5) / 200) * (lastUs - startUs))
  const inFlight = (us: number): number => jobs.filter(({ ts, dur }) => ts <= us && us < ts + dur).length
  return moments.filter((us) => inFlight(us) <= count).length / moments.length
}
