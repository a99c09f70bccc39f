/** Objects of the right form and the wrong content: the final link fails, and is done once more. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import {
  closeSync,
  cpSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { link } from 'dtlto'
import distcc from '../../packages/distributor-distcc/src/index.js'
import { tryRun } from '../programs/run.js'
import { compile, DTLTO, inTemporaryDirectory, must, slowProgram, STOCK } from '../link/toolchain.js'
import { encodeAnswer, RecordingServer } from './recording-server.js'

/** Slow to compile: the server's answers, which are known, come before this machine has an object. */
const SOURCES = slowProgram(3, 12)
const MODULES = Object.keys(SOURCES).length
const NOTICE =
  /^ld\.dtlto: warning: distcc: the final link failed, with objects of distcc '127\.0\.0\.1:\d+', for which nobody can vouch: it is done once more, .*\n/

describe('a final link that fails because of an object from a server', () => {
  let server: RecordingServer
  const program = mkdtempSync(join(tmpdir(), 'dtlto-second-link-'))
  before(async () => {
    server = await RecordingServer.start()
    compile(program, SOURCES, ['-fPIC'])
    // The server knows all objects before it confuses them.
    await inTemporaryDirectory(async (cwd) => {
      const { args, options } = prepare(cwd)
      const { exitCode, stderr } = await tryRun(DTLTO, [...args, ...options, '--distribute-fallback=none'], { cwd })
      assert.deepEqual([exitCode, stderr, server.answers >= MODULES], [0, '', true])
    })
  })
  after(async () => {
    rmSync(program, { recursive: true })
    await server.stop()
  })

  /** A program, linked by stock lld. */
  const prepare = (cwd: string, more: readonly string[] = []): { args: string[]; stock: Buffer; options: string[] } => {
    const sources = Object.keys(SOURCES)
    for (const source of sources) {
      const object = source.replace('.c', '.o')
      cpSync(join(program, object), join(cwd, object))
    }
    const args = ['-shared', ...sources.map((source) => source.replace('.c', '.o')), ...more]
    must(STOCK, [...args, '-o', 'out'], { cwd })
    return { args: [...args, '-o', 'out'], stock: readFileSync(join(cwd, 'out')), options: distribute() }
  }
  const distribute = (): string[] => [`--distribute=distcc,hosts=${server.address}/6,stats-port=0,probe=false`]
  const confuse = (): void => {
    // Two objects for all jobs: their symbols are there twice, the others' not at all.
    server.answering = (good, all) => encodeAnswer({ object: (all.find((other) => other !== good) ?? good).object })
  }

  test('ends with the bytes of stock lld, and the server is named', () =>
    inTemporaryDirectory(async (cwd) => {
      const { args, stock, options } = prepare(cwd)
      confuse()
      const { exitCode, stdout, stderr } = await tryRun(DTLTO, [...args, ...options], { cwd })
      assert.equal(exitCode, 0, stderr)
      assert.match(stderr, NOTICE)
      assert.equal(stdout + stderr.replace(NOTICE, ''), '')
      assert.ok(readFileSync(join(cwd, 'out')).equals(stock), 'the output differs from that of stock lld')
      assert.deepEqual(
        readdirSync(cwd).filter((name) => /tmp/.test(name)),
        [],
      )
    }))

  test('or crashes lld ends with the bytes of stock lld as well', (context) =>
    inTemporaryDirectory(async (cwd) => {
      const { args, stock, options } = prepare(cwd)
      server.answering = (good) => encodeAnswer({ object: good.object })
      // lld waits in its final link for somebody to read the map.
      must('mkfifo', ['map'], { cwd })
      const linker = spawn(DTLTO, [...args, '-Map=map', ...options, '--distribute-fallback=local'], { cwd })
      context.after(() => linker.kill('SIGKILL'))
      let stderr = ''
      linker.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
      const ended = new Promise((resolve) => linker.on('close', resolve))
      const pid = linker.pid ?? 0
      const opener = await threadThatOpens(pid, 'map')
      must('perl', ['-e', 'syscall(234, @ARGV[0] + 0, @ARGV[1] + 0, 11) == 0 or die', String(pid), String(opener)], {
        cwd,
      })
      const map = new Promise((resolve) => {
        const reader = spawn('cat', ['map'], { cwd })
        reader.stdout.resume()
        reader.on('close', resolve)
      })
      assert.equal(await ended, 0, stderr)
      await map
      assert.match(stderr, NOTICE)
      assert.equal(stderr.replace(NOTICE, ''), '')
      assert.ok(readFileSync(join(cwd, 'out')).equals(stock), 'the output differs from that of stock lld')
      assert.deepEqual(
        readdirSync(cwd).filter((name) => /tmp/.test(name)),
        [],
      )
    }))

  test('replaces what lld’s cache got', () =>
    inTemporaryDirectory(async (cwd) => {
      const cache = ['--thinlto-cache-dir=cache']
      const { args, stock, options } = prepare(cwd, cache)
      const entries = (): Map<string, string> =>
        new Map(
          readdirSync(join(cwd, 'cache'))
            .filter((name) => name.startsWith('llvmcache-'))
            .map((name) => [name, readFileSync(join(cwd, 'cache', name), 'latin1')]),
        )
      const theirs = entries()
      must('rm', ['-r', 'cache'], { cwd })
      confuse()
      const { exitCode, stderr } = await tryRun(DTLTO, [...args, ...options, '--distribute-cache=all'], { cwd })
      assert.equal(exitCode, 0, stderr)
      assert.match(stderr, NOTICE)
      assert.ok(readFileSync(join(cwd, 'out')).equals(stock))
      assert.deepEqual(entries(), theirs)
    }))

  test('and would fail anyway says what stock lld says, after the notice', () =>
    inTemporaryDirectory(async (cwd) => {
      const { args, options } = prepare(cwd)
      const wrong = [...args, '--defsym=x=no_such_symbol']
      const theirs = await tryRun(STOCK, wrong, { cwd })
      server.answering = (good) => encodeAnswer({ object: good.object })
      const ours = await tryRun(DTLTO, [...wrong, ...options], { cwd })
      assert.equal(ours.exitCode, theirs.exitCode)
      assert.notEqual(ours.exitCode, 0)
      assert.equal(ours.stderr.replace(NOTICE, ''), theirs.stderr)
    }))

  test('is not done again when lld had found errors before it asked for objects', () =>
    inTemporaryDirectory(async (cwd) => {
      const files = compile(cwd, SOURCES, ['--target=x86_64-apple-macos11'])
      const target = [
        '-arch',
        'x86_64',
        '-platform_version',
        'macos',
        '11.0',
        '11.0',
        '-dylib',
        '-bitcode_bundle',
        '-fatal_warnings',
      ]
      const args = [...target, ...files, '-o', 'out']
      const theirs = await tryRun(join(dirname(STOCK), 'ld64.lld'), args, { cwd })
      assert.match(theirs.stderr, /bitcode_bundle/)
      server.answering = (good) => encodeAnswer({ object: good.object })
      const before = server.answers
      const ours = await tryRun(join(dirname(DTLTO), 'ld64.dtlto'), [...args, ...distribute()], { cwd })
      assert.deepEqual([ours.exitCode, ours.stderr], [theirs.exitCode, theirs.stderr])
      assert.ok(server.answers > before, 'no object was made')
    }))

  test('is not done again where this machine may not compile', () =>
    inTemporaryDirectory(async (cwd) => {
      const { args, options } = prepare(cwd)
      confuse()
      const { exitCode, stderr } = await tryRun(DTLTO, [...args, ...options, '--distribute-fallback=none'], { cwd })
      assert.equal(exitCode, 1)
      assert.match(stderr, /ld\.lld: error: /)
      assert.doesNotMatch(stderr, /once more/)
    }))

  test('is done again in a program that embeds the link', () =>
    inTemporaryDirectory(async (cwd) => {
      const { args, stock } = prepare(cwd)
      confuse()
      const home = process.cwd()
      process.chdir(cwd)
      try {
        const warnings: string[] = []
        const { exitCode, stderr } = await link({
          flavour: 'elf',
          args,
          distributors: [
            { distributor: distcc, options: { hosts: [`${server.address}/6`], 'stats-port': 0, probe: false } },
          ],
          onEvent: (event) => {
            if (event.type === 'warning') warnings.push(event.message)
          },
        })
        assert.deepEqual([exitCode, stderr], [0, ''])
        assert.match(warnings.join('\n'), /^the final link failed, with objects of distcc '/)
        assert.ok(existsSync('out') && readFileSync('out').equals(stock))
      } finally {
        process.chdir(home)
      }
    }))
})

/** The thread that opens the file `path`, named so, and waits for it: a fifo. */
async function threadThatOpens(pid: number, path: string): Promise<number> {
  for (;;) {
    const thread = readdirSync(`/proc/${String(pid)}/task`).find((thread) => opens(pid, thread) === path)
    if (thread !== undefined) return Number(thread)
    await sleep(20)
  }
}

const OPENAT = '257'

/** The path that a thread is in openat(2) for. */
function opens(pid: number, thread: string): string | undefined {
  const path = Buffer.alloc(256)
  try {
    const [call, , at] = readFileSync(`/proc/${String(pid)}/task/${thread}/syscall`, 'latin1').split(' ')
    if (call !== OPENAT || at === undefined) return undefined
    const memory = openSync(`/proc/${String(pid)}/mem`, 'r')
    try {
      readSync(memory, path, 0, path.length, BigInt(at))
    } finally {
      closeSync(memory)
    }
    return path.toString('utf8', 0, path.indexOf(0))
  } catch {
    return undefined // the thread has ended, or is in another call by now
  }
}
