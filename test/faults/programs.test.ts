/**
 * Real programs, linked while distributors are slow, fail, die, hang and lie: the bytes of stock lld each time, and one line for each
 * distributor and kind of trouble. Faults come from misbehaving.js through the linker program; fakes with a speed are linked with in this
 * process. DTLTO_TEST_FULL=1 runs every case, with git too.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { FakeWorker } from '@dtlto/testkit'
import { link, type LinkDistributor, type LinkEvent } from '../../packages/dtlto/src/index.js'
import { CLANG, DTLTO, must, STOCK } from '../link/toolchain.js'
import { realFake } from '../plugins/real-fake.js'
import { prepare, type Program, type ProgramName } from '../programs/programs.js'
import { run, tryRun } from '../programs/run.js'

const FULL = process.env['DTLTO_TEST_FULL'] === '1'
const PROGRAMS: readonly ProgramName[] = FULL ? ['redis', 'git'] : ['redis']
const PLUGIN = fileURLToPath(new URL('misbehaving.js', import.meta.url))

interface FaultCase {
  /** "A link with …". */
  readonly sentence: string
  readonly distribute: readonly string[]
  /** What must be said, a line each, in any order; and what may be said once, as it depends on the machine's speed. */
  readonly warnings?: readonly RegExp[]
  readonly maySay?: readonly RegExp[]
  readonly always?: true
}

const fault = (name: string, before = 60): string => `${PLUGIN},fault=${name},before=${String(before)}`

const FAULTS: readonly FaultCase[] = [
  { sentence: 'this machine alone', distribute: ['local'] },
  {
    sentence: 'a distributor that fails on every third job',
    distribute: [fault('fails-every-third')],
    warnings: [/^misbehaving: the machine is gone$/],
  },
  {
    sentence: 'a distributor that dies in mid-link',
    distribute: [fault('dies-in-mid-link')],
    warnings: [/^misbehaving: the machine is gone$/],
    always: true,
  },
  {
    sentence: 'a distributor that hangs in mid-link, beside this machine',
    distribute: [fault('vanishes-in-mid-link', 20), 'local'],
    maySay: [
      /^misbehaving: distributor 'misbehaving' has not compiled '.*' within \d+ s$/,
      /^misbehaving: distributor 'misbehaving' broke its contract: it ignores that a job was aborted$/,
    ],
  },
  {
    sentence: 'a distributor that returns truncated objects',
    distribute: [fault('object-half')],
    warnings: [/^misbehaving: object for '.*' is damaged: /],
  },
  {
    sentence: 'three distributors, all of which fail at every job',
    distribute: [fault('throws'), fault('object-one-byte-short'), fault('dies-in-mid-link', 0)],
    warnings: [
      /^misbehaving: distributor 'misbehaving' threw something else than a DtltoError: a defect of the plugin$/,
      /^misbehaving#2: object for '.*' is /,
      /^misbehaving#3: the machine is gone$/,
    ],
    always: true,
  },
]

/** A fake whose answers come that many times later than its fastest: 40 ms after the compiler has the job. */
function fakeOfSpeed(...workers: readonly FakeWorker[]): LinkDistributor {
  return realFake({ workers, durationMs: () => 40 })
}

const QUICK = fakeOfSpeed({ name: 'quick', slots: 3 })
const SLOW = fakeOfSpeed({ name: 'slow', slots: 3, speed: 0.1 })

const SPEEDS: readonly {
  readonly sentence: string
  readonly distributors: readonly LinkDistributor[]
  readonly labels: readonly string[]
}[] = [
  {
    sentence: 'two distributors of different speed',
    distributors: [QUICK, SLOW],
    labels: ['fake', 'fake#2'],
  },
  { sentence: 'this machine and a slower distributor', distributors: ['local', SLOW], labels: ['local', 'fake'] },
]

for (const name of PROGRAMS) {
  describe(`a link of ${name} with`, () => {
    const home = process.cwd()
    const cwd = mkdtempSync(join(tmpdir(), 'dtlto-faults-'))
    const output = join(cwd, 'out')
    const env = { ...process.env, FAULTS_OBJECT: join(cwd, 'other.obj') }
    let program: Program
    let stock: Buffer

    before(async () => {
      program = await prepare(name)
      must(CLANG, ['-O2', '-c', '-x', 'c', '/dev/null', '-o', 'other.obj'], { cwd })
      await run(STOCK, [...program.linkArgs, '-o', output], { cwd: program.directory })
      stock = readFileSync(output)
      rmSync(output)
      process.chdir(program.directory)
    })
    after(() => {
      process.chdir(home)
      rmSync(cwd, { recursive: true })
    })
    const isRight = (): void => {
      assert.ok(readFileSync(output).equals(stock), 'the output differs from that of stock lld')
      rmSync(output)
    }

    for (const { sentence, distribute, warnings = [], maySay = [], always } of FAULTS) {
      test(`${sentence} has the bytes of stock lld`, { skip: !FULL && !always }, async () => {
        const args = [...program.linkArgs, '-o', output, ...distribute.map((value) => `--distribute=${value}`)]
        // What a link has learnt of a distributor is not for the next.
        const XDG_RUNTIME_DIR = mkdtempSync(join(cwd, 'memory-'))
        const options = { cwd: program.directory, env: { ...env, XDG_RUNTIME_DIR } }
        const { exitCode, stdout, stderr } = await tryRun(DTLTO, args, options)
        assert.equal(exitCode, 0, stderr)
        isRight()
        assert.equal(stdout, '')
        checkLines(stderr, warnings, maySay)
      })
    }

    for (const { sentence, distributors, labels } of SPEEDS) {
      test(`${sentence} has the bytes of stock lld`, { skip: !FULL }, async () => {
        const events: LinkEvent[] = []
        const { exitCode, stdout, stderr } = await link({
          flavour: 'elf',
          args: [...program.linkArgs, '-o', output],
          distributors,
          onEvent: (event) => events.push(event),
        })
        assert.equal(exitCode, 0, stderr)
        isRight()
        assert.equal(stdout + stderr, '')
        assert.deepEqual(
          events.filter(({ type }) => type === 'warning'),
          [],
        )
        // How the jobs are divided depends on the machine's load.
        for (const label of labels) assert.ok(placedBy(label, events) > 0, `${label} has no part in it`)
      })
    }
  })
}

/** Every line is a warning of dtlto; the required ones are there, and none is there twice. */
function checkLines(stderr: string, required: readonly RegExp[], allowed: readonly RegExp[]): void {
  const lines = stderr.split('\n').filter((line) => line !== '')
  const said = lines.map((line) => line.replace(/^ld\.dtlto: warning: /, ''))
  for (const pattern of [...required, ...allowed]) {
    const times = said.filter((line) => pattern.test(line)).length
    assert.ok(times <= 1 && (times === 1 || allowed.includes(pattern)), `${String(pattern)}, once:\n${stderr}`)
  }
  const known = said.filter((line) => [...required, ...allowed].some((pattern) => pattern.test(line)))
  assert.deepEqual(known, said, 'nothing else is said')
  assert.ok(lines.every((line) => line.startsWith('ld.dtlto: warning: ')))
}

function placedBy(label: string, events: readonly LinkEvent[]): number {
  return events.filter(
    (event) =>
      event.type === 'scheduler' &&
      event.event.kind === 'attempt-ended' &&
      event.event.outcome.kind === 'placed' &&
      event.event.distributor === label,
  ).length
}
