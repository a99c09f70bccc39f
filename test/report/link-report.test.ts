import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { ReportDocument } from '../../packages/dtlto/src/report/report-document.js'
import type { Statistics } from '../../packages/dtlto/src/report/link-statistics.js'
import { ROOT } from '../../scripts/root.mjs'

const BIN = join(ROOT, 'packages/dtlto/bin')
const MODULES = 8

describe('a link', () => {
  let directory = ''
  const env = (more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv => ({
    ...process.env,
    XDG_STATE_HOME: join(directory, 'state'),
    CI: '',
    ...more,
  })
  const objects = ['main.o', ...Array.from({ length: MODULES - 1 }, (_, i) => `m${String(i)}.o`)]
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'dtlto-report-'))
    const calls = objects.slice(1).map((_, i) => `f${String(i)}(1)`)
    const declared = objects.slice(1).map((_, i) => `int f${String(i)}(int);`)
    const sources = [`${declared.join('')} int main(void) { return ${calls.join('+')}; }`]
    for (const [i] of objects.slice(1).entries())
      sources.push(
        `int f0(int);int g${String(i)}; int f${String(i)}(int x) { for (int i = 0; i < x; i++) g${String(i)} += i * x; return g${String(i)} ${i > 0 ? '+ f0(x)' : ''}; }`,
      )
    for (const [i, text] of sources.entries())
      writeFileSync(join(directory, objects[i]?.replace('.o', '.c') ?? ''), text)
    execFileSync('clang-22', ['-O2', '-fPIC', '-flto=thin', '-c', ...objects.map((name) => name.replace('.o', '.c'))], {
      cwd: directory,
    })
  })
  after(() => rmSync(directory, { recursive: true }))

  const link = (args: readonly string[], more: Readonly<Record<string, string>> = {}): string => {
    const all = ['-shared', ...objects, '-o', 'out', ...args]
    const { status, stderr } = spawnSync(join(BIN, 'ld.dtlto'), all, {
      cwd: directory,
      env: env(more),
      encoding: 'utf8',
    })
    assert.equal(status, 0, stderr)
    return stderr
  }
  const dtlto = (...args: string[]): string =>
    execFileSync(join(BIN, 'dtlto'), args, { cwd: directory, env: env(), encoding: 'utf8' })
  const reportOf = (...args: string[]): ReportDocument => {
    link([...args, '--distribute-report=link.json'])
    return JSON.parse(readFileSync(join(directory, 'link.json'), 'utf8')) as ReportDocument
  }

  test('reports every job, where it was compiled, what it imports, its versions and its host', () => {
    const report = reportOf('--distribute=worker,slots=2', '--distribute-fallback=none')
    assert.equal(report.dtltoReport, 1)
    assert.deepEqual([report.program, report.output, report.exitCode], ['ld.dtlto', 'out', 0])
    assert.deepEqual(report.modules, { total: MODULES, cacheHits: 0 })
    assert.equal(report.jobs.length, MODULES)
    assert.deepEqual(new Set(report.jobs.map(({ module }) => module)), new Set(objects))
    assert.ok(report.jobs.every(({ result }) => result === 'done'))
    const placed = report.attempts.filter(({ outcome }) => outcome === 'placed')
    assert.equal(placed.length, MODULES)
    for (const { sentMs, endMs, place } of placed) {
      assert.ok(sentMs <= endMs)
      assert.equal(report.places[place]?.distributor, 'worker')
    }
    const { jobsMs = 0, objectsMs = 0, endMs, threadMs = 0 } = report.phases
    assert.ok(threadMs > 0 && threadMs < objectsMs - jobsMs, `${String(threadMs)} ms of a thread`)
    assert.ok(0 < jobsMs && jobsMs <= objectsMs && objectsMs <= endMs)
    const importing = report.jobs.find(({ module }) => module === 'm3.o')
    assert.deepEqual(importing?.imports, ['m0.o'])
    assert.equal(importing.importedModules, 1)
    assert.match(report.versions.llvm, /^\d+\.\d+\.\d+$/)
    assert.ok(report.host.cpus > 0 && report.host.memoryBytes > 0)
    assert.ok(report.analysis.lowerBoundMs <= report.analysis.backendsMs + 1)
    assert.ok(report.analysis.slots <= 2)
  })

  test('reports compiles in its own process without the time that they waited for a thread', () => {
    const { attempts, analysis } = reportOf('--distribute=local', '--thinlto-jobs=2')
    assert.equal(attempts.length, MODULES)
    assert.ok(analysis.slots <= 2)
    for (const { sentMs, queuedMs = 0, endMs, compileMs = 0 } of attempts)
      assert.ok(Math.abs(endMs - sentMs - queuedMs - compileMs) < 1)
  })

  test('reports what cannot leave the machine, in the words of the option', () => {
    const { analysis } = reportOf('--distribute=worker', '-mllvm', '--stats')
    assert.equal(analysis.stayed.length, 1)
    assert.match(analysis.stayed[0]?.why ?? '', /stats/)
    assert.equal(analysis.stayed[0]?.jobs.length, MODULES)
  })

  test('tells hits of the cache from a link that has nothing to compile', () => {
    const cache = '--thinlto-cache-dir=cache'
    link(['--distribute=local', cache])
    const { modules, jobs, phases } = reportOf('--distribute=local', cache)
    assert.deepEqual(modules, { total: MODULES, cacheHits: MODULES })
    assert.deepEqual(jobs, [])
    assert.equal(phases.jobsMs, undefined)
    assert.match(link(['--distribute-summary', cache]), /cache: 8 of 8 hits/)
    const plain = spawnSync(join(BIN, 'ld.dtlto'), ['-r', '/dev/null', '--distribute-summary', '-o', 'none'], {
      cwd: directory,
      env: env(),
      encoding: 'utf8',
    })
    assert.match(plain.stderr, /no ThinLTO module among the inputs; compile with -flto=thin|error/)
  })

  test('writes no value of a distributor’s option and no secret of a command line', () => {
    link([
      '--distribute=worker,slots=2',
      '--distribute-report=link.json',
      '--defsym=api_token=0x1234567',
      '-rpath',
      'http://user:password@host/',
    ])
    const text = readFileSync(join(directory, 'link.json'), 'utf8')
    assert.doesNotMatch(text, /0x1234567|user:password/)
    const { distributors } = JSON.parse(text) as ReportDocument
    assert.deepEqual(distributors, [{ name: 'worker', options: { slots: '2' } }])
  })

  test('makes a page at once, and refuses a name that says neither page nor document', () => {
    link(['--distribute=local', '--distribute-report=link.html'])
    assert.match(readFileSync(join(directory, 'link.html'), 'utf8'), /^<!doctype html>/)
    const { status, stderr } = spawnSync(join(BIN, 'ld.dtlto'), ['--distribute-report=link.txt', ...objects], {
      cwd: directory,
      env: env(),
      encoding: 'utf8',
    })
    assert.equal(status, 1)
    assert.match(stderr, /expected a file name that ends in \.html or \.json but received 'link\.txt'/)
  })

  test('appends its summary to a file, and says nothing on stderr', () => {
    for (const _ of [1, 2]) assert.equal(link([], { DTLTO_SUMMARY: 'all.txt' }), '')
    const text = readFileSync(join(directory, 'all.txt'), 'utf8')
    assert.equal([...text.matchAll(/^\d{4}-.*Z out$/gm)].length, 2)
    assert.equal([...text.matchAll(/summary: 8 ThinLTO jobs/g)].length, 2)
  })

  test('is counted by dtlto stats, with any number of others at a time', async () => {
    assert.match(dtlto('stats'), /no links counted yet/)
    const running = Array.from({ length: 4 }, async (_, i) => {
      const { spawn } = await import('node:child_process')
      const args = [
        '-shared',
        ...objects,
        '-o',
        `out${String(i)}`,
        '--distribute=worker',
        '--distribute-fallback=none',
        '--distribute-stats',
      ]
      const child = spawn(join(BIN, 'ld.dtlto'), args, { cwd: directory, env: env() })
      return new Promise((resolve) => child.on('close', resolve))
    })
    assert.deepEqual(await Promise.all(running), [0, 0, 0, 0])
    const { total, farms, days, damaged } = JSON.parse(dtlto('stats', '--json')) as Statistics
    assert.deepEqual([total.links, total.jobs, total.failed, damaged], [4, 4 * MODULES, 0, 0])
    assert.equal(farms['worker']?.jobs, 4 * MODULES)
    assert.equal(
      Object.values(days).reduce((sum, { links }) => sum + links, 0),
      4,
    )
    assert.match(dtlto('stats', '--reset'), /Links +4/)
    assert.match(dtlto('stats'), /no links counted yet/)
  })

  test('of a file that cannot be written names the file as the user did, and why', () => {
    for (const name of ['report', 'timings', 'summary', 'stats', 'trace']) {
      const all = ['-shared', ...objects, '-o', 'out', `--distribute-${name}=none/file.json`]
      const options = { cwd: directory, env: env(), encoding: 'utf8' } as const
      const { status, stderr } = spawnSync(join(BIN, 'ld.dtlto'), all, options)
      const what = `--distribute-${name}: cannot write 'none/file.json': no such file or directory`
      assert.deepEqual([status, stderr], [0, `ld.dtlto: warning: ${what}\n`])
    }
  })

  test('without a ThinLTO module says among how many inputs there is none, response files included', () => {
    const sources = objects.map((name) => name.replace('.o', '.c'))
    const machineCode = join(directory, 'machine-code')
    mkdirSync(machineCode)
    execFileSync('clang-22', ['-fPIC', '-c', ...sources.map((name) => join('..', name))], { cwd: machineCode })
    execFileSync('llvm-ar-22', ['rc', 'libm.a', 'm0.o', 'm1.o'], { cwd: machineCode })
    writeFileSync(join(machineCode, 'inputs.rsp'), "m2.o 'm3.o'")
    const summaryOf = (...args: string[]): string => {
      const all = ['main.o', 'libm.a', '@inputs.rsp', '-o', 'out', '--distribute-summary', ...args]
      return spawnSync(join(BIN, 'ld.dtlto'), all, { cwd: machineCode, env: env(), encoding: 'utf8' }).stderr
    }
    const expected = 'ld.dtlto: summary: 0 ThinLTO modules among 4 inputs: compile with -flto=thin\n'
    // The second time its output is there, and is no input.
    for (const kind of ['-shared', '-shared', '-r', '-r']) assert.equal(summaryOf(kind), expected)
    assert.match(summaryOf('no-such-file.o'), /summary: no ThinLTO job: the link failed before\n$/)
  })

  test('can be planned on other machines', () => {
    reportOf('--distribute=local')
    const plan = JSON.parse(dtlto('plan', 'link.json', '--slots=1,8', '--latency=0', '--json')) as {
      points: { slots: number; backendsMs: number; lowerBoundMs: number }[]
    }
    assert.deepEqual(
      plan.points.map(({ slots }) => slots),
      [1, 8],
    )
    assert.ok((plan.points[0]?.backendsMs ?? 0) >= (plan.points[1]?.backendsMs ?? Infinity))
    assert.match(dtlto('plan', 'link.json'), /\n +512 /)
    const { status, stderr } = spawnSync(join(BIN, 'dtlto'), ['plan', 'm0.o'], { cwd: directory, encoding: 'utf8' })
    assert.equal(status, 1)
    assert.match(stderr, /cannot read the report 'm0\.o'/)
  })
})
