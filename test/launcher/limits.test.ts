/** Where Node cannot live, a link says so and is done without it; signals are what they were for stock lld. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Distccd, whyNoDistccd } from '../../packages/distributor-distcc/src/testing/distccd.js'
import { compile, DTLTO, DTLTO_BIN, LLVM_BIN, run, slowProgram, SMALL_PROGRAM } from '../link/toolchain.js'

const FAKETIME = ['x86_64', 'aarch64']
  .map((cpu) => `/usr/lib/${cpu}-linux-gnu/faketime/libfaketime.so.1`)
  .find((path) => existsSync(path))

describe('a link with a distributor', () => {
  let cwd = ''
  let objects: string[] = []
  before(() => {
    cwd = mkdtempSync(join(tmpdir(), 'dtlto '))
    chmodSync(cwd, 0o777)
    objects = compile(cwd, SMALL_PROGRAM)
  })
  after(() => {
    rmSync(cwd, { recursive: true })
  })

  const link = (limit: string, ...options: string[]) =>
    run(
      'sh',
      ['-c', `${limit} && shift && exec "$@"`, 'sh', '', DTLTO, '-shared', '-o', 'out.so', ...objects, ...options],
      { cwd },
    )

  for (const [limit, problem] of [
    ['ulimit -n 12', 'Node needs more than 12 file descriptors (ulimit -n)'],
    ['ulimit -v 1000000', 'Node needs more than 976 MiB of address space (ulimit -v)'],
  ] as const) {
    it(`is stock lld's under ${limit}, and says why`, () => {
      assert.deepEqual(link(limit), { exitCode: 0, stdout: '', stderr: '' })
      const warning = `ld.dtlto: warning: ${problem}; this link is not distributed\n`
      assert.deepEqual(link(limit, '--distribute=local'), { exitCode: 0, stdout: '', stderr: warning })
      const error = `ld.dtlto: error: ${problem}\n`
      const ran = link(limit, '--distribute=local', '--distribute-fallback=none')
      assert.deepEqual(ran, { exitCode: 1, stdout: '', stderr: error })
    })
  }

  it('is not done without a distributor if a dtlto.toml, an option or a variable says so, in this order', () => {
    const end = (text: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) => {
      writeFileSync(join(cwd, 'settings.toml'), text)
      const options = ['--distribute-config=settings.toml', ...args]
      const ran = run(DTLTO, ['-shared', '-o', 'out.so', ...objects, ...options], {
        cwd,
        env: { DTLTO_NODE: '/nonexistent', ...env },
      })
      assert.match(ran.stderr, /^ld\.dtlto: (error|warning): cannot start Node '\/nonexistent'.*\n$/)
      return ran.exitCode
    }
    for (const text of ['fallback = "none"', `\t'fallback'='none' # why`, '"required" = true', 'required=true']) {
      assert.equal(end(`summary = true\n${text}\n`), 1, text)
    }
    for (const text of [
      '',
      'fallback = "local" # none',
      `fallback='local'\r`,
      'required = false',
      '# fallback = "none"',
    ]) {
      assert.equal(end(`${text}\n`), 0, text)
    }
    assert.equal(end('fallback = "none"', ['--distribute-fallback=local']), 0)
    assert.equal(end('fallback = "none"\nrequired = true', [], { DTLTO_FALLBACK: 'local', DTLTO_REQUIRED: 'off' }), 0)
    assert.equal(end('', ['--distribute-fallback=local'], { DTLTO_FALLBACK: 'none' }), 0)
    assert.equal(end('required = true', [], { DTLTO_FALLBACK: 'local' }), 1)
    assert.equal(end('', [], { DTLTO_CONFIG: 'none.toml' }), 0, 'the command line names the file')
    const args = ['-shared', '-o', 'out.so', ...objects]
    const missing = { cwd, env: { DTLTO_NODE: '/nonexistent', DTLTO_CONFIG: 'none.toml' } }
    assert.equal(run(DTLTO, args, missing).exitCode, 1)
    const coff = ['/dll', '/noentry', '/out:out.dll', '/distribute-config:settings.toml', '/errorlimit:0']
    writeFileSync(join(cwd, 'settings.toml'), 'fallback = "none"')
    assert.equal(run(join(DTLTO_BIN, 'dtlto-link'), coff, { cwd, env: { DTLTO_NODE: '/nonexistent' } }).exitCode, 1)
  })

  // The superuser has no such limit.
  const asNobody = 'setpriv --reuid nobody --regid nogroup --clear-groups sh -c'
  it('never hangs, and ends well where stock lld does, however few threads there are', {
    skip: process.getuid?.() !== 0,
  }, () => {
    for (const threads of [4, 6, 8, 10, 12, 16, 24, 40]) {
      const end = (program: string, option: string) =>
        run(
          'sh',
          [
            '-c',
            `rm -f out.so; exec ${asNobody} 'ulimit -u ${String(threads)}; exec "$@"' sh "$@"`,
            'sh',
            program,
            '-shared',
            '-o',
            'out.so',
            ...objects,
            ...(option ? [option] : []),
          ],
          { cwd },
        )
      const stock = end(join(LLVM_BIN, 'ld.lld'), '')
      const dtlto = end(DTLTO, '--distribute=local')
      if (stock.exitCode === 0) assert.equal(dtlto.exitCode, 0, `${String(threads)} threads: ${dtlto.stderr}`)
    }
  })

  it('is done by whom it should where few files may be open, but more than are', () => {
    const worker = ['--distribute=worker', '--distribute-fallback=none']
    assert.deepEqual(link('ulimit -Sn 12', ...worker), { exitCode: 0, stdout: '', stderr: '' })
  })

  describe('where the clock stands still, or nearly', { skip: FAKETIME === undefined }, () => {
    const clocks = ['2020-01-01 00:00:00', '@2020-01-01 00:00:00', '-1y x0.001']
    const linkAt = (clock: string, ...options: string[]) =>
      run(DTLTO, ['-shared', '-o', 'out.so', ...objects, ...options], {
        cwd,
        env: { LD_PRELOAD: FAKETIME ?? '', FAKETIME: clock, DTLTO_FALLBACK: 'none' },
      })

    for (const clock of clocks) {
      it(`ends, for this machine and its workers: ${clock}`, () => {
        for (const option of ['--distribute=local', '--distribute=worker', '--distribute=local,isolate=process']) {
          assert.deepEqual(linkAt(clock, option), { exitCode: 0, stdout: '', stderr: '' }, option)
        }
      })
    }

    it('ends, for distcc', { skip: whyNoDistccd() }, async () => {
      const server = await Distccd.start()
      try {
        for (const clock of clocks) {
          const ran = linkAt(clock, `--distribute=distcc,stats-port=0,hosts=${server.address}`)
          assert.deepEqual(ran, { exitCode: 0, stdout: '', stderr: '' }, clock)
        }
        const down = linkAt(clocks[0] ?? '', '--distribute=distcc,stats-port=0,hosts=127.0.0.1:1')
        assert.equal(down.exitCode, 1)
        assert.match(down.stderr, /ECONNREFUSED/)
      } finally {
        await server.stop()
      }
    })
  })

  for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGALRM'] as const) {
    it(`ignores ${signal} if it was started so, when it comes before Node has run any script`, () => {
      // Node looks at its first script.
      const script = realpathSync(join(DTLTO_BIN, '../dist/start.cjs'))
      const strace = ['-f', '-o', 'log', '-P', script, '-e', 'trace=%file', '-e', `inject=%file:signal=${signal}`]
      const shell = `trap '' ${signal.slice(3)}; exec "$@"`
      const args = ['-shared', '-o', 'out.so', ...objects, '--distribute=local']
      const ran = run('strace', [...strace, 'sh', '-c', shell, 'sh', DTLTO, ...args], { cwd })
      assert.deepEqual(ran, { exitCode: 0, stdout: '', stderr: '' })
      assert.match(readFileSync(join(cwd, 'log'), 'utf8'), new RegExp(`--- ${signal} `))
    })
  }

  for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const) {
    it(`ignores ${signal} if it was started so`, async () => {
      const slow = compile(cwd, slowProgram(4, 20))
      const script = `trap '' ${signal.slice(3)}; exec "$@"`
      const args = ['-c', script, 'sh', DTLTO, '-shared', '-o', 'slow.so', ...slow, '--distribute=local']
      const linker = spawn('sh', args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] })
      const ended = once(linker, 'exit')
      await backendsRun(linker.pid ?? 0)
      linker.kill(signal)
      assert.deepEqual(await ended, [0, null])
    })
  }

  it('opens no debugger at SIGUSR1, as Node would', async () => {
    const slow = compile(cwd, slowProgram(4, 20))
    const args = ['-shared', '-o', 'slow.so', ...slow, '--distribute=local']
    const linker = spawn(DTLTO, args, { cwd, stdio: ['ignore', 'inherit', 'pipe'] })
    const ended = once(linker, 'exit')
    let said = ''
    linker.stderr.on('data', (text: Buffer) => (said += text.toString()))
    await backendsRun(linker.pid ?? 0)
    linker.kill('SIGUSR1')
    assert.deepEqual(await ended, [0, null])
    assert.equal(said, '')
  })
})

/** Resolves when lld's thread and others are there beside Node's, which only happens once the addon is loaded. */
async function backendsRun(pid: number): Promise<void> {
  const deadline = Date.now() + 60_000
  while (Date.now() < deadline) {
    const threads = readdirSync(`/proc/${String(pid)}/task`)
    if (readFileSync(`/proc/${String(pid)}/maps`, 'utf8').includes('dtlto.node') && threads.length > 8) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  throw new Error('no backend has started')
}
