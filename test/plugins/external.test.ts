/** Distributors of LLVM's JSON protocol, and what they may do wrong. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mkdtemp, rm } from 'node:fs/promises'
import { after, before, describe, it, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { conformance } from '@dtlto/testkit'
import external from '../../packages/distributor-external/src/index.js'
import { checkProgram, prepare } from '../programs/programs.js'
import { run as programRun } from '../programs/run.js'
import { compile, DTLTO, must, type Ran, run, SMALL_PROGRAM, STOCK } from '../link/toolchain.js'

const RUNNER = fileURLToPath(new URL('../../bench/plain-runner.mjs', import.meta.url))
const FULL = process.env['DTLTO_TEST_FULL'] === '1'
const JOBS = Object.keys(SMALL_PROGRAM).length
/** How often the JSON file names the diagnostics of a job: as an argument and as an output. */
const NAMED = 2
const plain = `external,program=${process.execPath},arg=${RUNNER},batch=1,programs=3`

conformance({
  definition: external,
  options: { program: process.execPath, arg: [RUNNER], batch: 1, programs: 3 },
  badOptions: [{ program: '' }, { program: '/nonexistent/distributor' }, { program: '/etc/passwd' }],
  distribute: plain,
})

describe('external', () => {
  let cwd = ''
  let temporary = ''
  let objects: string[] = []
  before(() => {
    cwd = mkdtempSync(join(tmpdir(), 'dtlto external '))
    temporary = join(cwd, 'temporary')
    mkdirSync(temporary)
    objects = compile(cwd, SMALL_PROGRAM)
    must(STOCK, ['-shared', ...objects, '-o', 'stock'], { cwd })
  })
  after(() => {
    rmSync(cwd, { recursive: true })
  })

  /** Not what remembers endpoints that are down. */
  const left = (): string[] => readdirSync(temporary).filter((name) => name.startsWith('dtlto-external-'))

  /** A distributor as a shell script; `$json` is the file it gets, and RUN runs it as it should be. */
  const script = (body: string): string => {
    const path = join(cwd, `distributor-${String(readdirSync(cwd).length)}`)
    const run = `"${process.execPath}" "${RUNNER}" "$json"`
    writeFileSync(path, `#!/bin/sh\nfor json; do :; done\n${body.replaceAll('RUN', run)}\n`)
    chmodSync(path, 0o755)
    return path
  }
  const link = (program: string, ...args: string[]): Ran => {
    const options = [`--distribute=external,program=${program}`, ...args]
    const ran = run(DTLTO, ['-shared', ...objects, '-o', 'ours', ...options], { cwd, env: { TMPDIR: temporary } })
    assert.deepEqual(left(), [], 'the temporary directory is removed')
    if (ran.exitCode === 0)
      assert.ok(readFileSync(join(cwd, 'ours')).equals(readFileSync(join(cwd, 'stock'))), 'the bytes of stock lld')
    return ran
  }
  const alone = '--distribute-fallback=none'
  const quiet: Ran = { exitCode: 0, stdout: '', stderr: '' }

  it('gets its arguments, and the JSON file after them', () => {
    const log = join(cwd, 'arguments')
    const program = script(`echo "$#" "$1" "$2" "$(basename "$3")" > "${log}"; cp "$json" "${log}.json"; RUN`)
    assert.deepEqual(link(`${program},arg=--farm+a=b`, alone), quiet)
    assert.equal(readFileSync(log, 'utf8'), '3 --farm a=b jobs.json\n')
    const file = JSON.parse(readFileSync(`${log}.json`, 'utf8')) as {
      readonly common: { readonly args: readonly string[]; readonly inputs: readonly string[] }
      readonly jobs: readonly { readonly args: readonly string[]; readonly inputs: readonly string[] }[]
    }
    assert.match(file.common.args[0] ?? '', /^\/.*clang-\d+$/)
    assert.equal(file.jobs.length, objects.length)
    for (const { args, inputs } of file.jobs) {
      assert.ok(inputs.length >= 2 && inputs.every((path) => path.startsWith(temporary)))
      assert.ok(args.some((argument) => argument.startsWith(`-fthinlto-index=${temporary}`)))
    }
  })

  for (const [how, settings, batch] of [
    ['all jobs', '', JOBS],
    ['one', ',batch=1', 1],
    ['two at a time, twice', ',batch=2,programs=2', 2],
  ] as const) {
    it(`is run for ${how}`, () => {
      const log = join(cwd, `log-of-${String(batch)}`)
      const program = script(
        `echo "$(basename "$(dirname "$json")") $(grep -o out.dia "$json" | wc -l)" >> "${log}"; RUN`,
      )
      assert.deepEqual(link(program + settings, alone), quiet)
      const runs = new Map(
        readFileSync(log, 'utf8')
          .trim()
          .split('\n')
          .map((line) => line.split(' ') as [string, string]),
      )
      const counts = Array.from({ length: Math.ceil(JOBS / batch) }, (_, i) => {
        const named = Number(runs.get(`batch-${String(i)}`))
        runs.delete(`batch-${String(i)}`)
        return named / NAMED
      })
      assert.deepEqual(
        counts,
        counts.map((_, i) => Math.min(batch, JOBS - i * batch)),
      )
      // What runs besides is a job that was late on a busy machine, once more.
      for (const [run, named] of runs) assert.ok(Number(named) / NAMED <= batch, run)
    })
  }

  const failures: Readonly<Record<string, readonly [body: string, message: RegExp]>> = {
    'ends with an error': ['echo "no licence" >&2; exit 3', /ended with exit code 3: no licence/],
    'is killed': ['kill -9 $$', /was killed by SIGKILL/],
    'makes nothing': ['exit 0', /succeeded without making an output: .*out\.o/],
    'makes garbage': [
      `RUN; for o in "$(dirname "$(dirname "$json")")"/job-*/out.o; do echo garbage > "$o"; done`,
      /object/,
    ],
    'leaves diagnostics out': [
      `RUN; rm "$(dirname "$(dirname "$json")")"/job-*/out.dia`,
      /succeeded without making an output: .*out\.dia/,
    ],
    'damages diagnostics': [
      `RUN; for o in "$(dirname "$(dirname "$json")")"/job-*/out.dia; do echo garbage > "$o"; done`,
      /no file of diagnostics/,
    ],
    'is no program of this machine': ['', /cannot be started|ended with exit code/],
  }
  for (const [what, [body, message]] of Object.entries(failures)) {
    it(`costs time, not the link: ${what}`, () => {
      const program = script(body)
      if (body === '') writeFileSync(program, '\x7fELF')
      // Before it says so, this machine may have made the objects.
      const { exitCode, stderr } = link(program)
      assert.equal(exitCode, 0, stderr)
      const strict = link(program, alone)
      assert.equal(strict.exitCode, 1)
      assert.match(strict.stderr, message)
    })
  }

  it('says at once that its program cannot be executed', () => {
    for (const [program, message] of [
      ['/nonexistent', /external: program '\/nonexistent' cannot be executed/],
      ['', /expected the path of a distributor/],
    ] as const) {
      const { exitCode, stderr } = link(program)
      assert.equal(exitCode, 1)
      assert.match(stderr, message)
    }
  })

  it('kills the distributor and removes its files when the linker is killed', { timeout: 120_000 }, async () => {
    const pidFile = join(cwd, 'pid')
    const program = script(`echo $$ > "${pidFile}.new"; mv "${pidFile}.new" "${pidFile}"; sleep 1000 & wait`)
    const args = ['-shared', ...objects, '-o', 'killed', `--distribute=external,program=${program}`]
    const linker = spawn(DTLTO, args, { cwd, env: { ...process.env, TMPDIR: temporary }, stdio: 'ignore' })
    const ended = new Promise((resolve) => linker.once('exit', resolve))
    while (!existsSync(pidFile)) await sleep(20)
    const pid = Number(readFileSync(pidFile, 'utf8'))
    assert.equal(left().length, 1)
    linker.kill('SIGKILL')
    await ended
    // Until the test's own limit: who is not told stays for ever.
    while (left().length > 0 || isRunning(pid)) await sleep(20)
  })
})

// With DTLTO_TEST_FULL=1 redis and git, too.
for (const name of FULL ? (['ninja', 'redis', 'git'] as const) : (['ninja'] as const)) {
  test(`external: every job of ${name} is made by a plain distributor, and the bytes are stock lld's`, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'dtlto-external-'))
    try {
      const program = await prepare(name)
      const [stock, ours] = [join(directory, 'stock'), join(directory, 'ours')]
      await programRun(STOCK, [...program.linkArgs, '-o', stock], { cwd: program.directory })
      const options = [`--distribute=${plain.replace(/,batch=.*/, '')}`, '--distribute-fallback=none']
      await programRun(DTLTO, [...program.linkArgs, '-o', ours, ...options], { cwd: program.directory })
      assert.ok(readFileSync(ours).equals(readFileSync(stock)))
      await checkProgram(program, ours)
    } finally {
      await rm(directory, { recursive: true })
    }
  })
}

function isRunning(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${String(pid)}/stat`, 'utf8').includes(') Z ')
  } catch {
    return false
  }
}
