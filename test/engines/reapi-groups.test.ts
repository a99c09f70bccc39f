/** Jobs that are shorter than what an engine needs for an action, several in one: over a real engine. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { codegenProgram } from '@dtlto/native'
import { Casd, whyNoCasd } from '../../packages/distributor-reapi/src/testing/casd.js'
import { FakeEngine } from '../../packages/distributor-reapi/src/testing/fake-engine.js'
import { compile, DTLTO, inTemporaryDirectory, must, type Ran, run, STOCK } from '../link/toolchain.js'
import { tinyModules } from '../link/tiny-modules.js'
import { readTotals } from './reapi-totals.js'

const skip = (await whyNoCasd()) ?? false
const MODULES = 48
const IMAGE = ',slots=4,group_small_jobs=always,toolchain=image'

describe('many small modules over buildbox-casd', { skip }, () => {
  let cwd = ''
  let objects: readonly string[] = []
  let casd: Casd
  before(async () => {
    cwd = mkdtempSync(join(tmpdir(), 'dtlto-groups-'))
    objects = compile(cwd, tinyModules(MODULES))
    must(STOCK, ['-e', 'main', ...objects, '-o', 'stock'], { cwd })
    const old = join(cwd, 'old')
    mkdirSync(old)
    writeFileSync(
      join(old, 'dtlto-codegen'),
      '#!/bin/sh\ncase "$1" in --jobs) echo "unknown option" >&2; exit 2 ;; esac\nexec /opt/dtlto/dtlto-codegen "$@"\n',
      { mode: 0o755 },
    )
    const mounts = [`${dirname(codegenProgram())}:/opt/dtlto`, `${old}:/opt/old`]
    casd = await Casd.start({ root: 'image', mounts })
  })
  after(async () => {
    await casd.stop()
    rmSync(cwd, { recursive: true })
  })

  /** Each with other options of its jobs, so that nothing is in the cache before. */
  const link = (options: string, more: readonly string[], directory = cwd): Ran =>
    run(
      DTLTO,
      [
        ...['-e', 'main', ...objects, '-o', 'out', '--distribute-trace=trace.json', '--distribute-fallback=none'],
        ...more,
        `--distribute=reapi,remote_executor=${casd.address}${options}`,
      ],
      { cwd: directory },
    )
  const assertIdentical = (ran: Ran, directory = cwd): void => {
    assert.deepEqual(ran, { exitCode: 0, stdout: '', stderr: '' })
    assert.ok(readFileSync(join(directory, 'out')).equals(readFileSync(join(cwd, 'stock'))), 'out differs from stock')
  }
  const grouped = (directory = cwd): { jobs: number; actions: number } => {
    const text = readFileSync(join(directory, 'trace.json'), 'utf8')
    const [jobs = 0, actions = 0] = /reapi: (\d+) jobs in (\d+) actions/.exec(text)?.slice(1).map(Number) ?? []
    return { jobs, actions }
  }
  const assertGrouped = (): void => {
    const { jobs, actions } = grouped()
    assert.ok(jobs >= MODULES / 3 && jobs >= 2 * actions, `${jobs} jobs in ${actions} actions`)
  }

  test('are executed one by one where others would not find their results', () => {
    assertIdentical(link(',slots=4', ['-mllvm', '-inline-threshold=221']))
    assert.deepEqual(grouped(), { jobs: 0, actions: 0 })
  })

  test('are executed together, by the compiler that is sent, and every result is found by others', async () => {
    const other = ['-mllvm', '-inline-threshold=222']
    assertIdentical(link(',slots=4,remote_upload_local_results', other))
    assertGrouped()
    await inTemporaryDirectory((elsewhere) => {
      for (const object of objects) cpSync(join(cwd, object), join(elsewhere, object))
      assertIdentical(link('', other, elsewhere), elsewhere)
      const { executed, cached } = readTotals(join(elsewhere, 'trace.json'))
      assert.ok(executed === 0 && cached > MODULES, `${executed} executed, ${cached} from the cache`)
    })
  })

  test('are executed together where nothing is taken from the cache', () => {
    assertIdentical(link(',slots=4,remote_accept_cached=false', ['-mllvm', '-inline-threshold=223']))
    assertGrouped()
  })

  test('are executed together by dtlto-codegen of the image, but not by its clang', () => {
    assertIdentical(link(`${IMAGE},image_compiler=/opt/dtlto/dtlto-codegen`, ['-mllvm', '-inline-threshold=224']))
    assertGrouped()
    assertIdentical(link(`${IMAGE},remote_accept_cached=false`, []))
    assert.deepEqual(grouped(), { jobs: 0, actions: 0 })
  })

  test('are executed one by one again by a compiler that knows no groups', () => {
    assertIdentical(link(`${IMAGE},image_compiler=/opt/old/dtlto-codegen`, ['-mllvm', '-inline-threshold=225']))
    assert.deepEqual(grouped(), { jobs: 0, actions: 0 })
  })

  test('one that does not compile costs the others nothing, and says what stock lld says', async () => {
    await inTemporaryDirectory((directory) => {
      const broken = compile(directory, {
        ...tinyModules(MODULES),
        'tiny40.c': '__attribute__((noinline)) int tiny40(int x) { __asm__("no_such_instruction"); return x; }',
      })
      const stock = run(STOCK, ['-e', 'main', ...broken, '-o', 'out'], { cwd: directory })
      const args = ['-e', 'main', ...broken, '-o', 'out', '--distribute-trace=trace.json']
      const options = ',slots=4,group_small_jobs=always,remote_accept_cached=false'
      const ran = run(DTLTO, [...args, `--distribute=reapi,remote_executor=${casd.address}${options}`], {
        cwd: directory,
      })
      assert.deepEqual(ran, stock)
      assert.match(ran.stderr, /no_such_instruction/)
    })
  })
})

describe('an engine that does not take the results of small jobs', () => {
  for (const refuses of ['denied', 'silent'] as const)
    test(`executes them one by one, after the first groups: ${refuses}`, async () => {
      const engine = await FakeEngine.start({ refusesResults: refuses })
      try {
        await inTemporaryDirectory(async (cwd) => {
          const objects = compile(cwd, tinyModules(16))
          const args = ['-e', 'main', ...objects, '-o']
          must(STOCK, [...args, 'stock'], { cwd })
          const options = `--distribute=reapi,remote_executor=${engine.address},slots=2,remote_upload_local_results`
          const more = ['--distribute-fallback=none', '--distribute-trace=trace.json', options]
          const { stderr } = await promisify(execFile)(DTLTO, [...args, 'out', ...more], { cwd })
          assert.equal(stderr, '')
          assert.ok(readFileSync(join(cwd, 'out')).equals(readFileSync(join(cwd, 'stock'))))
          assert.ok(engine.count('UpdateActionResult') > 0, 'a group was executed')
          assert.equal(engine.counts.executions, engine.results.size + executedGroups(cwd), 'groups are not cached')
          assert.ok(executedGroups(cwd) <= 2, 'no group after it was refused, but those that were there already')
        })
      } finally {
        engine.stop()
      }
    })
})

function executedGroups(directory: string): number {
  return Number(/jobs in (\d+) actions/.exec(readFileSync(join(directory, 'trace.json'), 'utf8'))?.[1] ?? 0)
}
