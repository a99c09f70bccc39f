/** Workers that a command starts: `--distribute=worker,command=…`. What stands between the linker and dtlto-codegen is a program of the test's. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { codegenProgram } from '@dtlto/native'
import { CLANG, compile, DTLTO, must, type Ran, run, slowProgram, STOCK, LLVM_MAJOR } from '../link/toolchain.js'

/** Passes bytes on between its standard streams and dtlto-codegen's; what is done to them is JavaScript, of `bytes`, `count` chunks came before. */
const wire = (toWorker: string, fromWorker = ''): string => `
import { spawn } from 'node:child_process'
const worker = spawn(process.argv[2], ['--serve'], { stdio: ['pipe', 'pipe', 'inherit'] })
const pass = (from, to, change) => {
  let count = 0
  from.on('data', (bytes) => { change(bytes, count); count++; to.write(bytes) })
  from.on('end', () => to.end())
  to.on('error', () => process.exit(1))
}
pass(process.stdin, worker.stdin, (bytes, count) => { ${toWorker} })
pass(worker.stdout, process.stdout, (bytes, count) => { ${fromWorker} })
worker.on('close', (code) => { process.exitCode = code ?? 1 })
`

/** Answers each job with the first object that dtlto-codegen has made: "DTLR", two sizes, and a digest are before them. */
const REPLAY = `
import { spawn } from 'node:child_process'
const worker = spawn(process.argv[2], ['--serve'], { stdio: ['pipe', 'pipe', 'inherit'] })
process.stdin.pipe(worker.stdin)
let rest = Buffer.alloc(0)
let first
worker.stdout.on('data', (chunk) => {
  rest = Buffer.concat([rest, chunk])
  while (rest.length >= 48) {
    const size = 48 + rest.readUInt32LE(4) + Number(rest.readBigUInt64LE(8))
    if (rest.length < size) return
    const answer = rest.subarray(0, size)
    rest = rest.subarray(size)
    if (answer.includes('status compiled')) first ??= Buffer.from(answer)
    process.stdout.write(first ?? answer)
  }
})
`

describe('workers that a command starts', () => {
  let cwd = ''
  let objects: string[] = []
  let stock: Buffer
  before(() => {
    cwd = mkdtempSync(join(tmpdir(), 'dtlto-worker-'))
    objects = compile(cwd, slowProgram(6, 12), ['-fPIC'])
    must(STOCK, ['-shared', ...objects, '-o', 'stock'], { cwd })
    stock = readFileSync(join(cwd, 'stock'))
    writeFileSync(join(cwd, 'arm.c'), 'void _start(void) { for (;;); }\n')
    // The system refuses it, or an emulator, where there is one, reads no code at address 0.
    const arm = ['--target=aarch64-linux-gnu', '-nostdlib', '-static', `--ld-path=${STOCK}`, '-Wl,--entry=0']
    must(CLANG, [...arm, 'arm.c', '-o', 'codegen-of-arm'], { cwd })
  })
  after(() => {
    rmSync(cwd, { recursive: true })
  })

  const args = (command: string, ...more: readonly string[]): string[] => {
    rmSync(join(cwd, 'out'), { force: true })
    return ['-shared', ...objects, '-o', 'out', `--distribute=worker,slots=2,command=${command}`, ...more]
  }
  const through = (toWorker: string, fromWorker?: string): string => {
    writeFileSync(join(cwd, 'wire.mjs'), wire(toWorker, fromWorker))
    return `${process.execPath} wire.mjs ${codegenProgram()}`
  }
  const link = (command: string, ...more: readonly string[]): Ran => run(DTLTO, args(command, ...more), { cwd })
  const isIdentical = (): void => {
    assert.ok(readFileSync(join(cwd, 'out')).equals(stock), 'out differs from stock')
  }
  const NONE = '--distribute-fallback=none'

  test('make every object, with the bytes of stock lld', () => {
    assert.deepEqual(link(`env -i ${codegenProgram()} --serve`, NONE), { exitCode: 0, stdout: '', stderr: '' })
    isIdentical()
  })

  test('may be several, with this machine', () => {
    const other = `--distribute=worker,command=${codegenProgram()} --serve`
    assert.deepEqual(link(`${codegenProgram()} --serve`, other, '--distribute=local'), {
      exitCode: 0,
      stdout: '',
      stderr: '',
    })
    isIdentical()
  })

  test('fill the ThinLTO cache', () => {
    const cache = '--thinlto-cache-dir=cache'
    assert.equal(link(`${codegenProgram()} --serve`, NONE, cache).exitCode, 0)
    assert.equal(readdirSync(join(cwd, 'cache')).filter((name) => name.startsWith('llvmcache-')).length, objects.length)
    const entries = readdirSync(join(cwd, 'cache')).sort()
    must(STOCK, ['-shared', ...objects, '-o', 'out', cache], { cwd })
    assert.deepEqual(readdirSync(join(cwd, 'cache')).sort(), entries)
    isIdentical()
  })

  for (const [what, command, text] of [
    ['a command that fails', 'echo no route to host >&2; exit 255', 'ended by exit code 255: no route to host'],
    ['a program that is not there', '/nonexistent/dtlto-codegen --serve', 'not found'],
    [
      'a shell that greets',
      `echo Welcome to build1; exec ${codegenProgram()} --serve`,
      "begins with 'Welcome to build1",
    ],
    ['a program for another processor', './codegen-of-arm --serve', "'./codegen-of-arm --serve'"],
    ['a command that ends at once', 'true', 'ended by exit code 0'],
  ] as const) {
    test(`cost the link nothing but a warning, where there is ${what}`, () => {
      const { exitCode, stdout, stderr } = link(command)
      assert.deepEqual([exitCode, stdout], [0, ''], stderr)
      assert.ok(stderr.includes(text), stderr)
      assert.match(stderr, /^ld\.dtlto: warning: worker: /)
      isIdentical()
    })
  }

  test('of another version of LLVM are refused, with both versions', () => {
    const other = `const at = bytes.indexOf('llvm ${LLVM_MAJOR}'); if (at >= 0) bytes.write('llvm 99', at)`
    const { exitCode, stderr } = link(through(other))
    assert.equal(exitCode, 0)
    assert.match(stderr, /the worker '.*' says: job: made by LLVM 99\.\S+, and this worker has LLVM \d+\./)
    isIdentical()
  })

  for (const [what, toWorker, fromWorker] of [
    ['jobs', `if (count % 3 === 2) bytes[bytes.length >> 1] ^= 4`, ''],
    ['answers', '', `if (count % 2 === 1) bytes[bytes.length >> 1] ^= 4`],
  ] as const) {
    test(`whose wire damages ${what} never give a wrong object`, () => {
      const { exitCode, stderr } = link(through(toWorker, fromWorker), `--thinlto-cache-dir=damaged-${what}`)
      assert.equal(exitCode, 0, stderr)
      assert.match(stderr, /damaged on its way|the stream holds no job|nonsense|ended by/)
      assert.doesNotMatch(stderr, /the final link failed/)
      isIdentical()
    })
  }

  test('that answer with what was right for an earlier job give no wrong object, neither to the link nor to its cache', () => {
    writeFileSync(join(cwd, 'replay.mjs'), REPLAY)
    const cache = '--thinlto-cache-dir=replayed'
    const { exitCode, stderr } = link(`${process.execPath} replay.mjs ${codegenProgram()}`, cache)
    assert.equal(exitCode, 0, stderr)
    assert.match(stderr, /of another job/)
    isIdentical()
    must(STOCK, ['-shared', ...objects, '-o', 'out', cache], { cwd })
    isIdentical()
  })

  test('end with the linker, however it ends', async () => {
    const mark = `DTLTO_TEST_MARK=${String(process.pid)}`
    const linker = spawn(DTLTO, args(`${mark} ${codegenProgram()} --serve | cat`, NONE), { cwd, stdio: 'ignore' })
    const ended = new Promise((resolve) => linker.on('close', resolve))
    while (marked(mark) === 0) await sleep(20)
    linker.kill('SIGKILL')
    await ended
    while (marked(mark) > 0) await sleep(20)
  })

  test('begin with a job when they have all of it', () => {
    writeFileSync(join(cwd, 'large.c'), `const char large[] = "${'0123456789abcdef'.repeat(1 << 16)}";`)
    must(CLANG, ['-flto=thin', '-fPIC', '-O2', '-c', 'large.c'], { cwd })
    const holdMs = 1000
    // More than sockets hold: of the job that has the array, whose first chunk is full, the rest stays with the linker.
    const held = `if (bytes.length === 65536 && !globalThis.hasHeld) { globalThis.hasHeld = true; process.stdin.pause(); setTimeout(() => process.stdin.resume(), ${holdMs}) }`
    const command = through(held)
    const { exitCode, stderr } = run(
      DTLTO,
      ['-shared', 'large.o', '-o', 'large', `--distribute=worker,command=${command}`, NONE, '--distribute-trace=trace'],
      { cwd },
    )
    assert.equal(exitCode, 0, stderr)
    const { traceEvents } = JSON.parse(readFileSync(join(cwd, 'trace'), 'utf8')) as {
      traceEvents: { name: string; dur?: number }[]
    }
    const queued = traceEvents.filter(({ name }) => name === 'queue').map(({ dur = 0 }) => dur / 1000)
    assert.equal(queued.length, 1)
    assert.ok((queued[0] ?? 0) >= holdMs, `${String(queued[0])} ms`)
  })

  test('say of a module that does not compile what stock lld says, also where this machine may not compile it', () => {
    writeFileSync(join(cwd, 'bad.c'), '__attribute__((used)) void bad(void) { __asm__("bogusinsn %eax"); }\n')
    must(CLANG, ['-flto=thin', '-fPIC', '-O2', '-c', 'bad.c'], { cwd })
    const bad = ['-shared', 'bad.o', '-o', 'bad']
    const expected = run(STOCK, bad, { cwd })
    assert.equal(expected.exitCode, 1)
    assert.deepEqual(
      run(DTLTO, [...bad, `--distribute=worker,command=${codegenProgram()} --serve`, NONE], { cwd }),
      expected,
    )
  })

  test('need a command', () => {
    const { exitCode, stderr } = link(' ')
    assert.equal(exitCode, 1)
    assert.match(stderr, /command.*expected a command, got none/)
  })

  test('that a dtlto.toml names which was merely found need consent', () => {
    writeFileSync(join(cwd, 'dtlto.toml'), `distribute = ["worker"]\n[distributor.worker]\ncommand = "touch ran"\n`)
    const env = {
      XDG_CONFIG_HOME: join(cwd, 'config'),
      HOME: cwd,
      XDG_DATA_HOME: join(cwd, 'data'),
      XDG_STATE_HOME: join(cwd, 'state'),
    }
    const { exitCode, stderr } = run(DTLTO, ['-shared', ...objects, '-o', 'out'], { cwd, env })
    rmSync(join(cwd, 'dtlto.toml'))
    assert.equal(exitCode, 1)
    assert.match(stderr, /dtlto allow/)
    assert.ok(!readdirSync(cwd).includes('ran'))
  })
})

/** Processes with this in their environment. */
function marked(mark: string): number {
  const environments = readdirSync('/proc').flatMap((name) => {
    try {
      return /^\d+$/.test(name) ? [readFileSync(`/proc/${name}/environ`, 'latin1')] : []
    } catch {
      return [] // it has ended, or is somebody else's
    }
  })
  return environments.filter((environment) => environment.split('\0').includes(mark)).length
}
